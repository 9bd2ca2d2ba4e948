from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.cards.card import Card
from app.domain.errors import BadInput
from app.domain.incident import Incident
from app.incidents import execute, investigate
from app.incidents.desk import TOPIC
from app.incidents.resume import resume
from app.jobs.outgoing import OutboxWorker
from app.jobs.surface import Ambiguous, SentNowhere, Surface, TryLater
from app.ledger import incidents, outbox, runs, tables
from tests.unit.incidents.world import NOON, World, criterion, opened


class Shown:
    """A surface that remembers what it was given. `fails`: by method, what its next calls raise; `arrives` is whether an
    ambiguous post got there all the same."""

    pace_s = 0.0

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.messages: dict[str, tuple[str, Card, str | None]] = {}  # ts -> (key, card, thread)
        self.fails: dict[str, list[Exception]] = {}
        self.arrives = True
        self.channels = 0

    def _fail(self, method: str) -> None:
        waiting = self.fails.get(method)
        if waiting:
            raise waiting.pop(0)

    async def open_channel(self, incident: Incident, *, invite: Sequence[str]) -> tuple[str, str]:
        self._fail("open_channel")
        self.channels += 1
        self.calls.append(("open_channel", (incident.id, tuple(invite))))
        return f"C{incident.number}", f"inc-{incident.number:04d}"

    async def post(self, channel: str, card: Card, *, key: str, thread: str | None = None) -> str:
        ts = f"{len(self.calls)}.{len(self.messages)}"
        try:
            self._fail("post")
        except Ambiguous:
            if self.arrives:
                self.messages[ts] = (key, card, thread)
            raise
        self.calls.append(("post", (channel, card.kind, card.gist, thread)))
        self.messages[ts] = (key, card, thread)
        return ts

    async def find(self, channel: str, key: str, *, thread: str | None = None) -> str | None:
        self._fail("find")
        return next((ts for ts, (kept, _, where) in self.messages.items() if kept == key and where == thread), None)

    async def update(self, channel: str, ts: str, card: Card) -> None:
        self._fail("update")
        key, _, thread = self.messages[ts]
        self.messages[ts] = (key, card, thread)
        self.calls.append(("update", (ts, card.kind, card.gist)))

    async def pin(self, channel: str, ts: str) -> None:
        self._fail("pin")
        self.calls.append(("pin", ts))

    async def set_topic(self, channel: str, topic: str) -> None:
        self.calls.append(("topic", topic))

    async def answer(self, to: str, card: Card) -> None:
        self._fail("answer")
        self.calls.append(("answer", (to, card.gist)))

    async def show(self, view: str, card: Card) -> None:
        self.calls.append(("show", (view, card.gist)))

    def of(self, what: str) -> list[Any]:
        return [given for called, given in self.calls if called == what]

    def kinds(self) -> list[str]:
        return [card.kind for _, card, _ in self.messages.values()]


class Telling:
    """A world, its outbox' worker and where it shows things."""

    def __init__(self, world: World) -> None:
        self.world, self.shown = world, Shown()
        surface: Surface = self.shown
        self.worker = OutboxWorker(world.desk, surface)

    async def all(self, *, passes: int = 8) -> None:
        for _ in range(passes):
            await self.worker.once()

    async def state(self, key: str) -> str | None:
        async with self.world.ledger.read() as tx:
            row = await outbox.get(tx, key)
        return row.state if row else None

    async def states(self, incident: str) -> list[tuple[str, str]]:
        async with self.world.ledger.read() as tx:
            rows = await tx.execute(select(tables.outbox.c.kind, tables.outbox.c.state).where(tables.outbox.c.incident == incident))
            return [(row.kind, row.state) for row in rows]


@pytest.fixture
async def telling(tmp_path: Path) -> AsyncIterator[Telling]:
    async with opened(tmp_path) as world:
        yield Telling(world)


