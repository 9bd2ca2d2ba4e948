"""Decide: a person's yes or no to one proposal. Policy judges it; the ledger's compare-and-set makes it happen once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Literal

import structlog

from app.domain.approval import Approval, Person
from app.domain.errors import FirstmateError, Unreachable
from app.domain.proposal import Proposal
from app.domain.redaction import redact
from app.domain.value import Value
from app.incidents import glass, moved, record, score, witness
from app.incidents.desk import FIRSTMATE, Desk, Knows
from app.incidents.propose import read_back
from app.incidents.stop import by_file
from app.ledger import approvals, audit, confirmations, findings, incidents, proposals, switches
from app.ledger.confirmations import Confirmation
from app.ledger.ledger import Tx
from app.ledger.proposals import StoredProposal
from app.policy import rules
from app.policy.decision import Confirmed, Context, Denied, Needs, Press, Yes
from app.policy.policy import Asked

log = structlog.get_logger()

EXECUTE = "execute"
HOUR = timedelta(hours=1)
READ_S = 2.0
"""Nobody reads a card of tier 2 or 3 in less, seconds: who presses sooner is noted."""
USED = "this signature was handed in before, and counts once; sign anew with `firstmate approve`"


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
    typed: str = "",
    signed: Confirmation | None = None,
    after_s: float | None = None,
) -> Decided:
    """One press. Before a yes counts, the target is read again: if the world moved, the proposal is superseded instead.

    `came_from`: the channel the press was made in; it must be the incident's own ("" on surfaces without channels). `typed`: the
    resource's name, as tier 3 asks for it. `signed`: it was made at a shell, with an enrolled key. `after_s`: how long after its
    card was posted it came, where that is known.
    Raises `NotFound` for an unknown proposal. Every refusal is recorded, with its reason.
    """
    reason = redact(reason)
    async with desk.ledger.read() as tx:
        held = await proposals.get(tx, proposal)
    known = await people_of(desk, proposal, also=by, signed=signed is not None)
    members = await members_of(desk, held.proposal)
    change = await moved_since(desk, held.proposal) if decision == "approve" and held.state == "proposed" else None
    unsealed = await _unsealed(desk) if decision == "approve" else None

    now = desk.clock()
    async with desk.ledger.write() as tx:
        held = await proposals.get(tx, proposal)
        incident = await incidents.get(tx, held.proposal.incident)
        if came_from and incident.channel != came_from:
            return await _refused(desk, tx, held.proposal, by=by, surface=surface, reason="the press came from another channel")
        if signed is not None and not await confirmations.record(tx, signed):
            return await _refused(desk, tx, held.proposal, by=by, surface=surface, reason=USED)
        press = Press(decision=decision, by=known.get(by), reason=reason, typed=typed, key=signed.key if signed else "")
        judged = await context(desk, tx, held, known=known, members=members, press=press, pressed_by=by)
        word = rules.decide(judged)
        said = await approvals.for_proposal(tx, proposal)
        again = any((each.by, each.decision) == (by, decision) for each in said)
        if isinstance(word, Denied) and signed is not None:
            await confirmations.refuse(tx, signed.nonce)
        elif isinstance(word, Denied) and again:
            # The same press worked on again after a crash, or a second one: what counted before is not refused now.
            return Decided(counted=False, complete=False, sentence=_already(held, decision))
        if isinstance(word, Denied):  # before anything else: who may not approve may not end a proposal by pressing either
            return await _refused(desk, tx, held.proposal, by=by, surface=surface, reason=word.reason)
        if unsealed is not None:
            return await _refused(desk, tx, held.proposal, by=by, surface=surface, reason=unsealed)
        if change is not None:
            if await proposals.move(tx, proposal, {"proposed"}, "superseded", at=now):
                await record.superseded(desk, tx, held.proposal, reason=change, text=change, surface=surface)
            return Decided(
                counted=False, complete=False, sentence=f"Not approved: {change}. If it is still wanted, press Plan again on it."
            )
        if isinstance(word, Needs) and again and signed is None:
            return Decided(counted=False, complete=False, sentence=f"Your yes counts already. Still needed: {word.reason}.")
        await approvals.record(tx, Approval(proposal=proposal, decision=decision, by=by, at=now, surface=surface, reason=reason))
        if decision == "reject":
            return await _rejected(desk, tx, held.proposal, by=by, surface=surface, reason=reason)
        await _noted(desk, tx, judged, by=by, surface=surface, again=again, after_s=after_s, enough=not isinstance(word, Needs))
        if not isinstance(word, Needs):
            await score.approved(desk, tx, held.proposal)
            if not await proposals.move(tx, proposal, {"proposed"}, "approved", at=now):
                return Decided(
                    counted=False, complete=False, sentence=f"{held.proposal.name} was decided by somebody else a moment ago."
                )
            await glass.note_use(desk, tx, judged)
    unsealed = await _unsealed(desk)  # a root over this yes, before anybody is told of it
    if unsealed is None:
        await witness.tell(desk, held.proposal.incident)
    if isinstance(word, Needs):
        return Decided(counted=True, complete=False, sentence=f"Your yes counts. Still needed: {word.reason}.")
    if unsealed is not None:
        return Decided(counted=True, complete=True, sentence=f"Approved {held.proposal.name}, but it does not run yet: {unsealed}.")
    await desk.jobs.submit(EXECUTE, {"proposal": proposal}, key=job_key(proposal), lock=job_lock(held.proposal.incident))
    return Decided(counted=True, complete=True, sentence=f"Approved {held.proposal.name}; it runs now.")


def job_key(hash: str) -> str:
    """Of whichever job works on the proposal's run: there is one at a time."""
    return f"{EXECUTE}:{hash}"


