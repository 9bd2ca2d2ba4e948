from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cards.card import Buttons, Card, Exact, Paragraph, Quote, Who, plain, sparkline, words
from app.cards.findings import MOST_SHOWN, behind_card, findings_card, why_card
from app.cards.incident import Pending, brief_card, claim, claimed, incident_card, numbering
from app.cards.proposal import details_card, exact_text, facts_too_long, outcome_card, proposal_card, stopped_card
from app.cards.status import open_card
from app.cards.wording import clipped, duration, percent, to_the_letter
from app.domain.action import Call, Effects, Preview
from app.domain.approval import Approval, Execution
from app.domain.finding import Finding, Gap, Plot
from app.domain.hypothesis import Diagnosis, Suspicion
from app.domain.incident import Alert, Incident
from app.domain.proposal import Proposal
from app.domain.value import canonical
from app.slack.blocks import cleaned
from graphs import judge
from graphs.analysis.calibration import AS_IT_IS, Calibration
from tests.unit.domain.test_proposal import CHANGED, proposal
from tests.unit.graphs.said import NOON, SCOPE, finding, report, suspicion

LONG = "a long statement " * 20
WORST_WORDS = 260
"""Everything as long as it may be, a decision waiting and a result: more than an ordinary card's 120, and never more than this."""


def incident(**fields: Any) -> Incident:
    known: dict[str, Any] = {
        "id": "INC-0042",
        "number": 42,
        "title": "checkout fails",
        "severity": "SEV2",
        "status": "investigating",
        "commander": "U1",
        "declared_by": "U1",
        "declared_at": NOON,
    }
    return Incident(**{**known, **fields})


def diagnosis(*, statement: str = "errors rose", gaps: int = 2) -> Diagnosis:
    plot = Plot(title="back|errors", times=tuple(map(float, range(30))), values=tuple(map(float, range(30))), onset=15.0)
    seen = finding("errors of back", plot=plot, excerpt="<!channel> `rm -rf`", outsider_text=True)
    log = finding("a new exception", signal="logs")
    against = finding("own time as ever", signal="traces")
    missing = tuple(Gap(agent=judge.AGENT, source="git", reason="failed", statement=f"{LONG} {n}") for n in range(gaps))
    return judge.weigh(
        SCOPE,
        [
            report("metrics", suspicion("back", 4.0, seen, statement=statement), findings=(seen,)),
            report("logs", suspicion("back", 3.0, log), suspicion("side", 2.0, log), findings=(log,), gaps=missing),
            report("spans", suspicion("back", -0.5, against), suspicion("store", 1.0, against), findings=(against,)),
        ],
        calibration=AS_IT_IS,
        round=1,
    )


def shown(card: Card) -> str:
    return card.model_dump_json()


def buttons(card: Card) -> list[str]:
    return [button.action for part in card.parts if isinstance(part, Buttons) for button in part.buttons]


@pytest.mark.parametrize("statement", ["errors rose", LONG[:400]])
@pytest.mark.parametrize("gaps", [0, 1, 9])
def test_however_long_everything_in_it_is_the_card_stays_bounded(statement: str, gaps: int) -> None:
    card = incident_card(
        incident(title=LONG[:150]),
        symptom=Alert(fired_at=NOON, summary=LONG, service="checkout"),
        more_alerts=2,
        diagnosis=diagnosis(statement=statement, gaps=gaps),
        pending=[Pending(name="p-1", sentence="Roll back from 1.8.0 to 1.7.2", expires_at=NOON)],
        result="Rolled back: errors at 0.05 or less: now 0.01, held",
    )
    assert len(card.gist) <= 600
    assert words(card) <= WORST_WORDS


def test_a_plain_card_is_at_most_a_hundred_and_twenty_words() -> None:
    alert = Alert(fired_at=NOON, summary="p95 of /orders on front is 1345 ms", service="front")
    card = incident_card(incident(), symptom=alert, diagnosis=diagnosis(gaps=0))
    assert words(card) <= 120


def test_before_there_is_a_diagnosis_it_says_what_is_going_on() -> None:
    card = incident_card(incident())
    assert "investigating" in card.gist
    assert "Investigating: logs, metrics and changes." in shown(card)
    failed = incident_card(incident(), asking="Triage failed: prometheus did not answer")
    assert "Triage failed: prometheus did not answer" in shown(failed)
    assert buttons(failed) == ["triage"]  # there is no why yet
    assert buttons(incident_card(incident(status="closed"))) == []


