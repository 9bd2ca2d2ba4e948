from __future__ import annotations

import json

import pytest

from app.slack import modals
from app.slack.modals import Offered
from tests.fake_slack import problems

ACTIONS = (
    Offered("flag_switch", "Switch a flag off or on", ("flag", "to")),
    Offered("rollout_undo", "Put a service back", ("service", "from_version", "to_version")),
)
ABOUT = {"channel": "C01GEN"}


@pytest.mark.parametrize(
    "view",
    [
        modals.declare_view(ABOUT),
        modals.declare_view(ABOUT, title="it burns"),
        modals.reject_view({"proposal": "a" * 64, "channel": "C01GEN", "message_ts": "1.2"}),
        modals.propose_view(ABOUT, ACTIONS),
        modals.propose_view(ABOUT, [Offered(f"x{i}" * 40, "y" * 500, ("z" * 900,) * 4) for i in range(150)]),
        modals.propose_view(ABOUT, ()),
        modals.loading("Details"),
    ],
)
def test_slack_takes_every_dialog(view: modals.View) -> None:
    assert problems(view) == []


def test_what_it_is_about_comes_back() -> None:
    assert modals.about_of(modals.declare_view(ABOUT)) == ABOUT
    assert modals.about_of({"private_metadata": "no json"}) == {}
    assert modals.about_of({"private_metadata": "[1]"}) == {}
    assert modals.about_of({}) == {}


def test_what_was_filled_in_is_read_by_block() -> None:
    values = {
        "title": {"title": {"type": "plain_text_input", "value": "it burns"}},
        "severity": {"severity": {"type": "static_select", "selected_option": {"value": "SEV1"}}},
        "service": {"service": {"type": "plain_text_input", "value": None}},
    }
    assert modals.answers({"state": {"values": values}}) == {"title": "it burns", "severity": "SEV1"}


@pytest.mark.parametrize(
    ("dialog", "values", "blocks"),
    [
        ("declare", {"title": " "}, {"title"}),
        ("declare", {"title": "it burns"}, set()),
        ("reject", {}, {"reason"}),
        ("reject", {"reason": "no"}, set()),
        ("propose", {"arguments": "{", "why": "x"}, {"arguments"}),
        ("propose", {"arguments": "[1]", "why": "x"}, {"arguments"}),
        ("propose", {"arguments": '{"a": 1, "a": 2}', "why": "x"}, {"arguments"}),
        ("propose", {"arguments": '{"a": NaN}', "why": "x"}, {"arguments"}),
        ("propose", {"arguments": "[" * 2000, "why": "x"}, {"arguments"}),
        ("propose", {"arguments": "{}", "why": " "}, {"why"}),
        ("propose", {"arguments": '{"flag": "a"}', "why": "x"}, set()),
    ],
)
def test_what_is_plainly_wrong_is_said_in_place(dialog: str, values: dict[str, str], blocks: set[str]) -> None:
    assert set(modals.wrong_with(dialog, values)) == blocks


def test_the_dialog_says_which_arguments_an_action_takes() -> None:
    view = json.dumps(modals.propose_view(ABOUT, ACTIONS))
    assert "rollout_undo: service, from_version, to_version" in view
