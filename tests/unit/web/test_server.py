from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog

from app.domain.errors import Misconfigured
from app.jobs import inbox as inbox_module
from app.jobs.inbox import Inbox
from app.web.server import create, serve

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "a-token-of-some-length"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
ALERTS, CHANGES = "/webhooks/alertmanager", "/webhooks/changes"
ALERT = {"startsAt": "2026-03-01T11:59:00Z", "labels": {"alertname": "Errors", "service": "checkout"}, "fingerprint": "a1"}
WEBHOOK = {"version": "4", "groupKey": "g1", "alerts": [ALERT]}
CHANGE = {"id": "c0ffee1", "kind": "deploy", "at": "2026-03-01T11:50:00Z", "service": "checkout", "version": "1.8.0"}


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Inbox]:
    opened = await Inbox.open(tmp_path / "inbox.db", clock=lambda: NOON)
    yield opened
    await opened.close()


class Served:
    problems: list[str]

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self.http, self.url, self.problems = http, url, []

    async def post(self, path: str, **given: Any) -> httpx2.Response:
        return await self.http.post(path, **{"headers": RIGHT, **given})


@pytest.fixture
async def served(inbox: Inbox) -> AsyncIterator[Served]:
    held: list[Served] = []

    async def ready() -> list[str]:
        return held[0].problems

    async with (
        serve(create(inbox, token=TOKEN, ready=ready), host="127.0.0.1", port=0) as url,
        httpx2.AsyncClient(base_url=url, timeout=20.0) as http,
    ):
        held.append(Served(http, url))
        yield held[0]


async def test_what_is_accepted_is_kept_once_however_often_it_is_delivered(served: Served, inbox: Inbox) -> None:
    said = await asyncio.gather(*(served.post(ALERTS, json=WEBHOOK) for _ in range(5)))
    assert {each.status_code for each in said} == {202}
    assert sorted(each.json()["repeated"] for each in said) == [False, True, True, True, True]
    assert (await served.post(CHANGES, json=CHANGE)).json() == {"accepted": 1, "repeated": False}
    assert (await served.post(CHANGES, json={"changes": [CHANGE, {**CHANGE, "id": "other"}]})).json()["accepted"] == 2
    kept = await inbox.take()
    assert [each.kind for each in kept] == ["webhook.alerts", "webhook.changes", "webhook.changes"]


@pytest.mark.parametrize("path", [ALERTS, CHANGES])
@pytest.mark.parametrize(
    "header",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": TOKEN}],
)
async def test_without_the_token_nothing_is_taken(served: Served, inbox: Inbox, path: str, header: dict[str, str]) -> None:
    said = await served.http.post(path, json=WEBHOOK, headers=header)
    assert said.status_code == 401
    assert "FIRSTMATE_WEBHOOK_TOKEN" in said.json()["error"]
    assert await inbox.waiting() == 0


async def test_with_no_token_configured_every_webhook_is_refused(inbox: Inbox) -> None:
    async def ready() -> list[str]:
        return []

    async with serve(create(inbox, token="", ready=ready), host="127.0.0.1", port=0) as url, httpx2.AsyncClient() as http:
        for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer"}):
            said = await http.post(url + ALERTS, json=WEBHOOK, headers=header)
            assert said.status_code == 401
            assert "is not set here" in said.json()["error"]
    assert await inbox.waiting() == 0


