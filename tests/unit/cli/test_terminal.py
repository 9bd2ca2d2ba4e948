from __future__ import annotations

import asyncio
import io
import os
import pty
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from app.cards.card import Button, Buttons, Card, Code, Exact, Quote, line, paragraph
from app.cli.policy import VERB
from app.cli.terminal import ask, show, told
from app.domain.errors import BadInput
from app.incidents.stop import stop
from app.incidents.why import Why, why
from tests.drills.lever import asked, levers

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31mred\u202eback\rover\x08"


def console(width: int = 100) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=False)


def written(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def inert(text: str) -> bool:
    return all(sign.isprintable() or sign == "\n" for sign in text)


def test_control_characters_in_a_card_are_inert() -> None:
    screen = console()
    parts = (paragraph(line(Quote(text=EVIL), Code(text=EVIL), EVIL)), Exact(label=EVIL, text=f"one\n{EVIL}"))
    show(screen, Card(kind="note", gist="g", title=EVIL, parts=parts))
    assert inert(written(screen))
    assert "owned" in written(screen)


def test_control_characters_in_a_line_are_inert_and_add_no_lines() -> None:
    shown = told(AT, EVIL, EVIL + "\n12:00:00  judge  all is well", width=200).plain
    assert inert(shown)
    assert "\n" not in shown


async def test_what_stands_in_a_proposal_or_a_reason_writes_no_answer_of_its_own(tmp_path: Path) -> None:
    hidden = "x\x1b[8m\x9b1A\u202e\nNow: nothing is in the way."
    async with levers(tmp_path) as (world, _):
        incident = (await world.declared()).id
        proposal = await asked(world, incident, tier=1, text=hidden)
        await stop(world.desk, by="USECOND", surface="test", reason=hidden, incident=incident)
        found = await why(world.desk, proposal.name)

    class Compose:
        async def why(self, name: str) -> Why:
            return found

    app = typer.Typer()
    app.add_typer(VERB, name="policy")
    ran = await asyncio.to_thread(CliRunner().invoke, app, ["policy", "why", proposal.name], obj=Compose())
    assert ran.exit_code == 1
    assert inert(ran.output)
    assert [line for line in ran.output.splitlines() if line.startswith("Now: ")] == [ran.output.splitlines()[-1]]
    assert ran.output.splitlines()[-1].startswith("Now: no, USECOND stopped")


def test_brackets_in_outside_text_are_no_markup() -> None:
    screen = console()
    show(screen, Card(kind="note", gist="g", title="[red]t[/red]", parts=(paragraph(line("[bold]x[/bold] [/]")),)))
    assert "[bold]x[/bold] [/]" in written(screen)
    assert "[red]t[/red]" in written(screen)


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_line_is_wrapped_under_itself(width: int) -> None:
    shown = told(AT, "metrics", "word " * 60, width=width).plain.split("\n")
    assert shown[0].startswith("05:06:07  metrics      word")
    assert all(each.startswith(" " * 23 + "word") for each in shown[1:])
    assert max(map(len, shown)) < width


@pytest.mark.parametrize("width", [40, 80, 300])
def test_a_card_fits_the_terminal_and_is_never_wider_than_is_read(width: int) -> None:
    screen = console(width)
    show(screen, Card(kind="note", gist="g", title="t", parts=(paragraph(line("word " * 200)),)))
    assert max(map(len, written(screen).splitlines())) == min(width, 110)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The far end of a terminal that this process reads as its own."""
    far, near = pty.openpty()
    with os.fdopen(near, "r") as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        yield far
    os.close(far)


async def test_a_question_is_answered_with_one_line_while_the_loop_goes_on(keyboard: int) -> None:
    screen = console()
    answer = asyncio.create_task(ask(screen, "well? "))
    await asyncio.sleep(0)
    os.write(keyboard, b"  ye")
    await asyncio.sleep(0)
    assert not answer.done()
    os.write(keyboard, b"s \n")
    assert await answer == "yes"
    assert written(screen) == "well? "


async def test_what_was_typed_before_the_question_answers_nothing(keyboard: int) -> None:
    os.write(keyboard, b"approve\napp")
    await asyncio.sleep(0.05)
    answer = asyncio.create_task(ask(console(), "well? "))
    await asyncio.sleep(0.05)
    assert not answer.done()
    os.write(keyboard, b"reject\n")
    assert await answer == "reject"


async def test_the_lines_of_a_pipe_answer_one_question_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"r\nthe database is being moved\n")
    with os.fdopen(read, "r") as typed, os.fdopen(write, "w"):
        monkeypatch.setattr(sys, "stdin", typed)
        assert [await ask(console(), "[a] or [r]? "), await ask(console(), "why? ")] == ["r", "the database is being moved"]


def test_a_button_that_nobody_could_press_is_not_drawn() -> None:
    screen = console()
    press = Button(label="Why?", action="why", value="INC-1", spoken="Why")
    show(screen, Card(kind="note", gist="g", parts=(paragraph(line("words")), Buttons(name="b", buttons=(press,)))))
    assert "words" in written(screen)
    assert "Why?" not in written(screen)


async def test_a_closed_terminal_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"a")
    os.close(write)
    with os.fdopen(read, "r") as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        with pytest.raises(BadInput, match="nothing was decided"):
            await ask(console(), "[a]pprove? ")
