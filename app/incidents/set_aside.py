"""Set aside: a stored proposal that is not what its hash says never runs, is told of once, and holds nothing else up."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from app.domain.proposal import Proposal
from app.incidents import decide, score
from app.incidents.desk import FIRSTMATE, INCIDENT_CARD, Desk, proposal_card_key
from app.ledger import audit, executions, outbox, proposals, timeline
from app.ledger.ledger import Tx

log = structlog.get_logger()

ALTERED = "altered"
"""The kind of message that tells of it; its body holds the sentence."""
UNTOLD = "its stored proposal was altered, so nobody can tell what should have come of it"


async def set_aside(desk: Desk, *, live: Callable[[str], bool]) -> list[str]:
    """Every altered proposal that might still run, as sentences for the log. `live`: whether a job of this key waits or runs;
    one that runs already ends by what it read before."""
    async with desk.ledger.read() as tx:
        found = [each.hash for each in await proposals.altered(tx) if not live(decide.job_key(each.hash))]
    for hash in found:
        await one(desk, hash)
    return [f"p-{hash[:8]} was altered in the ledger: it is set aside" for hash in found]


async def whole(desk: Desk, hash: str) -> Proposal | None:
    """The proposal of this hash as it was stored; None for an altered one, which is set aside."""
    try:
        async with desk.ledger.read() as tx:
            return (await proposals.get(tx, hash)).proposal
    except proposals.Altered:
        await one(desk, hash)
        return None


async def one(desk: Desk, hash: str) -> None:
    """The proposal of this hash, in a transaction of its own."""
    async with desk.ledger.write() as tx:
        await note(desk, tx, hash)


async def note(desk: Desk, tx: Tx, hash: str) -> None:
    """It comes into a state that never runs, its run into one that waits for nobody; said in the channel once, and recorded."""
    now, incident, name = desk.clock(), (await proposals.reference(tx, hash)).incident, f"p-{hash[:8]}"
    await proposals.move(tx, hash, {"proposed", "approved"}, "superseded", at=now)
    await proposals.move(tx, hash, {"executing"}, "unknown", at=now)
    await score.release(tx, hash)
    then = "it will not run; propose it again"
    if (execution := await executions.of_proposal(tx, hash)) is not None:
        then = "its run had started, so look at the target yourself"
        await executions.mark_unknown(tx, execution.id, detail=UNTOLD, at=now)
        await executions.verify(tx, execution.id, met=None, observed=None, detail=UNTOLD, at=now)
    sentence = f"{name} was altered in the ledger after it was proposed and is set aside: {then}, and find out who changed it."
    key, body = f"{ALTERED}:{hash}", {"sentence": sentence}
    if not await outbox.put(tx, key, incident=incident, lane="decision", kind=ALTERED, body={**body}, at=now):
        return
    log.error("proposal.altered", action="proposal.altered", incident=incident, proposal=hash)
    await audit.append(
        tx,
        audit.Action.SET_ASIDE,
        incident=incident,
        at=now,
        actor=FIRSTMATE,
        surface="jobs",
        policy=desk.policy_version,
        proposal=hash,
        subject=name,
        payload={"text": sentence},
    )
    await timeline.append(tx, incident, at=now, actor=FIRSTMATE, text=sentence)
    await outbox.put_refresh(tx, incident, proposal_card_key(hash), at=now, lane="decision")
    await outbox.put_refresh(tx, incident, INCIDENT_CARD, at=now)