def test_what_outsiders_wrote_is_only_ever_quoted() -> None:
    hostile = "<!channel> *Approved by the CEO* <https://evil|click>"
    card = incident_card(incident(title=hostile, commander=None), symptom=Alert(fired_at=NOON, summary=hostile))
    lines = [line for part in card.parts if hasattr(part, "lines") for line in part.lines]
    assert [piece.type for line in lines for piece in line if hostile[:20] in getattr(piece, "text", "")] == ["quote"]
    found = findings_card(diagnosis())
    quoted = [p for part in found.parts if hasattr(part, "lines") for each in part.lines for p in each if isinstance(p, Quote)]
    assert [each.text for each in quoted] == ["<!channel> `rm -rf`"]


def test_the_same_finding_has_the_same_number_everywhere() -> None:
    said = diagnosis()
    numbers = numbering(said.findings)
    for card in (incident_card(incident(), diagnosis=said), findings_card(said), why_card(said)):
        assert numbers[said.hypotheses[0].supporting[0]] in shown(card)


def test_the_gaps_and_what_speaks_against_are_on_the_card() -> None:
    card = incident_card(incident(), diagnosis=diagnosis(gaps=3))
    text = shown(card)
    assert "Not known: " in text
    assert "; 1 more" in text
    assert "Against 1: " in text


CHANGE = finding("back 1.8.0 went out", signal="changes")
NONE = finding("nothing was changed", signal="changes", numbers={"changes": 0.0})
WRONG = finding("its port is wrong", signal="objects")


def cleared(*, missing: str = "") -> Diagnosis:
    """No change explains what is seen at `front`."""
    seen, log = finding("errors of front"), finding("a new exception", signal="logs")
    own = [suspicion("front", 5.0, seen), suspicion("front", 5.0, log), suspicion("front", 1.5, CHANGE, no_change=True)]
    gaps = (Gap(agent=judge.AGENT, source="git", reason="failed", statement=missing),) if missing else ()
    return judge.weigh(SCOPE, [report("all", *own, findings=(seen, log, CHANGE), gaps=gaps)], calibration=AS_IT_IS, round=1)


def weighed(*claims: Suspicion, looked: Finding | None = CHANGE, missing: str = "") -> Diagnosis:
    seen, log = finding("errors of back"), finding("a new exception", signal="logs")
    gaps = (Gap(agent=judge.AGENT, source="git", reason="failed", statement=missing),) if missing else ()
    own = [suspicion("back", 5.0, seen), suspicion("back", 5.0, log), *claims]
    found = (seen, log, WRONG, *([looked] if looked else []))
    return judge.weigh(SCOPE, [report("all", *own, findings=found, gaps=gaps)], calibration=AS_IT_IS, round=1)


def told(said: Diagnosis) -> str:
    (cause,) = [part for part in brief_card(SCOPE, said, name="n").parts if "What caused it" in part.model_dump_json()]
    assert isinstance(cause, Paragraph)
    return " / ".join(plain(each) for each in cause.lines)


def plain_text(card: Card) -> str:
    lines = [line for part in card.parts for line in (getattr(part, "lines", None) or [getattr(part, "line", ())])]
    return "\n".join(map(plain, lines))


def test_where_no_change_is_guilty_it_is_said_that_there_is_nothing_to_roll_back() -> None:
    assert told(cleared()).endswith(" / No change is guilty: nothing to roll back. ")
    assert told(weighed(looked=NONE)).endswith(" / Nothing was changed: nothing to roll back. ")
    assert told(cleared(missing="traces: it did not answer")).endswith(" / Likely no change is guilty: nothing to roll back. ")


@pytest.mark.parametrize(
    "said",
    [
        weighed(looked=None),  # nobody looked
        weighed(),  # nobody said that it is innocent
        cleared(missing="changes: it did not answer"),
        weighed(looked=NONE, missing="changes, in part: 1 line could not be read"),
        weighed(suspicion("back", 5.5, WRONG), looked=NONE),  # somebody made it so
        weighed(suspicion("back", 5.0, CHANGE, change="c0ffee1")),  # it may be one
        judge.weigh(
            SCOPE, [report("m", suspicion("back", 0.1, CHANGE, signal="logs"), findings=(CHANGE,))], calibration=AS_IT_IS, round=1
        ),
    ],
)
def test_nobody_is_told_that_no_change_is_guilty_where_one_may_be(said: Diagnosis) -> None:
    assert "nothing to roll back" not in told(said)