async def triaged(world: World, incident: str) -> None:
    async with world.ledger.read() as tx:
        run = await runs.latest(tx, incident)
    assert run is not None
    await investigate.investigate(world.desk, run.id)


async def test_the_card_is_posted_once_pinned_and_the_channel_made_first(telling: Telling) -> None:
    incident = await telling.world.declared(answer_to="C9/UCOMMANDER")
    await telling.all()
    assert [what for what, _ in telling.shown.calls][:2] == ["open_channel", "post"]
    assert telling.shown.of("open_channel") == [(incident.id, ("UCOMMANDER",))]
    assert len(telling.shown.of("post")) == len(telling.shown.of("pin")) == len(telling.shown.of("topic")) == 1
    ((to, said),) = telling.shown.of("answer")
    assert to == "C9/UCOMMANDER"
    assert "inc-0001" in said
    assert (await telling.world.incident(incident.id)).channel == "C1"


async def test_it_is_edited_when_what_it_shows_changed_and_only_then(telling: Telling) -> None:
    incident = await telling.world.declared()
    await telling.all()
    async with telling.world.ledger.write() as tx:
        await outbox.put_refresh(tx, incident.id, "incident", at=NOON)
    telling.world.clock.move(seconds=1)
    await telling.all()
    assert telling.shown.of("update") == []
    await triaged(telling.world, incident.id)
    await telling.all()
    assert len(telling.shown.of("post")) == 2  # the card, and the findings
    (edit,) = telling.shown.of("update")
    assert "1.8.0 fails" in edit[2]


async def test_findings_go_to_the_card_s_thread(telling: Telling) -> None:
    incident = await telling.world.declared()
    await telling.all()
    await triaged(telling.world, incident.id)
    await telling.all()
    (card,) = [ts for ts, (_, card, _) in telling.shown.messages.items() if card.kind == "incident"]
    assert [thread for _, card_, thread in telling.shown.messages.values() if card_.kind == "findings"] == [card]


async def test_the_brief_is_up_to_date_before_anybody_is_asked_to_decide(telling: Telling) -> None:
    incident = await telling.world.declared()
    await triaged(telling.world, incident.id)
    await telling.world.proposed(incident.id, criterion=criterion())
    await telling.all()
    posted = telling.shown.of("post")
    assert [kind for _, kind, _, _ in posted][:2] == ["incident", "proposal"]
    assert "1.8.0 fails" in posted[0][2]
    assert telling.shown.kinds().count("incident") == 1


async def test_a_decided_proposal_s_buttons_give_way(telling: Telling) -> None:
    incident = await telling.world.declared()
    proposal = await telling.world.proposed(incident.id)
    await telling.all()
    telling.world.clock.move(seconds=1)
    await telling.world.press(proposal, decision="reject", reason="we roll forward")
    await telling.all()
    (card,) = [card for _, card, _ in telling.shown.messages.values() if card.kind == "proposal"]
    assert "buttons" not in {part.type for part in card.parts}
    assert "we roll forward" in card.model_dump_json()


async def test_the_outcome_and_why_something_approved_did_not_run_are_told(telling: Telling) -> None:
    world = telling.world
    incident = await world.declared()
    proposal = await world.proposed(incident.id)
    await world.press(proposal)
    await execute.execute(world.desk, proposal.hash)
    await telling.all()
    assert any(card.kind == "outcome" for _, card, _ in telling.shown.messages.values())

    second = await world.proposed(incident.id, call=proposal.effects.undo)
    await world.press(second)
    world.tool.version = "9.9.9"
    await execute.execute(world.desk, second.hash)
    await telling.all()
    told = [card.gist for _, card, _ in telling.shown.messages.values() if card.kind == "note"]
    assert any("did not run" in each and "9.9.9" in each for each in told)


