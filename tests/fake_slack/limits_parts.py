"""Limits on the parts of blocks: text objects, options, confirm dialogs, interactive elements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Obj = Mapping[str, Any]

SELECTS = frozenset(
    f"{many}{source}_select" for many in ("", "multi_") for source in ("static", "external", "users", "conversations", "channels")
)
PICKERS = frozenset({"datepicker", "timepicker", "checkboxes", "radio_buttons"})
IN_ACTIONS = SELECTS | PICKERS | {"button", "overflow", "datetimepicker", "workflow_button"}
IN_SECTION = SELECTS | PICKERS | {"button", "overflow", "image", "workflow_button"}
IN_INPUT = (
    SELECTS
    | PICKERS
    | {"datetimepicker", "plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input", "file_input"}
)

COMMON = {"type", "action_id"}
KEYS: dict[str, set[str]] = {
    "button": {"text", "url", "value", "style", "confirm", "accessibility_label"},
    "workflow_button": {"text", "workflow", "style", "accessibility_label"},
    "overflow": {"options", "confirm"},
    "checkboxes": {"options", "initial_options", "confirm", "focus_on_load"},
    "radio_buttons": {"options", "initial_option", "confirm", "focus_on_load"},
    "datepicker": {"initial_date", "confirm", "focus_on_load", "placeholder"},
    "timepicker": {"initial_time", "confirm", "focus_on_load", "placeholder", "timezone"},
    "datetimepicker": {"initial_date_time", "confirm", "focus_on_load"},
    "plain_text_input": {
        "initial_value", "multiline", "min_length", "max_length", "dispatch_action_config", "focus_on_load", "placeholder",
    },
    "number_input": {
        "is_decimal_allowed", "initial_value", "min_value", "max_value", "dispatch_action_config", "focus_on_load", "placeholder",
    },
    "email_text_input": {"initial_value", "dispatch_action_config", "focus_on_load", "placeholder"},
    "url_text_input": {"initial_value", "dispatch_action_config", "focus_on_load", "placeholder"},
    "rich_text_input": {"initial_value", "dispatch_action_config", "focus_on_load", "placeholder"},
    "file_input": {"filetypes", "max_files"},
    "image": {"image_url", "alt_text", "slack_file"},
    "feedback_buttons": {"positive_button", "negative_button"},
    "icon_button": {"icon", "text", "value", "confirm", "accessibility_label", "visible_to_user_ids"},
}  # fmt: skip
_SELECT_KEYS = {
    "placeholder", "options", "option_groups", "initial_option", "initial_options", "initial_user", "initial_users",
    "initial_conversation", "initial_conversations", "initial_channel", "initial_channels", "default_to_current_conversation",
    "response_url_enabled", "filter", "min_query_length", "max_selected_items", "confirm", "focus_on_load",
}  # fmt: skip


class Findings(list[str]):
    """Problems found so far, each with the JSON pointer of the place."""

    def add(self, at: str, what: str) -> None:
        self.append(f"{at or '/'}: {what}")


def unknown_keys(found: Findings, at: str, thing: Obj, known: Iterable[str]) -> None:
    for key in sorted(set(thing) - set(known)):
        found.add(at, f"unknown key {key!r}")


def string(found: Findings, at: str, value: Any, *, most: int, least: int = 1, missing_ok: bool = False) -> str:
    """Check a string's length in characters as sent (escapes count); returns "" when it isn't a string."""
    if value is None and missing_ok:
        return ""
    if not isinstance(value, str):
        found.add(at, "must be a string" if value is not None else "is missing")
        return ""
    if least and not value.strip():
        found.add(at, "is empty")
    if len(value) > most:
        found.add(at, f"{len(value)} characters, at most {most}")
    return value


def text_object(found: Findings, at: str, value: Any, *, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
    if not isinstance(value, Mapping):
        found.add(at, "must be a text object" if value is not None else "text object is missing")
        return
    kind = value.get("type")
    if kind not in kinds:
        found.add(at, f"type {kind!r}, must be {' or '.join(kinds)}")
    unknown_keys(found, at, value, {"type", "text", "emoji"} if kind == "plain_text" else {"type", "text", "verbatim"})
    string(found, f"{at}/text", value.get("text"), most=most)


def plain(found: Findings, at: str, value: Any, *, most: int, missing_ok: bool = False) -> None:
    if value is None and missing_ok:
        return
    text_object(found, at, value, most=most, kinds=("plain_text",))


def confirm(found: Findings, at: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        found.add(at, "must be an object")
        return
    unknown_keys(found, at, value, {"title", "text", "confirm", "deny", "style"})
    plain(found, f"{at}/title", value.get("title"), most=100)
    text_object(found, f"{at}/text", value.get("text"), most=300)
    plain(found, f"{at}/confirm", value.get("confirm"), most=30)
    plain(found, f"{at}/deny", value.get("deny"), most=30)
    _style(found, at, value)


def element(found: Findings, at: str, value: Any, *, allowed: Iterable[str], place: str) -> None:
    """One interactive element (or image) within `place` ("actions", "section", "input", …)."""
    if not isinstance(value, Mapping):
        found.add(at, "element must be an object")
        return
    kind = value.get("type")
    if kind not in set(allowed):
        found.add(at, f"element type {kind!r} is not allowed in {place}")
        return
    unknown_keys(found, at, value, COMMON | KEYS.get(str(kind), _SELECT_KEYS))
    if "action_id" in value:
        string(found, f"{at}/action_id", value["action_id"], most=255)
    if "confirm" in value:
        confirm(found, f"{at}/confirm", value["confirm"])
    plain(found, f"{at}/placeholder", value.get("placeholder"), most=150, missing_ok=True)
    if kind in SELECTS:
        _select(found, at, value)
    else:
        _CHECKS.get(str(kind), _nothing_more)(found, at, value)


def _nothing_more(found: Findings, at: str, value: Obj) -> None:
    return None


def _style(found: Findings, at: str, value: Obj) -> None:
    if "style" in value and value["style"] not in ("primary", "danger"):
        found.add(f"{at}/style", f"{value['style']!r}, must be primary or danger")


def _button(found: Findings, at: str, value: Obj) -> None:
    plain(found, f"{at}/text", value.get("text"), most=75)
    string(found, f"{at}/value", value.get("value"), most=2000, missing_ok=True)
    url = string(found, f"{at}/url", value.get("url"), most=3000, missing_ok=True)
    if url and "://" not in url:
        found.add(f"{at}/url", "is not a URL")
    string(found, f"{at}/accessibility_label", value.get("accessibility_label"), most=75, missing_ok=True)
    _style(found, at, value)


def _options(
    found: Findings, at: str, options: Any, *, most: int, least: int = 1, kinds: tuple[str, ...] = ("plain_text",)
) -> list[Obj]:
    if not isinstance(options, list) or not all(isinstance(option, Mapping) for option in options):
        found.add(at, "must be a list of options")
        return []
    if not least <= len(options) <= most:
        found.add(at, f"{len(options)} options, must be {least} to {most}")
    for index, option in enumerate(options):
        _option(found, f"{at}/{index}", option, kinds)
    values = [option.get("value") for option in options]
    for value in sorted({str(value) for value in values if values.count(value) > 1}):
        found.add(at, f"option value {value!r} appears twice")
    return options


def _option(found: Findings, at: str, option: Obj, kinds: tuple[str, ...]) -> None:
    unknown_keys(found, at, option, {"text", "value", "description", "url"})
    text_object(found, f"{at}/text", option.get("text"), most=75, kinds=kinds)
    # Sources disagree between 75 and 150: the stricter.
    string(found, f"{at}/value", option.get("value"), most=75)
    if option.get("description") is not None:
        text_object(found, f"{at}/description", option["description"], most=75, kinds=kinds)
    string(found, f"{at}/url", option.get("url"), most=3000, missing_ok=True)


def _initial_among(found: Findings, at: str, value: Obj, options: list[Obj]) -> None:
    several = value.get("initial_options")
    if several is not None and not (isinstance(several, list) and several):
        found.add(f"{at}/initial_options", "must be a non-empty list")
        several = None
    single = [value["initial_option"]] if value.get("initial_option") is not None else []
    for initial in (several or []) + single:
        if initial not in options:
            found.add(at, "an initial option is not, in full, among the options")


def _select(found: Findings, at: str, value: Obj) -> None:
    most = value.get("max_selected_items", 1)
    if not isinstance(most, int) or most < 1:
        found.add(f"{at}/max_selected_items", "must be at least 1")
    if not str(value["type"]).endswith("static_select"):
        if "options" in value or "option_groups" in value:
            found.add(at, f"options don't belong to {value['type']}")
        return
    groups = value.get("option_groups")
    if (groups is None) == (value.get("options") is None):
        found.add(at, "needs options or option_groups, one of them")
        return
    if groups is None:
        options = _options(found, f"{at}/options", value["options"], most=100)
    else:
        options = _groups(found, f"{at}/option_groups", groups)
    _initial_among(found, at, value, options)


def _groups(found: Findings, at: str, groups: Any) -> list[Obj]:
    if not isinstance(groups, list) or not 1 <= len(groups) <= 100:
        found.add(at, "must be 1 to 100 groups")
        return []
    options: list[Obj] = []
    for index, group in enumerate(groups):
        if not isinstance(group, Mapping):
            found.add(f"{at}/{index}", "must be an object")
            continue
        unknown_keys(found, f"{at}/{index}", group, {"label", "options"})
        plain(found, f"{at}/{index}/label", group.get("label"), most=75)
        options += _options(found, f"{at}/{index}/options", group.get("options"), most=100)
    return options


def _choices(most: int, kinds: tuple[str, ...]) -> Callable[[Findings, str, Obj], None]:
    def check(found: Findings, at: str, value: Obj) -> None:
        options = _options(found, f"{at}/options", value.get("options"), most=most, kinds=kinds)
        _initial_among(found, at, value, options)

    return check


def _text_input(found: Findings, at: str, value: Obj) -> None:
    least, most = value.get("min_length", 0), value.get("max_length", 3000)
    if not (isinstance(least, int) and isinstance(most, int) and 0 <= least <= 3000 and 1 <= most <= 3000 and least <= most):
        found.add(at, "min_length and max_length must lie in 0..3000 and 1..3000, the first not above the second")
    initial = value.get("initial_value")
    if initial is not None:
        string(found, f"{at}/initial_value", initial, most=most if isinstance(most, int) else 3000, least=0)


def _number_input(found: Findings, at: str, value: Obj) -> None:
    if not isinstance(value.get("is_decimal_allowed"), bool):
        found.add(f"{at}/is_decimal_allowed", "is missing")
    for key in ("initial_value", "min_value", "max_value"):
        string(found, f"{at}/{key}", value.get(key), most=3000, missing_ok=True)


def image_source(found: Findings, at: str, value: Obj) -> None:
    if ("image_url" in value) == ("slack_file" in value):
        found.add(at, "needs image_url or slack_file, one of them")
    string(found, f"{at}/image_url", value.get("image_url"), most=3000, missing_ok=True)
    string(found, f"{at}/alt_text", value.get("alt_text"), most=2000)


def _feedback(found: Findings, at: str, value: Obj) -> None:
    for key in ("positive_button", "negative_button"):
        button = value.get(key)
        if not isinstance(button, Mapping):
            found.add(f"{at}/{key}", "is missing")
            continue
        unknown_keys(found, f"{at}/{key}", button, {"text", "value", "accessibility_label"})
        plain(found, f"{at}/{key}/text", button.get("text"), most=75)
        string(found, f"{at}/{key}/value", button.get("value"), most=2000)
        string(found, f"{at}/{key}/accessibility_label", button.get("accessibility_label"), most=75, missing_ok=True)


def _icon_button(found: Findings, at: str, value: Obj) -> None:
    if value.get("icon") != "trash":
        found.add(f"{at}/icon", "only trash is known")
    plain(found, f"{at}/text", value.get("text"), most=75)
    string(found, f"{at}/value", value.get("value"), most=2000, missing_ok=True)


_CHECKS: dict[str, Callable[[Findings, str, Obj], None]] = {
    "button": _button,
    "overflow": _choices(5, ("plain_text",)),
    "radio_buttons": _choices(10, ("plain_text", "mrkdwn")),
    "checkboxes": _choices(10, ("plain_text", "mrkdwn")),
    "plain_text_input": _text_input,
    "number_input": _number_input,
    "image": image_source,
    "feedback_buttons": _feedback,
    "icon_button": _icon_button,
}
