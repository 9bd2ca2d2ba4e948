"""Who waits for what: asked for whole or not at all, in the order of priority, then of age; who waits long comes first in the end.

Nobody is given a part of what it asked for, so nobody holds one thing while it is kept waiting for the next: there is no deadlock.
Where one asks piece by piece all the same, and two keep each other waiting, neither is renewed: it ends with the lease.
Whoever waits rises by one class every `AGE_S`; what it then gets it keeps at that rank. A lease is not renewed once somebody who
waits has risen above its holder's class, so that the lowest class is served within ten times the longest lease:
ahead of whoever asks after 6 (age decides between equals), and whoever held it then has to let go by 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select

from app.domain.priority import TOP
from app.domain.value import AwareDatetime, Value
from app.ledger import claims
from app.ledger.claims import Claim, Standing
from app.ledger.ledger import Tx
from app.ledger.tables import waits

MOST_TTL_S = 120.0
"""The longest lease. Renewed in time it goes on."""
AGE_S = 2 * MOST_TTL_S
"""How long a wait raises whoever waits by one class."""
LONGEST_S = 3 * MOST_TTL_S
"""How long one who executes is renewed whoever waits."""
ASKS_WITHIN = timedelta(seconds=6)
"""Who has not asked again for this long does not wait any more: three times the pause that is suggested. Until then what it wanted
is kept for it, and nobody below gets it, so it is short."""


class Wait(Value):
    """Somebody waits for a resource. `in_way`: what was in its way when it asked last, to tell news from repetition."""

    resource: str
    holder: str
    priority: int
    since: AwareDatetime
    seen_at: AwareDatetime
    asked: int
    in_way: str

    def rank(self, now: datetime) -> int:
        """Its class, and what waiting has added to it."""
        return min(TOP, self.priority + int(max(0.0, (now - self.since).total_seconds()) / AGE_S))

    def before(self, other: Wait, now: datetime) -> bool:
        """The tie-breaker: priority, then age."""
        return (self.rank(now), other.since) > (other.rank(now), self.since)


class InWay(Value):
    """What keeps somebody from a resource: who holds it, or who waits for it and goes first."""

    resource: str
    holder: str
    priority: int
    token: int | None = None  # None: it waits
    since: AwareDatetime
    until: AwareDatetime | None = None
    executing: bool = False


class Granted(Value):
    """All of it. `taken`: the claims of others that ended by it. `stood`: how each resource stood before."""

    claims: tuple[Claim, ...]
    taken: tuple[Claim, ...]
    stood: tuple[Standing, ...]
    waited_s: float
    asked: int  # how often, this time included


class Refused(Value):
    """None of it. `news`: something else is in the way than when it asked last."""

    in_way: tuple[InWay, ...]
    since: AwareDatetime
    asked: int
    news: bool


async def ask(tx: Tx, resources: Sequence[str], *, holder: str, priority: int, now: datetime, ttl_s: float) -> Granted | Refused:
    """All of `resources`, or none, and then a place among those who wait."""
    wanted = sorted(set(resources))  # always in this order, so that two askers never lock rows crosswise
    stood = tuple([await claims.standing(tx, each, now=now) for each in wanted])
    mine = await _mine(tx, wanted, holder=holder, priority=priority, now=now)
    in_way = [found for each in stood if (found := await _in_way(tx, each, mine, now=now)) is not None]
    if in_way:
        key = " ".join(f"{each.resource}:{each.holder}:{each.token}" for each in in_way)
        await _wait(tx, wanted, mine, in_way=key, now=now)
        return Refused(in_way=tuple(in_way), since=mine.since, asked=mine.asked, news=key != mine.in_way)
    rank = mine.rank(now)
    got = [await claims.acquire(tx, each, holder=holder, priority=priority, rank=rank, now=now, ttl_s=ttl_s) for each in wanted]
    await tx.execute(delete(waits).where(waits.c.holder == holder, waits.c.resource.in_(wanted)))
    return Granted(
        claims=tuple(claim for claim in got if claim is not None),  # each was open, and is locked since
        taken=tuple(each.live for each in stood if each.live is not None and each.live.holder != holder),
        stood=stood,
        waited_s=max(0.0, (now - mine.since).total_seconds()),
        asked=mine.asked,
    )


async def ends(tx: Tx, claim: Claim, *, now: datetime) -> str | None:
    """Why this lease is not renewed any more, as a sentence; None when it may be."""
    waiting = await list_waiting(tx, now=now)
    if (other := _crosswise(claim, await claims.list_held(tx, now=now), waiting, now=now)) is not None:
        return f"{other} waits for it, and you for what that one keeps from you: let go of it, or ask for everything at once"
    if claim.executing_at is not None and (now - claim.acquired_at).total_seconds() < LONGEST_S:
        return None
    others = [each for each in waiting if each.resource == claim.resource and each.holder != claim.holder]
    above = next((each for each in others if each.rank(now) > claim.priority), None)
    return None if above is None else f"{above.holder} has waited for it since {above.since:%H:%M:%S}Z and goes first now"


async def list_waiting(tx: Tx, *, now: datetime) -> list[Wait]:
    """Everybody who waits, by resource, the first to be served first."""
    found = [Wait.model_validate(dict(row._mapping)) for row in await tx.execute(select(waits).where(_live(now)))]
    return sorted(found, key=lambda each: (each.resource, -each.rank(now), each.since))


def _crosswise(claim: Claim, held: Sequence[Claim], waiting: Sequence[Wait], *, now: datetime) -> str | None:
    """Who waits for this claim and, directly or by others, keeps its holder from what it waits for itself; None: nobody."""
    has = {each.resource: each.holder for each in held}

    def kept_by(who: str) -> set[str]:
        found: set[str] = set()
        for own in (each for each in waiting if each.holder == who):
            found |= {has[own.resource]} if own.resource in has else set()
            found |= {each.holder for each in waiting if each.resource == own.resource and each.before(own, now)}
        return found - {who}

    reached, ahead = set[str](), kept_by(claim.holder)
    while ahead:
        reached |= ahead
        ahead = set[str]().union(*(kept_by(each) for each in ahead)) - reached
    wants = {each.holder for each in waiting if each.resource == claim.resource}
    return min((reached & wants) - {claim.holder}, default=None)


async def _mine(tx: Tx, wanted: Sequence[str], *, holder: str, priority: int, now: datetime) -> Wait:
    """How long `holder` has waited for exactly this: as long as for the newest part of it. One moment for all of it, for were the
    parts ranked apart, two might keep each other from what is free."""
    query = select(waits).where(waits.c.holder == holder, waits.c.resource.in_(wanted), _live(now))
    known = [Wait.model_validate(dict(row._mapping)) for row in await tx.execute(query)]
    whole = len(known) == len(wanted)
    return Wait(
        resource="",
        holder=holder,
        priority=priority,
        since=max(each.since for each in known) if whole else now,
        seen_at=now,
        asked=1 + (max(each.asked for each in known) if whole else 0),
        in_way=known[0].in_way if whole else "",
    )


async def _in_way(tx: Tx, stood: Standing, mine: Wait, *, now: datetime) -> InWay | None:
    live = stood.live
    if live is not None and not stood.open_to(mine.holder, rank=mine.rank(now)):
        return InWay(
            resource=stood.resource,
            holder=live.holder,
            priority=live.priority,
            token=live.token,
            since=live.acquired_at,
            until=live.expires_at,
            executing=live.executing,
        )
    others = select(waits).where(waits.c.resource == stood.resource, waits.c.holder != mine.holder, _live(now))
    waiting = [Wait.model_validate(dict(row._mapping)) for row in await tx.execute(others)]
    first = next((each for each in waiting if each.before(mine, now)), None)
    if first is None:
        return None
    return InWay(resource=stood.resource, holder=first.holder, priority=first.priority, since=first.since)


async def _wait(tx: Tx, wanted: Sequence[str], mine: Wait, *, in_way: str, now: datetime) -> None:
    for resource in wanted:
        columns = mine.model_copy(update={"resource": resource, "in_way": in_way}).model_dump()
        row = tx.insert(waits).values(columns)
        await tx.execute(row.on_conflict_do_update(index_elements=["resource", "holder"], set_=columns))


def _live(now: datetime) -> ColumnElement[bool]:
    return waits.c.seen_at > now - ASKS_WITHIN