@pytest.mark.parametrize("arrives", [True, False])
async def test_an_ambiguous_post_is_looked_for_and_stands_once(telling: Telling, arrives: bool) -> None:
    telling.shown.arrives = arrives
    telling.shown.fails["post"] = [Ambiguous("no answer")]
    incident = await telling.world.declared()
    for _ in range(10):
        await telling.worker.once()
        telling.world.clock.move(seconds=10)
    assert telling.shown.kinds().count("incident") == 1
    assert len(telling.shown.of("pin")) == 1
    assert ("refresh", "sent") in await telling.states(incident.id)


@pytest.mark.parametrize("arrives", [True, False])
async def test_an_ambiguous_brief_in_front_of_a_proposal_stands_once_too(telling: Telling, arrives: bool) -> None:
    telling.shown.arrives = arrives
    telling.shown.fails["post"] = [Ambiguous("no answer")]
    incident = await telling.world.declared()
    await telling.world.proposed(incident.id)
    for _ in range(10):
        await telling.worker.once()
        telling.world.clock.move(seconds=10)
    assert telling.shown.kinds().count("incident") == 1
    assert telling.shown.kinds().count("proposal") == 1


async def test_ambiguous_findings_are_found_in_their_thread(telling: Telling) -> None:
    incident = await telling.world.declared()
    await telling.all()
    await triaged(telling.world, incident.id)
    telling.shown.fails["post"] = [Ambiguous("no answer")]
    for _ in range(8):
        await telling.worker.once()
        telling.world.clock.move(seconds=10)
    assert telling.shown.kinds().count("findings") == 1


async def naive_send(shown: Shown, card: Card) -> None:
    """Tries again after an unclear end without looking."""
    try:
        await shown.post("C1", card, key="k")
    except Ambiguous:
        await shown.post("C1", card, key="k")


async def test_the_danger_is_a_real_one_sending_again_without_looking_posts_twice() -> None:
    shown = Shown()
    shown.fails["post"] = [Ambiguous("no answer")]
    await naive_send(shown, Card(kind="note", gist="x"))
    assert len(shown.messages) == 2


async def test_while_looking_is_not_possible_either_it_is_not_sent_again(telling: Telling) -> None:
    telling.shown.fails["post"] = [Ambiguous("no answer")]
    telling.shown.fails["find"] = [TryLater("ratelimited", after_s=30), SentNowhere("missing_scope"), Ambiguous("no answer")]
    await telling.world.declared()
    await telling.all()
    assert telling.shown.kinds().count("incident") == 1


async def test_what_must_wait_is_not_tried_before_its_time(telling: Telling) -> None:
    telling.shown.fails["post"] = [TryLater("ratelimited", after_s=30)]
    await telling.world.declared()
    await telling.all()
    telling.world.clock.move(seconds=29)
    await telling.all()
    assert telling.shown.of("post") == []
    telling.world.clock.move(seconds=2)
    await telling.all()
    assert len(telling.shown.of("post")) == 1


async def test_an_outage_of_minutes_loses_nothing(telling: Telling) -> None:
    telling.shown.fails["open_channel"] = [TryLater("could not be reached", after_s=2) for _ in range(12)]
    await telling.world.declared()
    for _ in range(40):
        await telling.worker.once()
        telling.world.clock.move(seconds=30)
    assert telling.shown.kinds() == ["incident"]


async def test_what_can_never_arrive_fails_alone(telling: Telling) -> None:
    telling.shown.fails["post"] = [SentNowhere("invalid_blocks")]
    first = await telling.world.declared("first")
    second = await telling.world.declared("second")
    await telling.all()
    assert ("refresh", "failed") in await telling.states(first.id)
    assert [gist for _, _, gist, _ in telling.shown.of("post") if second.id in gist]


async def test_a_card_that_cannot_be_shown_fails_at_once_and_holds_up_nothing(telling: Telling) -> None:
    world = telling.world
    incident = await world.declared()
    telling.shown.fails["post"] = [BadInput("it is longer than one block")]
    await telling.all()
    refreshed = [state for kind, state in await telling.states(incident.id) if kind == outbox.REFRESH]
    assert "failed" in refreshed
    assert "pending" not in refreshed


