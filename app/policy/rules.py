"""The rules, one frozen class each. A rule says Allowed, Needs or Denied, and why; `decide` lets the strictest word count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from app.domain.action import Tier
from app.domain.agent import Agent
from app.domain.approval import Person
from app.policy import people
from app.policy.breaker import BreakerClosed
from app.policy.decision import Allowed, Context, Decision, Denied, Needs
from app.policy.tiers import tiered

_PEOPLE: dict[Tier, int] = {0: 0, 1: 1, 2: 1, 3: 2}
"""How many people with the authority a tier asks for."""
_HOUR = timedelta(hours=1)


class Rule(Protocol):
    def check(self, context: Context) -> Decision: ...


@dataclass(frozen=True)
class PolicyPresent:
    """An empty or missing policy approves nothing."""

    def check(self, context: Context) -> Decision:
        if context.policy is None:
            return Denied("there is no policy, so nobody may decide; `firstmate policy init` writes a first one")
        if context.policy.empty:
            return Denied("the policy names no approvers, so nobody may decide; name them in the file: it counts within 15 s")
        return Allowed("there is a policy")


@dataclass(frozen=True)
class KillSwitch:
    """While everything is stopped, nothing is approved or run. Saying no stays possible."""

    def check(self, context: Context) -> Decision:
        if context.stopped is not None and not context.rejecting:
            return Denied(context.stopped)
        return Allowed("nothing is stopped")


@dataclass(frozen=True)
class HashMatches:
    """The proposal is what its hash says, and is of this incident."""

    def check(self, context: Context) -> Decision:
        if context.proposal.recomputed_hash() != context.proposal.hash:
            return Denied(f"{context.proposal.name} is not what its hash says: it was altered; propose it again")
        if context.proposal.incident != context.incident.id:
            return Denied(f"{context.proposal.name} belongs to {context.proposal.incident}, not to {context.incident.id}")
        return Allowed("it is exactly what was proposed")


@dataclass(frozen=True)
class TierDerived:
    """The stored tier is the one that follows from what the action declares."""

    def check(self, context: Context) -> Decision:
        proposal = context.proposal
        derived = tiered(proposal.effects, proposal.precondition)
        if derived.tier != proposal.tier:
            return Denied(f"it was stored as tier {proposal.tier} and is tier {derived.tier}: {derived.reason}; propose it again")
        return Allowed(f"tier {derived.tier}: {derived.reason}")


@dataclass(frozen=True)
class DryRunPassed:
    """What its dry run said would fail is not approved as if it were fine."""

    def check(self, context: Context) -> Decision:
        preview = context.proposal.preview
        if not preview.ok and not context.rejecting:
            return Denied(f"its dry run failed ({'; '.join(preview.lines)[:300]}); propose it again once that is mended")
        return Allowed("its dry run passed")


@dataclass(frozen=True)
class IncidentOpen:
    """Nothing is approved or run for a closed incident."""

    def check(self, context: Context) -> Decision:
        if context.incident.status == "closed" and not context.rejecting:
            return Denied(f"{context.incident.id} is closed; open it again first")
        return Allowed(f"{context.incident.id} is open")


@dataclass(frozen=True)
class ProposalOpen:
    """It still waits for a decision. Until its run has started, a no outweighs every yes."""

    def check(self, context: Context) -> Decision:
        if context.rejecting and context.state == "approved" and not context.used:
            return Allowed("it was approved and has not started")
        if context.state != "proposed" or context.used:
            return Denied(f"{context.proposal.name} is {'executing' if context.used else context.state} already")
        return Allowed("it waits for a decision")


@dataclass(frozen=True)
class ProposalApproved:
    """It was approved, and never started: an approval runs at most once."""

    def check(self, context: Context) -> Decision:
        if context.used:
            return Denied(f"{context.proposal.name} was started before; an approval runs at most once")
        if context.state != "approved":
            return Denied(f"{context.proposal.name} is {context.state}, not approved")
        return Allowed("it is approved and was never started")


@dataclass(frozen=True)
class ProposalUnexpired:
    """Presses and the run come before its time is over; at the very moment it is too late."""

    def check(self, context: Context) -> Decision:
        if context.now >= context.expires_at:
            return Denied(f"{context.proposal.name} expired at {context.expires_at:%H:%M:%S}Z; propose it again")
        return Allowed(f"it waits until {context.expires_at:%H:%M:%S}Z")


@dataclass(frozen=True)
class ClockRight:
    """No moment that it is judged by lies ahead, and no yes before the question. Where the clock was set back, nobody can tell
    what has expired, so nothing is approved or run; saying no stays possible."""

    def check(self, context: Context) -> Decision:
        proposal, now = context.proposal, context.now
        if context.rejecting:
            return Allowed("saying no does not depend on the clock")
        if now < proposal.asked_at:
            return Denied(
                f"{proposal.name} was asked at {proposal.asked_at:%H:%M:%S}Z and the clock says {now:%H:%M:%S}Z: "
                "the clock was set back; propose it again"
            )
        for yes in context.yes:
            if not proposal.asked_at <= yes.at <= now:
                when = "ahead of the clock" if yes.at > now else f"before {proposal.name} was asked"
                return Denied(f"the yes of {yes.id} is dated {yes.at:%H:%M:%S}Z, {when}: the clock was changed; propose it again")
        return Allowed("nothing is dated ahead")


@dataclass(frozen=True)
class AgentNeverApproves:
    """No agent and no bot decides, at any tier."""

    def check(self, context: Context) -> Decision:
        by = None if context.press is None else context.press.by
        if isinstance(by, Agent) or (isinstance(by, Person) and (by.bot or "@" in by.id)):
            return Denied(f"{by.id if isinstance(by, Person) else by} is a bot or an agent; only people decide")
        return Allowed("no agent pressed")


@dataclass(frozen=True)
class PersonKnown:
    """Whoever presses is a full, live member of the home workspace."""

    def check(self, context: Context) -> Decision:
        if context.press is None:
            return Allowed("nobody pressed")
        reason = people.not_a_member(context, context.press.by)
        return Allowed("a member of this workspace pressed") if reason is None else Denied(reason)


@dataclass(frozen=True)
class ReasonGiven:
    """Saying no takes a reason: whoever comes next must know why."""

    def check(self, context: Context) -> Decision:
        if context.press is not None and context.rejecting and not context.press.reason.strip():
            return Denied("say why it is rejected; one line is enough")
        return Allowed("no reason is missing")


@dataclass(frozen=True)
class MayReject:
    """Saying no needs the authority to say yes; the incident's commander always has it."""

    def check(self, context: Context) -> Decision:
        if context.press is None or not context.rejecting:
            return Allowed("nobody rejects")
        person = context.press.by
        if not isinstance(person, Person):
            return Denied("only people decide")
        if people.is_commander(context, person):
            return Allowed("the commander may always reject")
        reason = None if people.lifts_freeze(context, person) else people.not_entitled(context, person)
        return Allowed("who may approve may reject") if reason is None else Denied(reason)


