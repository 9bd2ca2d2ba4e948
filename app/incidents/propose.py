"""Propose: read the target back, dry-run, let policy say the tier, store it, show the card."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ValidationError

from app.cards.proposal import MOST_EXACT, before_text, exact_text, shown_length
from app.domain.action import Call
from app.domain.errors import BadInput, Denied, FirstmateError, NotFound
from app.domain.ports import ActionPort
from app.domain.proposal import Criterion, Proposal
from app.domain.redaction import redact
from app.incidents.desk import INCIDENT_CARD, Desk, proposal_card_key
from app.ledger import audit, incidents, outbox, proposals, timeline
from app.policy.tiers import tier_of

WITHOUT_POLICY = timedelta(minutes=30)
"""How long a proposal stands while there is no policy: it can be read, not approved."""


async def propose(
    desk: Desk,
    *,
    incident: str,
    call: Call,
    asked_by: str,
    by_agent: bool,
    surface: str,
    why: str,
    criterion: Criterion | None = None,
    if_we_wait: str = "",
    hypothesis: str | None = None,
    findings: tuple[str, ...] = (),
    undoes: str | None = None,
) -> Proposal:
    """Store one proposal and ask for its card. The same call that still waits in this incident is returned as it stands.

    Raises `NotFound` (unknown action or incident), `BadInput` (its arguments), `Denied` (too many wait, or it can't be shown in
    full), `Unreachable` (the target can't be read back). Each means: nothing was proposed.
    """
    action = action_named(desk, call.action)
    arguments = arguments_of(action, call)
    effects = action.effects(arguments)
    precondition = await action.read_back(arguments)
    preview = await action.preview(arguments)
    tier = tier_of(effects, precondition)
    now = desk.clock()
    proposal = Proposal.of(
        incident=incident,
        call=call,
        effects=effects,
        tier=tier,
        precondition=precondition,
        criterion=criterion,
        preview=preview,
        policy=desk.policy_version,
        asked_by=asked_by,
        asked_at=now,
        expires_at=now + (desk.policy.expiry(tier) if desk.policy else WITHOUT_POLICY),
        why=redact(why),
        if_we_wait=if_we_wait,
        hypothesis=hypothesis,
        findings=findings,
        undoes=undoes,
    )
    if shown_length(exact_text(proposal)) > MOST_EXACT:
        raise Denied(f"what would run is longer than {MOST_EXACT} characters and can't be shown in full; propose something smaller")
    if shown_length(before_text(proposal)) > MOST_EXACT:
        raise Denied(f"the target tells more than {MOST_EXACT} characters about how it is, which can't be shown in full")
    async with desk.ledger.write() as tx:
        await incidents.get(tx, incident)
        waiting = [
            held.proposal for held in await proposals.for_incident(tx, incident, states={"proposed", "approved", "executing"})
        ]
        same = next((held for held in waiting if held.call == call and held.expires_at > now), None)
        if same is not None:
            return same
        if desk.policy and len(waiting) >= desk.policy.open_proposals:
            raise Denied(f"{len(waiting)} proposals already wait in {incident}; decide or reject one first")
        await proposals.add(tx, proposal)
        await timeline.append(
            tx,
            incident,
            at=now,
            actor=asked_by,
            text=f"Proposed {proposal.name}: {effects.sentence}",
            details={"proposal": proposal.hash},
        )
        await audit.append(
            tx,
            audit.Action.AGENT_PROPOSED if by_agent else audit.Action.PERSON_PROPOSED,
            incident=incident,
            at=now,
            actor=asked_by,
            agent=asked_by if by_agent else "",
            surface=surface,
            policy=desk.policy_version,
            proposal=proposal.hash,
            subject=effects.target,
            payload={"call": call.model_dump(mode="json"), "tier": tier, "findings": list(findings)},
        )
        await outbox.put_refresh(tx, incident, proposal_card_key(proposal.hash), at=now, lane="decision")
        await outbox.put_refresh(tx, incident, INCIDENT_CARD, at=now)
    return proposal


async def propose_undo(desk: Desk, done: Proposal, *, surface: str) -> Proposal | None:
    """The prepared way back from something that ran. None where there is none or it can't be prepared now."""
    if done.effects.undo is None:
        return None
    try:
        return await propose(
            desk,
            incident=done.incident,
            call=done.effects.undo,
            asked_by="firstmate@1.0.0",
            by_agent=True,
            surface=surface,
            why=f"Undoes {done.name} ({done.effects.sentence}).",
            undoes=done.hash,
        )
    except FirstmateError:
        return None


def action_named(desk: Desk, name: str) -> ActionPort:
    """Raises `NotFound` with what there is."""
    action = desk.actions.get(name)
    if action is None:
        raise NotFound(
            f"there is no action {name!r}; the catalogue has: {', '.join(sorted(desk.actions)) or 'nothing is configured'}"
        )
    return action


def arguments_of(action: ActionPort, call: Call) -> BaseModel:
    """The call's arguments as the action reads them. Raises `BadInput` naming the argument."""
    try:
        return action.arguments.model_validate(call.arguments)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
        raise BadInput(f"{call.action} can't take these arguments: {told}") from error