def test_what_is_not_known_reads_as_that_and_is_told_once() -> None:
    card = plain_text(brief_card(SCOPE, weighed(missing="traces: it did not answer"), name="n"))
    assert "(likely: a source is missing: traces (it did not answer))" in card
    assert "Not known" not in card
    unsure = diagnosis(gaps=0).model_copy(
        update={"gaps": (Gap(agent=judge.AGENT, source="x", reason="no_data", statement="a: b"),)}
    )
    assert "Not known: a: b" in plain_text(brief_card(SCOPE, unsure, name="n"))


def test_the_kind_of_repair_that_fits_is_on_the_card() -> None:
    said = weighed(suspicion("back", 1.0, finding("errors of back"), remediation="scale-out"), looked=NONE)
    assert told(said).endswith("nothing to roll back. Remedy: scale-out")
    guilty = weighed(suspicion("back", 5.0, CHANGE, change="c0ffee1", remediation="rollback"))
    assert guilty.hypotheses[0].change == "c0ffee1"
    assert told(guilty).endswith(" / Remedy: rollback")


def test_a_closed_incident_cannot_be_triaged_again_and_a_commanded_one_not_taken() -> None:
    assert buttons(incident_card(incident(status="closed"), diagnosis=diagnosis())) == ["why"]
    assert buttons(incident_card(incident(), diagnosis=diagnosis())) == ["why", "triage"]
    assert "command" in buttons(incident_card(incident(commander=None)))


def test_a_brief_leaves_out_lesser_causes_where_its_words_are_spent() -> None:
    wordy = [suspicion(name, 1.0, finding("errors of back"), statement=LONG[:400]) for name in ("back", "side", "store")]
    said = judge.weigh(SCOPE, [report("m", *wordy, findings=(finding("errors of back"),))], calibration=AS_IT_IS, round=1)
    ranks = []
    for length in (10, 250, 400):
        short = [each.model_copy(update={"statement": each.statement[:length]}) for each in said.hypotheses]
        scope = SCOPE.model_copy(update={"alert": Alert(fired_at=NOON, summary=LONG[:length])})
        card = brief_card(scope, said.model_copy(update={"hypotheses": tuple(short)}), name="n")
        assert words(card) <= 120
        ranks.append(re.findall(r"(?m)^(\d)\. ", plain_text(card)))
    assert ranks[0] == ["1", "2", "3"]
    assert ranks[-1] in (["1"], ["1", "2"])


def test_a_brief_needs_no_incident() -> None:
    card = brief_card(SCOPE, diagnosis(), name="made-up")
    assert card.gist.startswith("made-up: ")
    assert buttons(card) == []


def test_what_a_picture_shows_is_said_with_its_quantity() -> None:
    plot = Plot(title="back|wait", unit="s", times=(0.0, 1.0), values=(0.04, 0.6))
    seen = finding("wait of back", plot=plot)
    said = judge.weigh(SCOPE, [report("metrics", suspicion("back", 3.0, seen), findings=(seen,))], calibration=AS_IT_IS, round=1)
    assert "back|wait: between 40 ms and 600 ms" in shown(findings_card(said))


def test_findings_beyond_the_first_are_counted() -> None:
    many = tuple(finding(f"finding {n}") for n in range(12))
    said = judge.weigh(SCOPE, [report("metrics", suspicion("back", 3.0, many[0]), findings=many)], calibration=AS_IT_IS, round=1)
    assert f"{12 - MOST_SHOWN} more findings" in shown(findings_card(said))


# Proposals


