from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.agent import Agent
from app.domain.finding import Finding, Gap, Plot
from app.domain.hypothesis import Diagnosis, Suspicion
from app.domain.incident import Scope
from graphs import judge
from graphs.analysis.calibration import AS_IT_IS, Calibration
from graphs.analysis.fuse import possibilities
from graphs.contract import UNEXPLAINED, Report
from tests.unit.graphs.said import SCOPE, finding, report, suspicion

METRIC = finding("errors of back up")
LOG = finding("new exception in back", signal="logs")
CHANGE = finding("back 1.8.0 went out", signal="changes")


def weighed(*reports: Report, scope: Any = SCOPE, gaps: tuple[Gap, ...] = ()) -> Diagnosis:
    return judge.weigh(scope, list(reports), gaps=gaps, calibration=AS_IT_IS, round=1)


def certain(*found: Finding) -> Diagnosis:
    """Everything speaks for one target, as strongly as can be, resting on `found`."""
    by_signal: dict[str, list[Finding]] = {}
    for each in found:
        by_signal.setdefault(each.signal, []).append(each)
    return weighed(*(report(name, suspicion("back", 5.0, *held), findings=tuple(held)) for name, held in by_signal.items()))


def test_two_kinds_of_signal_that_agree_are_conclusive() -> None:
    said = certain(METRIC, LOG)
    assert said.verdict == "conclusive"
    assert said.hypotheses[0].verdict == "supported"
    assert said.reasons == ()


def test_a_claim_without_a_finding_is_struck() -> None:
    said = weighed(
        report("metrics", suspicion("invented", 6.0), suspicion("back", 2.0, METRIC), findings=(METRIC,)),
        report("logs", suspicion("hinted", 6.0, LOG)),  # cites what it did not report
    )
    assert [h.target for h in said.hypotheses] == ["back"]


def test_a_claim_about_something_outside_the_scope_is_struck() -> None:
    scope = SCOPE.model_copy(update={"candidates": ("back",)})
    said = weighed(
        report("metrics", suspicion("elsewhere", 6.0, METRIC), suspicion("back", 2.0, METRIC), findings=(METRIC,)), scope=scope
    )
    assert [h.target for h in said.hypotheses] == ["back"]


def test_nothing_at_all_is_inconclusive_and_says_why() -> None:
    said = weighed()
    assert said.verdict == "inconclusive"
    assert said.hypotheses == ()
    assert said.reasons == ("nothing that was measured points anywhere",)


@pytest.mark.parametrize(
    ("found", "cap", "why"),
    [
        (
            (
                finding("old", as_of=SCOPE.window.end - timedelta(minutes=6)),
                finding("old too", signal="logs", as_of=SCOPE.window.end - timedelta(minutes=9)),
            ),
            judge.STALE_CAP,
            "stale",
        ),
        ((finding("thin", coverage=0.4), finding("thin too", signal="logs", coverage=0.1)), judge.THIN_CAP, "half of the window"),
        (
            (finding("said", signal="logs", outsider_text=True), finding("read", signal="status", outsider_text=True)),
            judge.OUTSIDER_CAP,
            "outsiders",
        ),
        ((METRIC, finding("latency of back up")), judge.ONE_SIGNAL_CAP, "only one kind of signal"),
    ],
)
def test_what_it_rests_on_caps_how_certain_it_can_be(found: tuple[Finding, ...], cap: float, why: str) -> None:
    said = certain(*found)
    assert said.hypotheses[0].confidence <= cap
    assert said.verdict != "conclusive"
    assert any(why in reason for reason in said.reasons)


def test_the_caps_are_what_holds_it_down() -> None:
    """The same claims on sound findings pass every cap: without the caps the test above would fail."""
    assert certain(METRIC, LOG).hypotheses[0].confidence > max(
        judge.STALE_CAP, judge.THIN_CAP, judge.OUTSIDER_CAP, judge.ONE_SIGNAL_CAP
    )


