from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.action import Call, Effects, Preview, Tier
from app.domain.agent import Agent
from app.domain.approval import Acknowledgement, Person
from app.domain.breaker import Breaker
from app.domain.incident import Incident
from app.domain.proposal import Proposal
from app.policy.decision import Allowed, Confirmed, Context, Decision, Denied, Needs, Press, Yes
from app.policy.operators import written
from app.policy.policy import Policy, load
from app.policy.rules import PRESS_RULES, decide, decide_run

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TARGET = "shop/service/checkout"
KEY = written(bytes(32))
POLICY = load(f"""
format: 1
operators: [{{person: UAPPROVER2, key: "{KEY}"}}]
approvers:
  - target: shop/service/*
    people: [UAPPROVER, UASKER, UAPPROVER2, UGUEST, UBOT, UGONE, USTRANGER, UOTHER]
local_operator:
  target_prefix: shop/
""")
FROZEN = load("""
format: 1
approvers:
  - target: shop/service/*
    people: [UAPPROVER, UASKER, UAPPROVER2]
freezes:
  - name: sale
    targets: [shop/**]
    from: 2026-03-01T00:00:00Z
    until: 2026-03-02T00:00:00Z
    people: [UCHIEF, UAPPROVER2, UASKER]
""")
PEOPLE: dict[str, Person | Agent | None] = {
    "commander": Person(id="UCOMMANDER", team="T1"),
    "approver": Person(id="UAPPROVER", team="T1"),
    "asking approver": Person(id="UASKER", team="T1"),
    "member": Person(id="UMEMBER", team="T1"),
    "guest": Person(id="UGUEST", team="T1", guest=True),
    "bot": Person(id="UBOT", team="T1", bot=True),
    "deactivated": Person(id="UGONE", team="T1", deleted=True),
    "stranger": Person(id="USTRANGER", team="T1", stranger=True),
    "other team": Person(id="UOTHER", team="T2"),
    "nobody": None,
    "nameless": Person(id=" ", team="T1"),
    "agent": Agent(name="proposer", version="1.0.0"),
    "agent as a person": Person(id="proposer@1.0.0", team="T1"),
    "local operator": Person(id="local", team="", local_operator=True),
}
"""The guest, the bot and so on are named in the policy file too: being named must not help them."""

UNDO = Call(action="redo", arguments={})
EFFECTS: dict[int, dict[str, Any]] = {
    0: {"read_only": True},
    1: {"undo": UNDO},
    2: {"undo": UNDO, "outside": True},
    3: {"undo": None},
}


def proposal(tier: Tier = 1, **fields: object) -> Proposal:
    known: dict[str, object] = {
        "incident": "INC-0001",
        "call": Call(action="do", arguments={}),
        "effects": Effects(target=TARGET, sentence="do it", blast_radius="none", **EFFECTS[tier]),
        "tier": tier,
        "precondition": {"version": "1"},
        "criterion": None,
        "preview": Preview(ok=True, lines=()),
        "policy": POLICY.version,
        "asked_by": "UASKER",
        "asked_at": NOON,
        "expires_at": NOON + timedelta(minutes=60),
        "why": "because",
    }
    return Proposal.of(**{**known, **fields})


def incident(**fields: object) -> Incident:
    known: dict[str, object] = {
        "id": "INC-0001", "number": 1, "title": "slow", "severity": "SEV2", "status": "investigating",
        "commander": "UCOMMANDER", "declared_by": "UMEMBER", "declared_at": NOON,
    }  # fmt: skip
    return Incident.model_validate({**known, **fields})


def word(of: Proposal, **fields: object) -> Acknowledgement:
    return Acknowledgement.model_validate(
        {"proposal": of.hash, "agent": Agent(name="judge", version="1"), "at": NOON, "findings": ("f_1",), **fields}
    )


def context(tier: Tier = 1, **fields: Any) -> Context:
    """All is well: the judge agrees, nothing is stopped, one minute after noon."""
    about = fields.pop("proposal", None) or proposal(tier)
    known: dict[str, Any] = {
        "policy": POLICY,
        "proposal": about,
        "state": "proposed",
        "incident": incident(),
        "now": NOON + timedelta(minutes=1),
        "home_team": "T1",
        "acknowledgement": word(about),
    }
    return Context(**{**known, **fields})