@dataclass(frozen=True)
class AuthorityByTier:
    """Enough people with the authority said yes: none at tier 0, one at tiers 1 and 2, two at tier 3 (one in an emergency)."""

    def check(self, context: Context) -> Decision:
        tier = context.proposal.tier
        if context.rejecting:
            return Allowed("nobody approves")
        if tier == 0:
            return Allowed("it only reads; nobody needs to press")
        person = None if context.press is None else context.press.by
        reason = people.not_entitled(context, person) if isinstance(person, Person) else None
        if reason is not None and not (isinstance(person, Person) and people.lifts_freeze(context, person)):
            return Denied(reason)
        return _needs(context, people_in_all=_needed(context))


@dataclass(frozen=True)
class FreezeLifted:
    """While a freeze holds, one more person says yes: one whom the freeze names, beside those whom the tier asks for."""

    def check(self, context: Context) -> Decision:
        frozen = context.frozen
        if frozen is None or context.proposal.tier == 0 or context.rejecting:
            return Allowed("no freeze holds")
        name, until = frozen.freeze.name, f"{frozen.until:%Y-%m-%d %H:%M}Z"
        counted, lifting = people.counted(context), people.lifting(context)
        needed = _needed(context)
        if any(len(counted - {lifter}) >= needed for lifter in lifting):
            return Allowed(f"the freeze {name} was lifted for it by {min(lifting)}")
        if lifting:
            return Needs(
                1, f"the freeze {name} was lifted for it by {min(lifting)}; one more person with the authority must say yes"
            )
        named = tuple(one for one in frozen.freeze.people if one not in {yes.id for yes in context.yes})
        missing = max(0, needed - len(counted)) + 1
        return Needs(missing, f"the freeze {name} holds until {until}: one press more, by whom it names", named)


