"""What the trail says of a proposal, move by move, and what is told where the tables say other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from app.domain.approval import Approval
from app.domain.proposal import Proposal
from app.ledger import approvals, audit, executions, proposals
from app.ledger.audit import Action
from app.ledger.ledger import Ledger, Tx
from app.ledger.rebuild import MOVES, SAYS, Stand, differences, logged, rebuild, stands
from app.ledger.tables import approvals as table

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BORN = ("p", Action.AGENT_PROPOSED.value, "proposer@1.0.0")


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ((), "proposed"),
        (("approve",), "approved"),
        (("reject",), "rejected"),
        (("expire",), "expired"),
        (("supersede",), "superseded"),
        (("set_aside",), "superseded"),
        (("approve", "reject"), "rejected"),
        (("approve", "expire"), "approved"),
        (("approve", "supersede"), "superseded"),
        (("approve", "set_aside"), "superseded"),
        (("approve", "start"), "executing"),
        (("approve", "start", "set_aside"), "unknown"),
        (("approve", "start", "finish"), "done"),
        (("approve", "start", "fail"), "failed"),
        (("approve", "start", "lose"), "unknown"),
        (("start",), "proposed"),
        (("finish",), "proposed"),
        (("reject", "approve"), "rejected"),
        (("expire", "approve", "start"), "expired"),
        (("approve", "finish"), "approved"),
        (("approve", "start", "reject"), "executing"),
        (("approve", "start", "finish", "start"), "done"),
        (("propose",), "proposed"),
    ],
)  # fmt: skip
def test_each_row_moves_a_proposal_from_where_it_may_and_from_nowhere_else(rows: tuple[str, ...], state: str) -> None:
    named = {
        "propose": Action.AGENT_PROPOSED, "approve": Action.APPROVED, "reject": Action.REJECTED, "expire": Action.EXPIRED,
        "supersede": Action.SUPERSEDED, "set_aside": Action.SET_ASIDE, "start": Action.EXECUTION_STARTED,
        "finish": Action.EXECUTION_FINISHED, "fail": Action.EXECUTION_FAILED, "lose": Action.EXECUTION_UNKNOWN,
    }  # fmt: skip
    found = rebuild([BORN, *(("p", named[each].value, "U1") for each in rows)])["p"]
    assert (found.state, found.used) == (state, state in ("executing", "unknown", "done", "failed"))
    assert set(MOVES) == {Action.PERSON_PROPOSED, *named.values()}


def test_who_said_what_is_kept_and_what_names_no_proposal_that_was_made_is_not() -> None:
    said = [("p", action, f"U{n}") for n, action in enumerate(SAYS)]
    everybody = frozenset({("U0", "approve"), ("U1", "approve"), ("U2", "approve"), ("U3", "reject")})
    assert rebuild([BORN, *said]) == {"p": Stand(state="rejected", said=everybody)}
    assert rebuild(said) == {}
    assert rebuild([("p", Action.PERSON_PROPOSED.value, "U1"), ("p", Action.REFUSED.value, "U2")]) == {"p": Stand(state="proposed")}
    assert set(rebuild([BORN, ("q", Action.PERSON_PROPOSED.value, "U1")])) == {"p", "q"}


async def log(tx: Tx, proposal: Proposal, action: Action, *, actor: str = "U1") -> None:
    await audit.append(
        tx, action, incident=proposal.incident, at=NOON, actor=actor, surface="test", subject=proposal.name, proposal=proposal.hash
    )


async def test_the_tables_and_the_trail_are_held_against_each_other_proposal_by_proposal(
    ledger: Ledger, propose: Callable[..., Proposal]
) -> None:
    one, other = sorted((propose(), propose(why="another way")), key=lambda each: each.hash)
    async with ledger.write() as tx:
        for each in (one, other):
            await proposals.add(tx, each)
            await log(tx, each, Action.AGENT_PROPOSED, actor="proposer@1.0.0")
        await audit.append(tx, Action.NOTED, incident=one.incident, at=NOON, actor="U1", surface="test", subject="x")
        for by in ("U2", "U1"):
            yes = Approval(proposal=one.hash, decision="approve", by=by, at=NOON, surface="test")
            assert await approvals.record(tx, yes)
            await log(tx, one, Action.AGREED if by == "U2" else Action.APPROVED, actor=by)
        await proposals.move(tx, one.hash, {"proposed"}, "approved", at=NOON)
    both = frozenset({("U1", "approve"), ("U2", "approve")})
    expected = {one.hash: Stand(state="approved", said=both), other.hash: Stand(state="proposed")}
    async with ledger.write() as tx:
        assert await logged(tx) == expected
        assert await stands(tx) == expected
        assert await differences(tx) == []
        await tx.execute(update(table).where(table.c.by == "U1").values(redeemed_at=NOON, redeemed_by=executions.id_of(one.hash)))
        await proposals.move(tx, other.hash, {"proposed"}, "rejected", at=NOON)
        assert (await stands(tx))[one.hash] == Stand(state="approved", said=both, used=True)
        people, past = "U1 approve, U2 approve", "somebody wrote past it"
        first = f"{one.name} is approved ({people}; used) in the tables; by the trail it is approved ({people}): {past}"
        nobody = "(nobody said anything)"
        second = f"{other.name} is rejected {nobody} in the tables; by the trail it is proposed {nobody}: {past}"
        assert await differences(tx) == [first, second]


async def test_a_proposal_that_only_one_of_them_knows_is_told(ledger: Ledger, propose: Callable[..., Proposal]) -> None:
    there, gone = propose(), propose(why="another way")
    async with ledger.write() as tx:
        await proposals.add(tx, there)
        await log(tx, gone, Action.PERSON_PROPOSED)
        told = await differences(tx)
    assert sorted(told) == sorted([
        f"{there.name} is proposed (nobody said anything) in the tables; by the trail it is unknown: somebody wrote past it",
        f"{gone.name} is unknown in the tables; by the trail it is proposed (nobody said anything): somebody wrote past it",
    ])  # fmt: skip
