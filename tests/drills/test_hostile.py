"""G20: hostile input at every door there is: patterns that backtrack, bodies that swell, runbooks that would be executed, addresses
that lead elsewhere, labels that break out of a query. Times are processor time: what others do on the machine is not our matter."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import yaml
from aiohttp import web as aioweb

from app.actions.flag_switch import FlagSwitch
from app.actions.shop_client import ShopClient
from app.actions.shop_rollout_undo import ShopRolloutUndo
from app.actions.webhook import EventArguments
from app.connectors.http import ask, make_client
from app.connectors.logline import parse_line
from app.connectors.promql import Matcher, Selector
from app.domain.errors import BadInput, FirstmateError, Misconfigured
from app.domain.redaction import redact
from app.jobs.inbox import Inbox
from app.runbooks import read_runbook
from app.slack.heard import plain
from app.web.body import parse
from app.web.server import create, serve
from tests.gates import Gate, size
from tests.unit.connectors.test_promql import read_matchers

MB = 1024 * 1024
MOST_S = 0.1

# patterns


ENDS = (
    "a!", "=", "password=", "Bearer ", "://x", "@", "eyJ", "<", "<@", "<a|", "\\", '"', "\t", "0", "x=1 ", "a.b.", "-----BEGIN ",
    "[", "{", "é",
)  # fmt: skip
"""What makes a careless pattern try everything, again and again for a megabyte."""


def evil() -> list[str]:
    return [start + (one * (MB // len(one)))[: MB - len(start) - 1] + "!" for one in ENDS for start in ("", "password")]


def body(text: str) -> None:
    with suppress(BadInput):
        parse(json.dumps({"a": text}).encode()[:MB])


DOORS: dict[str, Callable[[str], object]] = {"redaction": redact, "a log line": parse_line, "Slack's markup": plain, "a body": body}


def test_no_pattern_backtracks(gate: Gate) -> None:
    worst, where = 0.0, ""
    for text, (door, read) in itertools.product(evil(), DOORS.items()):
        spent = _spent(read, text)
        for _ in range(4):  # whoever shares our core slows it down, too
            spent = min(spent, _spent(read, text)) if spent > MOST_S else spent
        if spent > worst:
            worst, where = spent, f"{door}: {text[:12]!r}"
    print(f"the slowest: {where}")
    gate("G20", "ReDoS", figure=f"{worst * 1000:.0f} ms/MB at worst", bar="≤ 100 ms/MB", met=worst <= MOST_S)
    backtracking = _spent(lambda text: re.search(r"(a+)+$", text), "a" * 24 + "!")
    gate.twin("G20", "ReDoS", figure=f"{backtracking * 1000:.0f} ms for 25 B", fails=backtracking > 0.1)


def _spent(read: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    read(text)
    return time.thread_time() - began


# bodies

BOMBS: tuple[bytes, ...] = (
    b'{"alerts": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    b"[" * 500_000,
    b'{"a":' * 100_000,
    b'{"alerts": [' + b'{"k": 1, "k": 2},' * 40_000 + b"1]}",
    b'{"alerts": ' + b"9" * 900_000 + b"}",
    b'{"alerts": [NaN, Infinity, -Infinity]}',
    b'{"alerts": [1e999999]}',
    b'{"alerts": "' + b"x" * (2 * MB) + b'"}',
    b'{"alerts": ["' + b"\\ud800" * 100_000 + b'"]}',
    '{"alerts": []}'.encode("utf-16"),
    b"\x00" * MB,
    b'{"alerts": [' + b"1," * 300_000 + b"1]}",
)
SWELLING = gzip.compress(b" " * (100 * MB), 9)
TOKEN = "drills-webhook-token"
GOOD = {"alerts": [{"startsAt": "2026-03-01T11:59:00Z", "labels": {"alertname": "A", "service": "s"}, "fingerprint": "f"}]}


def encoded(bomb: bytes) -> Iterator[tuple[dict[str, str], Any]]:
    """As it is, packed (what it unpacks to is a hundred times as large), and in pieces of unknown number."""
    yield {}, bomb
    yield {"content-encoding": "gzip"}, gzip.compress(bomb, 1) + SWELLING

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(bomb), 65536):
            yield bomb[at : at + 65536]

    yield {}, pieces()


async def test_bodies_that_swell_are_refused_at_once(tmp_path: Path, gate: Gate) -> None:
    async def ready() -> list[str]:
        return []

    inbox = await Inbox.open(tmp_path / "inbox.sqlite")
    shots = [(headers, content) for bomb in BOMBS for headers, content in encoded(bomb)]
    refused, slowest = 0, 0.0
    async with (
        serve(create(inbox, token=TOKEN, ready=ready), host="127.0.0.1", port=0) as url,
        httpx2.AsyncClient(base_url=url, timeout=20, headers={"authorization": f"Bearer {TOKEN}"}) as http,
    ):
        before = most_memory_mb(anew=True)
        for headers, content in shots:
            began = time.process_time()
            try:
                refused += 400 <= (await http.post("/webhooks/alertmanager", content=content, headers=headers)).status_code < 500
            except httpx2.WriteError:  # refused before it was all sent, and the connection closed
                refused += 1
            slowest = max(slowest, time.process_time() - began)
        grown = most_memory_mb() - before
        kept = await inbox.waiting()
        assert (await http.post("/webhooks/alertmanager", json=GOOD)).status_code == 202
    await inbox.close()
    gate(
        "G20",
        "body bombs",
        figure=f"{refused} of {len(shots)} refused, {slowest * 1000:.0f} ms, {grown:.0f} MB",
        bar="36 → 4xx, ≤ 200 ms, < 50 MB",
        met=len(shots) == refused == 36 and not kept and slowest <= 0.2 and grown < 50,
    )
    before = most_memory_mb(anew=True)
    taken = believed()
    grown = most_memory_mb() - before
    gate.twin("G20", "body bombs", figure=f"{taken} of 36 taken, {grown:.0f} MB", fails=taken > 0 and grown >= 50)


def most_memory_mb(*, anew: bool = False) -> float:
    """The most that this process held at once; `anew`: from now on."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    told = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert told is not None
    return int(told.group(1)) / 1024


