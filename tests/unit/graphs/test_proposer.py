from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.change import Change
from app.domain.errors import Unreachable
from app.domain.finding import Plot
from app.domain.hypothesis import Diagnosis, Hypothesis
from app.domain.runbook import Matches, Runbook, Step
from app.domain.window import Window
from graphs import judge, proposer
from graphs.analysis.calibration import AS_IT_IS
from graphs.context import MemoryStore, TriageContext
from graphs.contract import Sources
from graphs.models.none import NoModel
from tests.unit.graphs.said import NOON, SCOPE, finding, report, suspicion

LOG, CHANGE = finding("l", signal="logs"), finding("c", signal="changes")


def symptom(**fields: Any) -> Any:
    known: dict[str, Any] = {
        "entity": "front",
        "numbers": {"base": 0.2, "level": 1.0, "z": 9.0},
        "plot": Plot(title="front|latency_p95", unit="s", times=(0.0, 1.0), values=(0.2, 1.0)),
        **fields,
    }
    return finding("p95 of front", **known)


class Undo:
    """An action that answers a guilty change, or whatever it is told to say."""

    def __init__(self, name: str, says: Any = None) -> None:
        self.name, self.says = name, says
        self.asked: list[tuple[Hypothesis, Change | None]] = []

    async def suggest(self, hypothesis: Hypothesis, change: Change | None) -> Sequence[Any]:
        self.asked.append((hypothesis, change))
        if isinstance(self.says, Exception):
            raise self.says
        if self.says is not None:
            return list(self.says)
        return [{"service": change.service}] if change is not None else []


class Metrics:
    """A source of metrics that is only there."""

    def __init__(self, name: str) -> None:
        self.name = name


class Changes:
    name = "intake"

    async def changes(self, window: Window) -> list[Change]:
        return [
            Change(id="c0ffee1", kind="commit", at=NOON, service="back"),
            Change(id="c0ffee1", kind="deploy", at=NOON, service="back", version="1.8.0", previous_version="1.7.2"),
            Change(id="decade2", kind="deploy", at=NOON, service="side", version="2.0.0"),
        ]


GUILTY = Runbook(name="undo", title="Undo", matches=Matches(change=True), actions=(Step(action="undo"),))
ALWAYS = Runbook(name="a-first", title="First", matches=Matches(services=("back", "front")), actions=(Step(action="undo"),))
OTHER = Runbook(name="other", title="Other", matches=Matches(services=("elsewhere",)), actions=(Step(action="switch"),))
LITERAL = Runbook(
    name="literal", title="Literal", matches=Matches(change=True), actions=(Step(action="switch", arguments={"flag": "x"}),)
)


def found(weight: float = 5.0, *, change: str | None = "c0ffee1", **fields: Any) -> Diagnosis:
    seen = symptom(**fields)
    return judge.weigh(
        SCOPE,
        [
            report("metrics", suspicion("back", 2.0, seen), findings=(seen,)),
            report("logs", suspicion("back", 2.0, LOG), findings=(LOG,)),
            report("deploys", suspicion("back", weight, CHANGE, change=change), findings=(CHANGE,)),
        ],
        calibration=AS_IT_IS,
        round=1,
    )


def context(*runbooks: Runbook, actions: Any = None, **fields: Any) -> TriageContext:
    async def silent(_: dict[str, Any]) -> None: ...

    metrics: Any = (Metrics("test"),)
    known: dict[str, Any] = {
        "scope": SCOPE,
        "sources": Sources(metrics=metrics, changes=(Changes(),)),
        "investigators": {},
        "calibration": AS_IT_IS,
        "store": MemoryStore(),
        "model": NoModel(),
        "progress": silent,
        "clock": lambda: NOON,
        "actions": actions if actions is not None else {"undo": Undo("undo"), "switch": Undo("switch")},
        "runbooks": runbooks,
        "hold_s": 60.0,
        "within_s": 300.0,
    }
    return TriageContext(**{**known, **fields})


async def test_the_matching_runbook_s_action_says_which_arguments() -> None:
    action = Undo("undo")
    (draft,) = await proposer.drafts(found(), context(GUILTY, OTHER, actions={"undo": action, "switch": Undo("switch", [{}])}))
    assert draft.call.action == "undo"
    assert draft.call.arguments == {"service": "back"}
    assert draft.runbook == "undo"
    ((_, change),) = action.asked
    assert change is not None
    assert change.version == "1.8.0"  # of the records of one change the one that says what was deployed


async def test_an_inconclusive_diagnosis_gets_no_draft() -> None:
    doubtful = found().model_copy(update={"verdict": "inconclusive"})
    assert await proposer.drafts(found(), context(GUILTY)) != []
    assert await proposer.drafts(doubtful, context(GUILTY)) == []
    assert await proposer.drafts(found().model_copy(update={"hypotheses": ()}), context(GUILTY)) == []


async def test_only_the_actions_of_runbooks_that_match_and_exist_are_drafted() -> None:
    assert await proposer.drafts(found(), context(OTHER)) == []
    assert await proposer.drafts(found(), context()) == []
    assert await proposer.drafts(found(), context(GUILTY, actions={})) == []
    assert await proposer.drafts(found(change=None), context(GUILTY)) == []


