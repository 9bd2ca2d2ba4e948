"""Propose: read the target back, dry-run, let policy say the tier, store it, show the card."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn, cast

from pydantic import BaseModel, ValidationError

from app.cards.proposal import MOST_EXACT, MOST_FACT, before_text, exact_text, facts_too_long, shown_length
from app.cards.wording import clipped, to_the_letter
from app.domain.action import Call, Effects, Preview
from app.domain.errors import BadInput, Denied, FirstmateError, NotFound
from app.domain.ports import ActionPort
from app.domain.proposal import Criterion, Proposal
from app.domain.redaction import redact, redact_value
from app.domain.resource import is_resource
from app.domain.value import JsonObject
from app.incidents import record
from app.incidents.acknowledge import acknowledge
from app.incidents.desk import Desk
from app.ledger import audit, incidents, proposals, timeline
from app.ledger import findings as findings_store
from app.ledger.ledger import Tx
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

    A person states no criterion: theirs is verified by the one that was stated last for this target in this incident, if any.
    Raises `NotFound` (unknown action or incident), `BadInput` (its arguments), `Denied` (its dry run failed, too many wait, or it
    can't be shown in full), `Unreachable` (the target can't be read back). Each means: nothing was proposed.
    """
    action = action_named(desk, call.action)
    arguments = arguments_of(action, call)
    _demand_no_secret(call)
    call = _whole(call, arguments)
    effects = action.effects(arguments)
    _demand_resource(effects)
    precondition = await read_back(action, arguments)
    preview = await action.preview(arguments)
    if not preview.ok:
        await _refuse(desk, incident, call, effects, preview, asked_by=asked_by, surface=surface)
    if criterion is None and not by_agent:
        criterion = await _stated_last(desk, incident, target=effects.target)
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
        expires_at=now + (desk.policy.longest(tier) if desk.policy else WITHOUT_POLICY),
        why=redact(why),
        if_we_wait=if_we_wait,
        hypothesis=hypothesis,
        findings=findings,
        undoes=undoes,
    )
    _demand_shown_in_full(proposal)
    async with desk.ledger.write() as tx:
        await incidents.get(tx, incident)
        if (same := await _waits_already(desk, tx, proposal)) is not None:
            return same
        await _store(desk, tx, proposal, by_agent=by_agent, surface=surface)
        if tier >= 2 and not by_agent:
            await acknowledge(desk, tx, proposal)
    return proposal


def _whole(asked: Call, arguments: BaseModel) -> Call:
    """The call with every argument that it takes, those left out too: nothing runs that does not stand on the card.

    Raises `BadInput` where the action would read something else than was written.
    """
    whole = Call(action=asked.action, arguments=arguments.model_dump(mode="json"))
    if not whole.narrows(asked):
        other = [name for name, value in asked.arguments.items() if whole.arguments.get(name) != value]
        raise BadInput(
            f"{asked.action} reads {', '.join(other) or 'an argument'} as something else than was written; write it plainly"
        )
    return whole


async def _refuse(
    desk: Desk, incident: str, call: Call, effects: Effects, preview: Preview, *, asked_by: str, surface: str
) -> NoReturn:
    """Nobody is asked to approve what its dry run says would fail. Recorded; raises `Denied`."""
    reason = f"{effects.sentence} would fail: {clipped('; '.join(preview.lines), 300)}"
    async with desk.ledger.write() as tx:
        await incidents.get(tx, incident)
        await audit.append(
            tx,
            audit.Action.REFUSED,
            incident=incident,
            at=desk.clock(),
            actor=asked_by,
            surface=surface,
            policy=desk.policy_version,
            subject=effects.target,
            payload={"call": call.model_dump(mode="json"), "reason": reason},
        )
    raise Denied(f"{reason}; look how things are now, then propose what fits")


