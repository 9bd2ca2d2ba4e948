"""Decide: a person's yes or no to one proposal. Policy judges it; the ledger's compare-and-set makes it happen once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Literal

import structlog

from app.domain.approval import Approval, Person
from app.domain.errors import FirstmateError
from app.domain.proposal import Proposal
from app.domain.redaction import redact
from app.domain.value import Value
from app.incidents import record
from app.incidents.desk import FIRSTMATE, Desk, Knows
from app.incidents.stop import by_file
from app.ledger import approvals, audit, incidents, proposals, switches
from app.ledger.ledger import Tx
from app.ledger.proposals import StoredProposal
from app.policy import rules
from app.policy.decision import Context, Decision, Denied, Needs, Press, Yes
from app.policy.policy import Asked

log = structlog.get_logger()

EXECUTE = "execute"
HOUR = timedelta(hours=1)


class Decided(Value):
    """What became of a press, as a sentence to whoever pressed."""

    counted: bool
    complete: bool
    sentence: str


async def decide(
    desk: Desk,
    *,
    proposal: str,
    decision: Literal["approve", "reject"],
    by: str,
    surface: str,
    reason: str = "",
    came_from: str = "",
) -> Decided:
    """One press. Before a yes counts, the target is read again: if the world moved, the proposal is superseded instead.

    `came_from`: the channel the press was made in; it must be the incident's own ("" on surfaces without channels).
    Raises `NotFound` for an unknown proposal. Every refusal is recorded, with its reason.
    """
    reason = redact(reason)
    async with desk.ledger.read() as tx:
        held = await proposals.get(tx, proposal)
    known = await people_of(desk, proposal, also=by)
    members = await members_of(desk, held.proposal)
    moved = await moved_since(desk, held.proposal) if decision == "approve" and held.state == "proposed" else None

    now = desk.clock()
    async with desk.ledger.write() as tx:
        held = await proposals.get(tx, proposal)
        incident = await incidents.get(tx, held.proposal.incident)
        if came_from and incident.channel != came_from:
            return await _refused(desk, tx, held.proposal, by=by, surface=surface, reason="the press came from another channel")
        press = Press(decision=decision, by=known[by], reason=reason)
        word = rules.decide(await context(desk, tx, held, known=known, members=members, press=press, pressed_by=by))
        said = await approvals.for_proposal(tx, proposal)
        if isinstance(word, Denied) and any((each.by, each.decision) == (by, decision) for each in said):
            # The same press worked on again after a crash, or a second one: what counted before is not refused now.
            return Decided(counted=False, complete=False, sentence=_already(held, decision))
        if isinstance(word, Denied):  # before anything else: who may not approve may not end a proposal by pressing either
            return await _refused(desk, tx, held.proposal, by=by, surface=surface, reason=word.reason)
        if moved is not None:
            if await proposals.move(tx, proposal, {"proposed"}, "superseded", at=now):
                await record.step(desk, tx, held.proposal, audit.Action.SUPERSEDED, actor=FIRSTMATE, surface=surface, text=moved)
            return Decided(counted=False, complete=False, sentence=f"Not approved: {moved}. Ask for a new proposal.")
        await approvals.record(tx, Approval(proposal=proposal, decision=decision, by=by, at=now, surface=surface, reason=reason))
        if decision == "reject":
            return await _rejected(desk, tx, held.proposal, by=by, surface=surface, reason=reason)
        await record.step(desk, tx, held.proposal, audit.Action.APPROVED, actor=by, surface=surface, text=f"approved by {by}")
        if isinstance(word, Needs):
            return Decided(counted=True, complete=False, sentence=f"Your yes counts. Still needed: {word.reason}.")
        if not await proposals.move(tx, proposal, {"proposed"}, "approved", at=now):
            return Decided(
                counted=False, complete=False, sentence=f"{held.proposal.name} was decided by somebody else a moment ago."
            )
    await desk.jobs.submit(EXECUTE, {"proposal": proposal}, key=job_key(proposal), lock=job_lock(held.proposal.incident))
    return Decided(counted=True, complete=True, sentence=f"Approved {held.proposal.name}; it runs now.")


def job_key(hash: str) -> str:
    """Of whichever job works on the proposal's run: there is one at a time."""
    return f"{EXECUTE}:{hash}"


def job_lock(incident: str) -> str:
    """Runs of one incident wait for each other, never for its triage: that may take minutes."""
    return f"{EXECUTE}:{incident}"


async def people_of(desk: Knows, proposal: str, *, also: str = "") -> dict[str, Person | None]:
    """Everybody who said yes, and `also`, looked up now: before the transaction that judges them, which must not wait for Slack.

    None for whoever nobody knows or nobody can be asked about: either way that press does not count.
    """
    async with desk.ledger.read() as tx:
        said = {a.by for a in await approvals.for_proposal(tx, proposal) if a.decision == "approve"}
    known: dict[str, Person | None] = {}
    for person in {*said, *([also] if also else [])}:
        try:
            known[person] = await desk.people(person)
        except FirstmateError:
            known[person] = None
    return known