def test_what_will_run_is_shown_to_the_letter_from_the_stored_bytes() -> None:
    asked = proposal(call=Call(action="undo", arguments={"b": "x" * 900, "a": '"quoted"\n'}))
    card = proposal_card(asked, state="proposed", needs="one press")
    (exact,) = [part for part in card.parts if isinstance(part, Exact)]
    assert exact.text == exact_text(asked)
    for key, value in asked.call.arguments.items():
        assert key in exact.text
        assert canonical(value).decode() in exact.text
    assert "…" not in exact.text
    other = proposal(call=Call(action="undo", arguments={"b": "x" * 899, "a": '"quoted"\n'}))
    assert exact_text(other) != exact_text(asked)
    assert exact_text(asked) in [part.text for part in details_card(asked).parts if isinstance(part, Exact)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a":"plain <b> & *c*"}', '{"a":"plain <b> & *c*"}'),
        ("x`y ```", "x\\u0060y \\u0060\\u0060\\u0060"),
        ("db\u200bprod\u202egnp", "db\\u200bprod\\u202egnp"),
        ("\uff41dmin", "\\uff41dmin"),
        ("pr\u043ed", "pr\\u043ed"),
        ("e\u0301", "e\\u0301"),
        ("caf\u00e9", "caf\u00e9"),
        ("\u30b5\u30fc\u30d3\u30b9", "\u30b5\u30fc\u30d3\u30b9"),
        ("\U000e0041", "\\U000e0041"),
        ("line\nline", "line\\u000aline"),
    ],
)
def test_no_character_of_what_will_run_can_be_missed_or_taken_for_another(text: str, told: str) -> None:
    assert to_the_letter(text) == told
    assert cleaned(told) == told  # Slack's rendering changes nothing of it


def test_the_buttons_carry_an_opaque_id_and_approve_asks_once_more() -> None:
    asked = proposal()
    card = proposal_card(asked, state="proposed", needs="one press by the commander")
    (row,) = [part for part in card.parts if isinstance(part, Buttons)]
    assert [button.action for button in row.buttons] == ["approve", "reject", "details"]
    assert {button.value for button in row.buttons} == {asked.hash}
    assert row.buttons[0].confirm is not None
    assert "one press by the commander" in shown(card)


@pytest.mark.parametrize("state", ["approved", "rejected", "expired", "superseded", "executing", "done", "failed", "unknown"])
def test_once_decided_the_buttons_give_way_to_who_decided_what_when(state: Any) -> None:
    asked = proposal()
    said = Approval(proposal=asked.hash, decision="approve", by="U7", at=NOON, surface="slack", reason="go")
    card = proposal_card(asked, state=state, needs="", decided=[said])
    assert buttons(card) == (["again"] if state in ("expired", "superseded") else [])
    assert '"U7"' in shown(card)
    assert "(go)" in shown(card)


def test_at_tier_3_the_button_opens_a_dialog_and_the_resource_can_be_read_off() -> None:
    card = proposal_card(proposal(tier=3), state="proposed", needs="two presses")
    assert buttons(card) == ["consent", "reject", "details"]
    assert '"Resource"' in shown(card)


def test_what_moved_stands_on_the_card_until_it_is_planned_again() -> None:
    moved = "the world moved since 12:00:00 UTC: version was '1' and is '2'"
    card = proposal_card(proposal(), state="superseded", needs="", moved=moved)
    assert moved in shown(card)
    anew = proposal_card(proposal(), state="superseded", needs="", moved=moved, again="p-7f3ac91e")
    assert buttons(anew) == []
    assert "p-7f3ac91e" in shown(anew)


def test_everything_needed_for_a_yes_stands_on_the_card_whole_or_is_refused() -> None:
    labels = ["Tier", "Touches", "Downtime", "Undo", "Success", "If we wait", "Dry run"]
    text = shown(proposal_card(proposal(), state="proposed", needs="x"))
    assert [label for label in labels if f'"{label}"' not in text] == []
    assert facts_too_long(proposal()) == []
    assert facts_too_long(proposal(if_we_wait="x" * 401)) == ["If we wait"]
    many = proposal(preview=Preview(ok=True, lines=("it moves", *("and more of it" for _ in range(40)))))
    assert "it moves (and 40 lines more under Details)" in shown(proposal_card(many, state="proposed", needs="x"))