def believed() -> int:
    """How many a reader takes that unpacks what says it is packed, and parses what says it is JSON."""
    taken = 0
    for bomb in BOMBS:
        for packed in (bomb, gzip.compress(bomb), bomb):
            with suppress(ValueError, RecursionError):
                json.loads(gzip.decompress(packed + SWELLING) if packed[:2] == b"\x1f\x8b" else packed)
                taken += 1
    return taken


# runbooks

COMMANDS = (
    "touch {0}", "$(touch {0})", "`touch {0}`", "; touch {0}", "| touch {0}", "&& touch {0}", "\ntouch {0}\n", "%0atouch {0}",
    "x';touch {0};'", 'x";touch {0};"',
)  # fmt: skip
EXPANSIONS = (
    "{{7*7}}", "${{7*7}}", "#{7*7}", "{{ self.__init__.__globals__ }}", "{0.__class__}", "%(x)s", "${HOME}", "~root", "*",
    "../../etc/passwd", "--flag", "-oProxyCommand=touch {0}", "--config={0}", "@{0}", "file://{0}", "!!python/name:os.system",
    "!!python/object/apply:os.system ['touch {0}']", "&a [*a]", "<<: *x", "\u202e", "\x1b[2J", "<!channel>", "no", "1:30", "0x1f",
    "1e3", "2026-01-01", "null", "~", "=",
)  # fmt: skip
UNDO = "matches: {{kinds: [memory]}}\nactions:\n  - action: shop_rollout_undo\n    arguments: "


def runbooks(canary: Path) -> Iterator[tuple[str, str]]:
    """(the payload, a runbook that carries it), 400 and a few more: in each place of the front matter, quoted and bare."""
    payloads = [each.replace("{0}", str(canary)) for each in (*COMMANDS, *EXPANSIONS)]
    forms = (
        "title: {}\nmatches: {{kinds: [memory]}}\n",
        "matches: {{kinds: [{}]}}\n",
        "matches: {{services: [{}]}}\n",
        "matches: {{kinds: [memory]}}\nchecks: [{}]\n",
        "matches: {{kinds: [memory]}}\nactions:\n  - action: {}\n",
        UNDO + "{{service: {}, from_version: a, to_version: b}}\n",
    )
    for form, payload in itertools.product(forms, payloads):
        yield payload, f"---\n{form.format(json.dumps(payload))}---\n# T\n\n{payload}\n"
        yield payload, f"---\n{form.format(payload)}---\n# T\n"


async def test_nothing_in_a_runbook_is_executed_or_expanded(tmp_path: Path, gate: Gate) -> None:
    canary, tried, changed = tmp_path / "canary", 0, 0
    async with tool() as (url, asked):
        shop = ShopClient(url)
        undo = ShopRolloutUndo(shop)
        for payload, text in runbooks(canary):
            tried += 1
            with suppress(Misconfigured):
                read = read_runbook("x", text)
                changed += json.dumps(payload) in text and not _as_declared(read, payload)
                for step in read.actions:
                    with suppress(FirstmateError, ValueError):
                        wanted = undo.arguments.model_validate(step.arguments or {})
                        await undo.run(wanted, idempotency_key="k")
        changed += sum(not re.fullmatch(r"/services/[\w.-]+/rollout", path) for path in asked)
        await shop.close()
    gate(
        "G20",
        "runbook payloads",
        figure=f"{int(canary.exists())} executed, {changed} expanded of {tried}",
        bar="400, 0 executed or expanded",
        met=tried >= 400 and not changed and not canary.exists(),
    )
    carelessly(canary)
    gate.twin("G20", "runbook payloads", figure="executed" if canary.exists() else "not executed", fails=canary.exists())


def carelessly(canary: Path) -> None:
    """What a reader does that trusts YAML and hands what it says to a shell."""
    for payload, text in runbooks(canary):
        with suppress(Exception):
            yaml.unsafe_load(text.split("---\n")[1])
        with suppress(ValueError, subprocess.SubprocessError):
            subprocess.run(f"true {payload}", shell=True, capture_output=True, timeout=5, cwd=canary.parent)
        if canary.exists():
            return


