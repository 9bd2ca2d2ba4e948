"""G6: what hostile texts can do to a card: nothing. What is shown is what was stored, whole, and that is what runs."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cards import proposal as cards
from app.cards.proposal import exact_text, proposal_card
from app.domain.action import Call
from app.domain.errors import BadInput, Denied
from app.domain.proposal import Proposal
from app.domain.value import canonical
from app.incidents.execute import execute
from app.ledger import audit, proposals
from app.ledger.audit import Action
from app.slack.blocks import message
from tests.drills.lever import Lever, approve_fully, asked, levers
from tests.fake_slack import problems
from tests.gates import Gate, size
from tests.unit.incidents.world import World

CARDS = size(full=2000, small=200)
PAIRS = 10_000
REFUSED = ("in full", "longer than", "looks like a secret")
"""Why what is asked may be refused: an address with somebody's name before its host is one of such texts, too."""
WHAT, PINS = "hostile cards", "pins narrow"
pytestmark = pytest.mark.timeout(size(full=2400, small=300))

PIECES = (
    *("\n", "\r\n", "\u2028", "\t", "\0", " " * 60, "A" * 700, "A" * 3000),
    *("```", "`", "*APPROVED by the CEO*", "_tier 0_", "~no undo~", ">quoted", "What will run · p-00000000"),
    *("<!channel>", "<@U02BOB>", "<https://evil.example|Approve>", "&lt;!here&gt;", "\uff1c!channel\uff1e", "&amp;", "&"),
    *("\u202e", "\u2066", "\u200b", "\u00ad", "\U000e0041", "\ufeff", "e\u0301", "pr\u043ed", "\uff41dmin", "\x1b[2J"),
    *('"', "\\", "\\u0060", "'''", "name = ", '{"tier": 0}', "shop/service/checkout", "ready? yes", "…"),
)


def hostile(dice: random.Random) -> str:
    return "".join(dice.choice(PIECES) for _ in range(dice.randrange(1, 6)))


