"""Stop: nothing more is approved and nothing more runs, in one incident or anywhere, until somebody lifts it.

What runs already is not torn off: half of an effect is worse than all of it. Besides the switches in the ledger a file stops
everything (`firstmate stop`): it works while Slack or the database is down.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from app.domain.approval import Person
from app.domain.errors import BadInput, Denied, NotFound
from app.domain.redaction import redact
from app.domain.value import JsonObject
from app.incidents import score
from app.incidents.desk import Desk, Knows, proposal_card_key
from app.ledger import audit, incidents, outbox, proposals, switches, timeline
from app.ledger.ledger import Tx

SAID = score.SAID
"""The kind of message that is one sentence to a whole channel."""
LONGEST_REASON = 300


async def stop(desk: Desk, *, by: str, surface: str, reason: str, incident: str | None) -> str:
    """Stop this incident's actions, or all (`incident` None). What became of it, as a sentence to whoever asked.

    Any full member may stop one incident; who may stop everything is policy. Raises `Denied`, which is recorded.
    """
    person = await _member(desk, by, incident=incident, surface=surface)
    if incident is None and not await may_stop_all(desk, person):
        why = "who may stop everything is named in the policy file (stop_all); `stop` without `all` stops this incident"
        await _refuse(desk, by=by, surface=surface, incident=incident, reason=why)
    return await _turn(desk, by=by, surface=surface, reason=reason, incident=incident, on=True)


async def lift(desk: Desk, *, by: str, surface: str, reason: str, incident: str | None) -> str:
    """Let things run again. An incident's stop is lifted by its commander or whoever may stop everything, theirs by them alone."""
    person = await _member(desk, by, incident=incident, surface=surface)
    if not reason.strip():
        raise BadInput("say why it may go on; one line is enough")
    # The commander first: nobody has to be asked about them, and Slack may not answer.
    if not await _commands(desk, by, incident) and not await may_stop_all(desk, person):
        why = "who may let everything go on is named in the policy file (stop_all); one incident: its commander may too"
        await _refuse(desk, by=by, surface=surface, incident=incident, reason=why)
    return await _turn(desk, by=by, surface=surface, reason=reason, incident=incident, on=False)


async def close_breaker(desk: Desk, name: str, *, by: str, surface: str, reason: str) -> str:
    """Let the agent version and action of this proposal go on, though its breaker opened. The incident's commander, or whoever may
    stop everything. Raises `Denied`, which is recorded, and `BadInput` or `NotFound` for a name that names no such proposal."""
    async with desk.ledger.read() as tx:
        held = await proposals.by_name(tx, name)
    incident = held.proposal.incident
    person = await _member(desk, by, incident=incident, surface=surface)
    if not reason.strip():
        raise BadInput("say why it may go on; one line is enough")
    if not await _commands(desk, by, incident) and not await may_stop_all(desk, person):
        why = f"who may close a breaker is the commander of {incident}, or named in the policy file (stop_all)"
        await _refuse(desk, by=by, surface=surface, incident=incident, reason=why)
    async with desk.ledger.write() as tx:
        told = redact(" ".join(reason.split()))[:LONGEST_REASON]
        return await score.close(desk, tx, held, by=by, surface=surface, reason=told)


async def may_stop_all(desk: Knows, person: Person) -> bool:
    """Whom the policy names for it; where it names nobody, whoever it names as an approver. The demo's own person may.

    Raises `Unreachable` when it depends on a group that can't be asked about; that means no.
    """
    if desk.policy is None:
        return False
    if person.local_operator:
        return True
    named = (desk.policy.stop_all,) if desk.policy.stop_all else desk.policy.approvers
    if any(person.id in one.people for one in named):
        return True
    for group in dict.fromkeys(group for one in named for group in one.groups):
        if person.id in await desk.members(group):
            return True
    return False


def by_file(path: Path | None) -> str | None:
    """Why a file stops everything, as a sentence; None where there is none. One that can't be read stops too."""
    if path is None:
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return f"{told['by']} stopped all actions on this machine at {told['at']}: {told['reason']} ({path} is there)"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return f"all actions are stopped: {path} is there"


def write_file(path: Path, *, by: str, reason: str, at: datetime) -> None:
    """Stop everything on this machine, whatever else works. Raises `BadInput` where no file can be."""
    body = json.dumps({"by": by, "reason": redact(reason), "at": f"{at:%Y-%m-%d %H:%M}Z"})
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(body + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} can't be written ({error.strerror}); say where the data is with FIRSTMATE_DATA_DIR") from error


def remove_file(path: Path) -> None:
    """Let things run again. Raises `NotFound` where nothing was stopped by a file."""
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise NotFound(f"nothing is stopped here: there is no {path}; what was stopped in Slack is lifted there") from error


async def _turn(desk: Desk, *, by: str, surface: str, reason: str, incident: str | None, on: bool) -> str:
    reason = redact(" ".join(reason.split()))[:LONGEST_REASON]
    name = switches.KILL if incident is None else switches.of_incident(incident)
    what = "all actions" if incident is None else f"the actions of {incident}"
    now = desk.clock()
    async with desk.ledger.write() as tx:
        there = await switches.read(tx, name)
        if (there is not None and there.on) == on:
            return f"{what[0].upper()}{what[1:]} are {'stopped already' if on else 'not stopped'}."
        await switches.turn(tx, name, on=on, by=by, reason=reason, at=now)
        payload: JsonObject = {"reason": reason, "what": name}
        action = audit.Action.STOPPED if on else audit.Action.RESUMED
        await audit.append(
            tx,
            action,
            incident=incident or "",
            at=now,
            actor=by,
            surface=surface,
            subject=name,
            policy=desk.policy_version,
            payload=payload,
        )
        said = f"{by} {'stopped' if on else 'lets go on'} {what}" + (f": {reason}" if reason else "")
        for each in await _concerned(tx, incident):
            await timeline.append(tx, each, at=now, actor=by, text=said, details=payload)
            key = f"{SAID}:{name}:{each}:{now.isoformat()}"
            await outbox.put(tx, key, incident=each, lane="decision", kind=SAID, body={"sentence": said}, at=now)
            for held in await proposals.for_incident(tx, each, states={"proposed"}):
                await outbox.put_refresh(tx, each, proposal_card_key(held.proposal.hash), at=now, lane="decision")
    return f"{'Stopped' if on else 'Lifted'}: {what} {'wait' if on else 'may run again'}."


async def _concerned(tx: Tx, incident: str | None) -> list[str]:
    return [incident] if incident is not None else [each.id for each in await incidents.list_open(tx)]


async def _commands(desk: Desk, by: str, incident: str | None) -> bool:
    if incident is None:
        return False
    async with desk.ledger.read() as tx:
        return (await incidents.get(tx, incident)).commander == by


async def _member(desk: Desk, by: str, *, incident: str | None, surface: str) -> Person:
    person = await desk.people(by)
    if person is None or not (person.local_operator or person.full_member(desk.home_team)):
        await _refuse(
            desk,
            by=by,
            surface=surface,
            incident=incident,
            reason="only full members of this workspace can stop it or let it go on",
        )
    return person


async def _refuse(desk: Desk, *, by: str, surface: str, incident: str | None, reason: str) -> NoReturn:
    async with desk.ledger.write() as tx:
        await audit.append(
            tx,
            audit.Action.STOP_REFUSED,
            incident=incident or "",
            at=desk.clock(),
            actor=by,
            surface=surface,
            subject=switches.KILL if incident is None else switches.of_incident(incident),
            policy=desk.policy_version,
            payload={"reason": reason},
        )
    raise Denied(reason)
