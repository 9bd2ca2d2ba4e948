"""The outbox's worker: takes what must be told, renders it from the ledger as it stands, hands it on, notes how it went.

One writer per message. Cards are rendered from state, never from deltas, and only sent when what they show has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from app.cards.card import Card, note
from app.cards.conflict import conflict_card
from app.cards.findings import findings_card
from app.cards.incident import Pending, incident_card
from app.cards.proposal import outcome_card, proposal_card, stopped_card
from app.cards.status import declared_card
from app.domain.errors import BadInput, FirstmateError, NotFound
from app.domain.incident import Incident
from app.domain.ports import Locks
from app.domain.value import JsonObject, digest
from app.incidents import decide, execute, meet, set_aside, stop, witness
from app.incidents.desk import INCIDENT_CARD, TOPIC, Desk
from app.incidents.group import symptom_of
from app.jobs.locks import LocksHere, having
from app.jobs.surface import Ambiguous, SentNowhere, Surface, TryLater
from app.ledger import alerts, approvals, audit, conflicts, executions, incidents, outbox, outcomes, proposals, runs, supersessions
from app.ledger.ledger import Tx
from app.ledger.outbox import Message, Outgoing
from app.ledger.proposals import Altered
from app.policy import rules
from app.policy.decision import Allowed

log = structlog.get_logger()

LOOK_EVERY_S = 0.1
AT_ONCE = 8
"""Places told side by side, before it is looked again what is most urgent: behind hundreds of cards an answer must not wait."""
SLOWEST_S = 60.0
"""The longest pause between two tries."""
GIVEN_UP = {"answer": timedelta(minutes=25), "view": timedelta(minutes=5), "declared": timedelta(minutes=25)}
"""After how long it is no use any more, by kind: answers go to addresses that Slack forgets after half an hour."""
GIVEN_UP_ELSE = timedelta(days=1)
CUT_OFF = "its sender stopped before Slack's answer was noted"
LOOK_AGAIN_S = 2.0
"""The pause before a message is looked for again, after Slack did not let us look."""

PIN = "pin"
"""Pinning the incident card and setting the topic, once it is placed: a row of its own, so that no crash in between loses it."""

Render = Callable[[Outgoing], Awaitable[tuple[Card, str | None] | None]]


class OutboxWorker:
    """Runs until stopped. Several on one ledger share the work: to each place only the holder of its lock tells anything."""

    def __init__(self, desk: Desk, surface: Surface, locks: Locks | None = None) -> None:
        """`locks`: those of all processes that share the ledger; None: there is no other."""
        self._desk = desk
        self._surface = surface
        self._locks = locks or LocksHere()
        self._shared = desk.ledger.shared
        self._last_post: dict[str, float] = {}
        self._began = desk.clock()
        self._doubtful: set[str] = set()
        self._elsewhere: set[str] = set()
        self._look_again: dict[int, float] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set."""
        while not stopping.is_set():
            try:
                sent = await self.once()
            except FirstmateError as error:
                log.error("outbox.waits", action="outbox.waits", why=str(error))
                sent = 0
            if not sent:
                await asyncio.sleep(LOOK_EVERY_S)

    async def once(self) -> int:
        """Send what is due now; how many rows were taken. What is on its way to a place that nobody holds is looked for first."""
        now = self._desk.clock()
        async with self._desk.ledger.read() as tx:
            under_way = await outbox.under_way(tx)
            due = await outbox.due(tx, now, limit=5 * AT_ONCE)
        for row in under_way:
            await self._alone_with(row, self._settle)
        if due:
            await self._seal()
        first: dict[str, Outgoing] = {}
        for row in due:
            first.setdefault(_place_of(row), row)
        # What another process holds comes last: it may be paused, and must not take the room of those that can be told.
        taken = sorted(first.values(), key=lambda row: _place_of(row) in self._elsewhere)[:AT_ONCE]
        ends = await asyncio.gather(*(self._alone_with(row, self._deliver) for row in taken), return_exceptions=True)
        for error in ends:  # only now: nothing may still be on its way when it is looked again
            if isinstance(error, BaseException):
                raise error
        return sum(end is True for end in ends)

    async def _seal(self) -> None:
        """Nothing is told before a root covers it; where none can be written, nothing is approved or run, and that must be told."""
        try:
            await self._desk.roots.seal()
        except FirstmateError as error:
            log.error("outbox.unsealed", action="outbox.unsealed", why=str(error))

    async def _alone_with(self, row: Outgoing, work: Callable[[Outgoing], Awaitable[bool]]) -> bool:
        """`work`, while nobody else tells anything to the row's place; False where somebody does."""
        place = _place_of(row)
        async with having(self._locks, f"firstmate tells {place}") as mine:
            (self._elsewhere.discard if mine else self._elsewhere.add)(place)
            return mine and await work(row)

    async def _settle(self, row: Outgoing) -> bool:
        """Its sender is dead, for its place was free: nobody knows how far it came."""
        if row.state == "sending":
            async with self._desk.ledger.write() as tx:
                if not await outbox.mark_ambiguous(tx, row.id, error=CUT_OFF, at=self._desk.clock()):
                    return False
        await self._reconcile(row)
        return True

    async def _deliver(self, row: Outgoing) -> bool:
        """One row, to one of its ends; False where another worker took it."""
        async with self._desk.ledger.write() as tx:
            if not await outbox.mark_sending(tx, row.id, at=self._desk.clock()):
                return False
        try:
            result = await self._send(row)
        except TryLater as error:
            await self._later(row, str(error), after_s=error.after_s)
        except Ambiguous as error:
            async with self._desk.ledger.write() as tx:
                await outbox.mark_ambiguous(tx, row.id, error=str(error), at=self._desk.clock())
        except (SentNowhere, NotFound, BadInput, Altered) as error:  # tried for ever, it would hold up its whole lane
            await self._failed(row, str(error))
        except FirstmateError as error:
            await self._later(row, str(error), after_s=2.0)
        except Exception as error:  # an edge: one card that can't be made must not stop the others
            log.exception("outbox.broke", action="outbox.broke", key=row.key, incident=row.incident)
            await self._failed(row, f"{type(error).__name__}: {error}")
        else:
            async with self._desk.ledger.write() as tx:
                await outbox.mark_sent(tx, row.id, result=dict(result), at=self._desk.clock())
        return True

    async def _later(self, row: Outgoing, why: str, *, after_s: float) -> None:
        """Try again, each time after a longer pause, for as long as somebody could still use it."""
        now = self._desk.clock()
        if now - row.created_at > GIVEN_UP.get(row.kind, GIVEN_UP_ELSE):
            await self._failed(row, f"given up after {row.attempts + 1} tries: {why}")
            return
        pause = timedelta(seconds=max(after_s, min(SLOWEST_S, 0.25 * 2 ** min(row.attempts, 16))))
        async with self._desk.ledger.write() as tx:
            await outbox.retry(tx, row.id, not_before=now + pause, error=why, at=now)

    async def _failed(self, row: Outgoing, why: str) -> None:
        log.error("outbox.failed", action="outbox.failed", key=row.key, incident=row.incident, why=why)
        async with self._desk.ledger.write() as tx:
            await outbox.mark_failed(tx, row.id, error=why, at=self._desk.clock())

    async def _reconcile(self, row: Outgoing) -> None:
        """Nobody knows whether it arrived: look for it; only what is certainly not there is sent again."""
        if row.kind == outbox.REFRESH and row.incident and row.card:
            async with self._desk.ledger.read() as tx:
                placed = await outbox.placed(tx, row.incident, row.card)
            if placed is not None:  # an edit may be repeated
                await self._later(row, row.error or "", after_s=0.0)
                return
        if asyncio.get_running_loop().time() < self._look_again.get(row.id, 0.0):
            return
        channel = await self._channel_of(row)
        try:
            key = card_key(row.incident, row.card) if row.incident and row.card else row.key
            ts = await self._surface.find(channel, key, thread=await self._thread_of(row)) if channel else None
        except FirstmateError as error:
            log.warning("outbox.looks_again", action="outbox.looks_again", key=row.key, why=str(error))
            self._look_again[row.id] = asyncio.get_running_loop().time() + LOOK_AGAIN_S
            return
        if ts is None:
            await self._later(row, row.error or "", after_s=0.0)
            return
        now = self._desk.clock()
        async with self._desk.ledger.write() as tx:
            await outbox.mark_sent(tx, row.id, result={"ts": ts, "channel": channel}, at=now)
            if row.incident and row.card and channel:
                place = Message(incident=row.incident, card=row.card, channel=channel, ts=ts, content_hash="", updated_at=now)
                await _place(tx, place)

    async def _send(self, row: Outgoing) -> dict[str, str]:
        if row.kind == "answer":
            await self._surface.answer(str(row.body["to"]), Card.model_validate(row.body["card"]))
            return {}
        if row.kind == "view":
            await self._surface.show(str(row.body["view"]), Card.model_validate(row.body["card"]))
            return {}
        if row.incident is None:
            raise SentNowhere(f"{row.kind} belongs to no incident, so there is no channel for it")
        incident = await self._with_channel(row.incident)
        channel = incident.channel or ""
        if row.kind == outbox.REFRESH:
            return await self._refresh(row, incident, channel)
        if row.kind in (PIN, TOPIC):
            if row.kind == PIN:
                await self._surface.pin(channel, str(row.body["ts"]))
            await self._surface.set_topic(channel, f"{incident.severity} | {incident.title}"[:250])
            return {}
        if row.kind == "declared":
            await self._surface.answer(str(row.body["to"]), declared_card(incident))
            return {}
        if await self._overtaken(row):
            return {}
        card, thread = await self._message(row)
        ts = await self._paced_post(channel, card, key=row.key, thread=thread)
        return {"ts": ts, "channel": channel}

    async def _with_channel(self, incident_id: str) -> Incident:
        """The incident, its channel made first where there is none yet."""
        async with self._desk.ledger.read() as tx:
            incident = await incidents.get(tx, incident_id)
        if incident.channel is not None:
            return incident
        people = tuple(dict.fromkeys([*([incident.commander] if incident.commander else []), *self._desk.invite]))
        channel, name = await self._surface.open_channel(incident, invite=people)
        async with self._desk.ledger.write() as tx:
            await incidents.set_channel(tx, incident_id, channel=channel, name=name)
            await audit.append(
                tx,
                audit.Action.CHANNEL_CREATED,
                incident=incident_id,
                at=self._desk.clock(),
                actor="firstmate",
                surface="jobs",
                subject=name,
            )
            return await incidents.get(tx, incident_id)

    async def _refresh(self, row: Outgoing, incident: Incident, channel: str) -> dict[str, str]:
        """Bring one card up to date: post it the first time, edit it when it changed."""
        assert row.card is not None
        async with self._desk.ledger.read() as tx:
            new = await outbox.placed(tx, incident.id, row.card) is None
        if new and row.card != INCIDENT_CARD:  # nobody is asked to decide before they could read why
            await self._bring_up_to_date(INCIDENT_CARD, incident, channel)
        return await self._bring_up_to_date(row.card, incident, channel)

    async def _bring_up_to_date(self, which: str, incident: Incident, channel: str) -> dict[str, str]:
        card = await self._card(incident, which)
        shown = digest(card.model_dump(mode="json"))
        async with self._desk.ledger.read() as tx:
            placed = await outbox.placed(tx, incident.id, which)
        if placed is not None and placed.content_hash == shown:
            return {"ts": placed.ts, "channel": placed.channel}
        if placed is None:
            ts = await self._post_card(incident, which, channel, card)
        else:
            ts = placed.ts
            await self._surface.update(placed.channel, ts, card)
        now = self._desk.clock()
        async with self._desk.ledger.write() as tx:
            place = Message(incident=incident.id, card=which, channel=channel, ts=ts, content_hash=shown, updated_at=now)
            await _place(tx, place)
        return {"ts": ts, "channel": channel}

    async def _post_card(self, incident: Incident, which: str, channel: str, card: Card) -> str:
        """Post a card that has no place yet; where it may have been posted before (by a process that died, or without an answer),
        it is looked for first."""
        key = card_key(incident.id, which)
        if self._shared or key in self._doubtful or incident.declared_at < self._began:
            there = await self._surface.find(channel, key)
            if there is not None:
                await self._surface.update(channel, there, card)
                return there
        self._doubtful.add(key)
        ts = await self._paced_post(channel, card, key=key)
        self._doubtful.discard(key)
        return ts

    async def _card(self, incident: Incident, key: str) -> Card:
        if key == INCIDENT_CARD:
            return await incident_card_of(self._desk, incident)
        hash = key.removeprefix("proposal:")
        known = await decide.people_of(self._desk, hash)
        try:
            async with self._desk.ledger.read() as tx:
                proposal = (await proposals.get(tx, hash)).proposal
        except Altered as error:
            return note(f"Nobody can approve this any more: {error}.")
        members = await decide.members_of(self._desk, proposal)
        async with self._desk.ledger.read() as tx:
            held = await proposals.get(tx, hash)
            judged = await decide.context(self._desk, tx, held, known=known, members=members)
            word = rules.decide(judged)
            over = await supersessions.of(tx, hash)
            said = await approvals.for_proposal(tx, hash)
            execution = await executions.of_proposal(tx, hash)
            followed = await outcomes.following(tx, hash)
        result = execution.detail if execution else followed.sentence if followed else None
        needs = "nothing more" if isinstance(word, Allowed) else word.reason
        return proposal_card(
            held.proposal,
            state=held.state,
            needs=needs,
            decided=said,
            expires_at=judged.expires_at,
            moved=over.reason if over else "",
            again=f"p-{over.again[:8]}" if over and over.again else None,
            result=result,
        )

    async def _message(self, row: Outgoing) -> tuple[Card, str | None]:
        """A message of its own, and the thread it belongs to."""
        assert row.incident is not None
        async with self._desk.ledger.read() as tx:
            parent = await outbox.placed(tx, row.incident, INCIDENT_CARD)
            if row.kind == "findings":
                if parent is None:
                    raise TryLater("they belong under the incident's card, which is not there yet", after_s=0.5)
                run = await runs.get(tx, str(row.body["run"]))
                if run.diagnosis is None:
                    raise SentNowhere(f"{run.id} has no diagnosis to show")
                return findings_card(run.diagnosis), parent.ts
            if row.kind == "outcome":
                execution = await executions.get(tx, str(row.body["execution"]))
                held = await proposals.get(tx, execution.proposal)
                said = await approvals.for_proposal(tx, execution.proposal)
                undo = row.body.get("undo")
                return outcome_card(held.proposal, execution, decided=said, undo=str(undo) if undo else None), None
            if row.kind == execute.STOPPED:
                held = await proposals.get(tx, str(row.body["proposal"]))
                return stopped_card(held.proposal, reason=str(row.body["reason"])), None
            if row.kind == witness.ROOT:
                if parent is None:
                    raise TryLater("it belongs under the incident's card, which is not there yet", after_s=0.5)
                return note(str(row.body["sentence"])), parent.ts
            if row.kind == meet.MET:
                return await _conflict(tx, row), None
            if row.kind in (set_aside.ALTERED, stop.SAID):
                return note(str(row.body["sentence"])), None
        raise SentNowhere(f"nobody knows how to write a {row.kind!r}")

    async def _overtaken(self, row: Outgoing) -> bool:
        """ "It ran" is not said any more once a message of its own says how it came out."""
        if row.kind != "outcome" or not row.key.endswith(":ran"):
            return False
        async with self._desk.ledger.read() as tx:
            return (await executions.get(tx, str(row.body["execution"]))).state != "finished"

    async def _thread_of(self, row: Outgoing) -> str | None:
        if row.kind not in ("findings", witness.ROOT) or row.incident is None:
            return None
        async with self._desk.ledger.read() as tx:
            parent = await outbox.placed(tx, row.incident, INCIDENT_CARD)
        return parent.ts if parent else None

    async def _channel_of(self, row: Outgoing) -> str | None:
        if row.incident is None:
            return None
        async with self._desk.ledger.read() as tx:
            return (await incidents.get(tx, row.incident)).channel

    async def _paced_post(self, channel: str, card: Card, *, key: str, thread: str | None = None) -> str:
        loop = asyncio.get_running_loop()
        wait = self._last_post.get(channel, 0.0) + self._surface.pace_s - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        ts = await self._surface.post(channel, card, key=key, thread=thread)
        self._last_post[channel] = loop.time()
        return ts