def test_without_an_undo_or_a_criterion_it_says_so() -> None:
    text = shown(proposal_card(proposal(), state="proposed", needs="x"))
    assert "none: it can't be undone" in text
    assert "watch the symptom yourself" in text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("finished", "ran, being verified"),
        ("verified", "the criterion is met"),
        ("missed", "the criterion is not met"),
        ("missed", "Press Triage again"),
        ("unverified", "could not be verified"),
        ("unverified", "look whether the symptom is gone"),
        ("failed", "failed, nothing changed"),
        ("failed", "propose it again"),
        ("unknown", "A person is needed"),
        ("unknown", "propose it again"),
    ],
)
def test_an_outcome_says_how_it_came_out_and_names_each_who_approved(state: Any, said: str) -> None:
    asked = proposal()
    run = Execution(id="x-1", proposal=asked.hash, state=state, started_at=NOON, detail="it was so")
    yes = [Approval(proposal=asked.hash, decision="approve", by=by, at=NOON, surface="slack") for by in ("U1", "U2")]
    card = outcome_card(asked, run, decided=yes, undo="p-undo")
    assert said in shown(card)
    assert "p-undo" in shown(card)
    note = card.parts[-1]
    assert [piece.id for piece in note.line if isinstance(piece, Who)] == ["U1", "U2"]
    assert "nobody" in plain(outcome_card(asked, run, decided=[], undo=None).parts[-1].line)


def test_why_something_approved_did_not_run_is_said_with_what_to_do() -> None:
    card = stopped_card(proposal(), reason="scaling@2.0.0 holds shop/service/back " + LONG)
    assert "scaling@2.0.0 holds shop/service/back" in card.gist
    assert "propose it again" in card.gist


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=700), st.text(max_size=700))
def test_whatever_the_texts_are_a_card_can_be_made(text: str, other: str) -> None:
    asked = Proposal.of(
        **{
            **proposal(**CHANGED).model_dump(exclude={"hash"}),
            "effects": Effects(target="shop/service/back", sentence=text, blast_radius=other, undo_sentence=other),
            "why": text,
        }
    )
    for state in ("proposed", "done"):
        assert proposal_card(asked, state=state, needs=other).gist
    assert len(incident_card(incident(title=text), symptom=Alert(fired_at=NOON, summary=other)).gist) <= 600
    assert stopped_card(asked, reason=text).gist


# Small words


def test_open_incidents_are_listed_worst_first() -> None:
    assert open_card([]).gist == "No incident is open."
    card = open_card([incident(), incident(id="INC-0043", number=43, severity="SEV1")])
    assert card.gist.index("INC-0043") < card.gist.index("INC-0042")


@pytest.mark.parametrize(
    ("length", "said"),
    [(45, "45 s"), (89, "89 s"), (120, "2 min"), (timedelta(hours=2, minutes=5), "2 h 5 min"), (7200, "2 h")],
)
def test_durations_are_said_as_a_person_would(length: Any, said: str) -> None:
    assert duration(length) == said
    assert percent(0.505) == "50%"


@given(st.text(max_size=300), st.integers(5, 100))
def test_what_is_cut_is_marked_and_fits(text: str, most: int) -> None:
    cut = clipped(text, most)
    assert len(cut) <= most
    assert cut == text or cut.endswith("…")


@given(st.lists(st.floats(-1e12, 1e12), max_size=40), st.integers(0, 40))
def test_a_series_becomes_one_height_each_and_one_mark(values: list[float], onset: int) -> None:
    plot = Plot(title="t", times=tuple(map(float, range(len(values)))), values=tuple(values), onset=float(onset))
    drawn = sparkline(plot)
    assert len(drawn.replace("│", "")) == len(values)
    assert drawn.count("│") == (1 if onset < len(values) else 0)


def test_a_picture_of_what_was_broken_throughout_shows_what_is_usual() -> None:
    plot = Plot(title="front|availability", unit="%", times=(0.0, 1.0, 2.0), values=(0.0, 0.0, 0.0), usual=100.0)
    assert sparkline(plot) == "█┊▁▁▁"


@pytest.mark.parametrize(
    ("target", "statement", "told"),
    [
        ("back", "deploy 1.7.6 of back at 10:02:28Z: size 12 -> 1", "deploy 1.7.6 of back at 10:02:28Z: size 12 -> 1"),
        ("back", "back: errors went from 0 to 9", "back: errors went from 0 to 9"),
        ("app/back", "back: errors went from 0 to 9", "app/back: errors went from 0 to 9"),
        ("app/back", "Deployment back: its image is gone", "Deployment back: its image is gone"),
        ("app/back", "a secret differs; Deployment back uses it", "app/back: a secret differs; Deployment back uses it"),
        ("node/n1", "a quota refuses pods", "node/n1: a quota refuses pods"),
        ("back", "backlog: 12", "back: backlog: 12"),
    ],
)
def test_of_whom_a_statement_speaks_is_told_first_and_once(target: str, statement: str, told: str) -> None:
    best = diagnosis(statement=statement).hypotheses[0].model_copy(update={"target": target})
    assert claim(best) == told
    assert plain(claimed(best, 20)).endswith("…") == (len(told) > len(target) + 22)


