from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.incidents.stop import write_file
from app.ledger import audit
from tests.unit.web.ledger_door import NOON, TOKENS, Door, opened

R, Q = "shop/service/checkout", "shop/service/cart"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as opened_door:
        yield opened_door


async def audited(door: Door) -> list[str]:
    async with door.ledger.read() as tx:
        assert await audit.verify(tx, "") == []
        return [f"{row.action} {row.subject}" for row in await audit.rows(tx, "")]


async def test_what_one_holds_another_is_refused_and_told_who_until_when_and_what_next(door: Door) -> None:
    held = await door.got("reliability", R)
    said = await door.claim("cost", R)
    assert said.status_code == 409
    assert said.headers["retry-after"] == "2"
    assert said.json()["error"] == (
        "reliability-agent@1 (reliability) holds shop/service/checkout until 12:01:00Z if it does not renew: "
        "change nothing, ask again"
    )
    (way,) = said.json()["in_way"]
    assert (way["holder"], way["class"], way["executing"]) == ("reliability-agent@1", "reliability", False)
    assert (await door.ask("reliability", "POST", "/claims/release", tokens=held)).status_code == 200
    assert (await door.claim("cost", R)).status_code == 201
    assert await audited(door) == [
        f"agent:claim:acquire {R}",
        f"agent:claim:refuse {R}",
        f"agent:resource:meet {R}",
        f"agent:claim:release {R}",
        f"agent:claim:acquire {R}",
    ]


async def test_who_comes_right_after_another_has_met_it_unless_it_waited_for_its_turn(door: Door) -> None:
    for who in ("reliability", "cost"):
        tokens = await door.got(who, R)
        await door.ask(who, "POST", "/claims/release", tokens=tokens)
        door.move(minutes=4)
    (met,) = (await door.ask("cost", "GET", "/claims")).json()["conflicts"]
    assert (met["how"], met["first"], met["second"]) == ("followed", "reliability-agent@1", "cost-agent@1")
    door.move(minutes=6)
    await door.got("reliability", R)
    assert len((await door.ask("cost", "GET", "/claims")).json()["conflicts"]) == 1


async def test_several_are_given_whole_or_not_at_all(door: Door) -> None:
    await door.got("reliability", R)
    assert (await door.claim("cost", Q, R, "shop/queue")).status_code == 409
    shown = (await door.ask("cost", "GET", "/claims")).json()
    assert [each["resource"] for each in shown["claims"]] == [R]
    assert [each["resource"] for each in shown["waiting"]] == sorted([Q, R, "shop/queue"])
    assert set(await door.got("reliability", Q, "shop/queue")) == {Q, "shop/queue"}


async def test_a_higher_class_takes_it_until_the_holder_executes_and_who_lost_it_is_told_by_whom(door: Door) -> None:
    lost = await door.got("cost", R)
    kept = await door.got("cost", Q)
    assert (await door.hold("cost", kept, executing=True)).status_code == 200
    assert (await door.claim("incident", Q)).status_code == 409
    door.move(seconds=1)
    assert (await door.claim("incident", R)).status_code == 201
    said = await door.hold("cost", lost)
    assert said.status_code == 409
    why = "incident-agent@1 (incident) took shop/service/checkout at 12:00:01Z, before you executed: change nothing, and ask again"
    assert said.json() == {"error": why, "lost": [{"resource": R, "why": why}]}
    assert (await door.write("cost", R, lost[R], version=0, nodes=1)).status_code == 409
    assert (await door.claim("cost", R)).status_code == 409
    assert f"agent:claim:preempt {R}" in await audited(door)


@pytest.mark.parametrize(("higher", "lower"), [("security", "incident"), ("incident", "reliability"), ("reliability", "cost")])
async def test_what_a_higher_class_has_claimed_a_lower_one_cant_touch(door: Door, higher: str, lower: str) -> None:
    await door.got(higher, R)
    assert (await door.claim(lower, R)).status_code == 409
    await door.got(lower, Q)
    assert (await door.claim(higher, Q)).status_code == 201


async def test_an_equal_class_waits(door: Door) -> None:
    await door.got("cost", R)
    assert (await door.claim("cost2", R)).status_code == 409


async def test_a_lease_ends_and_whoever_overslept_writes_nothing(door: Door) -> None:
    slept = await door.got("cost", R, ttl_s=10)
    door.move(seconds=10)
    now = await door.got("cost2", R)
    assert now[R] > slept[R]
    assert (await door.write("cost2", R, now[R], version=0, nodes=6)).json()["version"] == 1
    said = await door.write("cost", R, slept[R], version=1, nodes=0)
    assert said.status_code == 409
    assert said.json()["error"] == (
        "your claim on shop/service/checkout is over; cost2-agent@1 holds it since 12:00:10Z: change nothing, and ask again"
    )
    assert (await door.ask("cost", "GET", f"/state/{R}")).json()["state"] == {"nodes": 6}
    assert (await audited(door))[-1] == f"agent:state:refuse {R}"