async def _conflict(tx: Tx, row: Outgoing) -> Card:
    met = await conflicts.get(tx, str(row.body["conflict"]))
    incident = await incidents.get(tx, row.incident or "")
    times = int(str(row.body["times"]))
    return conflict_card(
        how=met.how,
        resource=met.resource,
        first=met.first,
        first_priority=met.first_priority,
        second=met.second,
        second_priority=met.second_priority,
        commander=incident.commander,
        ask=times if times >= meet.TO_A_PERSON else 0,
    )


def _place_of(row: Outgoing) -> str:
    """Where it is shown: an incident's channel, or whoever is answered. To one place it is told one thing after another."""
    return row.incident or str(row.body.get("to") or row.body.get("view"))


def card_key(incident: str, card: str) -> str:
    """What marks a card's message: the same whichever row has it posted."""
    return f"card:{incident}:{card}"


async def _place(tx: Tx, place: Message) -> None:
    """Note where a card lives; the incident's own card is then pinned, the first time."""
    await outbox.place(tx, place)
    if place.card == INCIDENT_CARD:
        body: JsonObject = {"ts": place.ts}
        key = f"{PIN}:{place.incident}:{place.ts}"
        await outbox.put(tx, key, incident=place.incident, lane="note", kind=PIN, body=body, at=place.updated_at)