BAD: list[tuple[str, str, bytes, str]] = [
    ("broken JSON", ALERTS, b'{"alerts": [', "no plain JSON"),
    ("nothing", ALERTS, b"", "no plain JSON"),
    ("not UTF-8", ALERTS, b'{"alerts": ["\xff"]}', "UTF-8"),
    ("NaN", ALERTS, b'{"alerts": [{"startsAt": NaN}]}', "NaN is no JSON number"),
    ("Infinity", CHANGES, b'{"id": "a", "at": -Infinity}', "Infinity"),
    ("an overflowing number", CHANGES, b'{"id": "a", "kind": "deploy", "at": 0, "details": {"x": 1e999}}', "1e999"),
    (
        "an integer readers differ on",
        CHANGES,
        b'{"id": "a", "kind": "deploy", "at": 0, "details": {"x": 9007199254740993}}',
        "2^53",
    ),
    ("half a character", CHANGES, b'{"id": "\\ud800", "kind": "deploy", "at": 0}', "half a character"),
    ("a key twice", CHANGES, b'{"id": "a", "id": "b", "kind": "deploy", "at": 0}', "'id' stands twice"),
    ("depth 1000", ALERTS, b'{"alerts": ' + b"[" * 1000 + b"]" * 1000 + b"}", "nested deeper than 64"),
    ("a list", ALERTS, b"[]", "no list `alerts`"),
    ("no alerts", ALERTS, b'{"alerts": []}', "no list `alerts`"),
    ("an alert that is none", ALERTS, b'{"alerts": [1]}', "not an object"),
    ("labels that are none", ALERTS, b'{"alerts": [{"startsAt": "2026-03-01T09:30:00Z", "labels": ["a"]}]}', "`labels`"),
    ("no start", ALERTS, b'{"alerts": [{}]}', "`startsAt` is missing"),
    ("a naive start", ALERTS, b'{"alerts": [{"startsAt": "2026-03-01T09:30:00"}]}', "no time zone"),
    ("no moment", ALERTS, b'{"alerts": [{"startsAt": "yesterday"}]}', "is no moment"),
    ("the year nought", ALERTS, b'{"alerts": [{"startsAt": "0001-01-01T00:00:00+23:59"}]}', "is no moment"),
    ("the end of time", ALERTS, b'{"alerts": [{"startsAt": "9999-12-31T23:59:59Z"}]}', "no moment we could look at"),
    ("a number too large to be a moment", CHANGES, b'{"id": "a", "kind": "deploy", "at": 1e30}', "is no moment"),
    ("a naive change", CHANGES, b'{"id": "a", "kind": "deploy", "at": "2026-03-01T09:30:00"}', "no time zone"),
    ("an unknown kind", CHANGES, b'{"id": "a", "kind": "party", "at": 0}', "kind"),
    ("no id", CHANGES, b'{"kind": "deploy", "at": 0}', "id"),
    ("too many", CHANGES, b'{"changes": [' + b",".join([b"1"] * 1001) + b"]}", "1 to 1000"),
]


@pytest.mark.parametrize(("path", "body", "said"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
async def test_what_cannot_be_read_is_refused_with_a_sentence(
    served: Served, inbox: Inbox, path: str, body: bytes, said: str
) -> None:
    answer = await served.post(path, content=body)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]
    assert "Traceback" not in answer.text
    assert await inbox.waiting() == 0


NO_START = {**ALERT, "startsAt": "0001-01-01T00:00:00Z", "fingerprint": "a2"}


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        (ALERTS, {**WEBHOOK, "alerts": [NO_START, ALERT, 7]}, ("entry 1 of 3: `startsAt` is no moment", "entry 3 of 3: an entry")),
        (CHANGES, {"changes": [{**CHANGE, "kind": "party"}, CHANGE, 7]}, ("entry 1 of 3: this change", "entry 3 of 3: a change")),
    ],
)
async def test_one_entry_that_cannot_be_read_costs_the_others_nothing_and_is_said(
    served: Served, inbox: Inbox, path: str, body: dict[str, Any], why: tuple[str, str]
) -> None:
    with structlog.testing.capture_logs() as logged:
        said = await served.post(path, json=body)
    assert said.status_code == 202
    told = said.json()
    assert (told["accepted"], told["repeated"], told["refused"]) == (1, False, 2)
    assert [given.startswith(expected) for given, expected in zip(told["why"], why, strict=True)] == [True, True]
    assert [(each["event"], each["refused"], each["why"]) for each in logged] == [("webhook.partly", 2, told["why"])]
    ((items,),) = [tuple(kept.body.values()) for kept in await inbox.take()]
    assert [item.get("fingerprint") or item.get("id") for item in items] == [
        ALERT["fingerprint"] if path == ALERTS else CHANGE["id"]
    ]
    assert (await served.post(path, json=body)).json()["repeated"] is True


async def test_the_answer_gives_five_reasons_at_most_and_the_number_of_all(served: Served) -> None:
    told = (await served.post(ALERTS, json={"alerts": [*[NO_START] * 20, ALERT]})).json()
    assert (told["accepted"], told["refused"], len(told["why"])) == (1, 20, 5)