def test_one_fresh_measurement_lifts_the_cap_of_the_stale() -> None:
    old = finding("old", signal="logs", as_of=SCOPE.window.end - timedelta(minutes=9))
    assert certain(METRIC, old).verdict == "conclusive"


def test_stale_lines_make_what_objects_say_no_less_certain_than_without_them() -> None:
    objects = finding("the selector matches nothing", signal="objects")
    old = finding("old", signal="logs", as_of=SCOPE.window.end - timedelta(minutes=9))
    assert certain(objects, old).hypotheses[0].confidence == certain(objects).hypotheses[0].confidence == judge.ONE_SIGNAL_CAP
    changed = finding("a deploy", signal="changes")
    assert certain(changed, old).hypotheses[0].confidence == judge.STALE_CAP


@pytest.mark.parametrize(
    ("numbers", "where", "word"),
    [
        ({"changes": 4.0}, "back", "conclusive"),
        ({"changes": 4.0, UNEXPLAINED: 1.0}, "back", "likely"),
        ({"changes": 4.0, UNEXPLAINED: 1.0}, "front", "conclusive"),
    ],
)
def test_nobody_s_change_is_no_conclusion_where_some_were_live_and_nothing_from_outside_did_it(
    numbers: dict[str, float], where: str, word: str
) -> None:
    cleared = finding("none of the 4 changes considered explains the symptoms", signal="changes", numbers=numbers)
    said = weighed(
        report("metrics", suspicion("back", 5.0, METRIC), findings=(METRIC,)),
        report("logs", suspicion("back", 5.0, LOG), findings=(LOG,)),
        report(
            "deploys",
            suspicion("front", 1.0, cleared, no_change=True),
            suspicion(where, -2.0, CHANGE, change="4be1c07"),
            findings=(cleared, CHANGE),
        ),
    )
    assert said.hypotheses[0].target == "back"
    assert said.verdict == word


def test_that_no_change_is_guilty_makes_nothing_likely_alone() -> None:
    cleared = finding("no change is guilty", signal="changes")
    alone = report("deploys", suspicion("back", 3.0, cleared, no_change=True), findings=(cleared,))
    said = weighed(alone)
    assert said.verdict == "inconclusive"
    assert "only the absence of a guilty change speaks for it" in said.reasons
    seen = finding("errors of back rose")
    assert weighed(alone, report("metrics", suspicion("back", 3.0, seen), findings=(seen,))).verdict != "inconclusive"


def test_what_speaks_against_is_cited_and_answered() -> None:
    against = finding("back's own time did not change", signal="traces")
    said = weighed(
        report("metrics", suspicion("back", 5.0, METRIC), findings=(METRIC,)),
        report("logs", suspicion("back", 3.0, LOG), findings=(LOG,)),
        report("spans", suspicion("back", -1.0, against), findings=(against,)),
    )
    best = said.hypotheses[0]
    assert best.contradicting == (against.id,)
    assert best.answer is not None
    assert "+7.0 nats remain" in best.answer


def test_what_speaks_against_more_than_for_is_contradicted_and_never_more_than_inconclusive() -> None:
    against = finding("back's own time did not change", signal="traces")
    said = weighed(
        report("metrics", suspicion("back", 1.0, METRIC), findings=(METRIC,)),
        report("spans", suspicion("back", -3.0, against), findings=(against,)),
    )
    assert said.hypotheses[0].verdict == "contradicted"
    assert said.verdict == "inconclusive"


@pytest.mark.parametrize("reason", ["failed", "timed_out", "stale", "refused"])
def test_with_a_decisive_source_missing_it_is_not_conclusive(reason: Any) -> None:
    gap = Gap(agent=Agent(name="logs", version="1.0.0"), source="logs", reason=reason, statement="logs: it broke")
    said = weighed(
        report("metrics", suspicion("back", 5.0, METRIC), findings=(METRIC,)),
        report("deploys", suspicion("back", 5.0, CHANGE), findings=(CHANGE,), gaps=(gap,)),
    )
    assert said.verdict == "likely"
    assert any("a source is missing: logs (it broke)" in each for each in said.reasons)
    assert said.gaps == (gap,)


