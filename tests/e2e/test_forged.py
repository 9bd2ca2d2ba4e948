"""G7: a valid payload with any of its fields forged, and valid ones played again: nothing foreign counts, nothing counts twice."""

from __future__ import annotations

import copy
import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from app.ledger import approvals, proposals
from app.slack import bolt, buttons
from tests.e2e.conftest import Rig, Start
from tests.e2e.test_press import proposed
from tests.fake_slack import DeliveryResult
from tests.gates import Gate, size

MUTANTS = size(full=1000, small=60)
REPLAYS = size(full=1000, small=60)
AGES_S = (0, 1, 299, 301)

Path = tuple[str | int, ...]
MATERIAL: set[Path] = {
    ("type",),
    ("team", "id"),
    ("api_app_id",),
    ("user", "id"),
    ("user", "team_id"),
    ("container", "type"),
    ("container", "channel_id"),
    ("container", "message_ts"),
    ("actions", 0, "action_id"),
    ("actions", 0, "value"),
}
"""Who pressed what, where, in whose app. A forgery in one of these is another press than the one that Bob made; everything else in
a payload is believed by nobody, and the press stays his."""
UNSAID: set[Path] = {("user", "team_id")}
"""May be left out by Slack; then the person is looked up all the same."""


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def forgeries(value: Any) -> list[Any]:
    """Other values that could be taken for this one by somebody careless."""
    text = str(value)
    near = [text.swapcase(), text + " ", " " + text, text + "\u200b", text + "\x00", text.replace("0", "\uff10"), "\u202e" + text]
    far = [
        "",
        "*",
        "%",
        "null",
        text * 2,
        text[:-1],
        "' OR 1=1 --",
        "../" + text,
        "x" * 3000,
        "U03CARO",
        "T0OTHER",
        "A0OTHER",
        "\ud83d\ude00",
    ]
    odd: list[Any] = [None, True, 7, -1, [], [text], {}, {"id": text}]
    return [each for each in (*near, *far, *odd) if each != value]


def mutants(payload: dict[str, Any], *, material: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what was forged, the payload), each made at a moment of its own, so that none is taken for a duplicate."""
    moments = itertools.count(1)
    for path in leaves(payload):
        if (path in MATERIAL) != material:
            continue
        held: Any = payload
        for key in path:
            held = held[key]
        gone = [] if path in UNSAID else [...]
        for forged in (*gone, *forgeries(held)):
            if path in UNSAID and not forged:
                continue
            copied = copy.deepcopy(payload)
            copied["actions"][0]["action_ts"] = f"{next(moments)}.{int(material)}00001"
            place: Any = copied
            for key in path[:-1]:
                place = place[key]
            if forged is ...:
                del place[path[-1]]
            else:
                place[path[-1]] = forged
            yield f"{'.'.join(map(str, path))} = {str(forged)[:40]!r}", copied


def several(chance: random.Random, payload: dict[str, Any], most: int) -> list[tuple[str, dict[str, Any]]]:
    """Every single forgery, or as many as are wanted; what is wanted beyond those has two more fields forged."""
    made = list(mutants(payload, material=True))
    chosen = chance.sample(made, min(most, len(made)))
    for number in range(most - len(chosen)):
        what, once = chance.choice(made)
        other, twice = chance.choice(list(mutants(once, material=False)))
        twice["actions"][0]["action_ts"] = f"{number + 1}.200001"
        chosen.append((f"{what}, {other}", twice))
    return chosen


async def valid(rig: Rig) -> tuple[str, dict[str, Any], DeliveryResult]:
    """A proposal, the payload of a press of Bob's that was never sent, and a signed delivery of somebody without authority."""
    proposal, card = await proposed(rig)
    pressed = await rig.slack.press("U03CARO", card.ts, "Approve")
    await rig.quiet()
    bob = {**pressed.payload["user"], "id": "U02BOB", "username": "bob", "name": "bob"}
    return proposal.hash, {**copy.deepcopy(pressed.payload), "user": bob, "trigger_id": "another"}, pressed


async def counted(rig: Rig, hash: str) -> int:
    async with rig.ledger.read() as tx:
        return len(await approvals.for_proposal(tx, hash))


async def forge(rig: Rig, *, most: int, gate: Gate) -> tuple[int, int, list[str]]:
    """How many were sent, how many tampered ones passed the signature, and which forged ones counted as an approval."""
    hash, payload, genuine = await valid(rig)
    chosen = several(gate.random, payload, most)
    passed, foreign, known = 0, list[str](), 0
    for number, (what, mutant) in enumerate(chosen, 1):
        tampered = await rig.slack.redeliver(replace(genuine, sealed=swapped(rig, genuine, mutant)))
        passed += tampered.acked
        await rig.slack.deliver("interactive", mutant)
        if number % 20 == 0 or number == len(chosen):
            await rig.quiet()
            if (now := await counted(rig, hash)) > known:
                known = now
                foreign.append(f"one of the 20 up to: {what}")
    return len(chosen), passed, foreign


