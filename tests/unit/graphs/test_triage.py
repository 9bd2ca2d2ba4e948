from __future__ import annotations

import asyncio
import datetime as datetime_module
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from app.domain.agent import Agent
from app.domain.hypothesis import Diagnosis
from app.processes import checkpoints
from graphs import supervisor, triage
from graphs.analysis.calibration import AS_IT_IS
from graphs.context import Draft, MemoryStore, TriageContext
from graphs.contract import Budget, Question, Report, Sources, View
from graphs.models.none import NoModel
from tests.unit.graphs.said import NOON, SCOPE, finding, report, suspicion


class Named:
    """A source that is only there."""

    name = "test"


SOURCES = Sources(metrics=(Named(),), logs=(Named(),), changes=(Named(),))
METRIC, LOG, CHANGE = finding("m"), finding("l", signal="logs"), finding("c", signal="changes")
REPORTS = {
    "metrics": report("metrics", suspicion("back", 2.0, METRIC), suspicion("side", 1.9, METRIC), findings=(METRIC,)),
    "logs": report("logs", suspicion("back", 1.0, LOG), suspicion("side", 1.0, LOG), findings=(LOG,)),
    "deploys": report("deploys", findings=(CHANGE,)),
}


class Asked:
    """An investigator that gives its report and remembers what it was asked. `does` happens first."""

    answers = "what do you see?"
    budget = Budget(deadline_s=5.0)

    def __init__(self, name: str, port: str, does: Callable[[Question], Awaitable[None]] | None = None) -> None:
        self.agent = Agent(name=name, version="1.0.0")
        self.may_use = frozenset({port})
        self.asked: list[Question] = []
        self.seen: list[Sources] = []
        self._does = does

    async def investigate(self, question: Question, view: View) -> Report:
        self.asked.append(question)
        self.seen.append(view.sources)
        if self._does is not None:
            await self._does(question)
        await view.say("looking")
        return REPORTS.get(self.agent.name) or report(self.agent.name)


def staff(**does: Callable[[Question], Awaitable[None]]) -> dict[str, Asked]:
    ports = {"metrics": "metrics", "logs": "logs", "deploys": "changes"}
    return {name: Asked(name, port, does.get(name)) for name, port in ports.items()}


def context(investigators: dict[str, Asked], *, store: MemoryStore | None = None, **fields: Any) -> TriageContext:
    async def silent(_: dict[str, Any]) -> None: ...

    known: dict[str, Any] = {
        "scope": SCOPE,
        "sources": SOURCES,
        "investigators": investigators,
        "calibration": AS_IT_IS,
        "store": store or MemoryStore(),
        "model": NoModel(),
        "progress": silent,
        "clock": lambda: NOON,
    }
    return TriageContext(**{**known, **fields})


async def run(investigators: dict[str, Asked], **fields: Any) -> Diagnosis:
    return await triage.run(triage.build(), context(investigators, **fields), run="r1")


async def breaks(_: Question) -> None:
    raise ZeroDivisionError("a defect of this investigator")


async def hangs(_: Question) -> None:
    await asyncio.Event().wait()


async def test_everybody_is_asked_and_the_diagnosis_names_who_spoke() -> None:
    said = await run(staff())
    assert said.hypotheses[0].target == "back"
    assert set(said.agents) == {"metrics", "logs", "deploys", "judge", "proposer"}
    assert said.stop_reason


async def test_an_investigator_that_breaks_is_a_gap_and_the_others_finish() -> None:
    said = await run(staff(logs=breaks))
    assert said.hypotheses[0].target == "back"
    (gap,) = {gap.statement: gap for gap in said.gaps if gap.source == "logs" and "round 1" in gap.statement}.values()
    assert gap.reason == "failed"
    assert "ZeroDivisionError" in gap.statement
    assert said.verdict != "conclusive"


async def test_an_investigator_that_hangs_is_cut_off_at_its_deadline_and_is_a_gap() -> None:
    people = staff(metrics=hangs)
    people["metrics"].budget = Budget(deadline_s=0.05)
    said = await run(people)
    gap = next(gap for gap in said.gaps if gap.source == "metrics")
    assert gap.reason == "timed_out"
    assert "0.05 s" in gap.statement
    assert {h.target for h in said.hypotheses} == {"back", "side"}