def test_what_was_never_plugged_in_is_a_gap_and_does_not_unsettle_what_was_measured() -> None:
    gap = Gap(agent=Agent(name="supervisor", version="1"), source="none", reason="no_data", statement="no source of logs")
    said = weighed(
        report("metrics", suspicion("back", 5.0, METRIC), findings=(METRIC,)),
        report("deploys", suspicion("back", 5.0, CHANGE), findings=(CHANGE,)),
        gaps=(gap,),
    )
    assert said.verdict == "conclusive"
    assert said.gaps == (gap,)


def test_the_same_change_suspected_twice_is_one_hypothesis() -> None:
    other = finding("its diff touches the route", signal="changes")
    said = weighed(
        report("metrics", suspicion("back", 3.0, METRIC), findings=(METRIC,)),
        report(
            "deploys",
            suspicion("back", 3.0, CHANGE, change="c0ffee1"),
            suspicion("back", 2.0, other, change="c0ffee1"),
            findings=(CHANGE, other),
        ),
    )
    assert [(h.target, h.change) for h in said.hypotheses].count(("back", "c0ffee1")) == 1


def test_labels_and_remediations_come_from_the_closed_lists() -> None:
    scope = SCOPE.model_copy(update={"labels": ("memory", "network"), "remediations": ("rollback",)})
    said = weighed(
        report(
            "metrics",
            suspicion("back", 3.0, METRIC, kind="memory_leak", remediation="rollback"),
            suspicion("side", 2.0, METRIC, kind="memory_leak", remediation="restart_everything"),
            findings=(METRIC,),
        ),
        scope=scope,
    )
    assert {h.label for h in said.hypotheses} <= {"memory", "network", None}
    assert {h.target: h.remediation for h in said.hypotheses} == {"back": "rollback", "side": None}


FOUND = [
    METRIC,
    LOG,
    CHANGE,
    finding("latency of front up"),
    finding("lines gone", signal="logs", coverage=0.2, outsider_text=True),
]
CLAIMS = st.lists(
    st.builds(
        lambda target, weight, cited, change, cleared: suspicion(
            target, weight, cited, change=change, no_change=cleared and change is None
        ),
        st.sampled_from(["front", "back", "side", "store"]),
        st.floats(-6, 6).map(lambda w: round(w, 2)),
        st.sampled_from(FOUND),
        st.sampled_from([None, None, "c0ffee1", "decade2"]),
        st.booleans(),
    ),
    max_size=14,
)


def split(claims: list[Any]) -> list[Report]:
    names = ("deploys", "logs", "metrics")
    return [report(name, *claims[i::3], findings=tuple(FOUND[i::3])) for i, name in enumerate(names)]


@settings(max_examples=200, deadline=None)
@given(CLAIMS)
def test_whatever_is_claimed_the_answer_is_in_order_adds_up_and_cites_what_exists(claims: list[Any]) -> None:
    said = weighed(*split(claims))
    confidences = [h.confidence for h in said.hypotheses]
    assert len(confidences) <= judge.MOST_HYPOTHESES
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) <= 1.0
    assert len({(h.target, h.change) for h in said.hypotheses}) == len(confidences)
    known = {each.id for each in said.findings}
    signals = {each.id: each.signal for each in said.findings}
    for each in said.hypotheses:
        assert each.supporting
        assert {*each.supporting, *each.contradicting} <= known
        assert not each.contradicting or each.answer
        assert each.verdict in ("supported", "contradicted", "uncorroborated")
    if said.verdict == "conclusive":
        assert len({signals[i] for i in said.hypotheses[0].supporting}) >= 2
        assert confidences[0] >= judge.CONCLUSIVE
    else:
        assert said.reasons or confidences[0] < judge.CONCLUSIVE or said.hypotheses[0].verdict != "supported"


