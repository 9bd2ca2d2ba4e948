from __future__ import annotations

from typing import Any

import pytest

from tests.fake_slack.limits import KINDS, problems


def plain(text: str = "x") -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "x") -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def section(**more: Any) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(), **more}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **more}


def actions(*elements: Any, **more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements), **more}


def option(text: str = "a", value: str = "a", **more: Any) -> dict[str, Any]:
    return {"text": plain(text), "value": value, **more}


def select(*options: Any, **more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", "placeholder": plain(), "options": list(options), **more}


CONFIRM = {"title": plain("Sure?"), "text": mrkdwn(), "confirm": plain("Yes"), "deny": plain("No")}
INPUT = {"type": "input", "block_id": "t", "label": plain(), "element": {"type": "plain_text_input", "action_id": "v"}}


def message(*blocks: Any, **more: Any) -> dict[str, Any]:
    return {"text": "gist", "blocks": list(blocks), **more}


def modal(*blocks: Any, **more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain("T"), "submit": plain("Go"), "blocks": list(blocks) or [INPUT], **more}


def table(rows: int, columns: int) -> dict[str, Any]:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * columns] * rows}


GOOD = {
    "text only": {"text": "hello"},
    "every limit reached": message(
        {"type": "header", "text": plain("h" * 150)},
        section(text=mrkdwn("s" * 3000), block_id="b" * 255),
        {"type": "section", "fields": [mrkdwn("f" * 100)] * 10},
        {"type": "context", "elements": [mrkdwn("c")] * 10},
        actions(*(button(action_id=f"a{n}", text=plain("t" * 75), value="v" * 2000) for n in range(25))),
        {"type": "divider"},
    ),
    "50 blocks": message(*[{"type": "divider"}] * 50),
    "text of 4000": {"text": "x" * 4000},
    "confirm": message(actions(button(confirm=CONFIRM, style="danger", accessibility_label="l" * 75))),
    "select": message(section(accessory=select(*(option(value=str(n)) for n in range(100))))),
    "markdown alone": {"markdown_text": "# hi"},
    "modal": modal(private_metadata="p" * 3000, callback_id="c" * 255, title=plain("t" * 24)),
    "home": {"type": "home", "blocks": [section()] * 100},
    "table": message(table(100, 20)),
    "13 200 characters": message(*[section(text=mrkdwn("x" * 2640))] * 5),
    "image": message({"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a chart"}),
}

