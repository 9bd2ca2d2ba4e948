"""Glass: in an emergency one person may do without the missing second one at tier 3, for some hours, in the open.

It is declared in Slack and needs the incident's channel: being seen is what makes it bearable. It replaces nothing else: who acts
still needs the authority, the judge's word, the name typed, and the confirmation outside Slack.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from app.domain.approval import Person
from app.domain.errors import BadInput, Denied
from app.domain.redaction import redact
from app.domain.value import JsonObject
from app.incidents import record
from app.incidents.desk import FIRSTMATE, Desk, Knows, proposal_card_key
from app.incidents.stop import LONGEST_REASON, SAID
from app.ledger import audit, emergencies, incidents, outbox, proposals, timeline
from app.ledger.emergencies import StoredEmergency
from app.ledger.ledger import Tx
from app.policy.decision import Context, Emergency
from app.policy.people import counted

SHORTEST_REASON = 10


async def break_glass(desk: Desk, incident: str, *, by: str, surface: str, reason: str) -> str:
    """What it means, as a sentence to whoever did it. Raises `Denied` (recorded), and `BadInput` without a reason worth reading."""
    reason = redact(" ".join(reason.split()))[:LONGEST_REASON]
    if len(reason) < SHORTEST_REASON:
        raise BadInput(
            "say why, so that whoever reviews it understands it: `/incident break-glass the primary is gone, only I am up`"
        )
    hours = await _demand_may(desk, incident, by=by, surface=surface)
    now = desk.clock()
    until = now + timedelta(hours=hours)
    said = (
        f"{by} BROKE THE GLASS in {incident}: until {until:%Y-%m-%d %H:%M} UTC a tier-3 action needs one person here, not two "
        f"(and still its confirmation outside Slack). Why: {reason}. To be reviewed afterwards."
    )
    async with desk.ledger.write() as tx:
        if (await incidents.get(tx, incident)).status == "closed":
            raise Denied(f"{incident} is closed; open it again first")
        await emergencies.declare(tx, StoredEmergency(incident=incident, at=now, by=by, reason=reason, until=until))
        payload: JsonObject = {"reason": reason, "until": until.isoformat(), "to_be_reviewed": True}
        await audit.append(
            tx,
            audit.Action.GLASS_BROKEN,
            incident=incident,
            at=now,
            actor=by,
            surface=surface,
            policy=desk.policy_version,
            subject=incident,
            payload=payload,
        )
        await timeline.append(tx, incident, at=now, actor=by, text=said[:400], details=payload)
        key = f"{SAID}:glass:{incident}:{now.isoformat()}"
        await outbox.put(tx, key, incident=incident, lane="decision", kind=SAID, body={"sentence": said}, at=now)
        for held in await proposals.for_incident(tx, incident, states={"proposed"}):
            await outbox.put_refresh(tx, incident, proposal_card_key(held.proposal.hash), at=now, lane="decision")
    return f"The glass is broken until {until:%H:%M} UTC; the channel is told."


async def holds(tx: Tx, incident: str, desk: Knows) -> Emergency | None:
    """The emergency as policy looks at it."""
    found = await emergencies.current(tx, incident, now=desk.clock())
    return None if found is None else Emergency(by=found.by, reason=found.reason, until=found.until)


async def note_use(desk: Desk, tx: Tx, context: Context) -> None:
    """Recorded where a proposal comes through with one person only because the glass was broken."""
    glass = context.emergency_now
    if context.proposal.tier != 3 or glass is None or len(counted(context)) > 1:
        return
    if await emergencies.used_for(tx, context.proposal.hash):  # noted when it was approved; the run asks again
        return
    text = f"went through with one person's yes: {glass.by} had broken the glass ({glass.reason}); to be reviewed"
    await record.step(
        desk, tx, context.proposal, audit.Action.GLASS_USED, actor=FIRSTMATE, surface="jobs", text=text, on_behalf_of=glass.by
    )


async def _demand_may(desk: Desk, incident: str, *, by: str, surface: str) -> int:
    """For how many hours. Only whom the policy names for it."""
    named = desk.policy.break_glass if desk.policy else None
    if named is None:
        await _refuse(desk, incident, by=by, surface=surface, reason="the policy file names nobody who may (break_glass)")
    person = await desk.people(by)
    if person is None or not _full_member(person, desk.home_team):
        await _refuse(desk, incident, by=by, surface=surface, reason="only full members of this workspace may")
    if by not in named.people and not any([by in await desk.members(group) for group in named.groups]):
        await _refuse(desk, incident, by=by, surface=surface, reason="the policy file does not name you for it (break_glass)")
    return named.hours


def _full_member(person: Person, home_team: str) -> bool:
    flawed = person.deleted or person.bot or person.guest or person.stranger or person.local_operator
    return not flawed and bool(home_team) and person.team == home_team


async def _refuse(desk: Desk, incident: str, *, by: str, surface: str, reason: str) -> NoReturn:
    async with desk.ledger.write() as tx:
        await audit.append(
            tx,
            audit.Action.GLASS_REFUSED,
            incident=incident,
            at=desk.clock(),
            actor=by,
            surface=surface,
            policy=desk.policy_version,
            subject=incident,
            payload={"reason": reason},
        )
    raise Denied(f"{reason}; ask somebody it names, or the platform team to do it by hand")