def _as_declared(read: Any, payload: str) -> bool:
    """Whether the quoted payload is in it, character by character."""
    held = [read.title, *read.checks, *read.matches.kinds, *read.matches.services, *(step.action for step in read.actions)]
    held += [str(value) for step in read.actions for value in (step.arguments or {}).values()]
    return payload in held


@asynccontextmanager
async def tool(*, redirect: str = "") -> AsyncIterator[tuple[str, list[str]]]:
    """A server that notes the path of every request; with `redirect` it sends everybody there."""
    asked: list[str] = []

    async def answer(request: aioweb.Request) -> aioweb.Response:
        asked.append(request.raw_path)
        return aioweb.Response(status=302, headers={"Location": redirect}) if redirect else aioweb.json_response({"version": "1"})

    app = aioweb.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = aioweb.AppRunner(app, access_log=None)
    await runner.setup()
    await aioweb.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


# addresses


def spellings(port: int) -> list[str]:
    """Ways to write the trap's address, as a name, a path, or an authority."""
    hosts = (
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]",
        "0.0.0.0", "①②⑦.0.0.1", "127。0。0。1",
    )  # fmt: skip
    forms = ("http://{h}:{p}/", "//{h}:{p}/", "/../..//{h}:{p}/", "@{h}:{p}/", "\\\\{h}:{p}\\", "http:{h}:{p}")
    return [form.format(h=host, p=port) for host in hosts for form in forms]


async def test_no_argument_leads_anywhere_else(gate: Gate) -> None:
    async with tool() as (trap, trapped), tool() as (origin, asked), tool(redirect=f"{trap}/stolen") as (turncoat, _):
        named = spellings(int(trap.rpartition(":")[2]))
        for base in (origin, turncoat):
            shop, http = ShopClient(base), make_client(base_url=base, timeout_s=5)
            actions = (ShopRolloutUndo(shop), FlagSwitch(shop))
            for each in named:
                await _tried(shop.get("services", each))
                await _tried(ask(http, "GET", "api/v1/query", [("query", each)], max_bytes=MB, what="x", timeout_s=5))
                await _tried(ask(http, "POST", "api/v1/query", [("query", each)], max_bytes=MB, what="x", timeout_s=5))
                for action in actions:
                    for given in ({"service": each, "from_version": each, "to_version": each}, {"flag": each, "to": "off"}):
                        with suppress(ValueError):
                            await _tried(action.run(action.arguments.model_validate(given), idempotency_key=each))
                with suppress(ValueError):
                    EventArguments.model_validate({"event": each})
            await shop.close()
            await http.aclose()
        assert len(asked) >= 3 * len(named), "hardly anything was sent at all"
        gate(
            "G20",
            "addresses that lead elsewhere",
            figure=f"{len(trapped)} connections of {len(named)} spellings",
            bar="60 spellings and redirects, 0 connections",
            met=len(named) >= 60 and not trapped,
        )
        async with httpx2.AsyncClient(base_url=origin, timeout=2, follow_redirects=True) as naive:
            for each in named:
                with suppress(Exception):
                    await naive.get(each)
        gate.twin("G20", "addresses that lead elsewhere", figure=f"{len(trapped)} connections", fails=bool(trapped))


async def _tried(asking: Any) -> None:
    with suppress(FirstmateError, ValueError):
        async with asyncio.timeout(5):
            await asking


# queries

SIGNS = (
    '"', "\\", "}", "{", ",", "=", "~", "!", "'", "`", "\n", "\r", "\t", "\x00", "#", "(", ")", "[5m]", " or ", "up", "a", "é",
    "\u2028", '\\"', "\\n", '"} or {',
)  # fmt: skip
QUERIES = size(full=10_000, small=1000)


def test_no_label_value_becomes_part_of_a_query(gate: Gate) -> None:
    chance, escaped, broken = gate.random, 0, 0
    for _ in range(QUERIES):
        wanted = [
            (f"l{i}", chance.choice(("=", "!=", "=~", "!~")), "".join(chance.choices(SIGNS, k=chance.randrange(12))))
            for i in range(chance.randrange(1, 4))
        ]
        escaped += _read(str(Selector("up", tuple(Matcher(*each) for each in wanted)))) != wanted
        broken += _read("up{" + ",".join(f'{label}{op}"{value}"' for label, op, value in wanted) + "}") != wanted
    gate("G20", "queries", figure=f"{escaped} escapes of {QUERIES:,}", bar="10,000 queries, 0 escapes", met=not escaped)
    gate.twin("G20", "queries", figure=f"{broken} escapes of {QUERIES:,}", fails=broken > 0)


def _read(query: str) -> list[tuple[str, str, str]] | None:
    """Its matchers as Prometheus' lexer sees them; None where it sees no selector."""
    try:
        return read_matchers(query)
    except (AssertionError, KeyError, IndexError):
        return None