def pressed(kind: str, *, tier: Tier = 1, decision: Any = "approve", **fields: Any) -> Decision:
    press = Press(decision=decision, by=PEOPLE[kind], reason="wrong service" if decision == "reject" else "")
    return decide(context(tier, press=press, **fields))


def letter(said: Decision) -> str:
    return {Allowed: "A", Needs: "N", Denied: "D"}[type(said)]


# Who × (approve at tiers 0 1 2 3, reject at tiers 0 1 2 3). A allowed, D denied. Written by hand from the rules people know:
# one press of the commander or an approver at tier 1; an approver who did not ask at tier 2; nobody here at tier 3; no to anybody
# who is not a full member; rejecting like approving, and always by the commander.
MATRIX = """
commander          A A D D   A A A A
approver           A A A D   A A A A
asking approver    A A D D   A A D D
member             A D D D   A D D D
guest              D D D D   D D D D
bot                D D D D   D D D D
deactivated        D D D D   D D D D
stranger           D D D D   D D D D
other team         D D D D   D D D D
nobody             D D D D   D D D D
nameless           D D D D   D D D D
agent              D D D D   D D D D
agent as a person  D D D D   D D D D
local operator     A A A D   A A A A
"""


def cells() -> list[tuple[str, str, Tier, str]]:
    found: list[tuple[str, str, Tier, str]] = []
    for line in MATRIX.strip().splitlines():
        kind, letters = line[:19].strip(), line[19:].split()
        for n, expected in enumerate(letters):
            tier: Tier = (0, 1, 2, 3)[n % 4]
            found.append((kind, "approve" if n < 4 else "reject", tier, expected))
    return found


def test_the_matrix_covers_everybody() -> None:
    assert {kind for kind, *_ in cells()} == set(PEOPLE)
    assert len(cells()) == len(PEOPLE) * 8


@pytest.mark.parametrize(("kind", "decision", "tier", "expected"), cells())
def test_who_may_press_what(kind: str, decision: str, tier: Tier, expected: str) -> None:
    said = pressed(kind, tier=tier, decision=decision)
    assert letter(said) == expected, said
    assert said.reason


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize("policy", [None, load("format: 1"), load("format: 1\napprovers: []")])
def test_an_empty_or_missing_policy_approves_nothing(kind: str, tier: Tier, policy: Policy | None) -> None:
    assert letter(pressed(kind, tier=tier, policy=policy)) == "D"


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("tier", [0, 1, 2, 3])
def test_while_everything_is_stopped_nobody_approves_and_saying_no_stays_possible(kind: str, tier: Tier) -> None:
    assert pressed(kind, tier=tier, stopped="U1 stopped all actions") in (Denied("U1 stopped all actions"),)
    stopped = pressed(kind, tier=tier, decision="reject", stopped="U1 stopped all actions")
    assert letter(stopped) == letter(pressed(kind, tier=tier, decision="reject"))


def test_no_rules_at_all_deny() -> None:
    assert isinstance(decide(context(0), ()), Denied)


def test_one_denied_outweighs_everything_else() -> None:
    class No:
        def check(self, context: Context) -> Decision:
            return Denied("no")

    class More:
        def check(self, context: Context) -> Decision:
            return Needs(9, "nine more")

    class Yes_:
        def check(self, context: Context) -> Decision:
            return Allowed("yes")

    assert decide(context(), (Yes_(), More(), No())) == Denied("no")
    assert decide(context(), (Yes_(), More(), Yes_())) == Needs(9, "nine more")


