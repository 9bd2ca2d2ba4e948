"""The wiring. Reads like the diagram:

    supervisor ─┬─ investigator (logs) ───┐
        ↑       ├─ investigator (metrics) ┼─ judge ── enough? ── proposer ── end
        │       └─ investigator (deploys) ┘    │ no, ≤ 2 more rounds
        └──────────────────────────────────────┘

The graph is a short, read-only, re-runnable function of the ledger: it ends when proposals are stored. No node interrupts,
no node acts. A checkpoint only saves time: throw it away and the run starts over, to the same end.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphRecursionError, NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send, TimeoutPolicy

from app.domain.finding import Gap
from app.domain.hypothesis import Diagnosis
from app.domain.quantity import counted
from app.domain.redaction import redact
from graphs import judge, proposer, supervisor
from graphs.context import TriageContext
from graphs.contract import Question, Report, Sources, View
from graphs.state import InvestigatorInput, TriageState

RECURSION_LIMIT = 40
STEPS_SPENT = "steps_spent"
"""Why a run stopped that would have gone on for ever."""
LONGEST_S = 60.0
"""No investigator may take longer, whatever its own deadline says."""

Graph = CompiledStateGraph[TriageState, TriageContext, TriageState, TriageState]


async def supervise(state: TriageState, runtime: Runtime[TriageContext]) -> dict[str, Any]:
    """Choose this round's questions, or say why to stop."""
    context = runtime.context
    able = supervisor.able(context.investigators, context.sources)
    round = state.get("round", 0)
    if round == 0:
        onset = context.scope.onset.isoformat() if context.scope.onset else None
        pending, stop_reason = supervisor.first_questions(able, onset=onset), "" if able else "no_sources"
    else:
        diagnosis = await context.store.diagnosis(state["run"])
        assert diagnosis is not None  # the judge stored it before this round
        reports = await context.store.reports(state["run"])
        pending, stop_reason = supervisor.next_questions(diagnosis, reports, able, round=round, asked=state.get("asked", []))
    for question in pending:
        await context.progress(
            {"agent": str(supervisor.AGENT), "step": "ask", "to": question["investigator"], "text": question["text"]}
        )
    if stop_reason:
        await context.progress({"agent": str(supervisor.AGENT), "step": "stop", "text": stop_reason})
    return {
        "round": round + 1 if pending else round,
        "pending": pending,
        "asked": [supervisor.key(question) for question in pending],
        "stop_reason": stop_reason,
    }


def fan_out(state: TriageState) -> list[Send] | str:
    """This round's investigators at once; with nothing to ask, on to the judge (first round) or the proposer."""
    if state["pending"]:
        return [
            Send(
                "investigator", InvestigatorInput(run=state["run"], question=question), timeout=TimeoutPolicy(run_timeout=LONGEST_S)
            )
            for question in state["pending"]
        ]
    return "proposer" if state["round"] else "judge"


async def investigate(state: InvestigatorInput, runtime: Runtime[TriageContext]) -> dict[str, Any]:
    """One investigator, within its contract: only the sources it declared, only until its deadline."""
    context, asked = runtime.context, state["question"]
    who = context.investigators[asked["investigator"]]

    async def say(text: str) -> None:
        await context.progress({"agent": str(who.agent), "step": "query", "text": text})

    view = View(scope=context.scope, sources=_only(context.sources, who.may_use), say=say)
    question = Question(
        investigator=asked["investigator"],
        round=asked["round"],
        text=asked["text"],
        entities=tuple(asked["entities"]),
        symptoms=await _symptoms(context, state["run"], asked["symptoms"]),
        onset=datetime.fromisoformat(asked["onset"]) if asked["onset"] else None,
    )
    async with asyncio.timeout(who.budget.deadline_s):
        report = await who.investigate(question, view)
    await context.store.save_report(state["run"], asked["round"], report)
    await context.progress({"agent": str(who.agent), "step": "report", "text": _summary(report)})
    return {"answered": [f"{asked['investigator']}/{asked['round']}"]}


async def investigator_failed(state: InvestigatorInput, error: NodeError, runtime: Runtime[TriageContext]) -> Command[str]:
    """One of the three edges where anything is caught: the others finish, and the brief names the gap.

    It goes on to the judge by itself: a node that failed takes none of its edges, and where all of them fail nobody else would.
    """
    context, asked = runtime.context, state["question"]
    who = context.investigators[asked["investigator"]]
    late = isinstance(error.error, TimeoutError) or "Timeout" in type(error.error).__name__
    what = f"no answer within {who.budget.deadline_s:g} s" if late else redact(f"{type(error.error).__name__}: {error.error}")
    gap = Gap(
        agent=who.agent,
        source=asked["investigator"],
        reason="timed_out" if late else "failed",
        statement=f"{asked['investigator']} investigator, round {asked['round']}: {what}"[:400],
        query=asked["text"],
    )
    kept = next((r for r in await context.store.reports(state["run"]) if r.investigator == asked["investigator"]), None)
    report = (
        kept.model_copy(update={"gaps": (*kept.gaps, gap)}) if kept else Report(investigator=asked["investigator"], gaps=(gap,))
    )
    await context.store.save_report(state["run"], asked["round"], report)
    await context.progress({"agent": str(who.agent), "step": "gap", "text": gap.statement})
    return Command(update={"answered": [f"{asked['investigator']}/{asked['round']}"]}, goto="judge")


