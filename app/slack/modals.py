"""Dialogs: pure views, and what is read back out of them. Opened by the surface, decided on by the work process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, get_args

from app.cards.card import Card, Strong, line, paragraph
from app.domain.incident import Severity
from app.domain.ports import ActionPort
from app.domain.redaction import redact_value
from app.domain.value import JsonObject, JsonValue
from app.incidents.declare import LONGEST_TITLE
from app.slack.blocks import cleaned, modal

DECLARE, REJECT, PROPOSE, CONSENT = "declare", "reject", "propose", "consent"
ARGUMENTS = "arguments"
"""The input of `PROPOSE` that holds what will run."""
TYPED = "typed"
"""The input of `CONSENT` that holds the resource's name; compared to the letter."""

TO_THE_LETTER = (ARGUMENTS, TYPED)
"""Inputs that nothing may change."""

View = dict[str, Any]

_MEANING = {
    "SEV1": "SEV1: customers can't use it",
    "SEV2": "SEV2: badly degraded",
    "SEV3": "SEV3: degraded",
    "SEV4": "SEV4: no customer notices",
}


@dataclass(frozen=True)
class Offered:
    """A catalogue action as the dialog offers it."""

    name: str
    summary: str
    arguments: tuple[str, ...]


def offered(actions: Mapping[str, ActionPort]) -> tuple[Offered, ...]:
    """What people may propose."""
    return tuple(
        Offered(name=name, summary=action.summary, arguments=tuple(action.arguments.model_fields))
        for name, action in sorted(actions.items())
    )


def loading(title: str) -> View:
    """Open at once, because the permission to open expires in three seconds; filled by the work process."""
    told = "Loading… It fills by itself; if it does not within a minute, close it and press again."
    return modal(Card(kind="note", gist="Loading", title=title, parts=(paragraph(line(told)),)), callback="loading")


def waiting() -> View:
    """The sign that something was heard while nobody works."""
    told = "You were heard, and it is kept: you need not press or type it again. My work process is away and is started again."
    then = "What becomes of it is told to you as soon as it works. If that takes longer than a minute, tell whoever runs me."
    parts = (paragraph(line(Strong(text="Nothing has happened yet."))), paragraph(line(told)), paragraph(line(then)))
    return modal(Card(kind="note", gist=told, title="Heard, and it waits", parts=parts), callback="waiting")


def declare_view(about: Mapping[str, str], *, title: str = "") -> View:
    severities = [{"text": _words(_MEANING[each]), "value": each} for each in get_args(Severity)]
    return _form(
        DECLARE,
        "Declare an incident",
        "Declare",
        about,
        [
            _input("title", "What is wrong?", {**_line(most=LONGEST_TITLE), **({"initial_value": title} if title else {})}),
            _input(
                "severity",
                "How bad is it?",
                {"type": "static_select", "options": severities, "initial_option": severities[2]},
            ),
            _input("service", "Which service, if you know", _line(most=100), optional=True),
        ],
    )


def reject_view(about: Mapping[str, str]) -> View:
    return _form(
        REJECT,
        "Reject",
        "Reject",
        about,
        [_input("reason", "Why not? Whoever comes next will read it", _line(most=300))],
    )


def consent_view(about: Mapping[str, str]) -> View:
    """Tier 3. The name is not offered here: who approves has read the card."""
    hint = "Exactly as the card shows it. It can't be undone; one of you then confirms at a shell: firstmate approve p-…"
    name = {**_input(TYPED, "The resource's name (Resource, on the card)", _line(most=300)), "hint": _words(hint)}
    return _form(CONSENT, "Approve: tier 3", "Approve", about, [name])


def propose_view(about: Mapping[str, str], actions: Sequence[Offered]) -> View:
    """With a catalogue of nothing there is nothing to choose: a dialog that says so."""
    if not actions:
        told = "No action is configured here, so there is nothing to propose. `firstmate doctor` says what is missing."
        return modal(Card(kind="note", gist=told, title="Propose", parts=(paragraph(line(told)),)))
    options = [
        {"text": _words(each.name[:75]), "description": _words(each.summary[:75]), "value": each.name[:75]}
        for each in actions[:100]
    ]
    takes = "; ".join(f"{each.name}: {', '.join(each.arguments)}" for each in actions)
    arguments = {"type": "plain_text_input", "multiline": True, "max_length": 2000, "placeholder": _words('{"name": "value"}')}
    return _form(
        PROPOSE,
        "Propose an action",
        "Propose",
        about,
        [
            _input("action", "What should be done?", {"type": "static_select", "options": options}),
            {**_input(ARGUMENTS, "With which arguments, as JSON?", arguments), "hint": _words(takes[:1900])},
            _input("why", "Why?", _line(most=300)),
        ],
    )


def answers(view: Mapping[str, Any]) -> dict[str, str]:
    """What was filled in, by block; empty inputs left out."""
    held: dict[str, str] = {}
    for block, inputs in (view.get("state", {}).get("values") or {}).items():
        for state in inputs.values():
            chosen = state.get("value") or (state.get("selected_option") or {}).get("value")
            if chosen:
                held[str(block)] = str(chosen)
    return held


def about_of(view: Mapping[str, Any]) -> dict[str, str]:
    """What the dialog was opened about."""
    try:
        held = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in held.items()} if isinstance(held, dict) else {}


def wrong_with(dialog: str, values: Mapping[str, str]) -> dict[str, str]:
    """What can be seen to be wrong without asking anybody, by block: shown in place, the dialog stays open."""
    if dialog == PROPOSE:
        try:
            arguments = arguments_of(values.get(ARGUMENTS, ""))
        except ValueError as error:
            return {ARGUMENTS: str(error)}
        if redact_value(arguments) != arguments:  # before it is kept: what will run can't be changed afterwards
            return {ARGUMENTS: "This holds what looks like a secret, which everybody would read on the card. Name its place."}
    missing = {DECLARE: "title", REJECT: "reason", PROPOSE: "why", CONSENT: TYPED}.get(dialog, "")
    return {missing: "Say it in a few words."} if missing and not values.get(missing, "").strip() else {}


def arguments_of(text: str) -> JsonObject:
    """The arguments in `text`. Raises `ValueError` with a sentence."""
    try:
        held = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'This is no JSON ({error}). Write an object, such as {{"service": "name"}}.') from error
    if not isinstance(held, dict):
        raise ValueError('Write one JSON object, such as {"service": "name"}.')
    return held


def _once(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    held = dict(pairs)
    if len(held) < len(pairs):
        raise ValueError("a key stands twice")
    return held


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _form(name: str, title: str, submit: str, about: Mapping[str, str], blocks: list[View]) -> View:
    return {
        "type": "modal",
        "callback_id": name,
        "title": _words(title),
        "submit": _words(submit),
        "close": _words("Cancel"),
        "private_metadata": json.dumps(dict(about)),
        "blocks": blocks,
    }


def _input(name: str, label: str, element: View, *, optional: bool = False) -> View:
    shown = {"type": "input", "block_id": name, "label": _words(label), "element": {**element, "action_id": name}}
    return {**shown, "optional": True} if optional else shown


def _line(*, most: int) -> View:
    return {"type": "plain_text_input", "max_length": most}


def _words(text: str) -> View:
    return {"type": "plain_text", "text": cleaned(text), "emoji": False}
