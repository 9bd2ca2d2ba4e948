"""Share: how agents that are not ours ask before they act. One ledger, one set of claims, for them and for what people approve.

Each answer is written down in the transaction that makes it. Who does not get what it asked for is told who is in the way, and
what to do next; while everything is stopped, nobody gets anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.change import Change
from app.domain.errors import Denied
from app.domain.ports import Clock
from app.domain.priority import class_of
from app.domain.value import JsonObject, Value
from app.incidents import meet, stop
from app.ledger import audit, changes, claims, conflicts, states, switches, waits
from app.ledger.claims import Claim, Standing
from app.ledger.conflicts import WINDOW, Conflict
from app.ledger.ledger import Ledger, Tx
from app.ledger.states import State
from app.ledger.waits import Granted, Refused
from app.policy.agents import KnownAgent

SURFACE = "api"
MOST_HELD = 100
"""Claims of one agent at a time: whoever wants more than that wants everything."""


class Lost(Value):
    """A claim that its caller does not hold (any more). Whoever is told must change nothing and ask again."""

    resource: str
    why: str


class Renewed(Value):
    """`ending`: claims that were not renewed, each with the reason; they last until `expires_at`, and no longer."""

    claims: tuple[Claim, ...]
    ending: dict[str, str]


class Stale(Value):
    """A write against a version that was overtaken. `now`: what stands there, by whom, since when."""

    now: State
    given: int


@dataclass(frozen=True)
class Shared:
    """What it takes to answer agents."""

    ledger: Ledger
    clock: Clock
    stop_file: Path | None


async def claim(shared: Shared, caller: KnownAgent, resources: Sequence[str], *, ttl_s: float, why: str) -> Granted | Refused:
    """All of `resources`, or none of them. Raises `Denied` while everything is stopped, or the caller holds too much."""
    me, now = str(caller.agent), shared.clock()
    async with shared.ledger.write() as tx:
        await _demand_not_stopped(shared, tx)
        held = {each.resource for each in await claims.list_held(tx, now=now) if each.holder == me}
        if len(held | set(resources)) > MOST_HELD:
            raise Denied(f"{me} would hold more than {MOST_HELD} claims; release what is not needed")
        answer = await waits.ask(tx, resources, holder=me, priority=caller.priority, now=now, ttl_s=ttl_s)
        if isinstance(answer, Granted):
            await _granted(tx, caller, answer, why=why, now=now)
        else:
            await _refused(tx, caller, answer, why=why, now=now)
    return answer


async def renew(
    shared: Shared, caller: KnownAgent, tokens: Mapping[str, int], *, ttl_s: float, executing: bool
) -> Renewed | tuple[Lost, ...]:
    """Hold these for longer, all or none. `executing`: from now on nobody takes them away; until then a higher class may.

    Raises `Denied` where it would begin to execute while everything is stopped.
    """
    me, now = str(caller.agent), shared.clock()
    async with shared.ledger.write() as tx:
        if executing:
            await _demand_not_stopped(shared, tx)
        held, lost = await _held(tx, caller, tokens, now=now)
        if lost:
            return tuple(lost)
        ending: dict[str, str] = {}
        for each in held:
            if executing and each.executing_at is None:
                await claims.execute(tx, each.resource, each.token, now=now)
                payload: JsonObject = {"token": each.token}
                await _record(tx, audit.Action.CLAIM_EXECUTES, caller, each.resource, payload, now=now)
        for each in [await claims.current(tx, each.resource, now=now) or each for each in held]:
            if (reason := await waits.ends(tx, each, now=now)) is not None:
                ending[each.resource] = reason
            else:
                await claims.heartbeat(tx, each.resource, each.token, now=now, ttl_s=ttl_s)
        fresh = [await claims.current(tx, each.resource, now=now) for each in held]
    return Renewed(claims=tuple(each for each in fresh if each is not None and each.holder == me), ending=ending)


async def release(shared: Shared, caller: KnownAgent, tokens: Mapping[str, int]) -> tuple[Lost, ...]:
    """Let go of these; what was not held any more."""
    now = shared.clock()
    async with shared.ledger.write() as tx:
        held, lost = await _held(tx, caller, tokens, now=now)
        for each in held:
            await claims.release(tx, each.resource, each.token, now=now)
            await _record(tx, audit.Action.CLAIM_LEFT, caller, each.resource, {"token": each.token}, now=now)
    return tuple(lost)


async def write(
    shared: Shared, caller: KnownAgent, resource: str, body: JsonObject, *, version: int, token: int
) -> State | Stale | Lost:
    """Say how `resource` stands now. Taken only under the live claim on it, and only on top of the version it was thought out from.

    Both are looked at in the transaction that writes: whoever overslept its claim writes nothing.
    """
    me, now = str(caller.agent), shared.clock()
    answer: State | Stale | Lost
    async with shared.ledger.write() as tx:
        lost = (await _held(tx, caller, {resource: token}, now=now))[1]
        before = await states.get(tx, resource)
        if lost:
            answer = lost[0]
            await _record(tx, audit.Action.STATE_REFUSED, caller, resource, {"why": answer.why, "token": token}, now=now)
        elif not await states.write(tx, resource, body, version=version, token=token, by=me, at=now):
            answer = Stale(now=before, given=version)
            payload: JsonObject = {"why": "stale", "given": version, "version": before.version, "by": before.by}
            await _record(tx, audit.Action.STATE_REFUSED, caller, resource, payload, now=now)
            if before.at is not None and before.by != me and now - before.at <= WINDOW:
                await meet.met(tx, _overtaken(caller, before, now=now), surface=SURFACE)
        else:
            answer = await states.get(tx, resource)
            payload = {"version": answer.version, "token": token, "body": body}
            await _record(tx, audit.Action.STATE_WRITTEN, caller, resource, payload, now=now)
    return answer


async def report(shared: Shared, caller: KnownAgent, told: Sequence[Change]) -> int:
    """Changes that an agent made, for whoever looks for causes; how many were new. Who made them is who says so."""
    now, new = shared.clock(), 0
    async with shared.ledger.write() as tx:
        for each in told:
            named = each.model_copy(update={"source": caller.name, "author": each.author or str(caller.agent)})
            if await changes.record(tx, named, at=now):
                new += 1
                payload: JsonObject = {"kind": each.kind, "id": each.id, "at": each.at.isoformat(), "service": each.service}
                await _record(tx, audit.Action.CHANGE_REPORTED, caller, each.service or "", payload, now=now)
    return new


async def _demand_not_stopped(shared: Shared, tx: Tx) -> None:
    why = stop.by_file(shared.stop_file) or await switches.stopped(tx, "")
    if why is not None:
        raise Denied(f"{why}; change nothing, and ask again once it may go on")


async def _held(tx: Tx, caller: KnownAgent, tokens: Mapping[str, int], *, now: datetime) -> tuple[list[Claim], list[Lost]]:
    """Which of these the caller holds under these tokens, locked until the end; and of the others, what became of them."""
    held, lost = [], []
    for resource, token in sorted(tokens.items()):
        stood = await claims.standing(tx, resource, now=now)
        if stood.live is not None and stood.live.token == token and stood.live.holder == str(caller.agent):
            held.append(stood.live)
        else:
            lost.append(Lost(resource=resource, why=await _how_lost(tx, caller, stood, token)))
    return held, lost


async def _how_lost(tx: Tx, caller: KnownAgent, stood: Standing, token: int) -> str:
    me, live = str(caller.agent), stood.live
    then = "change nothing, and ask again"
    taken = await conflicts.loss(tx, stood.resource, token)
    if taken is not None and taken.second == me:
        who = f"{taken.first} ({class_of(taken.first_priority)})"
        return f"{who} took {stood.resource} at {taken.at:%H:%M:%S}Z, before you executed: {then}"
    if live is not None and live.holder == me:
        return f"you claimed {stood.resource} anew at {live.acquired_at:%H:%M:%S}Z: token {token} is void, and the newer one counts"
    if live is not None:
        return f"your claim on {stood.resource} is over; {live.holder} holds it since {live.acquired_at:%H:%M:%S}Z: {then}"
    ended = f" since {stood.left_at:%H:%M:%S}Z" if stood.left_at is not None and stood.token == token else ""
    return f"you do not hold {stood.resource} under token {token}; that claim is over{ended}: {then}"


async def _granted(tx: Tx, caller: KnownAgent, answer: Granted, *, why: str, now: datetime) -> None:
    stood = {each.resource: each for each in answer.stood}
    lost = {each.resource: each for each in answer.taken}
    for each in answer.claims:
        payload: JsonObject = {"token": each.token, "until": each.expires_at.isoformat(), "why": why}
        payload |= {"waited_s": round(answer.waited_s, 3), "asked": answer.asked, "rank": each.rank}
        action = audit.Action.CLAIM_PREEMPTED if each.resource in lost else audit.Action.CLAIM_GRANTED
        payload |= {"from": lost[each.resource].holder} if each.resource in lost else {}
        await _record(tx, action, caller, each.resource, payload, now=now)
        before = stood[each.resource]
        if each.resource in lost:
            await meet.took_away(tx, lost[each.resource], each, at=now, surface=SURFACE)
        elif answer.asked == 1 and before.left_by not in (None, each.holder) and _just(before.left_at, now):  # not in its turn
            await meet.met(tx, _followed(each, before, now=now), surface=SURFACE)


async def _refused(tx: Tx, caller: KnownAgent, answer: Refused, *, why: str, now: datetime) -> None:
    if not answer.news:  # who keeps asking against the same holder is counted; how often stands in the row of how it ended
        return
    for each in answer.in_way:
        payload: JsonObject = {"holder": each.holder, "token": each.token, "why": why, "asked": answer.asked}
        await _record(tx, audit.Action.CLAIM_REFUSED, caller, each.resource, payload, now=now)
        conflict = Conflict(
            key=f"refused:{each.resource}:{each.holder}:{each.token or each.since.isoformat()}:{caller.agent}",
            resource=each.resource,
            at=now,
            how="refused",
            first=each.holder,
            first_priority=each.priority,
            second=str(caller.agent),
            second_priority=caller.priority,
        )
        if each.holder != str(caller.agent):
            await meet.met(tx, conflict, surface=SURFACE)


def _followed(now_held: Claim, before: Standing, *, now: datetime) -> Conflict:
    """Who was there before counts as first: it came first, and whoever follows may undo what it did."""
    return Conflict(
        key=f"followed:{now_held.resource}:{now_held.token}",
        resource=now_held.resource,
        at=now,
        how="followed",
        first=before.left_by or "",
        first_priority=0,
        second=now_held.holder,
        second_priority=now_held.priority,
    )


def _overtaken(caller: KnownAgent, by: State, *, now: datetime) -> Conflict:
    return Conflict(
        key=f"stale:{by.resource}:{by.version}:{caller.agent}",
        resource=by.resource,
        at=now,
        how="stale",
        first=by.by,
        first_priority=0,
        second=str(caller.agent),
        second_priority=caller.priority,
    )


def _just(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now - moment <= WINDOW


async def _record(tx: Tx, action: audit.Action, caller: KnownAgent, resource: str, payload: JsonObject, *, now: datetime) -> None:
    me = str(caller.agent)
    await audit.append(
        tx, action, at=now, actor=me, agent=me, surface=SURFACE, subject=resource, payload={"class": caller.class_, **payload}
    )