async def test_the_same_call_from_two_runbooks_is_one_draft_the_first_one_s() -> None:
    drafts = await proposer.drafts(found(), context(ALWAYS, LITERAL, GUILTY))
    assert [(draft.runbook, draft.call.action) for draft in drafts] == [("a-first", "undo"), ("literal", "switch")]


async def test_at_most_three_and_one_per_step() -> None:
    many = [
        Runbook(
            name=f"r{n}", title="r", matches=Matches(change=True), actions=(Step(action="switch", arguments={"flag": f"f{n}"}),)
        )
        for n in range(6)
    ]
    assert len(await proposer.drafts(found(), context(*many))) == proposer.MOST_DRAFTS
    several = Undo("undo", [{"service": "a"}, {"service": "b"}])
    assert len(await proposer.drafts(found(), context(GUILTY, actions={"undo": several}))) == 1


async def test_an_action_that_cannot_be_asked_is_told_and_the_others_are_drafted() -> None:
    told: list[dict[str, Any]] = []

    async def progress(event: dict[str, Any]) -> None:
        told.append(event)

    broken = Undo("undo", Unreachable("the deploy tool did not answer"))
    drafts = await proposer.drafts(
        found(), context(GUILTY, LITERAL, actions={"undo": broken, "switch": Undo("switch")}, progress=progress)
    )
    assert [draft.call.action for draft in drafts] == ["switch"]
    assert "did not answer" in told[0]["text"]


async def test_recovered_means_most_of_the_way_back_to_normal() -> None:
    (draft,) = await proposer.drafts(found(), context(GUILTY))
    assert draft.criterion is not None
    assert draft.criterion.threshold == pytest.approx(0.2 + 0.25 * (1.0 - 0.2))
    assert draft.criterion.comparison == "<="
    assert (draft.criterion.hold_s, draft.criterion.within_s) == (60.0, 300.0)
    assert draft.criterion.query == "p95 of front"
    assert "400 ms or less (before 200 ms, now 1 s)" in draft.criterion.sentence
    assert draft.criterion.met_by(0.2)
    assert not draft.criterion.met_by(1.0)


@pytest.mark.parametrize(("base", "level"), [(1000.4, 1000.5), (0.0, 1e-9), (123456.0, 123460.0), (0.2, 1.0), (5.0, 5.0001)])
async def test_a_criterion_lies_between_normal_and_now_however_small_the_difference(base: float, level: float) -> None:
    (draft,) = await proposer.drafts(found(numbers={"base": base, "level": level}), context(GUILTY))
    assert draft.criterion is not None
    assert draft.criterion.met_by(base)
    assert not draft.criterion.met_by(level)


@pytest.mark.parametrize("numbers", [{}, {"level": 1.0}, {"base": 1.0, "level": 0.5}, {"base": 1.0}])
async def test_without_a_symptom_that_rose_no_criterion_is_made_up(numbers: dict[str, float]) -> None:
    (draft,) = await proposer.drafts(found(numbers=numbers), context(GUILTY))
    assert draft.criterion is None
    assert draft.if_we_wait == ""


@pytest.mark.parametrize(
    ("source", "connected", "named"),
    [
        ("prometheus", ["case", "prometheus"], "prometheus"),
        ("case:metrics.csv", ["prometheus", "case"], "case"),
        ("case:metrics.csv", ["prometheus"], None),
        ("case:metrics.csv", ["case:metrics"], None),
        ("prometheus", [], None),
    ],
)
async def test_a_criterion_names_the_source_that_can_be_asked_again_or_is_left_out_and_that_is_said(
    source: str, connected: list[str], named: str | None
) -> None:
    told: list[dict[str, Any]] = []

    async def progress(event: dict[str, Any]) -> None:
        told.append(event)

    metrics: Any = tuple(Metrics(name) for name in connected)
    sources = Sources(metrics=metrics, changes=(Changes(),))
    (draft,) = await proposer.drafts(found(source=source), context(GUILTY, sources=sources, progress=progress))
    if named is not None:
        assert draft.criterion is not None
        assert draft.criterion.source == named
        assert told == []
    else:
        assert draft.criterion is None
        (event,) = told
        assert event["text"] == f"no success criterion can be stated: {source} is not connected"


@pytest.mark.parametrize(("last", "said"), [(1.0, "not recovering by itself"), (0.3, "easing by itself")])
async def test_what_waiting_means_is_said_plainly(last: float, said: str) -> None:
    plot = Plot(title="front|latency_p95", unit="s", times=(0.0, 1.0), values=(0.2, last))
    (draft,) = await proposer.drafts(found(plot=plot), context(GUILTY))
    assert said in draft.if_we_wait


async def test_a_source_of_changes_that_fails_leaves_the_others() -> None:
    class Broken:
        name = "git"

        async def changes(self, window: Window) -> list[Change]:
            raise Unreachable("git is gone")

    action = Undo("undo")
    await proposer.drafts(found(), context(GUILTY, sources=Sources(changes=(Broken(), Changes())), actions={"undo": action}))
    assert action.asked[0][1] is not None