async def _stated_last(desk: Desk, incident: str, *, target: str) -> Criterion | None:
    """What triage said that recovery of this target looks like; None where it said nothing."""
    async with desk.ledger.read() as tx:
        held = [stored.proposal for stored in await proposals.for_incident(tx, incident)]
    return next((p.criterion for p in reversed(held) if p.criterion is not None and p.effects.target == target), None)


def _demand_no_secret(call: Call) -> None:
    """Raises `BadInput`: what will run is shown to the letter, so it can hold nothing that must not be shown."""
    if redact_value(call.arguments) != call.arguments:
        raise BadInput(
            f"the arguments of {call.action} hold what looks like a secret, and everybody reads them; name its place instead"
        )


def _demand_resource(effects: Effects) -> None:
    """Raises `BadInput`: what has two names (`a/../b`) is one thing to the policy and to claims, and another to the target."""
    if effects.target and not is_resource(effects.target):
        raise BadInput(f"{to_the_letter(effects.target)} names no resource: write it like shop/service/checkout, in one way only")


def _demand_shown_in_full(proposal: Proposal) -> None:
    """Raises `Denied`: people approve only what they can read whole."""
    if shown_length(exact_text(proposal)) > MOST_EXACT:
        raise Denied(f"what would run is longer than {MOST_EXACT} characters and can't be shown in full; propose something smaller")
    if shown_length(before_text(proposal)) > MOST_EXACT:
        raise Denied(f"the target tells more than {MOST_EXACT} characters about how it is, which can't be shown in full")
    if long := facts_too_long(proposal):
        raise Denied(f"{', '.join(long)}: longer than the {MOST_FACT} characters that its card shows; say it shorter")


async def _waits_already(desk: Desk, tx: Tx, proposal: Proposal) -> Proposal | None:
    """The same call of this incident, undecided or running. Raises `Denied` where people are asked about enough as it is; but the
    way back from what ran, of which there is one a run, is always prepared."""
    unended = await proposals.for_incident(tx, proposal.incident, states={"proposed", "approved", "executing"})
    waiting = [held.proposal for held in unended]
    same = next((held for held in waiting if held.call == proposal.call and held.expires_at > proposal.asked_at), None)
    if same is None and proposal.undoes is None and desk.policy and len(waiting) >= desk.policy.open_proposals:
        raise Denied(f"{len(waiting)} proposals already wait in {proposal.incident}; decide or reject one first")
    return same


async def _store(desk: Desk, tx: Tx, proposal: Proposal, *, by_agent: bool, surface: str) -> None:
    """The proposal, its line, its audit row, and its cards to be shown."""
    now, asked_by = proposal.asked_at, proposal.asked_by
    await proposals.add(tx, proposal)
    if desk.policy and proposal.tier == 3:
        await proposals.expire_at(tx, proposal.hash, now + desk.policy.stands(3))
    await timeline.append(
        tx,
        proposal.incident,
        at=now,
        actor=asked_by,
        text=f"Proposed {proposal.name}: {proposal.effects.sentence}",
        details={"proposal": proposal.hash},
    )
    await audit.append(
        tx,
        audit.Action.AGENT_PROPOSED if by_agent else audit.Action.PERSON_PROPOSED,
        incident=proposal.incident,
        at=now,
        actor=asked_by,
        agent=asked_by if by_agent else "",
        surface=surface,
        policy=desk.policy_version,
        proposal=proposal.hash,
        findings=await findings_store.hashes(tx, proposal.incident, proposal.findings),
        subject=proposal.effects.target,
        payload={"call": proposal.call.model_dump(mode="json"), "tier": proposal.tier, "findings": list(proposal.findings)},
    )
    await record.refresh(desk, tx, proposal)


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


async def read_back(action: ActionPort, arguments: BaseModel) -> JsonObject:
    """How the target is now, without its secrets: equal ones stay equal. Raises what the action raises."""
    return cast("JsonObject", redact_value(await action.read_back(arguments)))


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