async def weigh(state: TriageState, runtime: Runtime[TriageContext]) -> dict[str, Any]:
    """The judge: code, on what the reports claim and cite."""
    context = runtime.context
    reports = await context.store.reports(state["run"])
    able = supervisor.able(context.investigators, context.sources)
    gaps = (*supervisor.unconnected(context.sources), *supervisor.unasked(able, state.get("asked", [])))
    diagnosis = judge.weigh(context.scope, reports, calibration=context.calibration, gaps=gaps, round=state["round"])
    await context.store.save_diagnosis(state["run"], diagnosis)
    best = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    told = f"{diagnosis.verdict}: {best.statement} ({best.confidence:.0%})" if best else diagnosis.verdict
    await context.progress({"agent": str(judge.AGENT), "step": "weigh", "text": told})
    return {}


async def finish(state: TriageState, runtime: Runtime[TriageContext]) -> dict[str, Any]:
    """The last word on the diagnosis, and what could be done about it."""
    context = runtime.context
    diagnosis = await context.store.diagnosis(state["run"])
    assert diagnosis is not None  # the judge ran before
    stop_reason = state.get("stop_reason") or "answered"
    diagnosis = diagnosis.model_copy(update={"stop_reason": stop_reason, "rounds": max(1, state["round"])})
    await context.store.save_diagnosis(state["run"], diagnosis)
    if context.propose is not None:
        for draft in await proposer.drafts(diagnosis, context):
            await context.progress({"agent": str(proposer.AGENT), "step": "propose", "text": draft.why})
            await context.propose(state["run"], draft)
    return {"ended": True}


def after_judge(state: TriageState) -> str:
    return "supervisor" if state["round"] else "proposer"


def build(checkpointer: BaseCheckpointSaver[str] | None = None) -> Graph:
    """The compiled graph; the same for every run."""
    builder = StateGraph(TriageState, context_schema=TriageContext)
    builder.add_node("supervisor", supervise)
    builder.add_node("investigator", investigate, input_schema=InvestigatorInput, error_handler=investigator_failed)
    builder.add_node("judge", weigh)
    builder.add_node("proposer", finish)
    builder.add_edge(START, "supervisor")
    builder.add_conditional_edges("supervisor", fan_out, ["investigator", "judge", "proposer"])
    builder.add_edge("investigator", "judge")
    builder.add_conditional_edges("judge", after_judge, ["supervisor", "proposer"])
    builder.add_edge("proposer", END)
    return builder.compile(checkpointer=checkpointer)


async def run(graph: Graph, context: TriageContext, *, run: str) -> Diagnosis:
    """Run it, or take it up where an earlier process left it; the diagnosis is in the store either way."""
    started = context.clock()
    config: Any = {"configurable": {"thread_id": run}, "recursion_limit": RECURSION_LIMIT}
    begun = ended = False
    if isinstance(graph.checkpointer, BaseCheckpointSaver):
        kept = await graph.aget_state(config)
        begun, ended = bool(kept.next), kept.values.get("ended", False) and await context.store.diagnosis(run) is not None
        if kept.values and not begun and not ended:
            # Its end without its bodies, or before a node that an upgrade renamed: over again, from a clean slate.
            await graph.checkpointer.adelete_thread(run)
    durability: Any = {"durability": "sync"} if graph.checkpointer else {}
    if not ended:
        try:
            await graph.ainvoke(None if begun else TriageState(run=run, round=0), config, context=context, **durability)
        except GraphRecursionError:  # what it knew by then is the answer, and the answer says so
            if (known := await context.store.diagnosis(run)) is None:
                raise
            await context.store.save_diagnosis(run, known.model_copy(update={"stop_reason": STEPS_SPENT}))
    diagnosis = await context.store.diagnosis(run)
    assert diagnosis is not None
    elapsed = (context.clock() - started).total_seconds()
    agents = {name: who.agent.version for name, who in context.investigators.items()}
    diagnosis = diagnosis.model_copy(
        update={
            "elapsed_s": round(elapsed, 3),
            "agents": {**agents, judge.AGENT.name: judge.AGENT.version, proposer.AGENT.name: proposer.AGENT.version},
        }
    )
    await context.store.save_diagnosis(run, diagnosis)
    return diagnosis


def _only(sources: Sources, allowed: frozenset[str]) -> Sources:
    return Sources(**{port: getattr(sources, port) for port in allowed})


async def _symptoms(context: TriageContext, run: str, ids: list[str]) -> tuple[Any, ...]:
    wanted = set(ids)
    found = {f.id: f for report in await context.store.reports(run) for f in report.findings if f.id in wanted}
    return tuple(found[i] for i in ids if i in found)


def _summary(report: Report) -> str:
    best = max(report.suspicions, key=lambda s: s.weight, default=None)
    gaps = f", {counted(len(report.gaps), 'gap')}" if report.gaps else ""
    told = f"; {best.statement}" if best and best.weight > 0 else ""
    return f"{counted(len(report.findings), 'finding')}{gaps}{told}"
