"""Moved: what changed around a target since something was proposed for it, as a sentence; the target itself is read back elsewhere.

How old the evidence gets is bounded by the proposal's own expiry; here it is asked whether something newer speaks against it.
"""

from __future__ import annotations

from pydantic import BaseModel

from app.domain.action import Call
from app.domain.ports import ActionPort
from app.domain.priority import PRIORITY
from app.domain.proposal import Proposal
from app.incidents.desk import Desk
from app.ledger import alerts, claims, executions, runs
from app.ledger.ledger import Tx


def action_moved(action: ActionPort, arguments: BaseModel, proposal: Proposal) -> str | None:
    """Whether the action itself is another one now: it reads the arguments otherwise, or would do something else with them."""
    reads = Call(action=proposal.call.action, arguments=arguments.model_dump(mode="json"))
    if not (reads.narrows(proposal.call) and proposal.call.narrows(reads)):
        return f"{proposal.call.action} reads its arguments in another way than when it was proposed"
    now = action.effects(arguments)
    if now != proposal.effects:
        return f"{proposal.call.action} would now do something else: {now.sentence} (target {now.target})"[:400]
    return None


async def around(desk: Desk, proposal: Proposal) -> str | None:
    """Somebody else took the target, the alert is gone, or a newer triage found something else."""
    async with desk.ledger.read() as tx:
        return await _claimed(desk, tx, proposal) or await _quiet(tx, proposal) or await _found_otherwise(tx, proposal)


async def _claimed(desk: Desk, tx: Tx, proposal: Proposal) -> str | None:
    """Not where the run would take it away: who changed nothing yet must not keep people from a repair by claiming anew."""
    claim = await claims.current(tx, proposal.effects.target, now=desk.clock())
    if claim is None or claim.acquired_at <= proposal.asked_at or claim.holder == claims.held_by(executions.id_of(proposal.hash)):
        return None
    if claim.yields_to(PRIORITY["incident"]):
        return None
    return f"{claim.holder} holds {proposal.effects.target} since {claim.acquired_at:%H:%M:%S} UTC"


async def _quiet(tx: Tx, proposal: Proposal) -> str | None:
    """The way back from a repair is wanted just when the alert is gone."""
    if proposal.undoes is not None or await alerts.still_firing(tx, proposal.incident):
        return None
    ended = [one for one in await alerts.for_incident(tx, proposal.incident) if one.last_seen > proposal.asked_at]
    if not ended:
        return None
    last = max(ended, key=lambda one: one.last_seen)
    named = last.alert.name or last.alert.service or last.fingerprint
    return f"nothing fires any more: the alert {named} resolved at {last.last_seen:%H:%M:%S} UTC"[:400]


async def _found_otherwise(tx: Tx, proposal: Proposal) -> str | None:
    if proposal.hypothesis is None or proposal.undoes is not None:
        return None
    for run in reversed(await runs.for_incident(tx, proposal.incident)):
        if run.diagnosis is None or run.finished_at is None:
            continue
        if run.finished_at <= proposal.asked_at or run.queued_at <= proposal.asked_at:  # the run that it came from ends after it
            return None
        if any(one.target == proposal.hypothesis and one.verdict == "supported" for one in run.diagnosis.hypotheses):
            return None
        return f"a newer triage ({run.finished_at:%H:%M:%S} UTC) no longer finds {proposal.hypothesis} guilty"[:400]
    return None
