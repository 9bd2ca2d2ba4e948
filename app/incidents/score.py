"""Score: how every proposal ended, against the agent version and action that made it; and the breaker that follows from it.

Called by `record.step` in the transaction of the end itself, so that no end passes by.
"""

from __future__ import annotations

from app.domain.breaker import Breaker
from app.domain.errors import BadInput
from app.domain.proposal import Proposal
from app.domain.value import JsonObject
from app.incidents.desk import FIRSTMATE, Desk, proposal_card_key
from app.ledger import audit, executions, outbox, outcomes, proposals, timeline
from app.ledger.audit import Action
from app.ledger.ledger import Tx
from app.ledger.outcomes import Result
from app.ledger.proposals import StoredProposal
from app.policy.limits import BreakerLimits

SAID = "said"
"""The kind of message that is one sentence to a whole channel."""
ENDS: dict[Action, Result] = {
    Action.VERIFIED: "hit",
    Action.MISSED: "miss",
    Action.EXECUTION_FAILED: "failed",
    Action.EXECUTION_UNKNOWN: "unknown",
    Action.REJECTED: "rejected",
    Action.EXPIRED: "expired",
    Action.SUPERSEDED: "superseded",
}
"""The steps that end a proposal's life."""
GOOD: dict[Result, bool] = {"hit": True, "miss": False, "failed": False, "unknown": False, "rejected": False}
"""What an end says of whoever proposed it; the others say nothing."""
NEVER_RAN = ("rejected", "expired", "superseded")


async def note(desk: Desk, tx: Tx, proposal: Proposal, action: Action) -> None:
    """One step of its life: counted where it is the end."""
    result = ENDS.get(action)
    if result is None:
        return
    now = desk.clock()
    if result == "miss" and (ran := await executions.of_proposal(tx, proposal.hash)) is not None and ran.state == "unverified":
        result = "unverified"
    asked_by, named = proposal.asked_by, proposal.call.action
    new = await outcomes.record(tx, proposal.hash, agent=asked_by, action=named, result=result, at=now)
    if result in NEVER_RAN and proposal.undoes is None:
        await outcomes.follow(tx, proposal.hash, at=now)
    if not new or not watched(proposal):
        return
    before = await outcomes.breaker(tx, asked_by, named)
    after = before.ended(proposal.hash, good=GOOD.get(result), limits=limits_of(desk), now=now)
    await _turned(desk, tx, before, after, incident=proposal.incident, actor=FIRSTMATE, because=f"{proposal.name} {_WORDS[result]}")


def watched(proposal: Proposal) -> bool:
    """Whether a breaker counts it: an agent's proposals, but never the way back from one."""
    return "@" in proposal.asked_by and proposal.undoes is None


def limits_of(desk: Desk) -> BreakerLimits:
    return desk.policy.breaker if desk.policy else BreakerLimits()


async def breaker_of(tx: Tx, proposal: Proposal) -> Breaker | None:
    """What stands before this proposal; None for one that no breaker counts."""
    return await outcomes.breaker(tx, proposal.asked_by, proposal.call.action) if watched(proposal) else None


async def approved(desk: Desk, tx: Tx, proposal: Proposal) -> None:
    """It goes on to its run: where its breaker is half open, this is the one that is tried."""
    if not watched(proposal):
        return
    before = await outcomes.breaker(tx, proposal.asked_by, proposal.call.action)
    await _turned(desk, tx, before, before.approved(proposal.hash), incident=proposal.incident, actor=FIRSTMATE, because="")


async def close(desk: Desk, tx: Tx, held: StoredProposal, *, by: str, surface: str, reason: str) -> str:
    """A person lets this proposal's agent version and action go on. Who may is asked before. Raises `BadInput`: none is open."""
    proposal = held.proposal
    before = await outcomes.breaker(tx, proposal.asked_by, proposal.call.action)
    if before.opened_at is None:
        raise BadInput(f"no breaker is open for {proposal.call.action} by {proposal.asked_by}")
    await _turned(desk, tx, before, before.closed(), incident=proposal.incident, actor=by, because=reason, surface=surface)
    return f"Closed: {proposal.call.action} by {proposal.asked_by} may be approved again."


async def release(tx: Tx, proposal: str) -> None:
    """One that can't be read any more is tried no longer, whoever asked for it."""
    for held in await outcomes.tried(tx):
        if held.probe == proposal:
            await outcomes.set_breaker(tx, held.model_copy(update={"probe": None}))


async def _turned(
    desk: Desk, tx: Tx, before: Breaker, after: Breaker, *, incident: str, actor: str, because: str, surface: str = "jobs"
) -> None:
    """Keep how it stands now; where it opened or closed, that is recorded and said, and the cards that wait follow."""
    if after == before:
        return
    await outcomes.set_breaker(tx, after)
    now, what = desk.clock(), f"{after.action} by {after.agent}"
    if after.probe is not None and before.probe is None:
        action, said = Action.BREAKER_TRIED, f"The breaker for {what} is half open: p-{after.probe[:8]} is tried"
    elif after.opened_at is not None and after.opened_at != before.opened_at:
        action, said = Action.BREAKER_OPENED, f"The breaker for {what} opened: {because}. Nothing more of it is approved for now"
    elif after.opened_at is None and before.opened_at is not None:
        action, said = Action.BREAKER_CLOSED, f"The breaker for {what} is closed again: {because}"
    else:
        return
    payload: JsonObject = {"text": said, "agent": after.agent}
    await audit.append(
        tx,
        action,
        incident=incident,
        at=now,
        actor=actor,
        surface=surface,
        agent=after.agent,
        policy=desk.policy_version,
        subject=after.action,
        payload=payload,
    )
    await timeline.append(tx, incident, at=now, actor=actor, text=said[:400])
    if action is not Action.BREAKER_TRIED:
        key = f"{SAID}:breaker:{after.agent}:{after.action}:{incident}:{action}:{now.isoformat()}"
        await outbox.put(tx, key, incident=incident, lane="decision", kind=SAID, body={"sentence": f"{said}."}, at=now)
    for waiting in await proposals.in_state(tx, "proposed"):
        await outbox.put_refresh(tx, waiting.incident, proposal_card_key(waiting.hash), at=now, lane="decision")


_WORDS: dict[Result, str] = {
    "hit": "helped",
    "miss": "did not help",
    "unverified": "could not be verified",
    "failed": "failed",
    "unknown": "may have run, and nobody knows",
    "rejected": "was rejected",
    "expired": "expired",
    "superseded": "was superseded",
}