@settings(max_examples=50, deadline=None)
@given(CLAIMS)
def test_the_order_in_which_reports_arrive_changes_nothing(claims: list[Any]) -> None:
    once = weighed(*split(claims))
    for order in permutations(split(claims)):
        assert weighed(*order) == once


def test_one_source_that_is_down_is_one_gap_however_much_was_asked_of_it() -> None:
    def gap(agent: str, what: str) -> Gap:
        return Gap(agent=Agent(name=agent, version="1"), source="p", reason="failed", statement=f"no {what}: no answer: is it up?")

    said = weighed(report("metrics", gaps=(gap("metrics", "metrics"),)), report("logs", gaps=(gap("logs", "topology"),)))
    assert [each.statement.partition(": ")[2] for each in said.gaps] == ["no answer: is it up?"]
    assert all(what in said.gaps[0].statement for what in ("no metrics", "no topology"))


def test_odds_that_are_taken_at_their_word_leave_each_its_own_share() -> None:
    claims = [suspicion(name, weight, METRIC) for name, weight in (("back", 2.0), ("side", 1.5), ("store", 1.0))]
    shares = {each.target: each.share for each in possibilities(claims, alerting=None)}
    said = weighed(report("metrics", *claims, findings=(METRIC,)))
    assert {h.target: h.confidence for h in said.hypotheses} == pytest.approx(shares, abs=1e-4)


def test_in_a_long_window_a_measurement_may_be_older_and_is_not_stale() -> None:
    window = SCOPE.window.model_copy(update={"start": SCOPE.window.end - timedelta(hours=2)})
    found = [finding(f"from {name}", signal=name, as_of=window.end - timedelta(minutes=20)) for name in ("metrics", "logs")]
    claims = [report(each.signal, suspicion("back", 5.0, each), findings=(each,)) for each in found]
    assert weighed(*claims, scope=SCOPE.model_copy(update={"window": window})).verdict == "conclusive"
    assert weighed(*claims).hypotheses[0].confidence == judge.STALE_CAP


def test_an_alert_that_names_a_service_without_its_kind_is_about_that_service() -> None:
    scope = SCOPE.model_copy(update={"candidates": ("app/back", "app/front")})
    seen, guilty = suspicion("app/front", 4.0, METRIC), suspicion("app/back", 5.0, CHANGE, change="c0ffee1")
    best = weighed(
        report("metrics", seen, findings=(METRIC,)), report("deploys", guilty, findings=(CHANGE,)), scope=scope
    ).hypotheses[0]
    assert (best.target, best.supporting) == ("app/back", (CHANGE.id, METRIC.id))


def drawn(title: str, **fields: Any) -> Finding:
    return finding(f"{title} rose", plot=Plot(title=title, times=(0.0, 1.0), values=(1.0, 2.0)), **fields)


def check(*claims: Suspicion, scope: Scope = SCOPE) -> str:
    """What would tell the first of these from the next."""
    found = (METRIC, LOG, CHANGE, *SHOWN.values())
    return str(weighed(report("metrics", *claims, findings=found), scope=scope).hypotheses[0].next_check)


SHOWN = {title: drawn(title) for title in ("back|waiting", "back|latency_p99", "front|latency_p99", "entrypoint|errors")}
SIDE = suspicion("side", 1.0, METRIC)


def test_the_next_check_names_the_series_to_watch_where_one_is_shown() -> None:
    claims = [suspicion("back", 3.0, METRIC), suspicion("back", 2.0, SHOWN["back|waiting"])]
    assert check(*claims, SIDE) == "If waiting of back returns to normal and the symptom stays, it is not back: look at side."