async def test_one_that_breaks_in_a_later_round_keeps_what_it_found_before() -> None:
    async def later(question: Question) -> None:
        if question.round > 1:
            raise ZeroDivisionError

    people = staff(metrics=later)
    said = await run(people)
    assert len(people["metrics"].asked) > 1
    assert METRIC.id in {f.id for f in said.findings}
    assert any(gap.source == "metrics" and "round 2" in gap.statement for gap in said.gaps)


async def test_when_all_break_there_is_still_a_diagnosis_that_says_so() -> None:
    said = await run(staff(metrics=breaks, logs=breaks, deploys=breaks))
    assert said.verdict == "inconclusive"
    assert {gap.source for gap in said.gaps} == {"metrics", "logs", "deploys"}


async def test_each_round_is_judged_once_whoever_failed_in_it() -> None:
    for failing in (
        {},
        {"logs": breaks},
        {"logs": breaks, "metrics": breaks},
        {"logs": breaks, "metrics": breaks, "deploys": breaks},
    ):
        steps: list[str] = []

        async def progress(event: dict[str, Any], steps: list[str] = steps) -> None:
            steps.append(event["step"])

        said = await run(staff(**failing), progress=progress)
        assert steps.count("weigh") == said.rounds


async def test_with_nothing_plugged_in_it_says_what_is_missing() -> None:
    said = await run(staff(), sources=Sources())
    assert said.stop_reason == "no_sources"
    assert {gap.statement for gap in said.gaps} == {f"{port}: no source is connected" for port in ("metrics", "logs", "changes")}


async def test_an_investigator_sees_only_the_ports_it_declared() -> None:
    people = staff()
    await run(people)
    assert people["logs"].seen[0] == Sources(logs=SOURCES.logs)
    assert people["deploys"].seen[0] == Sources(changes=SOURCES.changes)


async def test_it_stops_within_three_rounds_and_asks_nothing_twice() -> None:
    people = staff()
    said = await run(people)
    assert 1 < said.rounds <= supervisor.MOST_ROUNDS
    for who in people.values():
        asked = [(q.entities, tuple(f.id for f in q.symptoms)) for q in who.asked]
        assert len(asked) == len(set(asked)) <= supervisor.MOST_ROUNDS


async def test_it_stays_within_its_limit_of_steps_whatever_the_supervisor_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor that always has one more question: the graph's own limit ends it."""
    counted = iter(range(1_000))

    def endless(*args: Any, **kwargs: Any) -> Any:
        again = supervisor.first_questions({"metrics": Asked("metrics", "metrics")}, onset=None)[0]
        return [{**again, "entities": [str(next(counted))]}], ""

    monkeypatch.setattr(supervisor, "next_questions", endless)
    assert triage.RECURSION_LIMIT <= 50
    assert (await run(staff())).stop_reason == triage.STEPS_SPENT
    assert next(counted) <= 50


async def test_a_fourth_investigator_takes_nobody_s_place_and_is_heard_in_a_later_round() -> None:
    """Its name comes first in every alphabet, and it reads more than the others."""
    people = staff()
    people["anything"] = Asked("anything", "metrics")
    people["anything"].may_use = frozenset({"metrics", "logs", "changes"})
    said = await run(people)
    first = {name: [q.round for q in who.asked][:1] for name, who in people.items()}
    assert first == {"metrics": [1], "logs": [1], "deploys": [1], "anything": [3]}
    assert all("anything" not in gap.statement for gap in said.gaps)


async def test_who_found_no_place_at_all_is_a_gap_in_the_diagnosis() -> None:
    people = staff()
    people |= {f"more{n}": Asked(f"more{n}", "metrics") for n in range(5)}
    said = await run(people)
    assert {gap.source for gap in said.gaps if "was not asked" in gap.statement} == {"more3", "more4"}
    assert set(REPORTS) <= {name for name, who in people.items() if who.asked}


async def test_drafts_are_handed_over_and_nothing_is_proposed_where_nothing_can_be() -> None:
    told: list[Draft] = []

    async def propose(_: str, draft: Draft) -> None:
        told.append(draft)

    await run(staff(), propose=propose)
    assert told == []  # no action is plugged in


# Killed and taken up again


async def killed_at(people: dict[str, Asked], store: MemoryStore, path: Path, *, at: str) -> None:
    """The process dies while `at` is being asked: the other branches have finished."""
    reached = asyncio.Event()

    async def stall(_: Question) -> None:
        reached.set()
        await asyncio.Event().wait()

    people[at]._does = stall
    async with checkpoints(path) as saver:
        task = asyncio.create_task(triage.run(triage.build(saver), context(people, store=store), run="INC-0001/r1"))
        await reached.wait()
        await asyncio.sleep(0.2)  # the others' ends are written
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    people[at]._does = None


