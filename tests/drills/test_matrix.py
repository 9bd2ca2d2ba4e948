"""G8: everybody × tiers 0 to 3 × yes and no, through the real verb on a real ledger, held against the table people know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.approval import Person
from app.incidents import command
from app.ledger.audit import Action
from app.policy import rules
from app.policy.decision import Allowed
from tests.drills.lever import KEYS, asked, levers, sign
from tests.gates import Gate
from tests.unit.incidents.world import World, member, unreachable

# yes at tiers 0 1 2 3, no at tiers 0 1 2 3. Y: it counts. -: refused and recorded. At tier 3 everything else is there: another
# approver's yes, the name typed, the judge's word; what is asked is whether this person's word adds to it.
WHAT = "who may press, cell by cell"
TABLE = """
UCOMMANDER   Y Y - -   Y Y Y Y   the commander of the incident, no approver
UAPPROVER    Y Y Y Y   Y Y Y Y   an approver who did not ask
UASKER       Y Y - -   Y Y - -   an approver, and it was they who asked
UALTER       - - - -   - - - -   the asker's second account, which Slack calls a guest
UTWIN        Y - - -   Y - - -   the asker's second account, a full member whom the policy does not name
UNOBODY      Y - - -   Y - - -   a member whom the policy does not name
UGUEST       - - - -   - - - -   a guest
UBOT         - - - -   - - - -   a bot
UGONE        - - - -   - - - -   deactivated
USTRANGER    - - - -   - - - -   of another organisation
UOTHER       - - - -   - - - -   of another team
UUNKNOWN     - - - -   - - - -   nobody whom Slack knows
UUNTOLD      - - - -   - - - -   somebody Slack does not tell about now
proposer@1   - - - -   - - - -   the agent that proposes
operator     - - - -   - - - -   a local operator, whom this policy does not know
"""


def folk(world: World) -> None:
    world.folk.update(
        {
            **{id: member(id) for id in ("UASKER", "UTWIN")},
            "UALTER": member("UALTER", guest=True),
            "UGUEST": member("UGUEST", guest=True),
            "UBOT": member("UBOT", bot=True),
            "UGONE": member("UGONE", deleted=True),
            "USTRANGER": member("USTRANGER", stranger=True),
            "UOTHER": member("UOTHER", team="TOTHER"),
            "UUNTOLD": unreachable(),
            "proposer@1": Person(id="proposer@1", team="THOME"),
            "operator": Person(id="operator", team="", local_operator=True),
        }
    )


def cells() -> list[tuple[str, str, int, str]]:
    found = []
    for line in TABLE.strip().splitlines():
        who, *letters = line.split()[:9]
        found += [(who, "approve" if n < 4 else "reject", n % 4, letter) for n, letter in enumerate(letters)]
    return found


async def differing(folder: Path) -> list[str]:
    """Cells in which the product says something else than the table; also a refusal that left no row."""
    wrong = []
    async with levers(folder) as (world, _):
        folk(world)
        incident = (await world.declared()).id
        for number, (who, decision, tier, expected) in enumerate(cells()):
            proposal = await asked(world, incident, tier=tier, name=f"l{number}")
            if tier == 3 and decision == "approve":
                assert (await world.press(proposal, by="USECOND", typed=proposal.effects.target)).counted
            refusals = (await world.audited(incident)).count(Action.REFUSED.value)
            fields: dict[str, Any] = {"reason": "no"} if decision == "reject" else {"typed": proposal.effects.target}
            said = await world.press(proposal, by=who, decision=decision, **fields)
            if said.counted != (expected == "Y"):
                wrong.append(f"{who} {decision} tier {tier}: {said.sentence}")
            if not said.counted and (await world.audited(incident)).count(Action.REFUSED.value) != refusals + 1:
                wrong.append(f"{who} {decision} tier {tier}: refused without a row")
            if await world.state(proposal) == "proposed":
                await world.press(proposal, by="USECOND", decision="reject", reason="the next one")
    return wrong


async def test_who_may_say_what_is_the_table_in_every_cell(tmp_path: Path, gate: Gate) -> None:
    wrong = await differing(tmp_path)
    print(wrong)
    as_told = len(cells()) - len(wrong)
    gate("G8", WHAT, figure=f"{as_told} of {len(cells())} as the table says", bar="every cell", met=not wrong)


async def test_rules_that_ask_nobody_who_they_are_would_be_found_out(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known-bad twins: one rule at a time says yes to everybody."""
    found = {}
    for rule in (rules.PersonKnown, rules.AuthorityByTier, rules.MayReject):
        with monkeypatch.context() as patched:
            patched.setattr(rule, "check", lambda self, context: Allowed("whoever"))
            found[rule.__name__] = len(await differing(tmp_path / rule.__name__))
    told = "/".join(map(str, found.values()))
    gate.twin("G8", WHAT, figure=f"{told} cells differ, a rule each", fails=all(found.values()))


async def test_a_key_at_a_shell_is_one_person_and_nothing_more(tmp_path: Path) -> None:
    """The same table at a shell: a signature adds nothing to the authority of whom it names."""
    async with levers(tmp_path) as (world, lever):
        folk(world)
        incident = (await world.declared()).id
        expected = {"UAPPROVER": "YYY", "USECOND": "YYY", "UASKER": "Y--", "UNOBODY": "---"}
        for who in KEYS:
            told = ""
            for tier in (1, 2, 3):
                proposal = await asked(world, incident, tier=tier, name=f"{who}{tier}")
                said = await sign(world, proposal, who)
                told += "Y" if said.counted else "-"
                assert tier < 3 or not said.complete  # one person is one person
                if await world.state(proposal) in ("proposed", "approved"):
                    await world.press(proposal, by="USECOND", decision="reject", reason="next")
            assert told == expected[who], who
        assert lever.pulled == []


async def test_a_second_account_does_not_help_who_asked(tmp_path: Path) -> None:
    """Even with everything but the second person."""
    async with levers(tmp_path) as (world, _):
        folk(world)
        incident = await world.declared()
        await command.take_command(world.desk, incident.id, by="UCOMMANDER", surface="test")
        proposal = await asked(world, incident.id, tier=3)
        assert not (await world.press(proposal, by="UTWIN", typed=proposal.effects.target)).counted
        assert not (await sign(world, proposal, "UASKER")).counted
        assert await world.state(proposal) == "proposed"