@pytest.mark.parametrize("missing", PRESS_RULES, ids=lambda rule: type(rule).__name__)
def test_no_rule_is_superfluous(missing: object) -> None:
    """Without it, something is allowed that the whole set denies. Its known-bad twin is the set without it."""
    about = proposal(1)
    commander = Press(decision="approve", by=PEOPLE["commander"])
    member = Person(id="UMEMBER", team="T1")
    twelve = Proposal.of(**{**about.model_dump(exclude={"hash"}), "tier": 1, "effects": proposal(3).effects})
    failing = proposal(1, preview=Preview(ok=False, lines=("it runs already",)))
    two = proposal(2)
    three = proposal(3)
    both = (Yes(id="UAPPROVER2", by=Person(id="UAPPROVER2", team="T1"), at=NOON),)
    key = (Confirmed(by="UAPPROVER2", key=KEY, expires_at=NOON + timedelta(hours=1)),)
    wrong: dict[str, Context] = {
        "PolicyPresent": context(policy=None, press=commander),
        "KillSwitch": context(press=commander, stopped="stopped"),
        "BreakerClosed": context(press=commander, breaker=Breaker(agent="a@1", action="b", opened_at=NOON)),
        "HashMatches": context(proposal=about.model_copy(update={"why": "edited"}), press=commander),
        "TierDerived": context(proposal=twelve, press=commander),
        "DryRunPassed": context(proposal=failing, press=commander),
        "IncidentOpen": context(press=commander, incident=incident(status="closed")),
        "ProposalOpen": context(press=commander, state="rejected"),
        "ProposalUnexpired": context(press=commander, now=NOON + timedelta(days=1)),
        "ClockRight": context(press=commander, now=NOON - timedelta(seconds=1)),
        "PersonKnown": context(press=dataclasses.replace(commander, decision="reject", by=None, reason="r")),
        "ReasonGiven": context(press=dataclasses.replace(commander, decision="reject")),
        "MayReject": context(press=Press(decision="reject", by=member, reason="r")),
        "NameTyped": context(proposal=three, press=Press(decision="approve", by=PEOPLE["approver"]), yes=both, confirmed=key),
        "OutsideConfirmation": context(
            proposal=three, press=Press(decision="approve", by=PEOPLE["approver"], typed=TARGET), yes=both
        ),
        "AuthorityByTier": context(press=Press(decision="approve", by=member)),
        "FreezeLifted": context(policy=FROZEN, press=commander),
        "PressesCapped": context(press=commander, approved_lately=(NOON,) * 12),
        "JudgeAcknowledged": context(proposal=two, press=Press(decision="approve", by=PEOPLE["approver"]), acknowledgement=None),
    }
    name = type(missing).__name__
    if name == "AgentNeverApproves":
        return  # PersonKnown says the same of agents; this one stands for itself, so that neither can be lost alone
    rest = tuple(rule for rule in PRESS_RULES if rule is not missing)
    assert not isinstance(decide(wrong[name]), Allowed)
    if name not in ("PersonKnown",):
        assert isinstance(decide(wrong[name], rest), Allowed), decide(wrong[name], rest)


def test_an_agent_is_refused_by_two_rules_apart() -> None:
    for by in (PEOPLE["agent"], PEOPLE["bot"], PEOPLE["agent as a person"]):
        asked = context(press=Press(decision="approve", by=by))
        refusing = [type(rule).__name__ for rule in PRESS_RULES if isinstance(rule.check(asked), Denied)]
        assert {"AgentNeverApproves", "PersonKnown"} <= set(refusing)


@pytest.mark.parametrize(("tier", "minutes"), [(1, 30), (2, 15)])
def test_at_its_expiry_it_is_too_late(tier: Tier, minutes: int) -> None:
    end = NOON + timedelta(minutes=minutes)
    assert letter(pressed("approver", tier=tier, now=end - timedelta(microseconds=1))) == "A"
    assert letter(pressed("approver", tier=tier, now=end)) == "D"
    assert letter(pressed("approver", tier=tier, now=end + timedelta(seconds=1))) == "D"


def test_a_proposal_that_says_it_expires_sooner_does() -> None:
    short = proposal(1, expires_at=NOON + timedelta(minutes=2))
    assert letter(pressed("commander", proposal=short, now=NOON + timedelta(minutes=2))) == "D"