async def incident_card_of(desk: Desk, incident: Incident) -> Card:
    """The incident's card as the ledger stands."""
    async with desk.ledger.read() as tx:
        held = await alerts.for_incident(tx, incident.id)
        number = await alerts.count(tx, incident.id)
        ran = await runs.for_incident(tx, incident.id)
        waiting = await proposals.for_incident(tx, incident.id, states={"proposed"})
        acted = await proposals.for_incident(tx, incident.id, states={"executing", "done", "failed", "unknown"})
        last = acted[-1].proposal if acted else None
        execution = await executions.of_proposal(tx, last.hash) if last else None
    done = next((run.diagnosis for run in reversed(ran) if run.state in ("finished", "running") and run.diagnosis), None)
    ongoing = bool(ran) and ran[-1].state == "running"
    failed = next((run.stop_reason for run in reversed(ran) if run.state == "failed"), None) if done is None else None
    return incident_card(
        incident,
        symptom=symptom_of(held) if held else None,
        more_alerts=max(0, number - 1),
        diagnosis=done,
        ongoing=ongoing,
        asking=f"Triage failed: {failed}" if failed else None,
        pending=[
            Pending(name=each.proposal.name, sentence=each.proposal.effects.sentence, expires_at=each.proposal.expires_at)
            for each in waiting
            if each.proposal.undoes is None
        ],
        result=f"{last.effects.sentence}: {execution.detail}" if last and execution else None,
    )
