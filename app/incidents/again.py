"""Again: what a superseded or expired proposal wanted, planned anew from how things are now. Another proposal, the same gates."""

from __future__ import annotations

from app.domain.action import Call
from app.domain.errors import Conflict, Denied
from app.domain.ports import Replanning
from app.domain.proposal import Proposal
from app.incidents import record
from app.incidents.desk import Desk
from app.incidents.propose import action_named, arguments_of, propose
from app.ledger import audit, proposals, supersessions


async def plan_again(desk: Desk, hash: str, *, by: str, surface: str) -> Proposal:
    """Whoever presses it has asked for the new one. Raises what `propose` raises, `Conflict` where that was done already, `Denied`
    for one that is still to be decided, or ran."""
    async with desk.ledger.read() as tx:
        held = await proposals.get(tx, hash)
        ended = await supersessions.of(tx, hash)
    old = held.proposal
    if held.state not in ("superseded", "expired"):
        raise Denied(f"{old.name} is {held.state}; only what was superseded or expired is planned again")
    if ended is not None and ended.again is not None:
        raise Conflict(f"{old.name} was planned again already: p-{ended.again[:8]}; decide on that one")
    action = action_named(desk, old.call.action)
    fresh = old.call.arguments
    if isinstance(action, Replanning):
        fresh = await action.again(arguments_of(action, old.call))
    new = await propose(
        desk,
        incident=old.incident,
        call=Call(action=old.call.action, arguments=fresh),
        asked_by=by,
        by_agent=False,
        surface=surface,
        why=old.why,
        criterion=old.criterion,
        if_we_wait=old.if_we_wait,
        hypothesis=old.hypothesis,
        findings=old.findings,
        undoes=old.undoes,
    )
    async with desk.ledger.write() as tx:
        await supersessions.note(tx, hash, reason="", at=desk.clock())
        if await supersessions.planned_again(tx, hash, by=new.hash):
            text = f"was planned again as {new.name}"
            await record.step(desk, tx, old, audit.Action.REPLANNED, actor=by, surface=surface, text=text)
    return new