def test_at_tier_3_the_minutes_count_from_the_first_press() -> None:
    first = Yes(id="UAPPROVER", by=Person(id="UAPPROVER", team="T1"), at=NOON + timedelta(minutes=20))
    asked = context(3, yes=(first,), now=NOON + timedelta(minutes=21))
    assert asked.expires_at == NOON + timedelta(minutes=25)


def test_authority_follows_the_commander_who_is_commander_now() -> None:
    handed = incident(commander="UMEMBER")
    assert letter(pressed("commander", incident=handed)) == "D"
    assert letter(pressed("member", incident=handed)) == "A"
    assert letter(pressed("commander", incident=incident(commander=None))) == "D"


def test_without_the_judge_one_more_person_must_agree_at_tier_2() -> None:
    about = proposal(2)
    first = pressed("approver", proposal=about, acknowledgement=None)
    assert isinstance(first, Needs)
    assert first.n == 1
    assert "the judge has not acknowledged it" in first.reason
    assert "UASKER" not in first.by
    yes = Yes(id="UAPPROVER", by=Person(id="UAPPROVER", team="T1"), at=NOON)
    second = Press(decision="approve", by=Person(id="UAPPROVER2", team="T1"))
    assert letter(decide(context(proposal=about, acknowledgement=None, yes=(yes,), press=second))) == "A"
    same = Press(decision="approve", by=Person(id="UAPPROVER", team="T1"))
    assert letter(decide(context(proposal=about, acknowledgement=None, yes=(yes,), press=same))) == "N"


@pytest.mark.parametrize(
    "fields",
    [
        {"objections": ("the deploy came later",)},
        {"proposal": "0" * 64},
        {"at": NOON + timedelta(hours=1)},
        {"agent": Agent(name="proposer", version="1")},
    ],
)
def test_a_judges_word_that_objects_is_of_another_late_or_of_who_asked_counts_for_nothing(fields: dict[str, object]) -> None:
    about = proposal(2, asked_by="proposer@1")
    said = pressed("approver", proposal=about, acknowledgement=word(about, **fields))
    assert isinstance(said, Needs)


def test_without_a_press_the_card_learns_what_is_needed() -> None:
    one = decide(context(1))
    assert one == Needs(
        1,
        f"one press by the commander of INC-0001 or an approver of {TARGET}",
        ("UCOMMANDER", "UAPPROVER", "UASKER", "UAPPROVER2", "UGUEST", "UBOT", "UGONE", "USTRANGER", "UOTHER"),
    )
    two = decide(context(2))
    assert isinstance(two, Needs)
    assert "UASKER" not in two.by
    assert "UCOMMANDER" not in two.by
    assert isinstance(decide(context(0)), Allowed)


def run(tier: Tier = 1, **fields: Any) -> Decision:
    yes = (Yes(id="UAPPROVER", by=Person(id="UAPPROVER", team="T1"), at=NOON),)
    return decide_run(context(tier, **{"state": "approved", "yes": yes, **fields}))


def test_an_approved_proposal_may_run() -> None:
    assert letter(run(1)) == "A"
    assert letter(run(2)) == "A"


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "proposed"},
        {"state": "expired"},
        {"state": "executing"},
        {"used": True},
        {"yes": ()},
        {"yes": (Yes(id="UAPPROVER", by=None, at=NOON),)},
        {"yes": (Yes(id="UAPPROVER", by=Person(id="UAPPROVER", team="T1", deleted=True), at=NOON),)},
        {"yes": (Yes(id="UAPPROVER", by=Person(id="UAPPROVER2", team="T1"), at=NOON),)},
        {"yes": (Yes(id="UMEMBER", by=Person(id="UMEMBER", team="T1"), at=NOON),)},
        {"now": NOON + timedelta(minutes=30)},
        {"stopped": "stopped"},
        {"policy": None},
        {"policy": load("format: 1\napprovers:\n  - target: shop/service/checkout\n    people: [UMEMBER]")},
        {"incident": incident(status="closed")},
        {"incident": incident(id="INC-0002")},
        {"home_team": ""},
    ],
)
def test_what_changed_since_the_press_keeps_it_from_running(fields: dict[str, Any]) -> None:
    assert letter(run(1, **fields)) != "A"


