"""Verify: watch the criterion that was stated before, for the time that was stated; say hit or miss; prepare the way back."""

from __future__ import annotations

import asyncio
from datetime import datetime

from app.domain.errors import FirstmateError
from app.domain.proposal import Criterion, Proposal
from app.domain.quantity import said
from app.domain.telemetry import NoData
from app.domain.value import Value
from app.incidents import record, set_aside
from app.incidents.desk import FIRSTMATE, Desk
from app.incidents.hold import beat
from app.incidents.propose import propose_undo
from app.ledger import audit, claims, executions, incidents, outbox
from app.ledger.ledger import Tx

LOOKS = 12
"""How many times the criterion is looked at within its holding time: often enough to see it flicker."""
FASTEST_S, SLOWEST_S = 0.5, 15.0
LOST = "something else took {target} over while it was watched, so nothing was verified: look yourself"


class Watched(Value):
    """How the criterion came out. `met=None`: it could not be told."""

    met: bool | None
    observed: float | None
    sentence: str


async def verify(desk: Desk, execution_id: str) -> None:
    """Answer the criterion of a finished run. Called again (a crash in between) it watches again from where time stands."""
    async with desk.ledger.read() as tx:
        execution = await executions.get(tx, execution_id)
        token = await executions.claim_token(tx, execution_id)
    if execution.state != "finished" or execution.finished_at is None:
        return
    proposal = await set_aside.whole(desk, execution.proposal)
    if proposal is None:
        return
    watched = await _watch(desk, proposal, ended=execution.finished_at, token=token)
    # Before the end is noted: a process that dies in between comes here again, and the same undo is not proposed twice.
    undo = await propose_undo(desk, proposal, surface="jobs") if proposal.undoes is None else None
    now = desk.clock()
    async with desk.ledger.write() as tx:
        met = watched.met is True
        if not await executions.verify(
            tx, execution_id, met=watched.met, observed=watched.observed, detail=watched.sentence, at=now
        ):
            return
        await claims.release(tx, proposal.effects.target, token, now=now)
        if met and proposal.undoes is None:
            await _recovering(desk, tx, proposal.incident)
        await record.step(
            desk,
            tx,
            proposal,
            audit.Action.VERIFIED if met else audit.Action.MISSED,
            actor=FIRSTMATE,
            surface="jobs",
            subject=execution_id,
            text={True: "verified: ", False: "did not help: ", None: ""}[watched.met] + watched.sentence,
        )
        await outbox.put(
            tx,
            f"outcome:{execution_id}:verified",
            incident=proposal.incident,
            lane="decision",
            kind="outcome",
            body={"execution": execution_id, "undo": undo.name if undo else None},
            at=now,
        )


async def _recovering(desk: Desk, tx: Tx, incident_id: str) -> None:
    """The incident's status follows a repair that held. What people closed meanwhile stays closed."""
    incident = await incidents.get(tx, incident_id)
    if incident.status not in ("investigating", "mitigating"):
        return
    now = desk.clock()
    await incidents.set_status(tx, incident_id, "monitoring", at=now)
    await audit.append(
        tx,
        audit.Action.STATUS_FOLLOWED,
        incident=incident_id,
        at=now,
        actor=FIRSTMATE,
        surface="jobs",
        subject=incident_id,
        payload={"status": "monitoring"},
    )


async def _watch(desk: Desk, proposal: Proposal, *, ended: datetime, token: int) -> Watched:
    """The clock on the wall only says how much of the window was left when we came; from then on a clock counts that nobody sets.
    What held before we came (a restart) must be seen to hold anew."""
    criterion = proposal.criterion
    if criterion is None:
        return Watched(
            met=None, observed=None, sentence="ran; no criterion could be stated, so nothing was verified: look yourself"
        )
    source = desk.metrics.get(criterion.source)
    if source is None:
        return Watched(
            met=None, observed=None, sentence=f"ran; {criterion.source} is not connected any more, so nothing was verified"
        )
    left_s = criterion.within_s - max(0.0, (desk.clock() - ended).total_seconds())
    pause = min(SLOWEST_S, max(FASTEST_S, criterion.hold_s / LOOKS))
    began = desk.monotonic()
    good_since: float | None = None
    value: float | None = None
    trouble = ""
    while (passed := desk.monotonic() - began) <= left_s:
        try:
            answer = await source.value(criterion.query, at=desk.clock())
        except FirstmateError as error:
            answer, trouble = NoData(source=criterion.source, query=criterion.query, reason=str(error)), str(error)
        if not await beat(desk, proposal.effects.target, token):  # before its answer counts: it may be somebody else's doing
            return Watched(met=None, observed=None, sentence=f"ran; {LOST.format(target=proposal.effects.target)}")
        if isinstance(answer, NoData):
            trouble, good_since = answer.reason, None
        else:
            value = answer
            if not criterion.met_by(answer):
                good_since = None
            elif good_since is None:
                good_since = passed
            if good_since is not None and passed - good_since >= criterion.hold_s:
                return Watched(met=True, observed=value, sentence=_said(criterion, value, met=True))
        await asyncio.sleep(pause)
    if value is None:
        why = trouble or "the time to look was over before anybody could"
        return Watched(met=None, observed=None, sentence=f"ran; {criterion.source} gave no number to verify it by ({why})"[:400])
    if good_since is not None and criterion.within_s - left_s > pause:
        seen = f"measured {said(value, criterion.unit)}, but nobody looked until shortly before its time was over"
        return Watched(met=None, observed=value, sentence=f"{criterion.sentence}: {seen}"[:400])
    return Watched(met=False, observed=value, sentence=_said(criterion, value, met=False))


def _said(criterion: Criterion, value: float, *, met: bool) -> str:
    word = "held" if met else "not met in time"
    return f"{criterion.sentence}: measured {said(value, criterion.unit)}, {word}"[:400]
