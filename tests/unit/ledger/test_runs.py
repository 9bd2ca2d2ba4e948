"""Runs, their traces, and what was found in them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.agent import Agent
from app.domain.errors import BadInput, NotFound
from app.domain.finding import Finding, Gap
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Alert, Scope
from app.domain.value import JsonObject
from app.domain.window import Window
from app.ledger import findings, runs
from app.ledger.ledger import Ledger

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(start=NOON - timedelta(hours=1), end=NOON)
SCOPE = Scope(alert=Alert(fired_at=NOON, summary="slow", observed={"p99": 1.5}), window=WINDOW, candidates=("a", "b"))
LOGS = Agent(name="logs", version="1.0.0")


def finding(statement: str) -> Finding:
    return Finding.of(
        agent=LOGS, signal="logs", source="files", query="level=ERROR", window=WINDOW, as_of=NOON, statement=statement,
        numbers={"lines": 12.0}, excerpt="boom", outsider_text=True,
    )  # fmt: skip


def report(*found: Finding, gaps: tuple[Gap, ...] = ()) -> JsonObject:
    return {
        "investigator": "logs",
        "findings": [f.model_dump(mode="json") for f in found],
        "gaps": [g.model_dump(mode="json") for g in gaps],
    }


@pytest.fixture
async def run(ledger: Ledger, incident: str) -> str:
    async with ledger.write() as tx:
        assert await runs.add(tx, "run-1", incident=incident, scope=SCOPE, at=NOON)
    return "run-1"


async def test_a_run_is_queued_once(ledger: Ledger, run: str, incident: str) -> None:
    async with ledger.write() as tx:
        assert not await runs.add(tx, run, incident=incident, scope=SCOPE, at=NOON)
        found = await runs.get(tx, run)
    assert (found.state, found.scope, found.attempts) == ("queued", SCOPE, 0)


async def test_a_run_that_was_interrupted_is_started_again(ledger: Ledger, run: str) -> None:
    async with ledger.write() as tx:
        assert await runs.start(tx, run, at=NOON) == 1
        assert await runs.start(tx, run, at=NOON + timedelta(minutes=1)) == 2
        assert [r.id for r in await runs.unfinished(tx)] == [run]


async def test_the_first_end_of_a_run_stays(ledger: Ledger, run: str, incident: str) -> None:
    diagnosis = Diagnosis(verdict="likely", hypotheses=(), findings=(finding("x"),), gaps=(), stop_reason="nothing left to ask")
    async with ledger.write() as tx:
        await runs.start(tx, run, at=NOON)
        assert await runs.finish(tx, run, diagnosis, at=NOON)
        assert not await runs.fail(tx, run, "too late", at=NOON)
        assert await runs.start(tx, run, at=NOON) == 0
        found = await runs.latest(tx, incident)
        assert found is not None
        assert (found.state, found.diagnosis, found.stop_reason) == ("finished", diagnosis, "nothing left to ask")
        assert await runs.unfinished(tx) == []
        assert [r.id for r in await runs.for_incident(tx, incident)] == [run]


async def test_a_failed_run_keeps_why(ledger: Ledger, run: str) -> None:
    async with ledger.write() as tx:
        assert await runs.fail(tx, run, "no source answered", at=NOON)
        assert (await runs.get(tx, run)).stop_reason == "no source answered"
        with pytest.raises(NotFound):
            await runs.get(tx, "run-2")


async def test_steps_written_at_once_are_numbered_without_gaps(ledger: Ledger, run: str) -> None:
    async def step(n: int) -> None:
        async with ledger.write() as tx:
            await runs.add_step(tx, run, agent=str(LOGS), step="ask", text=f"step {n}", at=NOON, details={"n": n})

    await asyncio.gather(*(step(n) for n in range(9)))
    async with ledger.read() as tx:
        trace = await runs.trace(tx, run)
        assert [s.seq for s in trace] == list(range(1, 10))
        assert {s.text for s in trace} == {f"step {n}" for n in range(9)}
        assert [s.seq for s in await runs.trace(tx, run, after=7)] == [8, 9]


async def test_a_step_of_no_run_is_refused(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        async with ledger.write() as tx:
            await runs.add_step(tx, "run-9", agent="a@1", step="ask", text="", at=NOON)


async def test_a_report_saved_again_is_one_report(ledger: Ledger, run: str) -> None:
    async with ledger.write() as tx:
        await findings.save_report(tx, run, investigator="logs", round=1, body=report(finding("a")))
        await findings.save_report(tx, run, investigator="logs", round=1, body=report(finding("a"), finding("b")))
        assert [r.body for r in await findings.list_reports(tx, run)] == [report(finding("a"), finding("b"))]
        assert await findings.count(tx, run) == 2
        assert await findings.get(tx, run, finding("a").id) == finding("a")
        assert {f.statement for f in await findings.for_run(tx, run)} == {"a", "b"}
        with pytest.raises(NotFound):
            await findings.get(tx, run, "f_none")


async def test_the_newest_report_of_each_investigator_counts(ledger: Ledger, run: str) -> None:
    old = Gap(agent=LOGS, source="files", reason="timed_out", statement="no answer")
    new = Gap(agent=LOGS, source="files", reason="no_data", statement="nothing there")
    async with ledger.write() as tx:
        await findings.save_report(tx, run, investigator="logs", round=1, body=report(gaps=(old,)))
        await findings.save_report(tx, run, investigator="metrics", round=1, body=report())
        await findings.save_report(tx, run, investigator="logs", round=2, body=report(gaps=(new,)))
        assert [(r.investigator, r.round) for r in await findings.newest_reports(tx, run)] == [("logs", 2), ("metrics", 1)]
        assert await findings.gaps(tx, run) == [new]


@pytest.mark.parametrize("body", [{"findings": "none"}, {"findings": [{"id": "f_1"}]}, {"gaps": [1]}])
async def test_a_report_of_no_findings_of_ours_is_refused(ledger: Ledger, run: str, body: JsonObject) -> None:
    with pytest.raises(BadInput):
        async with ledger.write() as tx:
            await findings.save_report(tx, run, investigator="logs", round=1, body=body)
    async with ledger.read() as tx:
        assert await findings.list_reports(tx, run) == []
