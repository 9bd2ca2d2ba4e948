"""Investigate: queue a run of the graph, run it, tell people what came out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from app.cards.incident import claim
from app.cards.wording import percent
from app.domain.errors import Conflict, FirstmateError, NotFound, Unreachable
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Alert, Incident, Scope
from app.domain.window import Window
from app.incidents.desk import FIRSTMATE, INCIDENT_CARD, Desk, Windows
from app.ledger import alerts as alerts_store
from app.ledger import audit, deliveries, findings, incidents, outbox, runs, timeline
from app.ledger.ledger import Tx

log = structlog.get_logger()

JOB = "investigate"
MOST_ATTEMPTS = 4
"""A run that breaks at this attempt or later ends as failed: nobody is left to wait for it."""


async def queue(desk: Desk, tx: Tx, incident: Incident, *, alerts: Sequence[Alert], asked_by: str, surface: str) -> str:
    """Queue a run in the caller's transaction; its id. The scope is fixed now: a run repeated after a crash looks at the same."""
    now = desk.clock()
    number = len(await runs.for_incident(tx, incident.id)) + 1
    run = f"{incident.id}/r{number}"
    scope = scope_of(alerts, windows=desk.windows, now=now + timedelta(seconds=desk.windows.settle_s))
    await runs.add(tx, run, incident=incident.id, scope=scope, at=now)
    await audit.append(
        tx, audit.Action.RUN_QUEUED, incident=incident.id, at=now, actor=asked_by, surface=surface, subject=run, payload={}
    )
    return run


async def submit(desk: Desk, run: str, incident: Incident) -> None:
    """Hand the queued run to the jobs, after its transaction was committed."""
    await desk.jobs.submit(JOB, {"run": run}, key=job_key(run), lock=incident.id)


def job_key(run: str) -> str:
    """Of the job that works on the run."""
    return f"{JOB}:{run}"


async def again(desk: Desk, incident_id: str, *, by: str, surface: str, hint: str = "", delivery: int | None = None) -> str:
    """A person asks for another look: over the alerts as they are now, with `hint` (a service's name) where they gave one.

    Raises `Conflict` when `delivery` was worked on before.
    """
    async with desk.ledger.write() as tx:
        if delivery is not None and not await deliveries.finish(tx, delivery, "triage asked for", at=desk.clock()):
            raise Conflict("this was asked for already")
        incident = await incidents.get(tx, incident_id)
        known = await alerts_store.for_incident(tx, incident_id)
        held = [each.as_looked_at for each in known if each.status == "firing"] or [each.as_looked_at for each in known]
        if not held:
            held = [Alert(fired_at=incident.declared_at, summary=incident.title, service=incident.service)]
        if hint:
            held = [*held[:-1], held[-1].model_copy(update={"service": hint})]
        run = await queue(desk, tx, incident, alerts=held, asked_by=by, surface=surface)
        await timeline.append(tx, incident_id, at=desk.clock(), actor=by, text="Asked for another triage")
        await outbox.put_refresh(tx, incident_id, INCIDENT_CARD, at=desk.clock())
    await submit(desk, run, incident)
    return run


async def investigate(desk: Desk, run_id: str) -> None:
    """Run it to its end, or take it up where a killed process left it. Running an ended one again does nothing."""
    async with desk.ledger.write() as tx:
        attempt = await runs.start(tx, run_id, at=desk.clock())
        if attempt == 0:
            return
        run = await runs.get(tx, run_id)
        await audit.append(
            tx,
            audit.Action.RUN_STARTED,
            incident=run.incident,
            at=desk.clock(),
            actor=FIRSTMATE,
            surface="jobs",
            subject=run_id,
            payload={"attempt": attempt},
        )
    settles = (run.scope.window.end - desk.clock()).total_seconds()
    if settles > 0:  # telemetry is always a little behind the alert it caused
        await asyncio.sleep(min(settles, desk.windows.settle_s))  # longer only where the clock was set back meanwhile
    try:
        diagnosis = await desk.triage(run.incident, run_id, run.scope)
    except FirstmateError as error:
        if isinstance(error, Unreachable) and attempt < MOST_ATTEMPTS:
            raise  # the ledger itself: sources that don't answer are gaps
        await _failed(desk, run.incident, run_id, str(error))
        return
    except Exception as error:
        if attempt < MOST_ATTEMPTS:
            raise  # the runner records it and tries again
        log.exception("run.broke", action="run.broke", run=run_id)
        await _failed(desk, run.incident, run_id, f"it broke {attempt} times ({type(error).__name__}); tell the platform team")
        return
    await _finished(desk, run.incident, run_id, diagnosis)


async def _finished(desk: Desk, incident: str, run: str, diagnosis: Diagnosis) -> None:
    now = desk.clock()
    async with desk.ledger.write() as tx:
        if not await runs.finish(tx, run, diagnosis, at=now):
            return
        await concluded(tx, incident, run, diagnosis, by=str(desk.judge), at=now)
        await audit.append(
            tx,
            audit.Action.RUN_FINISHED,
            incident=incident,
            at=now,
            actor=str(desk.judge),
            agent=str(desk.judge),
            surface="jobs",
            findings=[findings.hash_of(each) for each in diagnosis.findings],
            subject=run,
            payload={
                "verdict": diagnosis.verdict,
                "findings": [f.id for f in diagnosis.findings],
                "stop_reason": diagnosis.stop_reason,
            },
        )
        await outbox.put_refresh(tx, incident, INCIDENT_CARD, at=now)
        await outbox.put(tx, f"findings:{run}", incident=incident, lane="note", kind="findings", body={"run": run}, at=now)


async def concluded(tx: Tx, incident: str, run: str, diagnosis: Diagnosis, *, by: str, at: datetime) -> None:
    """The run's line in the timeline, once: as soon as its last word is known, so that what it proposes stands below."""
    if any(entry.details.get("run") == run for entry in await timeline.for_incident(tx, incident)):
        return
    best = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    said = f"{diagnosis.verdict}, {percent(best.confidence)}: {claim(best)}" if best else f"{diagnosis.verdict}: no hypothesis"
    await timeline.append(tx, incident, at=at, actor=by, text=f"Triage: {said}"[:400], details={"run": run})


async def _failed(desk: Desk, incident: str, run: str, reason: str) -> None:
    now = desk.clock()
    async with desk.ledger.write() as tx:
        if not await runs.fail(tx, run, reason, at=now):
            return
        await timeline.append(tx, incident, at=now, actor=FIRSTMATE, text=f"Triage failed: {reason}"[:400])
        await audit.append(
            tx,
            audit.Action.RUN_FAILED,
            incident=incident,
            at=now,
            actor=FIRSTMATE,
            surface="jobs",
            subject=run,
            payload={"reason": reason},
        )
        await outbox.put_refresh(tx, incident, INCIDENT_CARD, at=now)


def scope_of(alerts: Sequence[Alert], *, windows: Windows, now: datetime) -> Scope:
    """The stretch that holds the incident (a look back from its first alert until now) and the one before it as reference."""
    if not alerts:
        raise NotFound("nothing to look at: no alert and no title")
    first = min(now, *(alert.fired_at for alert in alerts))  # a monitor whose clock is ahead must not make triage wait for it
    start = first - timedelta(seconds=windows.lookback_s)
    return Scope(
        alert=alerts[-1] if alerts[-1].service or len(alerts) == 1 else alerts[0],
        window=Window(start=start, end=now),
        reference=Window(start=start - timedelta(seconds=windows.reference_s), end=start),
    )