def job_lock(incident: str) -> str:
    """Runs of one incident wait for each other, never for its triage: that may take minutes."""
    return f"{EXECUTE}:{incident}"


async def _noted(
    desk: Desk, tx: Tx, judged: Context, *, by: str, surface: str, again: bool, after_s: float | None, enough: bool
) -> None:
    """A yes that counts: what was done, and whether it came sooner than anybody reads. The first at tier 3 starts the minutes."""
    proposal, press = judged.proposal, judged.press
    how = " with a key, outside Slack" if press is not None and press.key else ""
    how += f", having typed {press.typed}" if press is not None and press.typed and proposal.tier == 3 else ""
    kind = audit.Action.APPROVED if enough else audit.Action.CONFIRMED if again else audit.Action.AGREED
    text = f"{'confirmed' if again else 'approved'} by {by}{how}"
    await record.step(desk, tx, proposal, kind, actor=by, surface=surface, text=text)
    if proposal.tier == 3 and not judged.yes and judged.policy is not None:
        await proposals.expire_at(tx, proposal.hash, judged.now + judged.policy.expiry(3))
    if proposal.tier >= 2 and after_s is not None and after_s < READ_S:
        told = f"{by} pressed {after_s:.1f} s after it was shown: sooner than it can be read"
        await record.step(desk, tx, proposal, audit.Action.PRESSED_QUICKLY, actor=FIRSTMATE, surface=surface, text=told)


async def people_of(desk: Knows, proposal: str, *, also: str = "", signed: bool = False) -> dict[str, Person | None]:
    """Everybody who said yes, and `also`, looked up now: before the transaction that judges them, which must not wait for Slack.

    None for whoever nobody knows or nobody can be asked about: either way that press does not count. Where Slack can't be asked,
    whoever signed with a key that the policy still names is who the policy says.
    """
    async with desk.ledger.read() as tx:
        said = {a.by for a in await approvals.for_proposal(tx, proposal) if a.decision == "approve"}
        keyed = {c.by for c in await confirmations.for_proposal(tx, proposal) if desk.policy and c.key in desk.policy.keys_of(c.by)}
    keyed |= {also} if signed else set()
    known: dict[str, Person | None] = {}
    for person in {*said, *([also] if also else [])}:
        try:
            found = await desk.people(person)
            known[person] = found if found is None or found.id == person else None  # an answer about somebody else
        except Unreachable:
            known[person] = Person(id=person, team=desk.home_team) if person in keyed else None
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
        breaker=await score.breaker_of(tx, held.proposal),
        roles=roles,
        members=members,
        confirmed=tuple(
            Confirmed(by=c.by, key=c.key, expires_at=c.expires_at) for c in await confirmations.for_proposal(tx, held.proposal.hash)
        ),
        emergency=await glass.holds(tx, held.proposal.incident, desk),
        approved_lately=tuple(await approvals.approved_since(tx, pressed_by, now - HOUR)) if pressed_by else (),
    )


async def moved_since(desk: Desk, proposal: Proposal) -> str | None:
    """What changed since it was proposed, as a sentence; None when the world still matches. Not being able to tell is a change."""
    action = desk.actions.get(proposal.call.action)
    if action is None:
        return f"the action {proposal.call.action} is not configured any more"
    try:
        arguments = action.arguments.model_validate(proposal.call.arguments)
        now = await read_back(action, arguments)
    except (FirstmateError, ValueError) as error:
        return f"the target can't be read back ({error})"
    except Exception as error:  # an edge: whatever an action raises, it is no reason to run it, nor to stay silent
        log.exception("action.broke", action="action.broke", proposal=proposal.hash, named=proposal.call.action)
        return redact(f"the target can't be read back ({proposal.call.action} broke: {type(error).__name__}: {error})")[:400]
    if (told := moved.action_moved(action, arguments, proposal)) is not None:
        return f"since {proposal.asked_at:%H:%M:%S} UTC: {told}"
    different = [key for key in {*now, *proposal.precondition} if now.get(key) != proposal.precondition.get(key)]
    if not different:
        told = await moved.around(desk, proposal)
        return f"the world moved since {proposal.asked_at:%H:%M:%S} UTC: {told}" if told else None
    told = ", ".join(f"{key} was {proposal.precondition.get(key)!r} and is {now.get(key)!r}" for key in sorted(different))
    return f"the world moved since {proposal.asked_at:%H:%M:%S} UTC: {told}"


async def _unsealed(desk: Desk) -> str | None:
    """Why no root can be signed over what is recorded; None when one was."""
    try:
        await desk.roots.seal()
    except FirstmateError as error:
        return str(error)
    return None


async def _rejected(desk: Desk, tx: Tx, proposal: Proposal, *, by: str, surface: str, reason: str) -> Decided:
    if not await proposals.move(tx, proposal.hash, {"proposed", "approved"}, "rejected", at=desk.clock()):
        return Decided(counted=False, complete=False, sentence=f"{proposal.name} was decided by somebody else a moment ago.")
    await approvals.revoke(tx, proposal.hash, at=desk.clock())
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
        agent=record.agent_of(proposal),
        policy=desk.policy_version,
        proposal=proposal.hash,
        findings=await findings.hashes(tx, proposal.incident, proposal.findings),
        subject=proposal.effects.target,
        payload={"reason": reason},
    )
    return Decided(counted=False, complete=False, sentence=f"Refused: {reason}.")
