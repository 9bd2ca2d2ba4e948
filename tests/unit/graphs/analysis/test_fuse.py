from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.hypothesis import Suspicion
from graphs.analysis import fuse
from graphs.analysis.fuse import possibilities
from tests.unit.graphs.said import finding, suspicion

METRIC, LOG = finding("m"), finding("l", signal="logs")
CHANGE = finding("c", signal="changes")


def test_the_score_can_be_repeated_by_hand() -> None:
    found = possibilities(
        [
            suspicion("back", 2.0, METRIC),
            suspicion("back", 1.0, METRIC, statement="a second series"),
            suspicion("back", 1.5, LOG),
            suspicion("back", -0.5, LOG, statement="but its own time is as ever"),
        ],
        alerting=None,
    )
    (only,) = found
    assert [(term.what, term.nats) for term in only.terms] == [
        ("logs", 1.5),
        ("logs", -0.5),
        ("metrics", 2.0),
        ("metrics again, counts 0.3", pytest.approx(fuse.FURTHER * 1.0)),
    ]
    assert [term.findings for term in only.terms] == [(LOG.id,), (LOG.id,), (METRIC.id,), (METRIC.id,)]
    assert only.score == pytest.approx(3.3)
    assert only.rivals == pytest.approx(fuse.NOBODY)
    assert only.share == pytest.approx(1 / (1 + math.exp(fuse.NOBODY - 3.3)))


def test_rivals_are_all_the_others_and_what_nobody_saw() -> None:
    scores = {"front": 4.0, "back": 3.0, "side": 1.0}
    found = possibilities([suspicion(name, weight, METRIC) for name, weight in scores.items()], alerting=None)
    for each in found:
        others = [weight for name, weight in scores.items() if name != each.target]
        assert each.rivals == pytest.approx(math.log(sum(math.exp(n) for n in (*others, fuse.NOBODY))))


def test_one_kind_of_signal_has_a_most_it_can_say() -> None:
    (only,) = possibilities([suspicion("back", 6.0, METRIC), suspicion("back", 6.0, METRIC, statement="again")], alerting=None)
    assert only.score == fuse.SIGNAL_CAP
    assert only.terms[-1].what == "metrics alone says 5.5 at most"
    assert only.terms[-1].nats == pytest.approx(fuse.SIGNAL_CAP - 6.0 - fuse.FURTHER * 6.0)


def test_a_change_must_bring_more_than_the_prior_that_most_are_innocent() -> None:
    def best(weight: float) -> Any:
        return possibilities(
            [suspicion("back", 3.0, METRIC), suspicion("back", weight, CHANGE, change="c0ffee1")], alerting="back"
        )[0]

    assert best(fuse.CHANGE_PRIOR - 0.3).change is None
    assert best(fuse.CHANGE_PRIOR + 0.3).change == "c0ffee1"


def test_a_guilty_change_elsewhere_explains_what_is_seen_at_the_alert() -> None:
    found = possibilities([suspicion("front", 4.0, METRIC), suspicion("back", 5.0, CHANGE, change="c0ffee1")], alerting="front")
    assert (found[0].target, found[0].change) == ("back", "c0ffee1")
    assert [(term.what, term.nats) for term in found[0].terms[:2]] == [
        ("seen at front, metrics", 4.0),
        ("seen from afar", pytest.approx(4.0 * (fuse.ELSEWHERE - 1))),
    ]
    assert METRIC.id in {i for s in found[0].speaking for i in s.findings}


def test_that_no_change_is_guilty_speaks_for_every_target_without_one() -> None:
    cleared = suspicion("back", 2.0, CHANGE, no_change=True)
    with_, without = (
        possibilities([suspicion("back", 3.0, METRIC), *extra], alerting="back")[0].score for extra in ([cleared], [])
    )
    assert with_ == pytest.approx(without + 2.0)
    (alone,) = possibilities([cleared], alerting=None)
    assert (alone.target, alone.change) == ("back", None)


def test_nothing_suspected_is_nothing_possible() -> None:
    assert possibilities([], alerting="front") == []