async def taken_up(people: dict[str, Asked], store: MemoryStore, path: Path) -> Diagnosis:
    async with checkpoints(path) as saver:
        return await triage.run(triage.build(saver), context(people, store=store), run="INC-0001/r1")


def forget(folder: Path) -> None:
    for each in folder.glob("c.sqlite*"):
        each.unlink()


def same(a: Diagnosis, b: Diagnosis) -> bool:
    return a.model_copy(update={"elapsed_s": 0}) == b.model_copy(update={"elapsed_s": 0})


async def test_a_run_killed_in_the_middle_goes_on_with_the_finished_branches_kept(tmp_path: Path) -> None:
    people, store = staff(), MemoryStore()
    await killed_at(people, store, tmp_path / "c.sqlite", at="metrics")
    before = {name: len(who.asked) for name, who in people.items()}
    said = await taken_up(people, store, tmp_path / "c.sqlite")
    first_round = {name: sum(q.round == 1 for q in who.asked) for name, who in people.items()}
    assert before == {"metrics": 1, "logs": 1, "deploys": 1}
    assert first_round == {"metrics": 2, "logs": 1, "deploys": 1}
    assert same(said, await run(staff()))


async def test_with_the_checkpoints_thrown_away_it_starts_over_to_the_same_diagnosis(tmp_path: Path) -> None:
    people, store = staff(), MemoryStore()
    path = tmp_path / "c.sqlite"
    await killed_at(people, store, path, at="metrics")
    forget(tmp_path)
    said = await taken_up(people, store, path)
    assert sum(q.round == 1 for q in people["logs"].asked) == 2
    assert same(said, await run(staff()))


async def test_a_run_that_had_ended_is_not_run_again_and_ends_the_same(tmp_path: Path) -> None:
    people, store = staff(), MemoryStore()
    first = await taken_up(people, store, tmp_path / "c.sqlite")
    asked = sum(len(who.asked) for who in people.values())
    assert same(await taken_up(people, store, tmp_path / "c.sqlite"), first)
    assert sum(len(who.asked) for who in people.values()) == asked


async def test_a_run_that_had_ended_whose_bodies_are_gone_runs_from_a_clean_slate(tmp_path: Path) -> None:
    people = staff()
    first = await taken_up(people, MemoryStore(), tmp_path / "c.sqlite")
    assert same(await taken_up(people, MemoryStore(), tmp_path / "c.sqlite"), first)


# What is read from a checkpoint


class Foreign:
    """Nothing of ours, and nothing a checkpoint may bring to life."""

    def __init__(self, said: str) -> None:
        self.said = said


def written_by_somebody_else() -> tuple[str, bytes]:
    import ormsgpack
    from langgraph.checkpoint.serde import jsonplus

    packed = ormsgpack.packb((__name__, "Foreign", ["boo"]), option=jsonplus._option)
    return "msgpack", ormsgpack.packb(ormsgpack.Ext(jsonplus.EXT_CONSTRUCTOR_POS_ARGS, packed))


async def test_a_foreign_type_in_a_checkpoint_is_not_loaded(tmp_path: Path) -> None:
    async with checkpoints(tmp_path / "c.sqlite") as saver:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = saver.serde.loads_typed(written_by_somebody_else())
    assert not isinstance(loaded, Foreign)
    assert "Foreign" not in type(loaded).__name__


def test_the_danger_is_a_real_one_the_default_serializer_loads_a_foreign_type() -> None:
    import sys

    sys.modules.setdefault(__name__, sys.modules[Foreign.__module__])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = JsonPlusSerializer().loads_typed(written_by_somebody_else())
    assert type(loaded).__name__ == "Foreign"


async def test_what_the_graph_writes_itself_is_read_back_whole(tmp_path: Path) -> None:
    async with checkpoints(tmp_path / "c.sqlite") as saver:
        value = {"pending": [{"investigator": "metrics", "onset": None}], "asked": ["a"], "round": 2}
        assert saver.serde.loads_typed(saver.serde.dumps_typed(value)) == value
        moment = datetime_module.datetime(2026, 3, 1, tzinfo=datetime_module.UTC)
        assert saver.serde.loads_typed(saver.serde.dumps_typed(moment)) == moment
