"""Thinking: what the graph needs of the ledger. Reports and diagnoses are kept by run; drafts become proposals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.domain.approval import Acknowledgement
from app.domain.errors import FirstmateError
from app.domain.hypothesis import Diagnosis
from app.domain.ports import Clock, Progress
from app.incidents.desk import INCIDENT_CARD, Desk
from app.incidents.investigate import concluded
from app.incidents.propose import propose
from app.ledger import approvals, audit, findings, outbox, runs, timeline
from app.ledger.ledger import Ledger
from graphs import judge
from graphs.context import Draft
from graphs.contract import Report


class LedgerStore:
    """The graph's run store, in the ledger. The incident's card follows each diagnosis."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def save_report(self, run: str, round: int, report: Report) -> None:
        body = report.model_dump(mode="json")
        async with self._ledger.write() as tx:
            await findings.save_report(tx, run, investigator=report.investigator, round=round, body=body)

    async def reports(self, run: str) -> list[Report]:
        async with self._ledger.read() as tx:
            return [Report.model_validate(held.body) for held in await findings.newest_reports(tx, run)]

    async def save_diagnosis(self, run: str, diagnosis: Diagnosis) -> None:
        async with self._ledger.write() as tx:
            if await runs.keep(tx, run, diagnosis):
                incident = (await runs.get(tx, run)).incident
                if diagnosis.stop_reason:
                    await concluded(tx, incident, run, diagnosis, by=str(judge.AGENT), at=self._clock())
                await outbox.put_refresh(tx, incident, INCIDENT_CARD, at=self._clock())

    async def diagnosis(self, run: str) -> Diagnosis | None:
        async with self._ledger.read() as tx:
            return (await runs.get(tx, run)).diagnosis


def trace(ledger: Ledger, clock: Clock, run: str, watch: Callable[[dict[str, Any]], None]) -> Progress:
    """Every step of the run into its trace; `watch` is told too (whoever looks on live)."""

    async def progress(event: dict[str, Any]) -> None:
        watch({"run": run, **event})
        details = {key: value for key, value in event.items() if key not in ("agent", "step", "text")}
        async with ledger.write() as tx:
            await runs.add_step(
                tx,
                run,
                agent=str(event.get("agent", "")),
                step=str(event.get("step", "")),
                text=str(event.get("text", ""))[:1000],
                at=clock(),
                details=details,
            )

    return progress


async def store_draft(desk: Desk, incident: str, draft: Draft, *, proposer: str) -> None:
    """A draft of the graph as a proposal, with the judge's word beside it. What can't be proposed is said in the timeline."""
    try:
        proposal = await propose(
            desk,
            incident=incident,
            call=draft.call,
            asked_by=proposer,
            by_agent=True,
            surface="graph",
            why=draft.why,
            criterion=draft.criterion,
            if_we_wait=draft.if_we_wait,
            hypothesis=draft.hypothesis.target,
            findings=draft.hypothesis.supporting,
        )
    except FirstmateError as error:
        async with desk.ledger.write() as tx:
            await timeline.append(
                tx, incident, at=desk.clock(), actor=proposer, text=f"{draft.call.action} was not proposed: {error}"[:400]
            )
        return
    hypothesis = draft.hypothesis
    objections = () if hypothesis.verdict == "supported" else (f"the hypothesis is {hypothesis.verdict}",)
    now, agent = desk.clock(), desk.judge
    word = Acknowledgement(proposal=proposal.hash, agent=agent, at=now, findings=hypothesis.supporting, objections=objections)
    async with desk.ledger.write() as tx:
        if not await approvals.acknowledge(tx, word):
            return
        await audit.append(
            tx,
            audit.Action.ACKNOWLEDGED,
            incident=incident,
            at=now,
            actor=str(agent),
            agent=str(agent),
            surface="graph",
            policy=desk.policy_version,
            proposal=proposal.hash,
            findings=await findings.hashes(tx, incident, hypothesis.supporting),
            subject=proposal.effects.target,
            payload={"findings": list(hypothesis.supporting), "objections": list(objections)},
        )
