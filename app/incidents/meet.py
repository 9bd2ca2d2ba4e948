"""Meet: two on one resource within a short while. Recorded, said in the channel of the incident concerned, and taken to a person
once it has happened often enough."""

from __future__ import annotations

from datetime import datetime

from app.domain.incident import Alert
from app.domain.value import JsonObject
from app.ledger import audit, conflicts, deliveries, incidents, outbox, timeline
from app.ledger.claims import Claim
from app.ledger.conflicts import Conflict
from app.ledger.ledger import Tx

MET = "met"
"""The kind of message that tells of it."""
ESCALATED = "ledger.conflict"
"""The kind of delivery that opens an incident for it."""
TO_A_PERSON = 3
"""The same two, on the same resource, this often within an hour: they won't settle it among themselves."""


async def met(tx: Tx, conflict: Conflict, *, surface: str) -> None:
    """In the transaction of what made them meet. Each meeting is told once; where no incident is concerned, those who keep meeting
    open one, as a monitor's alert would."""
    concerned = await concerning(tx, conflict)
    conflict = conflict.model_copy(update={"incident": concerned[0] if concerned else None})
    if not await conflicts.record(tx, conflict):
        return
    times = await conflicts.lately(tx, conflict)
    for incident in concerned or ("",):
        await audit.append(
            tx,
            audit.Action.CONFLICT,
            incident=incident,
            at=conflict.at,
            actor=conflict.second,
            surface=surface,
            subject=conflict.resource,
            payload={**conflict.model_dump(mode="json"), "times": times},
        )
    for incident in concerned:
        await _tell(tx, conflict, incident, times=times)
    if not concerned and times >= TO_A_PERSON:
        body: JsonObject = {"items": [_alert(conflict, times).model_dump(mode="json")]}
        await deliveries.accept(tx, f"{ESCALATED}:{conflict.key}", ESCALATED, body, at=conflict.at)


async def took_away(tx: Tx, lost: Claim, won: Claim, *, at: datetime, surface: str) -> None:
    """A higher class took a claim whose holder did not execute yet."""
    conflict = Conflict(
        key=f"preempted:{lost.resource}:{lost.token}",
        resource=lost.resource,
        at=at,
        how="preempted",
        first=won.holder,
        first_priority=won.priority,
        second=lost.holder,
        second_priority=lost.priority,
        second_token=lost.token,
    )
    await met(tx, conflict, surface=surface)


async def concerning(tx: Tx, conflict: Conflict) -> list[str]:
    """The incidents it concerns: whose execution takes part in it, and every open one of a service that the resource is part of."""
    own = [await conflicts.incident_of(tx, holder) for holder in (conflict.first, conflict.second)]
    parts = conflict.resource.split("/")
    of_service = [each.id for each in await incidents.list_open(tx) if each.service in parts]
    return list(dict.fromkeys([*(each for each in own if each is not None), *of_service]))


async def _tell(tx: Tx, conflict: Conflict, incident: str, *, times: int) -> None:
    text = f"{conflict.second} met {conflict.first} on {conflict.resource}: {conflict.how}"
    await timeline.append(tx, incident, at=conflict.at, actor=conflict.second, text=text[:400], details={"times": times})
    body: JsonObject = {"conflict": conflict.key, "times": times}
    lane: outbox.Lane = "decision" if times >= TO_A_PERSON else "note"
    await outbox.put(tx, f"{MET}:{incident}:{conflict.key}", incident=incident, lane=lane, kind=MET, body=body, at=conflict.at)


def _alert(conflict: Conflict, times: int) -> Alert:
    two = " and ".join(sorted((conflict.first, conflict.second)))
    return Alert(
        fired_at=conflict.at,
        summary=f"{two} have met {times} times within an hour on {conflict.resource}: a person must say who may",
        name="AgentsInConflict",
        severity="warning",
        status="firing",
        fingerprint=f"conflict:{conflict.resource}:{two}",
        group_key=f"conflict:{conflict.resource}:{two}",
        monitor="ledger",
    )