@dataclass(frozen=True)
class PressesCapped:
    """Who approves one thing after another does not read them any more."""

    def check(self, context: Context) -> Decision:
        if context.press is None or context.rejecting or context.policy is None:
            return Allowed("nobody approves")
        most, lately = context.policy.presses_per_hour, context.approved_lately
        if len(lately) < most:
            return Allowed(f"{len(lately)} approvals within the hour")
        free = lately[-most] + _HOUR
        return Denied(
            f"you approved {len(lately)} times within an hour, and the policy allows {most}; "
            f"wait until {free:%H:%M}Z, or ask somebody else"
        )


@dataclass(frozen=True)
class NameTyped:
    """At tier 3 everybody who says yes has typed the resource's name, exactly: nobody approves a delete by habit."""

    def check(self, context: Context) -> Decision:
        if context.proposal.tier != 3 or context.rejecting or context.press is None:
            return Allowed("no name has to be typed")
        if context.press.typed != context.target:
            typed = "something else was typed" if context.press.typed else "none was typed"
            return Denied(f"tier 3 needs the resource's name typed, exactly: {context.target}; {typed}")
        return Allowed("the resource's name was typed")


@dataclass(frozen=True)
class OutsideConfirmation:
    """Tier 3 is confirmed once more outside Slack, by one of those who say yes: one stolen Slack account must not be enough."""

    def check(self, context: Context) -> Decision:
        if context.proposal.tier != 3 or context.rejecting:
            return Allowed("no confirmation outside Slack is needed")
        if by := people.confirming(context):
            return Allowed(f"{min(by)} confirmed it outside Slack")
        how = f"one confirmation outside Slack, by one of them: firstmate approve {context.proposal.name}"
        asked_by, named = context.proposal.asked_by, context.policy
        able = tuple(one for one in context.approvers if one != asked_by and named is not None and named.keys_of(one))
        return Needs(1, how if able else f"{how} (none of them has a key in the policy file yet: firstmate key)", able)


@dataclass(frozen=True)
class JudgeAcknowledged:
    """At tiers 2 and 3 the judge has looked at it: without its word one more person at tier 2, and no at tier 3."""

    def check(self, context: Context) -> Decision:
        if context.proposal.tier < 2 or context.rejecting:
            return Allowed("the judge's word is not needed")
        objection = _unacknowledged(context)
        if objection is None:
            return Allowed("the judge acknowledged it")
        if context.proposal.tier == 3:
            return Denied(f"{objection}; tier 3 does not run without its word")
        return _needs(context, people_in_all=2, because=f"{objection}, so one more person must agree")