def swapped(rig: Rig, genuine: DeliveryResult, mutant: dict[str, Any]) -> Any:
    """Another body under the genuine one's signature."""
    forged = rig.slack.transport.seal("interactive", mutant)
    return replace(forged, headers=genuine.sealed.headers)


async def test_no_forged_field_of_a_press_counts(start: Start, gate: Gate) -> None:
    rig = await start(mode="http")
    sent, passed, foreign = await forge(rig, most=MUTANTS, gate=gate)
    assert rig.tool.rollouts == []
    gate(
        "G7",
        "forged fields of a valid press",
        figure=f"{len(foreign)} foreign, {passed} unsigned of {sent:,}",
        bar="1000 mutants, 0 accepted" if sent >= 1000 else "0 accepted",
        met=sent >= MUTANTS and not passed and not foreign,
    )


async def test_believing_the_payload_is_found_out(start: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def believe(*_: Any, **__: Any) -> None:
        return None

    monkeypatch.setattr(buttons, "not_genuine", believe)
    rig = await start(mode="http")
    sent, _, foreign = await forge(rig, most=size(full=300, small=40), gate=gate)
    gate.twin("G7", "forged fields of a valid press", figure=f"accepted within {sent}", fails=bool(foreign))


async def test_what_a_payload_merely_mentions_makes_no_second_press(start: Start) -> None:
    rig = await start(mode="http")
    hash, payload, _ = await valid(rig)
    for _, mutant in itertools.islice(mutants(payload, material=False), 0, None, size(full=8, small=40)):
        await rig.slack.deliver("interactive", mutant)
    await rig.quiet()
    assert (await counted(rig, hash), len(rig.tool.rollouts)) == (1, 1)
    async with rig.ledger.read() as tx:
        assert (await proposals.get(tx, hash)).state == "done"


async def replay(rig: Rig, *, most: int, gate: Gate) -> tuple[int, int, int]:
    """How many were sent; how many deliveries too many were kept; how many late ones were taken."""
    proposal, card = await proposed(rig)
    declared = rig.slack.deliveries[0]
    pressed = await rig.slack.press("U01ALICE", card.ts, "Approve")
    mentioned = await rig.slack.mention("U02BOB", card.channel, "propose something")
    genuine, sent, late = [declared, pressed, mentioned], 0, 0
    await rig.quiet()
    kept = await deliveries(rig)
    for age_s, each in itertools.product(AGES_S, genuine):
        for _ in range(-(-most // (len(AGES_S) * len(genuine)))):
            with time_machine.travel(sealed_at(each) + timedelta(seconds=age_s), tick=True):
                again = await rig.slack.redeliver(each)
            assert again.acked or age_s > 300, "what Slack's own repetition looks like is acknowledged"
            late += age_s > 300 and again.acked
            sent += 1
        if (age_s, each) == (1, pressed):
            await rig.end_work()
            await rig.begin_work()
    await rig.quiet()
    assert await counted(rig, proposal.hash) == len(rig.tool.rollouts) == 1
    return sent, await deliveries(rig) - kept, late


def sealed_at(delivery: DeliveryResult) -> datetime:
    return datetime.fromtimestamp(int(delivery.sealed.headers["X-Slack-Request-Timestamp"]), UTC)


async def deliveries(rig: Rig) -> int:
    async with rig.ledger.read() as tx:
        return int((await tx.connection.exec_driver_sql("SELECT count(*) FROM deliveries")).scalar_one())


async def test_a_press_of_nobody_is_not_kept(start: Start) -> None:
    rig = await start(mode="http")
    _, payload, _ = await valid(rig)
    said = await rig.slack.deliver("interactive", {**payload, "user": {**payload["user"], "id": ""}})
    assert not said.acked
    assert await rig.inbox.waiting() == 0


WHAT = "valid deliveries again, at 0, 1, 299 and 301 s"


async def test_no_valid_delivery_counts_twice(start: Start, gate: Gate) -> None:
    rig = await start(mode="http")
    sent, twice, late = await replay(rig, most=REPLAYS, gate=gate)
    bar = f"{REPLAYS:,} replays: 0 accepted twice, 0 late"
    gate("G7", WHAT, figure=f"{twice} twice, {late} late of {sent:,}", bar=bar, met=sent >= REPLAYS and not twice and not late)


async def test_a_surface_that_does_not_know_its_deliveries_is_found_out(
    start: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bolt, "_key_of", lambda press, moment: uuid.uuid4().hex)
    rig = await start(mode="http")
    sent, twice, _ = await replay(rig, most=size(full=100, small=24), gate=gate)
    gate.twin("G7", WHAT, figure=f"{twice} twice of {sent}", fails=twice > 0)