async def members_of(desk: Knows, proposal: Proposal) -> dict[str, frozenset[str]]:
    """Who is in the user groups that the policy names for it, asked now like `people_of`; without those nobody can tell about."""
    found: dict[str, frozenset[str]] = {}
    asked = Asked(target=proposal.effects.target, action=proposal.call.action, tier=proposal.tier)
    for group in desk.policy.groups_of(asked) if desk.policy else ():
        with suppress(FirstmateError):
            found[group] = await desk.members(group)
    return found


async def still_needs(
    desk: Desk, tx: Tx, held: StoredProposal, *, known: Mapping[str, Person | None], members: Mapping[str, frozenset[str]]
) -> Decision:
    """What the proposal still needs, for its card."""
    return rules.decide(await context(desk, tx, held, known=known, members=members))


async def context(
    desk: Knows,
    tx: Tx,
    held: StoredProposal,
    *,
    known: Mapping[str, Person | None],
    members: Mapping[str, frozenset[str]],
    press: Press | None = None,
    pressed_by: str = "",
) -> Context:
    """Everything policy looks at, as it is in this transaction. A yes by somebody not among `known` does not count."""
    said = [a for a in await approvals.for_proposal(tx, held.proposal.hash) if a.decision == "approve" and a.by != pressed_by]
    now = desk.clock()
    roles: dict[str, tuple[str, ...]] = {}
    for one in await incidents.roles(tx, held.proposal.incident):
        roles[one.role] = (*roles.get(one.role, ()), one.person)
    return Context(
        policy=desk.policy,
        proposal=held.proposal,
        state=held.state,
        incident=await incidents.get(tx, held.proposal.incident),
        now=now,
        home_team=desk.home_team,
        press=press,
        yes=tuple(Yes(id=a.by, by=known.get(a.by), at=a.at) for a in said),
        acknowledgement=await approvals.acknowledgement(tx, held.proposal.hash),
        stopped=by_file(desk.stop_file) or await switches.stopped(tx, held.proposal.incident),
        used=await approvals.redeemed(tx, held.proposal.hash),
        roles=roles,
        members=members,
        approved_lately=tuple(await approvals.approved_since(tx, pressed_by, now - HOUR)) if pressed_by else (),
    )


async def moved_since(desk: Desk, proposal: Proposal) -> str | None:
    """What changed since it was proposed, as a sentence; None when the world still matches. Not being able to tell is a change."""
    action = desk.actions.get(proposal.call.action)
    if action is None:
        return f"the action {proposal.call.action} is not configured any more"
    try:
        now = await action.read_back(action.arguments.model_validate(proposal.call.arguments))
    except (FirstmateError, ValueError) as error:
        return f"the target can't be read back ({error})"
    except Exception as error:  # an edge: whatever an action raises, it is no reason to run it, nor to stay silent
        log.exception("action.broke", action="action.broke", proposal=proposal.hash, named=proposal.call.action)
        return f"the target can't be read back ({proposal.call.action} broke: {type(error).__name__}: {error})"[:400]
    different = [key for key in {*now, *proposal.precondition} if now.get(key) != proposal.precondition.get(key)]
    if not different:
        return None
    told = ", ".join(f"{key} was {proposal.precondition.get(key)!r} and is {now.get(key)!r}" for key in sorted(different))
    return f"the world moved since {proposal.asked_at:%H:%M:%S} UTC: {told}"


async def _rejected(desk: Desk, tx: Tx, proposal: Proposal, *, by: str, surface: str, reason: str) -> Decided:
    if not await proposals.move(tx, proposal.hash, {"proposed"}, "rejected", at=desk.clock()):
        return Decided(counted=False, complete=False, sentence=f"{proposal.name} was decided by somebody else a moment ago.")
    await record.step(desk, tx, proposal, audit.Action.REJECTED, actor=by, surface=surface, text=f"rejected by {by}: {reason}")
    return Decided(counted=True, complete=True, sentence=f"Rejected {proposal.name}. Nothing runs.")


def _already(held: StoredProposal, decision: Literal["approve", "reject"]) -> str:
    return f"Your {'yes' if decision == 'approve' else 'no'} to {held.proposal.name} counted already; it is {held.state}."


async def _refused(desk: Desk, tx: Tx, proposal: Proposal, *, by: str, surface: str, reason: str) -> Decided:
    await audit.append(
        tx,
        audit.Action.REFUSED,
        incident=proposal.incident,
        at=desk.clock(),
        actor=by,
        surface=surface,
        policy=desk.policy_version,
        proposal=proposal.hash,
        subject=proposal.effects.target,
        payload={"reason": reason},
    )
    return Decided(counted=False, complete=False, sentence=f"Refused: {reason}.")
