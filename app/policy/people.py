"""Who counts as a person here, and whose press counts at which tier. Both rules and the count of presses ask the same."""

from __future__ import annotations

from app.domain.agent import Agent
from app.domain.approval import Person
from app.policy.decision import Context


def not_a_member(context: Context, person: Person | Agent | None) -> str | None:
    """Why this is nobody whose press could count, as a sentence; None when it is a full member of the home workspace."""
    if person is None or (isinstance(person, Person) and not person.id.strip()):
        return "nobody here knows who pressed; only full members of this workspace may"
    if isinstance(person, Agent):
        return f"{person} is an agent; only people decide"
    if person.bot or "@" in person.id:
        return f"{person.id} is a bot or an agent; only people decide"
    if person.deleted:
        return f"{person.id} is deactivated in Slack"
    if person.guest:
        return f"{person.id} is a guest; only full members of this workspace may decide"
    if person.local_operator:
        return _no_operator(context, person)
    if person.stranger or not context.home_team or person.team != context.home_team:
        return f"{person.id} belongs to another workspace; only full members of this one may decide"
    return None


def not_entitled(context: Context, person: Person) -> str | None:
    """Why this member's approval does not count at the proposal's tier, as a sentence; None when it does.

    Tier 1: the incident's commander or an approver of the target, whoever asked. Tiers 2 and 3: an approver who did not ask.
    """
    tier = context.proposal.tier
    approver = person.local_operator or person.id in context.approvers
    if tier == 0:
        return None
    if tier == 1:
        if approver or is_commander(context, person):
            return None
        whom = f"the commander of {context.incident.id} or an approver of {context.target}"
        return f"tier 1 needs {whom}; {person.id} is neither{_unread(context)}"
    if not approver:
        whom = f"an approver of {context.target}"
        return f"tier {tier} needs {whom}; the policy file does not name {person.id}{_unread(context)}"
    if person.id == context.proposal.asked_by:
        return f"tier {tier} needs somebody else than who asked for it, and {person.id} asked"
    return None


def is_commander(context: Context, person: Person) -> bool:
    """Whether they command the incident now."""
    return context.incident.commander is not None and context.incident.commander == person.id


def lifts_freeze(context: Context, person: Person) -> bool:
    """Whether the freeze that holds now names this person. Who asked for something above tier 1 never lifts it for themselves."""
    if context.frozen is None or person.id not in context.frozen.freeze.people:
        return False
    return context.proposal.tier < 2 or person.id != context.proposal.asked_by


def counted(context: Context) -> frozenset[str]:
    """Ids of everybody whose yes counts now: the recorded ones who are still entitled, and whoever presses Approve if they are."""
    return frozenset(person.id for person in _saying_yes(context) if not_entitled(context, person) is None)


def lifting(context: Context) -> frozenset[str]:
    """Ids of everybody whose yes lifts the freeze that holds now."""
    return frozenset(person.id for person in _saying_yes(context) if lifts_freeze(context, person))


def confirming(context: Context) -> frozenset[str]:
    """Ids of everybody whose yes counts and who confirmed it outside Slack, with a key that the policy names as theirs now."""
    said = {one.by: one.key for one in context.confirmed if context.now < one.expires_at}
    if context.press is not None and context.press.key and isinstance(context.press.by, Person):
        said[context.press.by.id] = context.press.key
    enrolled = {by for by, key in said.items() if context.policy is not None and key in context.policy.keys_of(by)}
    return counted(context) & enrolled


def _saying_yes(context: Context) -> list[Person]:
    people: list[Person] = [yes.by for yes in context.yes if yes.by is not None and yes.by.id == yes.id]
    if context.press is not None and context.press.decision == "approve" and isinstance(context.press.by, Person):
        people.append(context.press.by)
    return [person for person in people if not_a_member(context, person) is None]


def _unread(context: Context) -> str:
    if not context.unread_groups:
        return ""
    return f" (who is in the group {', '.join(context.unread_groups)} can't be told now)"


def _no_operator(context: Context, person: Person) -> str | None:
    operator = None if context.policy is None else context.policy.local_operator
    if operator is None:
        return f"{person.id} is a local operator, and this policy knows none; decide in Slack"
    if not context.target.startswith(operator.target_prefix):
        return f"{person.id} may act beneath {operator.target_prefix} only, and this is about {context.target}"
    return None
