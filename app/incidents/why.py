"""Why: what every rule says about a proposal now. For `firstmate policy why`; it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.domain.ports import Clock
from app.domain.proposal import Proposal, State
from app.incidents.decide import context, members_of, people_of
from app.incidents.desk import Knows, Members, People
from app.ledger import approvals, outcomes, proposals
from app.ledger.ledger import Ledger
from app.policy import rules
from app.policy.decision import Decision
from app.policy.policy import Policy


@dataclass(frozen=True)
class Asking:
    """The little that answering takes, without a desk."""

    ledger: Ledger
    clock: Clock
    policy: Policy | None
    people: People
    members: Members
    home_team: str
    stop_file: Path | None = None


@dataclass(frozen=True)
class Why:
    """`said`: each rule's name and word. `yes`: who said yes so far. `score`: how many proposals of the same action by whoever
    asked came to which end so far. `policy_now`: today's version; the proposal holds the one it was made under.
    """

    proposal: Proposal
    state: State
    said: tuple[tuple[str, Decision], ...]
    decision: Decision
    yes: tuple[str, ...]
    policy_now: str
    score: Mapping[str, int]


async def why(asking: Knows, name: str) -> Why:
    """What the rules say: of one that waits, about a press by nobody yet; of one that is approved, about its run.

    Raises `BadInput`, `NotFound` or `Conflict` for a name that names no one proposal.
    """
    async with asking.ledger.read() as tx:
        held = await proposals.by_name(tx, name)
    known = await people_of(asking, held.proposal.hash)
    members = await members_of(asking, held.proposal)
    async with asking.ledger.read() as tx:
        held = await proposals.get(tx, held.proposal.hash)
        standing = await context(asking, tx, held, known=known, members=members)
        ends = await outcomes.score(tx, held.proposal.asked_by, held.proposal.call.action)
        said_yes = [each.by for each in await approvals.for_proposal(tx, held.proposal.hash) if each.decision == "approve"]
    asked = rules.RUN_RULES if held.state == "approved" else rules.PRESS_RULES
    return Why(
        proposal=held.proposal,
        state=held.state,
        said=tuple((type(rule).__name__, rule.check(standing)) for rule in asked),
        decision=rules.decide(standing, asked),
        yes=tuple(said_yes),
        policy_now=asking.policy.version if asking.policy else "",
        score=ends,
    )
