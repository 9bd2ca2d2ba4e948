"""A yes that was signed at a shell: forged, replayed, altered, stale, of somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.cli.approve import signed
from app.cli.key import Key
from app.domain.errors import BadInput, NotFound
from app.domain.statement import Signed
from app.incidents.confirm import confirm, read
from app.incidents.decide import USED
from app.ledger import audit, confirmations
from app.ledger.audit import Action
from app.policy.policy import load
from tests.drills.lever import KEYS, POLICY, asked, levers, sign
from tests.unit.incidents.world import World, member, unreachable


def changed(given: Signed, **fields: Any) -> Signed:
    """Another statement under the same signature."""
    return given.model_copy(update={"statement": given.statement.model_copy(update=fields)})


async def refusals(world: World, incident: str) -> list[str]:
    async with world.ledger.read() as tx:
        rows = await audit.rows(tx, incident)
    return [f"{row.actor}: {(row.payload or {})['reason']}" for row in rows if row.action == Action.REFUSED]


async def test_a_signed_yes_counts_like_a_press_and_says_how_it_was_made(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        proposal = await asked(world, (await world.declared()).id, tier=2)
        assert (await sign(world, proposal, "UAPPROVER")).complete
        assert any("approved by UAPPROVER with a key, outside Slack" in line for line in await world.told(proposal.incident))


async def test_the_same_signature_counts_once_also_where_it_was_refused(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        incident = (await world.declared()).id
        proposal = await asked(world, incident, tier=3)
        made = signed(KEYS["UAPPROVER"], proposal, typed=proposal.effects.target, now=world.clock())
        assert (await confirm(world.desk, made)).counted
        assert USED in (await confirm(world.desk, made)).sentence
        by_who_asked = signed(KEYS["UASKER"], proposal, typed=proposal.effects.target, now=world.clock())
        for _ in range(2):
            assert not (await confirm(world.desk, by_who_asked)).counted
        async with world.ledger.read() as tx:
            assert [each.by for each in await confirmations.for_proposal(tx, proposal.hash)] == ["UAPPROVER"]
        assert (await refusals(world, incident))[-1] == f"UASKER: {USED}"


async def test_what_is_altered_forged_or_of_another_key_is_refused_and_names_nobody_as_its_actor(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        incident = (await world.declared()).id
        proposal, other = await asked(world, incident, tier=3), await asked(world, incident, tier=3, name="other")
        target = proposal.effects.target
        good = signed(KEYS["UAPPROVER"], proposal, typed=target, now=world.clock())
        forger = Key("UAPPROVER", Ed25519PrivateKey.generate())
        forged = [
            changed(good, proposal=other.hash),
            changed(good, by="USECOND"),
            changed(good, typed=other.effects.target),
            changed(good, nonce="0" * 32),
            changed(good, expires_at=world.clock().replace(year=2030)),
            good.model_copy(update={"signature": ""}),
            good.model_copy(update={"signature": "%%%"}),
            good.model_copy(update={"signature": good.signature[::-1]}),
            signed(forger, proposal, typed=target, now=world.clock()),
            signed(Key("USECOND", KEYS["UAPPROVER"].private), proposal, typed=target, now=world.clock()),
            signed(Key("UCOMMANDER", forger.private), proposal, typed=target, now=world.clock()),
        ]
        for each in forged:
            said = await confirm(world.desk, each)
            assert not said.counted
            assert "no key that the policy file names" in said.sentence
        told = await refusals(world, incident)
        assert len(told) == len(forged)
        assert all(line.startswith("somebody at a shell: ") for line in told)
        assert (await confirm(world.desk, good)).counted  # none of them used it up


@pytest.mark.parametrize(("minutes", "why"), [(5, "is over its time"), (6, "is over its time"), (-1, "dated ahead")])
async def test_it_counts_for_five_minutes(tmp_path: Path, minutes: int, why: str) -> None:
    async with levers(tmp_path) as (world, _):
        proposal = await asked(world, (await world.declared()).id, tier=1)
        made = signed(KEYS["UAPPROVER"], proposal, typed=proposal.effects.target, now=world.clock())
        world.clock.jump(minutes=minutes)
        assert why in (await confirm(world.desk, made)).sentence


async def test_a_key_that_was_taken_out_of_the_policy_file_counts_no_more_also_for_what_it_confirmed(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, lever):
        proposal = await asked(world, (await world.declared()).id, tier=3)
        assert (await sign(world, proposal, "UAPPROVER")).counted
        world.desk.policy = load("\n".join(line for line in POLICY.splitlines() if KEYS["UAPPROVER"].line not in line))
        said = await world.press(proposal, by="USECOND", typed=proposal.effects.target)
        assert "one confirmation outside Slack" in said.sentence
        assert not (await sign(world, proposal, "UAPPROVER")).counted
        assert lever.pulled == []


async def test_whom_slack_can_not_tell_about_is_believed_by_key_alone_and_only_for_what_they_signed(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        incident = (await world.declared()).id
        proposal = await asked(world, incident, tier=3)
        world.folk["UAPPROVER"] = world.folk["USECOND"] = unreachable()
        assert not (await world.press(proposal, by="USECOND", typed=proposal.effects.target)).counted
        assert (await sign(world, proposal, "UAPPROVER")).counted
        assert (await sign(world, proposal, "USECOND")).complete
        pressed = await asked(world, incident, tier=3, name="b")
        world.folk["USECOND"] = member("USECOND")
        assert (await world.press(pressed, by="USECOND", typed=pressed.effects.target)).counted
        world.folk["USECOND"] = unreachable()  # that was a press, not a signature: nobody can tell who that is now
        assert not (await sign(world, pressed, "UAPPROVER")).complete


async def test_the_wrong_name_signed_is_refused(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        proposal = await asked(world, (await world.declared()).id, tier=3)
        assert "typed, exactly" in (await sign(world, proposal, "UAPPROVER", typed="lever/b")).sentence


async def test_what_is_no_signed_statement_is_no_approval(tmp_path: Path) -> None:
    for body in ({}, [], None, {"statement": {}, "signature": ""}, {"statement": {"format": "firstmate-key/1"}}):
        with pytest.raises(BadInput):
            read(body)
    async with levers(tmp_path) as (world, _):
        proposal = await asked(world, (await world.declared()).id, tier=1)
        gone = signed(KEYS["UAPPROVER"], proposal.model_copy(update={"hash": "0" * 64}), typed="", now=world.clock())
        with pytest.raises(NotFound):
            await confirm(world.desk, gone)


@pytest.mark.parametrize(
    ("tier", "after_s", "noted"), [(1, 0.5, 0), (2, 0.5, 1), (2, 1.99, 1), (2, 2.0, 0), (3, 0.5, 1), (3, None, 0)]
)
async def test_a_yes_that_comes_sooner_than_anybody_reads_counts_and_is_noted(
    tmp_path: Path, tier: int, after_s: float | None, noted: int
) -> None:
    async with levers(tmp_path) as (world, _):
        proposal = await asked(world, (await world.declared()).id, tier=tier)
        typed = proposal.effects.target
        assert (await world.press(proposal, by="UAPPROVER", typed=typed, after_s=after_s)).counted
        assert (await world.audited(proposal.incident)).count(Action.PRESSED_QUICKLY.value) == noted