async def test_a_card_that_cannot_be_made_does_not_stop_the_others(telling: Telling) -> None:
    first = await telling.world.declared("first")
    async with telling.world.ledger.write() as tx:
        await outbox.put(tx, "odd", incident=first.id, lane="decision", kind="nobody knows", body={}, at=NOON)
        await outbox.put(tx, "view", incident=None, lane="decision", kind="view", body={"nothing": 1}, at=NOON)
    await telling.all()
    assert await telling.state("odd") == "failed"
    assert await telling.state("view") == "failed"
    assert telling.shown.kinds() == ["incident"]


async def test_a_pin_that_has_to_wait_is_not_forgotten(telling: Telling) -> None:
    telling.shown.fails["pin"] = [TryLater("ratelimited", after_s=5)]
    await telling.world.declared()
    for _ in range(4):
        await telling.worker.once()
        telling.world.clock.move(seconds=10)
    assert len(telling.shown.of("pin")) == 1


async def test_two_workers_on_one_ledger_share_the_work(telling: Telling) -> None:
    other = OutboxWorker(telling.world.desk, telling.shown)
    await telling.world.declared("first")
    await telling.all()
    for n in range(4):
        async with telling.world.ledger.write() as tx:
            card = Card(kind="note", gist=f"note {n}").model_dump(mode="json")
            await outbox.put(tx, f"a{n}", incident=None, lane="note", kind="answer", body={"to": "C1/U1", "card": card}, at=NOON)
    for _ in range(4):
        await asyncio.gather(telling.worker.once(), other.once())
    assert sorted(gist for _, gist in telling.shown.of("answer")) == [f"note {n}" for n in range(4)]


async def test_one_that_was_being_sent_when_its_process_died_is_looked_for(telling: Telling) -> None:
    incident = await telling.world.declared()
    async with telling.world.ledger.write() as tx:
        (row, *_) = await outbox.due(tx, NOON)
        await outbox.mark_sending(tx, row.id, at=NOON)
    await telling.all()
    assert telling.shown.of("post") == []
    telling.world.clock.move(seconds=60)
    for _ in range(4):
        await telling.worker.once()
        telling.world.clock.move(seconds=5)
    assert telling.shown.kinds() == ["incident"]
    assert ("refresh", "sent") in await telling.states(incident.id)


async def test_messages_to_one_channel_keep_their_distance(telling: Telling) -> None:
    telling.shown.pace_s = 0.05
    times: list[float] = []
    post = telling.shown.post

    async def timed(*args: Any, **kwargs: Any) -> str:
        times.append(asyncio.get_running_loop().time())
        return await post(*args, **kwargs)

    telling.shown.post = timed
    incident = await telling.world.declared()
    await telling.world.proposed(incident.id)
    await telling.all()
    assert len(times) == 2
    assert times[1] - times[0] >= 0.05


async def told_while_the_first_is_slow(telling: Telling, send: Any) -> list[str]:
    """Five incidents; Slack answers the first one's post only once another's has arrived, or says nothing for a while."""
    other = asyncio.Event()
    post, order = telling.shown.post, list[str]()

    async def slow(channel: str, *args: Any, **kwargs: Any) -> str:
        if channel == "C1":
            with suppress(TimeoutError):
                await asyncio.wait_for(other.wait(), 0.5)
        else:
            other.set()
        order.append(channel)
        return await post(channel, *args, **kwargs)

    telling.shown.post = slow
    for number in range(5):
        await telling.world.declared(f"number {number}")
    await send()
    return order


async def test_a_channel_that_slack_is_slow_about_holds_up_no_other(telling: Telling) -> None:
    order = await told_while_the_first_is_slow(telling, telling.worker.once)
    assert sorted(order) == ["C1", "C2", "C3", "C4", "C5"]
    assert order[0] != "C1"


