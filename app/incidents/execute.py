"""Execute: run what was approved, at most once, for ever.

Claim the target → judge again by policy → note `started` (committed) → run with the execution's id as idempotency key → note
how it ended. A process that dies after `started` leaves `unknown`: it is read back, and a person is asked; nothing runs blindly.
"""

from __future__ import annotations

import structlog

from app.domain.action import Outcome
from app.domain.approval import Execution
from app.domain.errors import FirstmateError
from app.domain.priority import PRIORITY, class_of
from app.domain.proposal import Proposal
from app.domain.value import JsonObject
from app.incidents import decide, glass, meet, record, set_aside
from app.incidents.desk import FIRSTMATE, Desk
from app.incidents.hold import BEAT_S, CLAIM_S, beat, held
from app.incidents.propose import action_named
from app.ledger import approvals, audit, claims, confirmations, executions, outbox, proposals
from app.ledger.ledger import Tx
from app.ledger.proposals import Altered
from app.policy import rules
from app.policy.decision import Allowed

log = structlog.get_logger()

VERIFY = "verify"
TAKE_UP = "take up"
CUT_OFF = "the run was cut off before its end was noted"
STOPPED = "stopped"
"""The kind of message that says why something approved did not run."""


async def execute(desk: Desk, hash: str, *, beat_s: float = BEAT_S) -> None:
    """Run the approved proposal. Called again for the same one (a retry, a crash) it runs nothing a second time.

    `beat_s`: how often its claim is renewed while it runs.
    """
    try:
        started = await _start(desk, hash)
    except Altered:
        await set_aside.one(desk, hash)
        return
    if started is None:
        return
    execution, proposal, token = started
    action = action_named(desk, proposal.call.action)
    arguments = action.arguments.model_validate(proposal.call.arguments)
    if not await beat(desk, proposal.effects.target, token):
        # Paused since, and cut off from the ledger: others took it up, and people were told that it does not run again by itself.
        log.error("execution.overslept", action="execution.overslept", execution=execution.id, then="nothing was sent")
        return
    try:
        async with held(desk, proposal.effects.target, token, every_s=beat_s):
            outcome = await action.run(arguments, idempotency_key=execution.id)
    except FirstmateError as error:
        outcome = Outcome(ok=None, detail=f"{error}")
    except Exception as error:  # an edge: whatever an action raises, it may have sent its request already
        log.exception("action.broke", action="action.broke", execution=execution.id, named=proposal.call.action)
        outcome = Outcome(ok=None, detail=f"{proposal.call.action} broke during the run ({type(error).__name__}: {error})"[:400])
    await _ended(desk, execution, proposal, outcome, token=token)


async def take_up(desk: Desk, execution_id: str) -> None:
    """`started` without an end, and nobody works on it any more. Read back what can be; ask a person about the rest.

    The job goes under the key of the run's own: one that only takes its time is never mistaken for one that was cut off.
    """
    async with desk.ledger.read() as tx:
        execution = await executions.get(tx, execution_id)
        token = await executions.claim_token(tx, execution_id)
    if execution.state != "started":
        return
    proposal = await set_aside.whole(desk, execution.proposal)
    if proposal is None:
        return
    took = None
    try:
        action = action_named(desk, proposal.call.action)
        took = await action.took_effect(
            action.arguments.model_validate(proposal.call.arguments), precondition=proposal.precondition
        )
    except (FirstmateError, ValueError):  # asked of an action that may not know these arguments any more
        took = None
    except Exception:  # an edge: what can't be read back must not keep the rest from being taken up
        log.exception("action.broke", action="action.broke", execution=execution.id, named=proposal.call.action)
        took = None
    if took is True:
        outcome = Outcome(ok=True, detail=f"{CUT_OFF}; read back: it took effect")
    else:
        seen = "it did not take effect yet, but may still be on its way" if took is False else "it can't be told from outside"
        outcome = Outcome(ok=None, detail=f"{CUT_OFF}; read back: {seen}")
    await _ended(desk, execution, proposal, outcome, token=token)


