from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from app.domain.agent import Agent
from app.domain.approval import Acknowledgement, Approval
from app.domain.errors import BadInput, Conflict, NotFound
from app.domain.proposal import Proposal
from app.ledger import approvals, executions, proposals
from app.ledger.ledger import Ledger
from app.ledger.tables import proposals as table

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Propose = Callable[..., Proposal]


@pytest.fixture
async def proposal(ledger: Ledger, propose: Propose) -> Proposal:
    made = propose()
    async with ledger.write() as tx:
        assert await proposals.add(tx, made)
    return made


async def test_a_proposal_comes_back_byte_for_byte(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.read() as tx:
        stored = await proposals.get(tx, proposal.hash)
    assert stored.proposal == proposal
    assert stored.proposal.recomputed_hash() == proposal.hash
    assert stored.state == "proposed"
    assert stored.moved_at == NOON


async def test_the_same_proposal_is_stored_once(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.write() as tx:
        assert await proposals.move(tx, proposal.hash, {"proposed"}, "rejected", at=NOON)
        assert not await proposals.add(tx, proposal)
        assert (await proposals.get(tx, proposal.hash)).state == "rejected"


async def test_a_proposal_named_wrongly_is_refused(ledger: Ledger, propose: Propose) -> None:
    edited = propose().model_copy(update={"why": "something else"})
    with pytest.raises(BadInput):
        async with ledger.write() as tx:
            await proposals.add(tx, edited)


async def test_an_altered_body_is_noticed_when_it_is_read(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.write() as tx:
        body = (await tx.execute(select(table.c.body))).scalar_one()
        body["call"]["arguments"]["to"] = "1.0.0"
        await tx.execute(update(table).values(body=body))
    async with ledger.read() as tx:
        with pytest.raises(proposals.Altered, match="altered"):
            await proposals.get(tx, proposal.hash)
        assert await proposals.for_incident(tx, proposal.incident) == []
        named = [proposals.Reference(hash=proposal.hash, incident=proposal.incident)]
        assert await proposals.in_state(tx, "proposed") == named  # which one, it still says
        assert await proposals.altered(tx) == named


@pytest.mark.parametrize("body", ["{", "null", "[" * 100_000, '{"tier": 1e400}', "\ufffd"], ids=range(5))
async def test_one_body_that_is_no_json_any_more_hides_none_of_the_others(
    ledger: Ledger, proposal: Proposal, propose: Propose, body: str
) -> None:
    other = propose(why="another")
    async with ledger.write() as tx:
        await proposals.add(tx, other)
        raw = text("UPDATE proposals SET body = :body WHERE hash = :hash")
        await tx.execute(raw.bindparams(body=body, hash=proposal.hash))
    async with ledger.read() as tx:
        assert [held.proposal for held in await proposals.for_incident(tx, proposal.incident)] == [other]
        assert [held.hash for held in await proposals.altered(tx)] == [proposal.hash]
        with pytest.raises(proposals.Altered, match="cannot be read"):
            await proposals.get(tx, proposal.hash)


async def test_an_altered_one_that_can_never_run_is_left_as_it_is(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.write() as tx:
        await proposals.move(tx, proposal.hash, {"proposed"}, "rejected", at=NOON)
        await tx.execute(update(table).values(body={"tier": 0}))
        assert await proposals.altered(tx) == []


async def test_a_body_of_another_proposal_under_this_hash_is_noticed(ledger: Ledger, proposal: Proposal, propose: Propose) -> None:
    other = propose(why="another")
    async with ledger.write() as tx:
        await tx.execute(update(table).values(body=other.model_dump(mode="json")))
    async with ledger.read() as tx:
        with pytest.raises(proposals.Altered):
            await proposals.by_name(tx, proposal.name)


async def test_a_body_that_is_no_proposal_is_noticed(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.write() as tx:
        await tx.execute(update(table).values(body={"tier": 0}))
    async with ledger.read() as tx:
        with pytest.raises(proposals.Altered, match="cannot be read"):
            await proposals.get(tx, proposal.hash)


async def test_people_name_a_proposal_by_the_start_of_its_hash(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.read() as tx:
        for name in (proposal.name, "p-" + proposal.hash[:11], "p-" + proposal.hash):
            assert (await proposals.by_name(tx, name)).proposal == proposal
        with pytest.raises(NotFound):
            await proposals.by_name(tx, "p-" + ("0" if proposal.hash[0] != "0" else "1") * 8)
        for wrong in ("p-", "p-12345", proposal.hash, "p-%%%%%%%%", proposal.name.upper(), ""):
            with pytest.raises(BadInput):
                await proposals.by_name(tx, wrong)


async def test_a_name_that_two_proposals_answer_to_is_refused(ledger: Ledger, proposal: Proposal) -> None:
    twin = proposal.hash[:9] + ("0" * 55 if proposal.hash[9:] != "0" * 55 else "1" * 55)
    async with ledger.write() as tx:
        row = dict((await tx.execute(select(table))).one()._mapping)
        await tx.execute(table.insert().values({**row, "hash": twin}))
        with pytest.raises(Conflict):
            await proposals.by_name(tx, proposal.name)


async def test_lists_are_in_the_order_asked_and_by_state(ledger: Ledger, propose: Propose) -> None:
    first, second = propose(asked_at=NOON - timedelta(minutes=1)), propose(why="later")
    async with ledger.write() as tx:
        await proposals.add(tx, second)
        await proposals.add(tx, first)
        await proposals.move(tx, first.hash, {"proposed"}, "rejected", at=NOON)
        assert [s.proposal.hash for s in await proposals.for_incident(tx, first.incident)] == [first.hash, second.hash]
        waiting = await proposals.for_incident(tx, first.incident, states={"proposed", "approved"})
        assert [s.proposal.hash for s in waiting] == [second.hash]
        rejected = proposals.Reference(hash=first.hash, incident=first.incident)
        assert await proposals.in_state(tx, "rejected") == [rejected]


async def test_what_waits_at_its_expiry_expires_and_nothing_else(ledger: Ledger, propose: Propose) -> None:
    due, later, decided = propose(), propose(expires_at=NOON + timedelta(minutes=31)), propose(why="decided")
    async with ledger.write() as tx:
        for each in (due, later, decided):
            await proposals.add(tx, each)
        await proposals.move(tx, decided.hash, {"proposed"}, "approved", at=NOON)
        assert await proposals.expire_due(tx, NOON + timedelta(minutes=30) - timedelta(microseconds=1)) == []
        assert await proposals.expire_due(tx, NOON + timedelta(minutes=30)) == [due.hash]
        assert (await proposals.get(tx, decided.hash)).state == "approved"


async def test_what_was_asked_at_a_moment_that_lies_ahead_expires_at_once(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.write() as tx:
        assert await proposals.expire_due(tx, proposal.asked_at) == []
        assert await proposals.expire_due(tx, proposal.asked_at - timedelta(seconds=1)) == [proposal.hash]


async def test_of_many_presses_at_once_exactly_one_wins(ledger: Ledger, ledger_url: str, proposal: Proposal) -> None:
    ledgers = [ledger, await Ledger.open(ledger_url), await Ledger.open(ledger_url)]

    async def press(through: Ledger) -> bool:
        async with through.write() as tx:
            return await proposals.move(tx, proposal.hash, {"proposed"}, "approved", at=NOON)

    won = await asyncio.gather(*(press(ledgers[n % 3]) for n in range(24)))
    assert sum(won) == 1
    for other in ledgers[1:]:
        await other.close()


async def test_reading_before_writing_would_let_many_win(ledger: Ledger, proposal: Proposal) -> None:
    """The known-bad twin of `move`: this test shows that the race above can be lost."""
    everybody_read = asyncio.Barrier(4)

    async def press() -> bool:
        async with ledger.read() as tx:
            waiting = (await proposals.get(tx, proposal.hash)).state == "proposed"
        await everybody_read.wait()
        if waiting:
            async with ledger.write() as tx:
                await tx.execute(update(table).where(table.c.hash == proposal.hash).values(state="approved"))
        return waiting

    assert sum(await asyncio.gather(*(press() for _ in range(4)))) > 1


async def test_a_person_says_the_same_once(ledger: Ledger, proposal: Proposal) -> None:
    yes = Approval(proposal=proposal.hash, decision="approve", by="U1", at=NOON, surface="slack")
    no = yes.model_copy(update={"decision": "reject", "reason": "wrong service"})
    async with ledger.write() as tx:
        assert await approvals.record(tx, yes)
        assert not await approvals.record(tx, yes.model_copy(update={"at": NOON + timedelta(minutes=1)}))
        assert await approvals.record(tx, no)
        assert await approvals.for_proposal(tx, proposal.hash) == [yes, no]


async def test_an_approval_is_used_up_once(ledger: Ledger, proposal: Proposal) -> None:
    yes = Approval(proposal=proposal.hash, decision="approve", by="U1", at=NOON, surface="slack")
    async with ledger.write() as tx:
        assert await approvals.redeem(tx, proposal.hash, execution="x-1", at=NOON) == 0
        await approvals.record(tx, yes)
        await approvals.record(tx, yes.model_copy(update={"by": "U2", "decision": "reject"}))
        assert not await approvals.redeemed(tx, proposal.hash)
        assert await approvals.redeem(tx, proposal.hash, execution="x-1", at=NOON) == 1
        assert await approvals.redeem(tx, proposal.hash, execution="x-2", at=NOON) == 0
        assert await approvals.redeemed(tx, proposal.hash)


async def test_the_judges_word_is_kept_once(ledger: Ledger, proposal: Proposal) -> None:
    word = Acknowledgement(proposal=proposal.hash, agent=Agent(name="judge", version="1"), at=NOON, findings=("f_1",))
    async with ledger.write() as tx:
        assert await approvals.acknowledgement(tx, proposal.hash) is None
        assert await approvals.acknowledge(tx, word)
        assert not await approvals.acknowledge(tx, word.model_copy(update={"objections": ("too late",)}))
        assert await approvals.acknowledgement(tx, proposal.hash) == word


async def test_an_execution_starts_once_for_ever(ledger: Ledger, proposal: Proposal) -> None:
    async def start() -> bool:
        async with ledger.write() as tx:
            return await executions.start(tx, proposal.hash, claim_token=7, at=NOON) is not None

    assert sum(await asyncio.gather(*(start() for _ in range(8)))) == 1
    async with ledger.write() as tx:
        found = await executions.of_proposal(tx, proposal.hash)
        assert found is not None
        assert await executions.finish(tx, found.id, ok=False, detail="refused", at=NOON)
        assert await executions.start(tx, proposal.hash, claim_token=8, at=NOON) is None
        assert await executions.claim_token(tx, found.id) == 7


async def test_an_execution_goes_from_started_to_verified(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.write() as tx:
        started = await executions.start(tx, proposal.hash, claim_token=1, at=NOON)
        assert started is not None
        assert [e.id for e in await executions.unfinished(tx)] == [started.id]
        assert not await executions.verify(tx, started.id, met=True, observed=0.0, detail="", at=NOON)
        assert await executions.finish(tx, started.id, ok=True, detail="done", at=NOON)
        assert [e.id for e in await executions.unverified(tx)] == [started.id]
        assert not await executions.mark_unknown(tx, started.id, detail="", at=NOON)
        assert await executions.verify(tx, started.id, met=True, observed=0.001, detail="held for 60 s", at=NOON)
        found = await executions.get(tx, started.id)
    assert (found.state, found.observed, found.detail) == ("verified", 0.001, "held for 60 s")


async def test_an_unknown_execution_is_settled_by_reading_back(ledger: Ledger, proposal: Proposal) -> None:
    async with ledger.write() as tx:
        started = await executions.start(tx, proposal.hash, claim_token=1, at=NOON)
        assert started is not None
        assert await executions.mark_unknown(tx, started.id, detail="the answer was lost", at=NOON)
        assert [e.id for e in await executions.unknown(tx)] == [started.id]
        assert await executions.finish(tx, started.id, ok=True, detail="it took effect", at=NOON)
        assert (await executions.get(tx, started.id)).state == "finished"
        with pytest.raises(NotFound):
            await executions.get(tx, "x-none")