BAD: dict[str, tuple[Any, str]] = {
    "51 blocks": (message(*[{"type": "divider"}] * 51), "51 blocks"),
    "no blocks": (message(), "0 blocks"),
    "blocks not a list": ({"text": "x", "blocks": "[]"}, "must be a list"),
    "block not an object": (message("hi"), "must be an object"),
    "no text": ({"blocks": [section()]}, "/text: is missing"),
    "empty text": ({"text": " "}, "/text: is empty"),
    "text of 4001": ({"text": "x" * 4001}, "at most 4000"),
    "unknown block": (message({"type": "nonsense"}), "unknown block type"),
    "unknown key": (message(section(texts="x")), "unknown key 'texts'"),
    "section of 3001": (message(section(text=mrkdwn("x" * 3001))), "at most 3000"),
    "empty section text": (message(section(text=mrkdwn(""))), "is empty"),
    "section without anything": (message({"type": "section"}), "needs text or fields"),
    "11 fields": (message({"type": "section", "fields": [mrkdwn()] * 11}), "11 entries"),
    "field of 2001": (message({"type": "section", "fields": [mrkdwn("x" * 2001)]}), "at most 2000"),
    "text that is a string": (message(section(text="hi")), "must be a text object"),
    "text of an unknown kind": (message(section(text={"type": "html", "text": "x"})), "'html'"),
    "emoji on mrkdwn": (message(section(text=mrkdwn() | {"emoji": True})), "unknown key 'emoji'"),
    "header of 151": (message({"type": "header", "text": plain("x" * 151)}), "at most 150"),
    "header in mrkdwn": (message({"type": "header", "text": mrkdwn()}), "must be plain_text"),
    "11 context elements": (message({"type": "context", "elements": [mrkdwn()] * 11}), "11 entries"),
    "empty context": (message({"type": "context", "elements": []}), "0 entries"),
    "button in context": (message({"type": "context", "elements": [button()]}), "'button'"),
    "26 actions": (message(actions(*(button(action_id=f"a{n}") for n in range(26)))), "26 entries"),
    "no elements": (message({"type": "actions"}), "is missing"),
    "duplicate action_id": (message(actions(button(), button())), "action_id 'go' appears twice"),
    "duplicate block_id": (message(section(block_id="a"), section(block_id="a")), "block_id 'a' appears twice"),
    "block_id of 256": (message(section(block_id="b" * 256)), "at most 255"),
    "button text of 76": (message(actions(button(text=plain("x" * 76)))), "at most 75"),
    "button in mrkdwn": (message(actions(button(text=mrkdwn()))), "must be plain_text"),
    "button value of 2001": (message(actions(button(value="v" * 2001))), "at most 2000"),
    "empty button value": (message(actions(button(value=""))), "is empty"),
    "action_id of 256": (message(actions(button(action_id="a" * 256))), "at most 255"),
    "button style": (message(actions(button(style="warning"))), "primary or danger"),
    "url of 3001": (message(actions(button(url="https://" + "x" * 3000))), "at most 3000"),
    "url that is none": (message(actions(button(url="example"))), "is not a URL"),
    "accessibility_label of 76": (message(actions(button(accessibility_label="l" * 76))), "at most 75"),
    "confirm title of 101": (message(actions(button(confirm={**CONFIRM, "title": plain("x" * 101)}))), "at most 100"),
    "confirm text of 301": (message(actions(button(confirm={**CONFIRM, "text": mrkdwn("x" * 301)}))), "at most 300"),
    "confirm button of 31": (message(actions(button(confirm={**CONFIRM, "confirm": plain("x" * 31)}))), "at most 30"),
    "deny button of 31": (message(actions(button(confirm={**CONFIRM, "deny": plain("x" * 31)}))), "at most 30"),
    "confirm title in mrkdwn": (message(actions(button(confirm={**CONFIRM, "title": mrkdwn()}))), "must be plain_text"),
    "101 options": (message(section(accessory=select(*(option(value=str(n)) for n in range(101))))), "101 options"),
    "no options": (message(section(accessory=select())), "0 options"),
    "option text of 76": (message(section(accessory=select(option(text="x" * 76)))), "at most 75"),
    "option value of 76": (message(section(accessory=select(option(value="x" * 76)))), "at most 75"),
    "option twice": (message(section(accessory=select(option(), option()))), "appears twice"),
    "initial option not offered": (message(section(accessory=select(option(), initial_option=option("b", "b")))), "initial option"),
    "options on a users_select": (message(actions(select(option()) | {"type": "users_select"})), "don't belong"),
    "placeholder of 151": (message(section(accessory=select(option(), placeholder=plain("x" * 151)))), "at most 150"),
    "6 overflow options": (
        message(section(accessory={"type": "overflow", "options": [option(value=str(n)) for n in range(6)]})),
        "6 options",
    ),
    "11 radio buttons": (
        message(section(accessory={"type": "radio_buttons", "options": [option(value=str(n)) for n in range(11)]})),
        "11 options",
    ),
    "11 checkboxes": (
        message(section(accessory={"type": "checkboxes", "options": [option(value=str(n)) for n in range(11)]})),
        "11 options",
    ),
    "text input in actions": (message(actions({"type": "plain_text_input", "action_id": "v"})), "not allowed in actions"),
    "image without alt": (message({"type": "image", "image_url": "https://example.com/a.png"}), "alt_text: is missing"),
    "image without source": (message({"type": "image", "alt_text": "a"}), "image_url or slack_file"),
    "alt of 2001": (message({"type": "image", "image_url": "https://example.com/a", "alt_text": "a" * 2001}), "at most 2000"),
    "two tables": (message(table(1, 1), table(1, 1)), "2 table blocks"),
    "table of 101 rows": (message(table(101, 1)), "101 entries"),
    "table of 21 columns": (message(table(1, 21)), "21 entries"),
    "data_table without caption": (message({"type": "data_table", "rows": [[], []]}), "caption"),
    "three charts": (message(*[{"type": "data_visualization", "title": "t", "chart": {}}] * 3), "3 data_visualization"),
    "markdown of 12 001 in two": (
        message({"type": "markdown", "text": "x" * 6000}, {"type": "markdown", "text": "x" * 6001}),
        "12001",
    ),
    "markdown_text with text": ({"markdown_text": "a", "text": "b"}, "can't be combined"),
    "six context actions": (
        message({"type": "context_actions", "elements": [{"type": "icon_button", "icon": "trash", "text": plain()}] * 6}),
        "6 entries",
    ),
    "eleven children": (message({"type": "container", "title": plain(), "child_blocks": [section()] * 11}), "11 entries"),
    "bad child": (message({"type": "container", "title": plain(), "child_blocks": [{"type": "no"}]}), "unknown block type"),
    "card title of 151": (message({"type": "card", "title": plain("x" * 151)}), "at most 150"),
    "carousel of sections": (message({"type": "carousel", "elements": [section()]}), "cards only"),
    "13 201 characters": (message(*[section(text=mrkdwn("x" * 2641))] * 5), "in all blocks"),
    "input in a message": (message(INPUT), "don't belong in a message"),
    "metadata without type": ({"text": "x", "metadata": {"event_payload": {}}}, "/metadata"),
    "21 attachments": ({"text": "x", "attachments": [{}] * 21}, "21 attachments"),
    "modal title of 25": (modal(title=plain("t" * 25)), "at most 24"),
    "modal without title": (modal(title=None), "/title"),
    "modal title in mrkdwn": (modal(title=mrkdwn()), "must be plain_text"),
    "submit of 25": (modal(submit=plain("s" * 25)), "at most 24"),
    "close of 25": (modal(close=plain("s" * 25)), "at most 24"),
    "input without submit": (modal(submit=None), "/submit: is missing"),
    "private_metadata of 3001": (modal(private_metadata="p" * 3001), "at most 3000"),
    "callback_id of 256": (modal(callback_id="c" * 256), "at most 255"),
    "101 blocks in a view": (modal(*[section()] * 101), "101 blocks"),
    "view too large": (modal(*[section(text=mrkdwn("x" * 3000))] * 90), "bytes"),
    "markdown in a modal": (modal({"type": "markdown", "text": "x"}), "don't belong in a modal"),
    "label missing": (modal({"type": "input", "element": {"type": "plain_text_input"}}), "label"),
    "label of 2001": (modal({**INPUT, "label": plain("x" * 2001)}), "at most 2000"),
    "button as input": (modal({**INPUT, "element": button()}), "not allowed in an input block"),
    "max_length of 3001": (modal({**INPUT, "element": {"type": "plain_text_input", "max_length": 3001}}), "max_length"),
    "unknown view key": (modal(titel="x"), "unknown key 'titel'"),
    "neither message nor view": ({"type": "workflow_step", "blocks": []}, "neither"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_slack_takes_has_no_problems(name: str) -> None:
    assert problems(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_planted_violation_is_named(name: str) -> None:
    thing, expected = BAD[name]
    found = problems(thing)
    assert any(expected in problem for problem in found), found


def test_a_bare_list_is_a_messages_blocks() -> None:
    assert problems([section()]) == []
    assert problems([{"type": "nonsense"}]) == ["/blocks/0: unknown block type 'nonsense'"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_block_type_takes_nonsense_or_crashes_on_it(kind: str) -> None:
    for nonsense in (None, 1, "x", [], {}, [None], [1]):
        block = {"type": kind, **dict.fromkeys(KINDS[kind][0], nonsense)}
        assert isinstance(problems(message(block)), list)
    assert problems(message({"type": kind, "surprise": 1}))