PRESS_RULES: tuple[Rule, ...] = (
    PolicyPresent(),
    KillSwitch(),
    BreakerClosed(),
    HashMatches(),
    TierDerived(),
    DryRunPassed(),
    IncidentOpen(),
    ProposalOpen(),
    ClockRight(),
    ProposalUnexpired(),
    AgentNeverApproves(),
    PersonKnown(),
    ReasonGiven(),
    MayReject(),
    PressesCapped(),
    AuthorityByTier(),
    FreezeLifted(),
    JudgeAcknowledged(),
    NameTyped(),
    OutsideConfirmation(),
)
"""Asked when somebody presses, and for what the card says is still needed."""

RUN_RULES: tuple[Rule, ...] = tuple(ProposalApproved() if isinstance(rule, ProposalOpen) else rule for rule in PRESS_RULES)
"""Asked again in the transaction that starts the run."""


def decide(context: Context, rules: Sequence[Rule] = PRESS_RULES) -> Decision:
    """The strictest word of all rules: any Denied (the first), else the largest Needs with every reason, else Allowed.

    For a press, Allowed means it completes the decision; Needs means it counts and `n` more people must press. No rules: Denied.
    """
    if not rules:
        return Denied("no rule was asked, so nothing may happen")
    said = [rule.check(context) for rule in rules]
    for word in said:
        if isinstance(word, Denied):
            return word
    needs = [word for word in said if isinstance(word, Needs)]
    if needs:
        by = tuple(dict.fromkeys(person for word in needs for person in word.by))
        return Needs(max(word.n for word in needs), "; ".join(dict.fromkeys(word.reason for word in needs)), by)
    return Allowed("; ".join(word.reason for word in said if isinstance(word, Allowed)))


def decide_run(context: Context) -> Decision:
    """Whether it may run now. Anything but Allowed means it may not."""
    return decide(context, RUN_RULES)


def _needed(context: Context) -> int:
    """How many people's yes it takes. Breaking the glass does without exactly one of two, and never without the last."""
    people_in_all = _PEOPLE[context.proposal.tier]
    return 1 if context.proposal.tier == 3 and context.emergency_now is not None else people_in_all


def _needs(context: Context, *, people_in_all: int, because: str = "") -> Decision:
    missing = people_in_all - len(people.counted(context))
    if missing <= 0:
        glass = context.emergency_now if context.proposal.tier == 3 else None
        return Allowed(f"{people_in_all} with the authority said yes" + (f"; {glass.by} broke the glass" if glass else ""))
    presses = "one press" if missing == 1 else f"{missing} presses"
    asked_by = context.proposal.asked_by
    commander = context.incident.commander
    if context.proposal.tier == 1:
        who = f"by the commander of {context.incident.id} or an approver of {context.target}"
        may = (*((commander,) if commander else ()), *context.approvers)
    else:
        who = f"by an approver of {context.target} who is not {asked_by}"
        may = tuple(person for person in context.approvers if person != asked_by)
    already = {yes.id for yes in context.yes}
    by = tuple(dict.fromkeys(person for person in may if person not in already))
    because = "; ".join(filter(None, (because, *_lapsed(context))))
    return Needs(missing, f"{because}: {presses} {who}" if because else f"{presses} {who}", by)


def _lapsed(context: Context) -> list[str]:
    """Of every recorded yes that does not count any more, why."""
    reasons = []
    for yes in context.yes:
        if yes.by is None:
            reasons.append(f"it can't be told who {yes.id} is now, so their yes does not count")
        elif reason := people.not_a_member(context, yes.by) or people.not_entitled(context, yes.by):
            reasons.append(f"the yes of {yes.id} does not count any more ({reason})")
    return reasons


def _unacknowledged(context: Context) -> str | None:
    word = context.acknowledgement
    if word is None or word.proposal != context.proposal.hash or word.at > context.now:
        return "the judge has not acknowledged it"
    if str(word.agent) == context.proposal.asked_by:
        return "the judge's word is missing: who asked cannot acknowledge it"
    if word.objections:
        return f"the judge objects ({'; '.join(word.objections)})"
    return None