def test_the_local_operator_stays_beneath_its_prefix() -> None:
    effects = Effects(target="shopping/service/x", sentence="s", blast_radius="b", undo=UNDO)
    assert letter(pressed("local operator", proposal=proposal(1, effects=effects))) == "D"
    without = load("format: 1\napprovers:\n  - target: shop/**\n    people: [U1]")
    assert letter(pressed("local operator", policy=without)) == "D"


def test_a_closed_incident_can_still_have_its_proposals_rejected() -> None:
    assert letter(pressed("commander", decision="reject", incident=incident(status="closed"))) == "A"


def test_what_its_dry_run_says_would_fail_is_neither_approved_nor_run_and_may_be_rejected() -> None:
    failing = proposal(preview=Preview(ok=False, lines=("checkout runs 1.7.2 already",)))
    said = pressed("commander", proposal=failing)
    assert isinstance(said, Denied)
    assert "checkout runs 1.7.2 already" in said.reason
    yes = (Yes(id="UCOMMANDER", by=Person(id="UCOMMANDER", team="T1"), at=NOON),)
    assert letter(decide_run(context(proposal=failing, state="approved", yes=yes))) == "D"
    assert letter(decide_run(context(state="approved", yes=yes))) == "A"
    assert letter(pressed("commander", decision="reject", proposal=failing)) == "A"


@pytest.mark.parametrize(("moment", "why"), [(-1, "before p-"), (2, "ahead of the clock")])
def test_a_yes_that_is_dated_before_its_question_or_ahead_of_the_clock_lets_nothing_run(moment: int, why: str) -> None:
    yes = (Yes(id="UCOMMANDER", by=Person(id="UCOMMANDER", team="T1"), at=NOON + timedelta(minutes=moment)),)
    said = decide_run(context(state="approved", yes=yes))
    assert isinstance(said, Denied)
    assert why in said.reason
    assert "propose it again" in said.reason


def test_before_the_moment_it_was_asked_it_is_neither_approved_nor_run_and_may_be_rejected() -> None:
    early = NOON - timedelta(microseconds=1)
    said = pressed("commander", now=early)
    assert isinstance(said, Denied)
    assert "the clock was set back" in said.reason
    assert letter(pressed("commander", now=NOON)) == "A"
    assert letter(pressed("commander", decision="reject", now=early)) == "A"


@pytest.mark.parametrize(
    ("person", "why"),
    [(None, "can't be told who UCOMMANDER is"), (Person(id="UCOMMANDER", team="T1", deleted=True), "is deactivated in Slack")],
)
def test_it_is_said_whose_yes_does_not_count_any_more_and_why(person: Person | None, why: str) -> None:
    yes = (Yes(id="UCOMMANDER", by=person, at=NOON),)
    said = decide_run(context(state="approved", yes=yes))
    assert isinstance(said, Needs)
    assert why in said.reason
    assert "one press by the commander of INC-0001" in said.reason


CHIEF = Person(id="UCHIEF", team="T1")
SECOND = Person(id="UAPPROVER2", team="T1")


def said_yes(*people: Person, tier: Tier = 1, policy: Policy = FROZEN, **fields: Any) -> Decision:
    """The last of them presses, the others did before."""
    before = tuple(Yes(id=one.id, by=one, at=NOON) for one in people[:-1])
    return decide(context(tier, policy=policy, press=Press(decision="approve", by=people[-1]), yes=before, **fields))