SUSPICIONS = st.lists(
    st.builds(
        lambda target, weight, cited, change, cleared: suspicion(
            target, weight, cited, change=change, no_change=cleared and change is None
        ),
        st.sampled_from(["front", "back", "side"]),
        st.floats(-6, 6),
        st.sampled_from([METRIC, LOG, CHANGE]),
        st.sampled_from([None, "c0ffee1", "decade2"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(SUSPICIONS, st.sampled_from([None, "front", "unheard-of"]))
def test_parts_add_up_and_shares_leave_room_for_what_nobody_saw(claims: list[Suspicion], alerting: str | None) -> None:
    found = possibilities(claims, alerting=alerting)
    for each in found:
        assert sum(term.nats for term in each.terms) == pytest.approx(each.score)
        assert 0 <= each.share <= 1
        assert all(s.weight > 0 for s in each.speaking)
        assert all(s.weight < 0 for s in each.against)
    assert sum(each.share for each in found) <= 1 + 1e-9
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert len({(each.target, each.change) for each in found}) == len(found)


def test_of_two_that_are_cleared_alike_the_same_one_is_named_whoever_came_first() -> None:
    seen = finding("m", signal="changes")
    claims = [suspicion(name, 1.0, seen, no_change=True) for name in ("front", "back")]
    assert [possibilities(given, alerting=None)[0].target for given in (claims, claims[::-1])] == ["back", "back"]


@settings(max_examples=100, deadline=None)
@given(SUSPICIONS, st.randoms(use_true_random=False))
def test_the_order_of_suspicions_changes_no_score(claims: list[Suspicion], random: Any) -> None:
    shuffled = [*claims]
    random.shuffle(shuffled)

    def told(given: list[Suspicion]) -> list[tuple[str, str | None, float]]:
        return [(p.target, p.change, round(p.score, 9)) for p in possibilities(given, alerting="front")]

    assert told(claims) == told(shuffled)


@settings(max_examples=100, deadline=None)
@given(SUSPICIONS, st.floats(0.1, 2))
def test_more_evidence_never_makes_its_own_target_less_likely(claims: list[Suspicion], more: float) -> None:
    def score(given: list[Suspicion]) -> float:
        return max((p.score for p in possibilities(given, alerting=None) if p.target == "front"), default=-math.inf)

    assert score([*claims, suspicion("front", more, METRIC)]) >= score(claims) - 1e-9


def test_a_guilty_change_explains_what_is_seen_where_it_says_so() -> None:
    seen = suspicion("below", 5.0, METRIC)
    guilty = suspicion("back", 3.0, CHANGE, change="c0ffee1", explains=("below",))
    best = possibilities([seen, guilty], alerting="front")[0]
    assert (best.target, best.change) == ("back", "c0ffee1")
    assert [(term.what, term.nats) for term in best.terms[:2]] == [
        ("seen at below, metrics", 5.0),
        ("seen from afar", pytest.approx(-fuse.FAR)),
    ]
    silent = possibilities([seen, guilty.model_copy(update={"explains": ()})], alerting="front")[0]
    assert silent.change is None


def test_where_no_change_is_guilty_its_repair_is_the_one_for_what_is() -> None:
    cleared = suspicion("front", 2.0, CHANGE, no_change=True, remediation="scale")
    best = possibilities([suspicion("back", 4.0, METRIC), cleared], alerting="front")[0]
    assert (best.target, best.remediation) == ("back", "scale")


def test_where_nothing_from_outside_is_a_cause_a_fitting_change_outweighs_none() -> None:
    seen, fits = suspicion("back", 3.0, METRIC), suspicion("back", 0.7, CHANGE, change="c0ffee1")
    due = suspicion("front", -0.7, CHANGE, no_change=True)
    assert possibilities([seen, fits], alerting="front")[0].change is None
    best = possibilities([seen, fits, due], alerting="front")[0]
    assert best.change == "c0ffee1"
    plain = next(each for each in possibilities([seen, fits, due], alerting="front") if each.change is None)
    assert ("nothing but a change explains it", -0.7) in [(term.what, term.nats) for term in plain.terms]


@pytest.mark.parametrize(("weight", "many"), [(-0.7, 1), (0.0, 1), (0.7, 2)])
def test_only_what_speaks_for_no_guilty_change_is_itself_a_possibility(weight: float, many: int) -> None:
    fits = suspicion("back", 3.0, CHANGE, change="c0ffee1")
    found = possibilities([fits, suspicion("front", weight, CHANGE, no_change=True)], alerting=None)
    assert len(found) == many
    assert found[0].change == "c0ffee1"


def test_a_guilty_change_leads_its_own_hypothesis_however_much_more_is_seen() -> None:
    claims = [suspicion("back", 5.0, METRIC), suspicion("back", 3.0, CHANGE, change="c0ffee1")]
    guilty = next(each for each in possibilities(claims, alerting="back") if each.change)
    assert [s.signal for s in guilty.speaking] == ["changes", "metrics"]


def test_that_no_change_is_guilty_is_said_after_what_is_seen() -> None:
    claims = [suspicion("back", 1.0, METRIC), suspicion("back", 2.0, CHANGE, no_change=True)]
    (only,) = possibilities(claims, alerting="back")
    assert [s.signal for s in only.speaking] == ["metrics", "changes"]


def test_what_is_seen_from_afar_counts_without_what_needs_no_change_and_without_other_changes() -> None:
    guilty = suspicion("back", 5.0, CHANGE, change="c0ffee1")
    surge, other = suspicion("front", 4.0, LOG, no_change=True), suspicion("front", 3.0, CHANGE, change="decade2")
    found = possibilities([suspicion("front", 2.0, METRIC), surge, other, guilty], alerting="front")
    best = next(each for each in found if each.change == "c0ffee1")
    assert [(term.what, term.nats) for term in best.terms[:2]] == [
        ("seen at front, metrics", 2.0),
        ("seen from afar", pytest.approx(2.0 * (fuse.ELSEWHERE - 1))),
    ]