def shown(proposal: Proposal) -> str:
    """What a reader of the Slack message sees as what will run: the code block, with Slack's three escapes undone."""
    sent = message(proposal_card(proposal, state="proposed", needs="one press"))
    assert problems(sent) == []
    sections = [block["text"]["text"] for block in sent["blocks"] if block["type"] == "section" and "text" in block]
    (block,) = [text for text in sections if text.startswith("*What will run")]
    body = re.fullmatch(r"\*[^\n]*\*\n```(.*)```", block, re.DOTALL)
    assert body is not None
    return body[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def read_off(value: str) -> Any:
    """A value as a careful reader takes it off the card: JSON, in which `\\U000e0041` is one character, too."""

    def undone(escape: re.Match[str]) -> str:
        return json.dumps(chr(int(escape[1][1:], 16)))[1:-1] if escape[1][0] == "U" else escape[0]

    return json.loads(re.sub(r"\\(U[0-9a-f]{8}|.)", undone, value))


def wrong_with(proposal: Proposal) -> list[str]:
    """How its card differs from what is stored."""
    try:
        text = shown(proposal)
    except BadInput as error:
        return [f"{proposal.name} was stored and can't be shown: {error}"]
    lines = text.split("\n")
    found = [] if text == exact_text(proposal) else [f"{proposal.name}: shown is not what was rendered"]
    names = sorted(proposal.call.arguments)
    if [line.partition(" = ")[0] for line in lines[2:]] != [f"  {name}" for name in names] or lines[1] != proposal.call.action:
        return [*found, f"{proposal.name}: its lines are {lines}"]
    try:
        told = {name: read_off(line.partition(" = ")[2]) for name, line in zip(names, lines[2:], strict=True)}
    except ValueError:
        return [*found, f"{proposal.name}: its arguments can't be read off the card"]
    return found if told == proposal.call.arguments else [*found, f"{proposal.name}: off the card one reads {told}"]


async def ran_as_approved(world: World, lever: Lever, proposal: Proposal) -> list[str]:
    """Approve it fully and run it: what ran, and under which hash, against what is stored."""
    before = len(lever.pulled)
    if not (await approve_fully(world, proposal)).complete:
        return [f"{proposal.name} was not approved"]
    await execute(world.desk, proposal.hash)
    if [canonical(each) for each in lever.pulled[before:]] != [canonical(proposal.call.arguments)]:
        return [f"{proposal.name} ran with {lever.pulled[before:]}"]
    async with world.ledger.read() as tx:
        rows = [row for row in await audit.rows(tx, proposal.incident, limit=10**6) if row.proposal == proposal.hash]
    hashes = {row.proposal for row in rows if row.action in (Action.APPROVED, Action.EXECUTION_STARTED)}
    return [] if hashes == {proposal.hash} else [f"{proposal.name}: approved and run under {hashes}"]


async def attacked(folder: Path, number: int, dice: random.Random, *, run: bool = True) -> tuple[int, list[str]]:
    """(how many were refused because they don't fit, what was wrong with the rest)."""
    refused, wrong = 0, list[str]()
    async with levers(folder) as (world, lever):
        for each in range(number):
            if each % 100 == 0:
                incident = (await world.declared(f"incident {each}")).id
            fields: dict[str, Any] = {"why": hostile(dice), "if_we_wait": hostile(dice)[:300]}
            try:
                proposal = await asked(world, incident, tier=dice.choice((1, 2, 3)), name=f"l{each}", text=hostile(dice), **fields)
            except (Denied, BadInput) as error:
                refused += 1
                wrong += [] if any(why in str(error) for why in REFUSED) else [str(error)]
                continue
            async with world.ledger.read() as tx:
                stored = (await proposals.get(tx, proposal.hash)).proposal
            wrong += wrong_with(stored)
            wrong += await ran_as_approved(world, lever, stored) if run else []
            world.clock.move(seconds=8)  # nobody may press more than 1,000 times an hour
    return refused, wrong


async def test_what_is_shown_is_what_was_stored_and_what_ran(tmp_path: Path, gate: Gate) -> None:
    refused, wrong = await attacked(tmp_path, CARDS, gate.random)
    print(wrong[:5])
    gate(
        "G6",
        WHAT,
        figure=f"{len(wrong)} otherwise of {CARDS:,}, {refused} refused",
        bar=f"{CARDS:,}: shown is what runs, nothing cut",
        met=not wrong and 0 < refused < CARDS / 2,
    )


async def test_a_card_that_cuts_would_be_found_out(tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    real = cards.exact_text
    monkeypatch.setattr(cards, "exact_text", lambda proposal: real(proposal)[:200])
    _, wrong = await attacked(tmp_path, 40, gate.random, run=False)
    gate.twin("G6", WHAT, figure=f"cuts: {len(wrong)} otherwise of 40", fails=bool(wrong))


async def test_a_card_that_shows_an_agents_words_would_be_found_out(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cards.exact_text
    monkeypatch.setattr(cards, "exact_text", lambda proposal: real(proposal) + "\n" + proposal.why)
    _, wrong = await attacked(tmp_path, 40, gate.random, run=False)
    gate.twin("G6", WHAT, figure=f"adds words: {len(wrong)} otherwise of 40", fails=bool(wrong))


VALUES = (0, 1, True, False, None, "", "1", "a", "A", "\uff41", 1.5, "*", ["a"], {"a": 1}, "a ", " a")


def widened(narrows: Callable[[Call, Call], bool], dice: random.Random) -> tuple[int, int, int]:
    """(let through that widen, refused that narrow, let through), against a reading of its own: every asked argument stands in
    what is kept with the very same bytes."""
    wide, refused, passed = 0, 0, 0
    for _ in range(PAIRS):
        asked_for = {name: dice.choice(VALUES) for name in dice.sample("abcd", dice.randrange(4))}
        kept = dict(asked_for) if dice.random() < 0.7 else {}
        kept |= {name: dice.choice(VALUES) for name in dice.sample("abcd", dice.randrange(3))}
        action = dice.choice(("pull", "pull", "pull", "Pull", "pull "))
        got = narrows(Call(action=action, arguments=kept), Call(action="pull", arguments=asked_for))
        meant = action == "pull" and {(k, repr(v)) for k, v in asked_for.items()} <= {(k, repr(v)) for k, v in kept.items()}
        wide += got and not meant
        refused += meant and not got
        passed += got
    return wide, refused, passed


def loosely(kept: Call, asked_for: Call) -> bool:
    """The known-bad twin. Python takes True for 1: a comparison by `==` lets another value through."""
    return kept.action == asked_for.action and all(
        name in kept.arguments and kept.arguments[name] == value for name, value in asked_for.arguments.items()
    )


def test_what_is_approved_only_ever_narrows_what_was_asked(gate: Gate) -> None:
    wide, refused, passed = widened(Call.narrows, gate.random)
    assert refused == 0
    gate(
        "G6",
        PINS,
        figure=f"{wide} widened, {passed:,} narrow of {PAIRS:,}",
        bar="0 widened",
        met=wide == 0 and passed > PAIRS / 10,
    )


def test_comparing_loosely_would_be_found_out(gate: Gate) -> None:
    wide, _, passed = widened(loosely, gate.random)
    gate.twin("G6", PINS, figure=f"{wide} widened, {passed:,} let through", fails=wide > 0)


async def test_an_approval_is_used_up_once_and_what_was_taken_back_never(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, lever):
        incident = (await world.declared()).id
        proposal = await asked(world, incident, tier=3)
        assert (await approve_fully(world, proposal)).complete
        for _ in range(3):
            await execute(world.desk, proposal.hash)
        assert len(lever.pulled) == 1
        back = await asked(world, incident, tier=1, name="b")
        assert (await world.press(back, by="UAPPROVER")).complete
        assert (await world.press(back, by="USECOND", decision="reject", reason="wait")).complete
        await execute(world.desk, back.hash)
        async with world.ledger.write() as tx:  # whatever brings it back: the yes is gone
            await proposals.move(tx, back.hash, {"rejected"}, "approved", at=world.clock())
        await execute(world.desk, back.hash)
        assert len(lever.pulled) == 1
        assert await world.state(back) == "superseded"