@pytest.mark.parametrize("title", ["back|latency_p99", "entrypoint|errors"])
def test_what_the_alert_is_about_is_no_check_of_its_cause(title: str) -> None:
    alert = SCOPE.alert.model_copy(update={"service": "back", "metric": "waiting"})
    scope = SCOPE.model_copy(update={"alert": alert})
    claims = [suspicion("back", 3.0, SHOWN[title], LOG), SIDE]
    assert check(*claims, scope=scope) == "Take work off back, or restart it: if the symptom stays, look at side."
    named = [suspicion("back", 3.0, SHOWN["back|waiting"], LOG), SIDE]
    assert check(*named, scope=scope).startswith("Take work off back")
    elsewhere = alert.model_copy(update={"service": "front", "metric": None})
    if title != "entrypoint|errors":
        assert check(*claims, scope=SCOPE.model_copy(update={"alert": elsewhere})).startswith("If latency_p99 of back returns")


@pytest.mark.parametrize("found", [(SHOWN["back|waiting"],), (SHOWN["back|waiting"], CHANGE), (METRIC, LOG)])
def test_the_only_thing_that_is_seen_of_a_cause_or_what_can_t_be_drawn_is_no_check(found: tuple[Finding, ...]) -> None:
    claims = [suspicion("back", 3.0, *found), SIDE]
    assert check(*claims) == "Take work off back, or restart it: if the symptom stays, look at side."


def test_what_objects_say_of_themselves_is_checked_by_putting_it_right() -> None:
    wrong = finding("back's port is wrong", signal="objects")
    said = weighed(report("deploys", suspicion("back", 4.0, wrong, signal="objects"), SIDE, findings=(wrong, METRIC)))
    assert said.hypotheses[0].next_check == "Put that right at back: if the symptom stays, look at side."


@pytest.mark.parametrize(
    ("rival", "elsewhere"),
    [
        (suspicion("side", 1.0, METRIC), "side"),
        (suspicion("side", 2.0, CHANGE, change="decade2", called="deploy 2.0"), "deploy 2.0 of side"),
        (suspicion("back", 3.0, CHANGE, change="decade2decade2decade2"), "change decade2decad"),
        (suspicion("back", 1.0, METRIC), "back itself"),
    ],
)
def test_a_change_is_checked_by_undoing_what_people_know_it_by(rival: Suspicion, elsewhere: str) -> None:
    guilty = suspicion("back", 5.0, CHANGE, change="c0ffee1", called="deploy 1.7.6")
    assert check(guilty, rival) == (
        f"Undo deploy 1.7.6, or compare with how it was before: if the symptom goes on, look at {elsewhere}."
    )


def test_a_change_beside_a_cause_without_one_is_checked_by_leaving_it_out() -> None:
    change = suspicion("back", 0.7, CHANGE, change="c0ffee1", called="deploy 1.7.6")
    assert (
        check(suspicion("back", 4.0, METRIC), change) == "Does back behave so without deploy 1.7.6 too? If not, it was that change."
    )


def test_what_the_first_leaves_is_shared_as_the_others_odds_would_have_it_but_for_the_reserve() -> None:
    claims = [suspicion(name, weight, METRIC) for name, weight in (("back", 2.0), ("side", 1.5), ("store", 1.0))]
    shares = {each.target: each.share for each in possibilities(claims, alerting=None)}
    careful = Calibration(intercept=0.0, slope=1.0, reserve=0.2)
    said = judge.weigh(SCOPE, [report("metrics", *claims, findings=(METRIC,))], calibration=careful, round=1)
    sure = {h.target: h.confidence for h in said.hypotheses}
    assert sure == pytest.approx({name: 0.8 * share for name, share in shares.items()}, abs=1e-4)


def test_the_next_check_tells_from_another_target_before_it_tells_from_a_change_of_the_same() -> None:
    said = weighed(
        report("metrics", suspicion("back", 4.0, METRIC), suspicion("side", 1.0, METRIC), findings=(METRIC,)),
        report("deploys", suspicion("back", 0.7, CHANGE, change="c0ffee1"), findings=(CHANGE,)),
    )
    assert [(h.target, h.change) for h in said.hypotheses] == [("back", None), ("back", "c0ffee1"), ("side", None)]
    assert str(said.hypotheses[0].next_check).endswith("look at side.")
