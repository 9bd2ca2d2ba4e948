"""Follow: proposals that never ran are followed to the end too: did it come right without them? One sentence, on card and timeline.

That is what an agent's no or a person's no was worth; who looks back at an incident sees it without guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import FirstmateError
from app.domain.proposal import Proposal
from app.domain.quantity import said
from app.domain.telemetry import NoData
from app.incidents import record
from app.incidents.desk import FIRSTMATE, Desk
from app.ledger import alerts, audit, executions, outcomes, proposals, timeline
from app.ledger.ledger import Tx
from app.ledger.outcomes import Follow
from app.ledger.proposals import Altered

WITHOUT_CRITERION = timedelta(minutes=30)
"""How long the alerts alone are watched, where no criterion was stated."""


@dataclass(frozen=True)
class _Seen:
    """`well`: the criterion holds now; None: nobody could measure."""

    well: bool | None = None
    told: str = ""


async def follow(desk: Desk) -> int:
    """Look once at each that is followed; of how many the end is known now."""
    async with desk.ledger.read() as tx:
        waiting = await outcomes.followed(tx)
    return sum([await _one(desk, each) for each in waiting])


async def _one(desk: Desk, held: Follow) -> bool:
    try:
        async with desk.ledger.read() as tx:
            proposal = (await proposals.get(tx, held.proposal)).proposal
    except Altered as error:
        async with desk.ledger.write() as tx:
            return await outcomes.end_follow(tx, held.proposal, sentence=str(error), at=desk.clock())
    seen = await _look(desk, proposal)
    now = desk.clock()
    async with desk.ledger.write() as tx:
        since = (held.well_since or now) if seen.well else None
        if since != held.well_since:
            await outcomes.seen_well(tx, held.proposal, since=since)
        sentence = await _end(tx, proposal, held, seen, well_since=since, now=now)
        if sentence is None or not await outcomes.end_follow(tx, held.proposal, sentence=sentence, at=now):
            return False
        await timeline.append(tx, proposal.incident, at=now, actor=FIRSTMATE, text=f"{proposal.name}: {sentence}"[:400])
        await audit.append(
            tx,
            audit.Action.FOLLOWED,
            incident=proposal.incident,
            at=now,
            actor=FIRSTMATE,
            surface="jobs",
            policy=desk.policy_version,
            proposal=proposal.hash,
            subject=proposal.effects.target,
            payload={"text": sentence},
        )
        await record.refresh(desk, tx, proposal)
    return True


async def _look(desk: Desk, proposal: Proposal) -> _Seen:
    criterion = proposal.criterion
    source = desk.metrics.get(criterion.source) if criterion else None
    if criterion is None or source is None:
        return _Seen()
    try:
        value = await source.value(criterion.query, at=desk.clock())
    except FirstmateError:
        return _Seen()
    if isinstance(value, NoData):
        return _Seen()
    return _Seen(well=criterion.met_by(value), told=f"{criterion.sentence}: measured {said(value, criterion.unit)}")


async def _end(tx: Tx, proposal: Proposal, held: Follow, seen: _Seen, *, well_since: datetime | None, now: datetime) -> str | None:
    """How it came out, as a sentence; None: it is too early to say."""
    ran = [each.proposal for each in await proposals.for_incident(tx, proposal.incident, states={"executing", "done", "unknown"})]
    for other in ran:
        execution = await executions.of_proposal(tx, other.hash)
        if execution is not None and execution.started_at >= held.since:
            return f"whether it would have recovered without it can't be told: {other.name} ran meanwhile"
    waited = _minutes(now - held.since)
    hold = timedelta(seconds=proposal.criterion.hold_s) if proposal.criterion else timedelta()
    if well_since is not None and now - well_since >= hold:
        return f"it recovered without it, {waited} later ({seen.told})"
    if await alerts.count(tx, proposal.incident) and not await alerts.still_firing(tx, proposal.incident):
        return f"it recovered without it, {waited} later: no alert of the incident fires any more"
    within = timedelta(seconds=proposal.criterion.within_s) if proposal.criterion else WITHOUT_CRITERION
    if now - held.since < within:
        return None
    if proposal.criterion is not None and seen.well is None:
        return f"whether it recovered without it can't be told: nobody could measure it for {waited}"
    return f"it did not recover without it within {waited}" + (f" ({seen.told})" if seen.told else "")


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:.0f} min" if time >= timedelta(minutes=2) else f"{max(0, time.total_seconds()):.0f} s"