@pytest.mark.parametrize("tier", [1, 2])
def test_a_freeze_adds_one_whom_it_names_beside_the_ordinary_yes(tier: Tier) -> None:
    approver = PEOPLE["approver"]
    assert isinstance(approver, Person)
    alone = said_yes(approver, tier=tier)
    assert alone == Needs(1, alone.reason, ("UCHIEF", "UAPPROVER2", "UASKER"))
    assert "freeze sale holds until 2026-03-02 00:00Z" in alone.reason
    nobody = decide(context(tier, policy=FROZEN))
    assert isinstance(nobody, Needs)
    assert nobody.n == 2
    assert letter(said_yes(CHIEF, tier=tier)) == "N"  # counts, and is not enough
    assert letter(said_yes(SECOND, tier=tier)) == "N"  # of both kinds, and yet one person
    assert letter(said_yes(approver, CHIEF, tier=tier)) == "A"
    assert letter(said_yes(CHIEF, approver, tier=tier)) == "A"
    assert letter(said_yes(SECOND, approver, tier=tier)) == "A"
    assert letter(said_yes(CHIEF, SECOND, tier=tier)) == "A"
    assert (
        letter(said_yes(approver, CHIEF, tier=tier, now=NOON + timedelta(hours=12))) == "D"
    )  # long expired; the freeze is over too


def test_the_known_bad_twin_lets_one_person_through_a_freeze() -> None:
    rules = tuple(rule for rule in PRESS_RULES if type(rule).__name__ != "FreezeLifted")
    assert letter(decide(context(1, policy=FROZEN, press=Press(decision="approve", by=SECOND)), rules)) == "A"


def test_who_asked_above_tier_1_lifts_no_freeze_for_themselves() -> None:
    asker, approver = PEOPLE["asking approver"], PEOPLE["approver"]
    assert isinstance(asker, Person)
    assert isinstance(approver, Person)
    assert letter(said_yes(approver, asker, tier=1)) == "A"
    assert letter(said_yes(approver, asker, tier=2)) == "D"


@pytest.mark.parametrize("kind", ["guest", "bot", "deactivated", "stranger", "other team"])
def test_whom_a_freeze_names_must_be_a_full_member_too(kind: str) -> None:
    by = PEOPLE[kind]
    assert isinstance(by, Person)
    policy = FROZEN.model_copy(update={"freezes": (FROZEN.freezes[0].model_copy(update={"people": (by.id,)}),)})
    approver = PEOPLE["approver"]
    assert isinstance(approver, Person)
    assert letter(said_yes(approver, by, policy=policy)) == "D"
    assert letter(said_yes(by, approver, policy=policy)) == "N"


def test_reading_and_saying_no_are_never_frozen() -> None:
    assert letter(decide(context(0, policy=FROZEN))) == "A"
    for by in (CHIEF, PEOPLE["approver"], PEOPLE["commander"]):
        assert letter(decide(context(2, policy=FROZEN, press=Press(decision="reject", by=by, reason="not now")))) == "A"


def test_a_freeze_that_began_after_the_yes_stops_the_run() -> None:
    yes = (Yes(id="UAPPROVER", by=Person(id="UAPPROVER", team="T1"), at=NOON),)
    assert letter(decide_run(context(1, state="approved", yes=yes))) == "A"
    assert letter(decide_run(context(1, policy=FROZEN, state="approved", yes=yes))) == "N"
    both = (*yes, Yes(id="UCHIEF", by=CHIEF, at=NOON))
    assert letter(decide_run(context(1, policy=FROZEN, state="approved", yes=both))) == "A"


def test_who_approves_too_often_waits_until_the_first_of_them_is_an_hour_old() -> None:
    now = NOON + timedelta(minutes=1)
    lately = tuple(NOON - timedelta(minutes=40 - n) for n in range(12))
    assert letter(pressed("approver", approved_lately=lately[:11], now=now)) == "A"
    refused = pressed("approver", approved_lately=lately, now=now)
    assert isinstance(refused, Denied)
    assert "wait until 12:20Z" in refused.reason
    assert letter(pressed("approver", decision="reject", approved_lately=lately, now=now)) == "A"


def test_a_group_that_can_not_be_read_is_named_in_the_refusal() -> None:
    policy = load("format: 1\napprovers:\n  - target: shop/service/*\n    groups: [SDBA]")
    refused = pressed("member", tier=2, policy=policy)
    assert isinstance(refused, Denied)
    assert "SDBA can't be told now" in refused.reason
    assert letter(pressed("member", tier=2, policy=policy, members={"SDBA": frozenset({"UMEMBER"})})) == "A"
    assert letter(pressed("member", tier=2, policy=policy, members={"SDBA": frozenset()})) == "D"