async def _start(desk: Desk, hash: str) -> tuple[Execution, Proposal, int] | None:
    """Everything that must hold for the run, in the one transaction that notes `started`."""
    moved = None
    await desk.roots.seal()  # what consents to it stands outside the database, or it does not run
    async with desk.ledger.read() as tx:
        stored = await proposals.get(tx, hash)
    # Target and Slack may each take seconds, and either changes meanwhile: people are asked after one look at the target, and it is
    # looked at again after that.
    if stored.state == "approved":
        moved = await decide.moved_since(desk, stored.proposal)
    members = await decide.members_of(desk, stored.proposal)
    known = await decide.people_of(desk, hash)
    if stored.state == "approved" and moved is None:
        moved = await decide.moved_since(desk, stored.proposal)
    now = desk.clock()
    async with desk.ledger.write() as tx:
        stored = await proposals.get(tx, hash)
        proposal = stored.proposal
        if stored.state != "approved":
            return None
        if moved is not None:
            await _stopped(desk, tx, proposal, reason=moved)
            return None
        judged = await decide.context(desk, tx, stored, known=known, members=members)
        word = rules.decide_run(judged)
        if not isinstance(word, Allowed):
            await _stopped(desk, tx, proposal, reason=word.reason)
            return None
        holder = claims.held_by(executions.id_of(hash))
        before = await claims.current(tx, proposal.effects.target, now=now)
        priority = PRIORITY["incident"]
        claim = await claims.acquire(tx, proposal.effects.target, holder=holder, priority=priority, now=now, ttl_s=CLAIM_S)
        if claim is None:
            other = await claims.current(tx, proposal.effects.target, now=now)
            who = f"{other.holder} ({class_of(other.priority)})" if other else "somebody"
            until = f" until {other.expires_at:%H:%M:%S}Z at least" if other else ""
            await _stopped(desk, tx, proposal, reason=f"{who} holds {proposal.effects.target}{until}; propose it again then")
            return None
        if before is not None and before.holder != holder:
            await meet.took_away(tx, before, claim, at=now, surface="jobs")
        used_up = await approvals.redeem(tx, hash, execution=executions.id_of(hash), at=now)
        await confirmations.redeem(tx, hash, at=now)
        if used_up == 0 and proposal.tier > 0:
            await claims.release(tx, proposal.effects.target, claim.token)
            await _stopped(desk, tx, proposal, reason="no yes to it is left to be used")
            return None
        execution = await executions.start(tx, hash, claim_token=claim.token, at=now)
        if execution is None:
            return None
        await glass.note_use(desk, tx, judged)
        await proposals.move(tx, hash, {"approved"}, "executing", at=now)
        await _step(desk, tx, proposal, audit.Action.EXECUTION_STARTED, subject=execution.id, text="is running")
    return execution, proposal, claim.token


async def _ended(desk: Desk, execution: Execution, proposal: Proposal, outcome: Outcome, *, token: int) -> None:
    now = desk.clock()
    async with desk.ledger.write() as tx:
        if outcome.ok is None:
            if not await executions.mark_unknown(tx, execution.id, detail=outcome.detail, at=now):
                return
            await proposals.move(tx, proposal.hash, {"executing"}, "unknown", at=now)
            kind = audit.Action.EXECUTION_UNKNOWN
        else:
            if not await executions.finish(tx, execution.id, ok=outcome.ok, detail=outcome.detail, at=now):
                return
            await proposals.move(tx, proposal.hash, {"executing"}, "done" if outcome.ok else "failed", at=now)
            kind = audit.Action.EXECUTION_FINISHED if outcome.ok else audit.Action.EXECUTION_FAILED
        if not outcome.ok:
            await claims.release(tx, proposal.effects.target, token, now=now)
        word = {True: "ran", False: "failed", None: "may have run"}[outcome.ok]
        await _step(desk, tx, proposal, kind, subject=execution.id, text=f"{word}: {outcome.detail}")
        await outbox.put(
            tx,
            f"outcome:{execution.id}:{'unknown' if outcome.ok is None else 'ran' if outcome.ok else 'failed'}",
            incident=proposal.incident,
            lane="decision",
            kind="outcome",
            body={"execution": execution.id},
            at=now,
        )
    if outcome.ok:
        await desk.jobs.submit(VERIFY, {"execution": execution.id}, key=verify_key(execution.id))


def verify_key(execution: str) -> str:
    """Of the job that watches the criterion."""
    return f"{VERIFY}:{execution}"


async def _stopped(desk: Desk, tx: Tx, proposal: Proposal, *, reason: str) -> None:
    """Approved, but it must not run any more: said and recorded, never silent."""
    now = desk.clock()
    await proposals.move(tx, proposal.hash, {"approved"}, "superseded", at=now)
    await record.superseded(desk, tx, proposal, reason=reason, text=f"did not run: {reason}", surface="jobs")
    body: JsonObject = {"proposal": proposal.hash, "reason": reason}
    await outbox.put(tx, f"stopped:{proposal.hash}", incident=proposal.incident, lane="decision", kind=STOPPED, body=body, at=now)


async def _step(desk: Desk, tx: Tx, proposal: Proposal, action: audit.Action, *, subject: str, text: str) -> None:
    await record.step(
        desk, tx, proposal, action, actor=FIRSTMATE, surface="jobs", subject=subject, text=text, on_behalf_of=proposal.asked_by
    )