async def test_a_delivery_of_which_nothing_can_be_read_is_refused(served: Served, inbox: Inbox) -> None:
    said = await served.post(ALERTS, json={"alerts": [NO_START, 7]})
    assert said.status_code == 400
    assert "`startsAt` is no moment" in said.json()["error"]
    assert await inbox.waiting() == 0


async def test_an_object_with_a_hundred_thousand_keys_and_one_of_them_twice_is_refused_without_ado(served: Served) -> None:
    keys = b",".join(b'"%d":1' % n for n in range(90_000)) + b',"0":2'
    answer = await served.post(ALERTS, content=b"{" + keys + b"}")
    assert answer.status_code == 400


async def test_compressed_bodies_are_not_inflated(served: Served) -> None:
    import gzip

    answer = await served.post(ALERTS, content=gzip.compress(b"{}"), headers={**RIGHT, "Content-Encoding": "gzip"})
    assert answer.status_code == 400
    assert "compressed" in answer.json()["error"]


async def test_a_body_of_a_hundred_megabytes_is_refused_without_being_held(served: Served, inbox: Inbox) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024 * 1024

    try:
        answer = await served.post(ALERTS, content=endless())
    except httpx2.TransportError:
        answer = None  # it hung up in the middle of what it would not read
    if answer is not None:
        assert answer.status_code == 413
        assert "1048576" in answer.json()["error"]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 50 * 1024 * 1024
    assert await inbox.waiting() == 0
    assert (await served.http.get("/healthz")).status_code == 200


async def test_an_announced_hundred_megabytes_is_refused_at_its_announcement(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {ALERTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 104857600\r\n\r\n".encode()
    )
    assert b"413" in await asyncio.wait_for(reader.readline(), 20)
    writer.close()


async def test_while_the_inbox_cannot_be_written_nothing_is_acknowledged_and_nothing_is_lost(
    served: Served, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inbox._do(lambda connection: connection.execute("PRAGMA busy_timeout=50"))
    other = await asyncio.to_thread(sqlite3.connect, inbox.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    busy = await served.post(ALERTS, json=WEBHOOK)
    assert busy.status_code == 503
    assert "send it again" in busy.json()["error"]
    assert (await served.http.get("/metrics")).status_code == 200
    other.execute("ROLLBACK")
    other.close()
    assert (await served.post(ALERTS, json=WEBHOOK)).json()["repeated"] is False
    assert await inbox.waiting() == 1
    assert inbox_module.BUSY_S < 3


async def test_ready_says_what_keeps_it_from_working(served: Served) -> None:
    assert (await served.http.get("/readyz")).json() == {"ready": True, "problems": []}
    served.problems = ["the work process is not running"]
    said = await served.http.get("/readyz")
    assert said.status_code == 503
    assert said.json()["problems"] == ["the work process is not running"]


async def test_metrics_count_what_came_and_what_became_of_it(served: Served) -> None:
    await served.post(ALERTS, json=WEBHOOK)
    await served.post(ALERTS, json=WEBHOOK)
    await served.post(ALERTS, content=b"{")
    await served.http.post(ALERTS, json=WEBHOOK)
    text = (await served.http.get("/metrics")).text
    for outcome in ("accepted", "repeated", "refused", "unauthorised"):
        assert f'firstmate_deliveries_total{{kind="webhook.alerts",outcome="{outcome}"}} 1.0' in text
    assert "firstmate_inbox_waiting 1.0" in text


async def test_secrets_in_what_monitors_send_are_not_kept(served: Served, inbox: Inbox) -> None:
    token = "xoxb-" + "1234567890-1234567890123-" + "abcdefghijklmnopqrstuvwx"
    noted = {**ALERT, "annotations": {"summary": f"login failed with {token}"}}
    await served.post(ALERTS, json={"alerts": [noted]})
    await served.post(CHANGES, json={**CHANGE, "diff": f"+token = '{token}'"})
    assert token not in str(await inbox.take())


async def test_a_taken_port_is_a_sentence_that_names_the_settings(served: Served, inbox: Inbox) -> None:
    async def ready() -> list[str]:
        return []

    with pytest.raises(Misconfigured, match="FIRSTMATE_PORT"):
        async with serve(create(inbox, token=TOKEN, ready=ready), host="127.0.0.1", port=int(served.url.rsplit(":", 1)[1])):
            pass