def test_the_arithmetic_of_a_hypothesis_adds_up_by_hand() -> None:
    said = diagnosis()
    for rank in (1, 2):
        card = behind_card(said, rank)
        told = [[plain(each) for each in part.lines] for part in card.parts if hasattr(part, "lines")]
        (sum_,) = [lines for lines in told if "arithmetic" in lines[0]]
        numbers = [float(re.sub(r"[=%≤ ]", "", each[:9])) for each in sum_[1:]]
        at = next(i for i, each in enumerate(sum_[1:]) if each.endswith("for it"))
        assert sum(numbers[:at]) == pytest.approx(numbers[at], abs=0.02 * at)
        assert sum_[at + 3].endswith(" log-odds, for it against all else")
        assert numbers[at] + numbers[at + 1] == pytest.approx(numbers[at + 2], abs=0.02)
        assert numbers[-1] == pytest.approx(min(numbers[at + 3 :]), abs=0.2)
        assert numbers[-1] == pytest.approx(100 * said.hypotheses[rank - 1].confidence, abs=0.06)


def test_the_arithmetic_says_how_many_causes_it_stands_against_and_what_is_kept_back() -> None:
    many = [suspicion(f"s{n}", 1.0, finding("errors of back")) for n in range(9)]
    careful = Calibration(intercept=0.0, slope=1.0, reserve=0.03)
    said = judge.weigh(SCOPE, [report("m", *many, findings=(finding("errors of back"),))], calibration=careful, round=1)
    text = plain_text(behind_card(said, 1))
    assert "over 8 other causes (4 too weak to be listed) and over whatever nobody thought of (+1.50)" in text
    assert "; 3% is kept for systems unlike any that was measured" in text
    one = said.hypotheses[0].arithmetic
    assert one is not None
    assert one.rivals == pytest.approx(math.log(8 * math.exp(1.0) + math.exp(1.5)))
    old = one.model_copy(update={"others": None, "unseen": None})
    before = said.model_copy(update={"hypotheses": (said.hypotheses[0].model_copy(update={"arithmetic": old}),)})
    assert "all other causes and what nobody looked at" in plain_text(behind_card(before, 1))


def test_what_is_behind_one_hypothesis_is_titled_and_numbered_as_on_the_brief() -> None:
    said = diagnosis()
    card, numbers = behind_card(said, 2), numbering(said.findings)
    second = said.hypotheses[1]
    assert card.title == "Behind hypothesis 2"
    told = [plain(part.lines[0]) for part in card.parts if hasattr(part, "lines")]
    assert told[0].startswith("2. ")
    assert told[1] == "The arithmetic, in nats (one nat: what was found is 2.7 times likelier if it is the cause):"
    assert {each.split()[0] for each in told[2:]} == {numbers[i] for i in (*second.supporting, *second.contradicting)}


def test_one_alert_more_is_one_alert_more() -> None:
    symptom = Alert(fired_at=NOON, summary="slow", service="front")
    assert "(and 1 more alert)" in shown(incident_card(incident(), symptom=symptom, more_alerts=1))
    assert "more alert" not in shown(incident_card(incident(), symptom=symptom))


def test_what_ran_is_not_called_done_while_it_is_being_verified() -> None:
    asked = proposal()
    yes = [Approval(proposal=asked.hash, decision="approve", by="U1", at=NOON, surface="slack")]
    gist = proposal_card(asked, state="done", needs="", decided=yes, result="the deploy tool reports success").gist
    assert " ran, approved by U1 at 12:00 UTC: " in gist
    assert gist.endswith("; the deploy tool reports success")
    assert "done" not in gist
    no = [yes[0].model_copy(update={"decision": "reject"})]
    assert " rejected by U1 at 12:00 UTC: " in proposal_card(asked, state="rejected", needs="", decided=no).gist