async def test_the_danger_is_a_real_one_telling_one_after_another_all_wait(telling: Telling) -> None:
    async def one_after_another() -> None:
        async with telling.world.ledger.read() as tx:
            due = await outbox.due(tx, NOON)
        for row in due:
            await telling.worker._deliver(row)

    assert (await told_while_the_first_is_slow(telling, one_after_another))[0] == "C1"


async def test_one_channel_is_told_one_thing_after_another_what_somebody_waits_for_first(telling: Telling) -> None:
    inside, most = 0, 0
    post = telling.shown.post

    async def counted(*args: Any, **kwargs: Any) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        return await post(*args, **kwargs)

    telling.shown.post = counted
    incident = await telling.world.declared()
    await triaged(telling.world, incident.id)
    await telling.world.proposed(incident.id)
    await telling.all()
    assert most == 1
    assert [kind for _, kind, _, _ in telling.shown.of("post")] == ["incident", "proposal", "findings"]


async def test_what_one_channel_must_wait_for_the_others_need_not(telling: Telling) -> None:
    telling.shown.fails["open_channel"] = [TryLater("ratelimited", after_s=30)]
    for number in range(3):
        await telling.world.declared(f"number {number}")
    await telling.all()
    assert len(telling.shown.of("open_channel")) == 2
    telling.world.clock.move(seconds=31)
    await telling.all()
    assert len(telling.shown.of("open_channel")) == 3


async def test_answers_to_one_person_keep_their_order_and_those_to_others_go_beside_them(telling: Telling) -> None:
    async with telling.world.ledger.write() as tx:
        for number in range(12):
            card = Card(kind="note", gist=f"{number}").model_dump(mode="json")
            body: dict[str, Any] = {"to": f"C1/U{number % 2}", "card": card}
            await outbox.put(tx, f"a{number}", incident=None, lane="note", kind="answer", body=body, at=NOON)
    assert await telling.worker.once() == 2
    await telling.all()
    for person in range(2):
        said = [int(gist) for to, gist in telling.shown.of("answer") if to == f"C1/U{person}"]
        assert said == list(range(person, 12, 2))


async def test_an_altered_proposal_loses_its_buttons_is_told_of_and_holds_nothing_up(telling: Telling) -> None:
    world = telling.world
    incident = await world.declared()
    proposal = await world.proposed(incident.id)
    await telling.all()
    async with world.ledger.write() as tx:
        await tx.execute(tables.proposals.update().values(body={**proposal.model_dump(mode="json"), "why": "another"}))
    world.clock.move(seconds=1)
    assert await resume(world.desk, live=world.runner.live) != []
    async with world.ledger.write() as tx:  # what was waiting to be told of it when it was altered
        body: dict[str, Any] = {"proposal": proposal.hash, "reason": "the world moved"}
        await outbox.put(tx, "s", incident=incident.id, lane="decision", kind=execute.STOPPED, body=body, at=world.clock())
    await telling.all()
    cards = [card for _, card, _ in telling.shown.messages.values()]
    assert not any(getattr(part, "name", "") == "decide" for card in cards for part in card.parts)
    gists = " ".join(card.gist for card in cards)
    assert "Nobody can approve this any more" in gists
    assert "was altered in the ledger after it was proposed and is set aside: it will not run; propose it again" in gists
    assert await telling.state("s") == "failed"
    assert {state for _, state in await telling.states(incident.id)} <= {"sent", "failed", "merged"}


async def test_the_channel_s_topic_follows_the_severity(telling: Telling) -> None:
    incident = await telling.world.declared()
    await telling.all()
    async with telling.world.ledger.write() as tx:
        await incidents.set_severity(tx, incident.id, "SEV1")
        await outbox.put(tx, "t", incident=incident.id, lane="note", kind=TOPIC, body={}, at=NOON)
    await telling.all()
    assert telling.shown.of("topic") == ["SEV3 | checkout fails", "SEV1 | checkout fails"]
    assert len(telling.shown.of("pin")) == 1
