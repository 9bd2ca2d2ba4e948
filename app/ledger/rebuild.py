"""From the audit trail alone: where every proposal stands, who said yes or no to it, and whether a yes was used up.

The tables must say the same. What somebody put into them past the trail (a state, an approval) shows here.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from app.domain.proposal import State
from app.domain.value import Value
from app.ledger.audit import Action
from app.ledger.ledger import Tx
from app.ledger.tables import approvals, audit, proposals

MOVES: dict[str, dict[State | None, State]] = {
    Action.AGENT_PROPOSED: {None: "proposed"},
    Action.PERSON_PROPOSED: {None: "proposed"},
    Action.APPROVED: {"proposed": "approved"},
    Action.REJECTED: {"proposed": "rejected", "approved": "rejected"},
    Action.EXPIRED: {"proposed": "expired"},
    Action.SUPERSEDED: {"proposed": "superseded", "approved": "superseded"},
    Action.SET_ASIDE: {"proposed": "superseded", "approved": "superseded", "executing": "unknown"},
    Action.EXECUTION_STARTED: {"approved": "executing"},
    Action.EXECUTION_FINISHED: {"executing": "done"},
    Action.EXECUTION_FAILED: {"executing": "failed"},
    Action.EXECUTION_UNKNOWN: {"executing": "unknown"},
}
"""Which row brings a proposal from where to where. A row that finds it elsewhere moves nothing: somebody else was first."""
SAYS: dict[str, str] = {
    Action.AGREED: "approve",
    Action.CONFIRMED: "approve",
    Action.APPROVED: "approve",
    Action.REJECTED: "reject",
}


class Stand(Value):
    """`said`: (who, approve or reject). `used`: an execution used the yes up."""

    state: State
    said: frozenset[tuple[str, str]] = frozenset()
    used: bool = False


def rebuild(rows: Iterable[tuple[str, str, str]]) -> dict[str, Stand]:
    """By proposal, from (proposal, action, actor) of the rows that name one, chain by chain, in order."""
    stands: dict[str, Stand] = {}
    for proposal, action, actor in rows:
        there = stands.get(proposal)
        after = MOVES.get(action, {}).get(there.state if there else None)
        if there is None and after is None:
            continue
        there = there or Stand(state="proposed")
        said = there.said | ({(actor, SAYS[action])} if action in SAYS else set())
        used = there.used or after == "executing"
        stands[proposal] = Stand(state=after or there.state, said=said, used=used)
    return stands


async def logged(tx: Tx) -> dict[str, Stand]:
    """Rebuilt from the trail of this ledger."""
    query = select(audit.c.proposal, audit.c.action, audit.c.actor).where(audit.c.proposal != "")
    rows = await tx.execute(query.order_by(audit.c.incident, audit.c.seq))
    return rebuild((row.proposal, row.action, row.actor) for row in rows)


async def stands(tx: Tx) -> dict[str, Stand]:
    """The same as the tables have it."""
    said: dict[str, set[tuple[str, str]]] = {}
    used: set[str] = set()
    for row in await tx.execute(select(approvals.c.proposal, approvals.c.by, approvals.c.decision, approvals.c.redeemed_at)):
        said.setdefault(row.proposal, set()).add((row.by, row.decision))
        if row.redeemed_at is not None:
            used.add(row.proposal)
    found = await tx.execute(select(proposals.c.hash, proposals.c.state))
    return {row.hash: Stand(state=row.state, said=frozenset(said.get(row.hash, ())), used=row.hash in used) for row in found}


async def differences(tx: Tx) -> list[str]:
    """Where the tables say other than the trail, as sentences."""
    trail, tables = await logged(tx), await stands(tx)
    return [
        f"p-{hash[:8]} {_said(tables.get(hash))} in the tables; by the trail it {_said(trail.get(hash))}: somebody wrote past it"
        for hash in sorted({*trail, *tables})
        if trail.get(hash) != tables.get(hash)
    ]


def _said(stand: Stand | None) -> str:
    if stand is None:
        return "is unknown"
    people = ", ".join(f"{who} {what}" for who, what in sorted(stand.said)) or "nobody said anything"
    return f"is {stand.state} ({people}{'; used' if stand.used else ''})"