async def test_anothers_token_opens_nothing(door: Door) -> None:
    theirs = await door.got("incident", R)
    for said in (
        await door.write("cost", R, theirs[R], version=0, nodes=0),
        await door.hold("cost", theirs),
        await door.ask("cost", "POST", "/claims/release", tokens=theirs),
    ):
        assert said.status_code == 409
    assert (await door.hold("incident", theirs)).status_code == 200


async def test_a_write_on_top_of_what_was_overtaken_is_refused_naming_who_when_and_what(door: Door) -> None:
    first = await door.got("incident", R)
    assert (await door.write("incident", R, first[R], version=0, ready=4, booting=2)).json()["version"] == 1
    await door.ask("incident", "POST", "/claims/release", tokens=first)
    door.move(seconds=5)
    second = await door.got("cost", R)
    said = await door.write("cost", R, second[R], version=0, ready=4, booting=0)
    assert said.status_code == 409
    assert "is at version 1, not 0: incident-agent@1 changed it at 12:00:00Z" in said.json()["error"]
    now = said.json()["now"]
    assert (now["state"], now["changed_by"]) == ({"ready": 4, "booting": 2}, "incident-agent@1")
    assert (await door.write("cost", R, second[R], version=1, ready=4)).json()["version"] == 2


async def test_whoever_waits_long_is_served_and_nobody_renews_past_it(door: Door) -> None:
    """The lowest class against one of the highest that never lets go: ten times the longest lease, no longer."""
    tokens = await door.got("security", R, ttl_s=120)
    began = door.at
    while (await door.claim("cost", R)).status_code == 409:
        door.move(seconds=5)
        said = await door.hold("security", tokens, ttl_s=120)
        if said.status_code == 409:
            await door.claim("security", R, ttl_s=120)
        assert (door.at - began).total_seconds() <= 1200
    waited = (door.at - began).total_seconds() / 120
    print(f"cost was served after {waited:.1f} longest leases")
    assert 8 <= waited <= 10
    assert (await door.claim("security", R)).status_code == 409, "what was waited for is not taken away at once"


async def test_two_that_hold_what_the_other_wants_are_not_renewed_even_while_they_execute(door: Door) -> None:
    one, two = await door.got("cost", R, ttl_s=30), await door.got("cost2", Q, ttl_s=30)
    for _ in range(3):
        assert (await door.claim("cost", Q, ttl_s=30)).status_code == 409
        assert (await door.claim("cost2", R, ttl_s=30)).status_code == 409
        for who, tokens in (("cost", one), ("cost2", two)):
            said = await door.hold(who, tokens, executing=True)
            assert "ask for everything at once" in next(iter(said.json()["ending"].values()))
        door.move(seconds=9)
    door.move(seconds=4)
    assert (await door.claim("cost", Q, ttl_s=30)).status_code == 201
    assert (await door.claim("cost2", R, ttl_s=30)).status_code == 201


async def test_who_holds_one_thing_and_waits_for_another_is_renewed_while_nobody_is_kept_by_it(door: Door) -> None:
    one = await door.got("cost", R, ttl_s=30)
    await door.got("cost2", Q, ttl_s=120)
    assert (await door.claim("cost", Q)).status_code == 409
    assert (await door.claim("cost3", R)).status_code == 409
    assert (await door.hold("cost", one)).json()["ending"] == {}


async def test_three_in_a_ring_and_one_who_is_kept_by_who_goes_first_end_too(door: Door) -> None:
    ring = {"cost": (R, Q), "cost2": (Q, "shop/a"), "cost3": ("shop/a", R)}
    held = {who: await door.got(who, has, ttl_s=30) for who, (has, _) in ring.items()}
    for who, (_, wants) in ring.items():
        assert (await door.claim(who, wants)).status_code == 409
    for who, tokens in held.items():
        assert (await door.hold(who, tokens, executing=True)).json()["ending"] != {}, who
    free = await door.got("reliability", "shop/b", ttl_s=30)
    assert (await door.claim("incident", "shop/b", "shop/c")).status_code == 201
    assert free  # taken away
    kept = await door.got("security", "shop/d", ttl_s=30)
    assert (await door.claim("reliability", "shop/d", "shop/e")).status_code == 409
    door.move(seconds=1)
    assert (await door.claim("cost", "shop/e")).status_code == 409, "kept free for who waits for it and more"
    assert (await door.hold("security", kept)).json()["ending"] == {}


