from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from app.cards.card import Button, Buttons, Card, Code, Exact, Note, Picture, Quote, Strong, line, note, paragraph
from app.cli.scene import MOST_FINDINGS, Scene
from app.domain.finding import Plot

PROPOSAL = Card(
    kind="proposal",
    gist="asks",
    title="Approve?",
    parts=(
        Exact(label="What will run · p-1", text="Switch it off\nflag_switch"),
        Buttons(name="decide", buttons=(Button(label="Approve", action="approve", value="h", spoken="Approve"),)),
    ),
)


class Told:
    def __init__(self) -> None:
        self.file = io.StringIO()
        self.scene = Scene(Console(file=self.file, width=100))

    def work(self, kind: str, card: Card, ts: str = "1.0") -> None:
        self.scene.of_work({"event": kind, "ts": ts, "card": card.model_dump(mode="json")})

    def load(self, **fields: Any) -> None:
        self.scene.of_shop({"event": "load", "rps": 50.0, "error_ratio": 0.0, "p95_ms": 100.0, **fields})

    @property
    def text(self) -> str:
        return self.file.getvalue()


def test_the_load_is_told_when_it_turns_and_otherwise_seldom() -> None:
    told = Told()
    for _ in range(5):
        told.load()
    assert told.text.count("visitors") == 1
    told.load(error_ratio=0.3)
    told.load(error_ratio=0.3)
    assert told.text.count("visitors") == 2


def test_a_load_nobody_could_measure_is_not_told() -> None:
    told = Told()
    told.load(rps=None)
    assert told.text == ""


def test_a_proposal_waits_for_the_story_and_is_kept_to_the_letter() -> None:
    told = Told()
    told.work("post", PROPOSAL)
    assert told.scene.proposed.get_nowait() == PROPOSAL
    assert told.scene.asked == ["Switch it off\nflag_switch"]
    told.work("update", PROPOSAL)
    assert told.scene.proposed.empty()
    assert not told.scene.decided.is_set()


def test_a_decided_proposal_is_said_in_one_line() -> None:
    told = Told()
    told.work("post", PROPOSAL)
    told.work("update", PROPOSAL.model_copy(update={"gist": "p-1 rejected by operator", "parts": PROPOSAL.parts[:1]}))
    assert told.scene.decided.is_set()
    assert "p-1 rejected by operator" in told.text


def test_a_refused_press_is_said_and_waited_for_no_longer() -> None:
    told = Told()
    told.scene.of_work({"event": "refused", "text": "it has expired"})
    assert told.scene.ended.get_nowait() is None
    assert "refused: it has expired" in told.text


def test_nothing_is_written_into_an_open_question() -> None:
    told = Told()
    with told.scene.hushed():
        told.scene.tell("judge", "likely")
        assert told.text == ""
    assert "likely" in told.text


def test_the_brief_is_the_newest_card_and_comes_when_asked_for() -> None:
    told = Told()
    told.work("post", note("x").model_copy(update={"kind": "incident", "title": "old title"}))
    told.work("update", note("x").model_copy(update={"kind": "incident", "title": "new title"}))
    assert "title" not in told.text
    told.scene.brief(rest="")
    assert "new title" in told.text
    assert "old title" not in told.text


def test_an_unknown_line_of_another_version_is_passed_over() -> None:
    told = Told()
    told.scene.of_shop({"event": "weather"})
    told.scene.of_work({"event": "channel", "incident": "INC-1"})
    assert told.text == ""


def found(number: int) -> Card:
    stated = [
        paragraph(line(Strong(text=f"F{n}"), " ", Code(text="logs@1.0.0"), f" {n} " + "went up " * 40), line(Quote(text="raw")))
        for n in range(1, number + 1)
    ]
    picture = Picture(plot=Plot(title="p", times=(0.0,), values=(1.0,)), caption="as drawn")
    gap = Note(line=line(Strong(text="Gap "), Code(text="prometheus"), " no answer"))
    return Card(kind="findings", gist=f"{number} findings and 1 gap behind the brief", parts=(*stated, picture, gap))


def test_before_a_decision_each_finding_takes_one_line_and_says_where_the_rest_is() -> None:
    told = Told()
    told.work("post", found(12))
    told.scene.brief(rest="d shows more")
    lines = told.text.splitlines()
    assert [f"F{n}" for n in range(1, MOST_FINDINGS + 1)] == [each.split()[1] for each in lines if " F" in each]
    assert "logs@1.0.0" not in told.text
    assert "raw" not in told.text
    assert "as drawn" not in told.text
    assert "Gap prometheus no answer" in told.text
    assert "12 findings and 1 gap behind the brief; d shows more" in told.text
    told.scene.findings()
    assert "as drawn" in told.text
    assert "F12" in told.text