async def test_changes_are_told_and_read_back_under_the_name_of_who_told_them(door: Door) -> None:
    told = {"id": "scale-1", "kind": "scale", "at": NOON.isoformat(), "service": "checkout", "title": "4 to 6 nodes"}
    said = await door.ask("reliability", "POST", "/changes", **told, source="git")
    assert (said.status_code, said.json()) == (201, {"recorded": 1, "known": 0})
    assert (await door.ask("reliability", "POST", "/changes", **told)).json() == {"recorded": 0, "known": 1}
    (seen,) = (await door.ask("cost", "GET", "/changes")).json()["changes"]
    assert (seen["source"], seen["author"], seen["kind"]) == ("reliability-agent", "reliability-agent@1", "scale")
    assert (await door.ask("cost", "GET", "/changes?from=2026-03-01T13:00:00Z")).status_code == 400
    assert (await door.ask("cost", "GET", "/changes?from=2026-02-01T13:00:00Z&to=2026-02-02T00:00:00Z")).json() == {"changes": []}


async def test_the_first_to_come_are_known_however_many_come_at_once(door: Door) -> None:
    said = await asyncio.gather(*(door.ask("cost", "GET", "/claims") for _ in range(8)))
    assert {each.status_code for each in said} == {200}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer fma_unknown", "Basic x", f"bearer {TOKENS['cost']}"])
async def test_without_a_known_token_everything_is_refused(door: Door, header: str) -> None:
    for method, path in (
        ("GET", "/claims"), ("POST", "/claims"), ("POST", "/claims/heartbeat"), ("POST", "/claims/release"),
        ("GET", "/changes"), ("POST", "/changes"), ("GET", f"/state/{R}"), ("PUT", f"/state/{R}"),
    ):  # fmt: skip
        said = await door.http.request(method, "/v1" + path, headers={"Authorization": header} if header else {}, json={"a": 1})
        assert said.status_code == 401, (method, path)
        assert "firstmate agents token" in said.json()["error"]
    assert await audited(door) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "no plain JSON"),
        (b'{"resources": ["a"], "resources": ["b"]}', "stands twice"),
        (b'{"resources": []}', "resources"),
        (b'{"resources": ["a//b"]}', "resources.0"),
        (b'{"resources": ["a/../b"]}', "resources.0"),
        (b'{"resources": ["a/"]}', "resources.0"),
        (b'{"resources": ["\xd0\xb0"]}', "resources.0"),
        (b'{"resources": ["a\\u0000"]}', "resources.0"),
        (b'{"resources": ["a"], "ttl_s": 0}', "ttl_s"),
        (b'{"resources": ["a"], "ttl_s": 121}', "ttl_s"),
        (b'{"resources": ["a"], "ttl_s": NaN}', "NaN"),
        (b'{"resources": ["a"], "class": "security"}', "class"),
        (b'{"resources": ["a"], "holder": "somebody"}', "holder"),
        (b'{"resources": ["a"], "priority": 9}', "priority"),
    ],
)
async def test_what_cannot_be_read_or_would_widen_is_refused(door: Door, body: bytes, told: str) -> None:
    said = await door.http.post("/v1/claims", headers={"Authorization": f"Bearer {TOKENS['cost']}"}, content=body)
    assert said.status_code == 400
    assert told in said.json()["error"]


async def test_a_body_that_is_too_large_is_refused(door: Door) -> None:
    tokens = await door.got("cost", R)
    assert (await door.write("cost", R, tokens[R], version=0, x="y" * 70_000)).status_code == 413


@pytest.mark.parametrize("path", ["/state/a//b", "/state/%2e%2e/x", "/state/", "/state/a%2F%2Fb", "/state/a%00"])
async def test_a_resource_has_one_spelling(door: Door, path: str) -> None:
    assert (await door.ask("cost", "GET", path)).status_code in (400, 404, 405)


async def test_while_everything_is_stopped_nobody_gets_anything(door: Door) -> None:
    held = await door.got("cost", R)
    write_file(door.folder / "STOP", by="dana", reason="restoring", at=NOON)
    for said in (await door.claim("security", Q), await door.hold("cost", held, executing=True)):
        assert said.status_code == 409
        assert "dana stopped all actions" in said.json()["error"]
    assert (await door.hold("cost", held)).status_code == 200
    assert (await door.ask("cost", "POST", "/claims/release", tokens=held)).status_code == 200


async def test_it_describes_itself(door: Door) -> None:
    told = (await door.http.get("/v1/openapi.json")).json()
    assert set(told["paths"]) == {"/claims", "/claims/heartbeat", "/claims/release", "/changes", "/state/{resource}"}
    assert told["paths"]["/claims"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]["resources"]
    assert "class" in told["components"]["schemas"]["ClaimShown"]["properties"]


async def test_secrets_are_not_kept(door: Door) -> None:
    tokens = await door.got("cost", R)
    said = await door.write("cost", R, tokens[R], version=0, password="hunter2hunter2")
    assert "hunter2" not in said.text
    assert "redacted" in said.text
