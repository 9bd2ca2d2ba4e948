"""Secrets in everything that comes in: none is in anything that is kept, shown, thought about or written out (gate G11).

Every canary comes in as a log line, an object, a status, a change by webhook and by recording, an alert's text, the reason of a
stop, and something no webhook can read; as many as fit as names of metrics and answers of the target. Then whatever holds bytes
is searched. A sink that no placeholder reached would show nothing, so each has to hold some.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pytest
from aiohttp import web

from app.connectors import casefiles
from app.connectors.case import open_case
from app.domain import redaction
from app.plugged import calibration
from app.plugins import discover
from graphs import triage as graph
from graphs.context import MemoryStore, TriageContext
from graphs.contract import Sources
from graphs.models.scripted import ScriptedModel
from tests.drills.canaries import Canary, canaries, encodings, gives_away, harmless
from tests.drills.stack import ROOT, TOKEN, Stack, stack
from tests.e2e.shop import write_case
from tests.gates import Gate

MANY, RAW, HARMLESS, ENCODED = 200, "secrets in every sink", "harmless lines altered", "secrets found encoded"
SINKS = ("prompt", "database", "slack", "trace", "audit", "log", "export", "exception")
BATCH = 25


def spoil(case: Path, lines: list[str], *, service: str = "checkout") -> None:
    """Every line as something of each source of a recorded incident."""
    said = json.loads((case / "case.json").read_text())
    end = datetime.fromisoformat(said["window"]["end"]).timestamp()
    with (case / "logs.jsonl").open("a") as file:
        for number, line in enumerate(lines):
            at = end - 200 + number / 100
            row = {"phase": "incident", "time": at, "service": service, "level": "ERROR", "msg": line, "fields": {"more": line}}
            file.write(json.dumps(row) + "\n")
    with (case / "changes.jsonl").open("a") as file:
        for number, line in enumerate(lines):
            change = {"time": round(end - 500), "kind": "config", "service": service, "id": f"c{number}", "title": line}
            diff = "".join(f"+{each}\n" for each in line.splitlines())
            file.write(json.dumps({**change, "diff": f"@@ -1 +1 @@\n{diff}", "files": ["a.yaml"], "note": line}) + "\n")
    (case / "k8s.jsonl").write_text("".join(json.dumps({"cmd": "kubectl get x", "out": line}) + "\n" for line in lines))
    (case / "extra.jsonl").write_text("".join(json.dumps({"doc": "status", "text": line}) + "\n" for line in lines))


def says_too_much(s: Stack, held: list[Canary]) -> None:
    """From now on the target's version is told with a secret beside it, and every rollout fails with one."""
    told = iter(held * 50)

    async def service(request: web.Request) -> web.Response:
        if request.match_info["name"] == "payments":
            return web.json_response({"error": next(told).line}, status=500)
        return web.json_response({"service": request.match_info["name"], "version": "1.8.0"})

    async def rollout(request: web.Request) -> web.Response:
        return web.json_response({"error": next(told).line}, status=409)

    s.target._service, s.target._rollout = service, rollout  # type: ignore[method-assign]


async def all_that_comes_in(s: Stack, held: list[Canary]) -> str:
    """Through every door of a running Firstmate; the incident's id."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    now = datetime.now(UTC).isoformat()
    async with httpx2.AsyncClient(timeout=20, base_url=f"http://127.0.0.1:{s.port}", headers=headers) as http:
        for start in range(0, len(held), BATCH):
            some = list(enumerate(held[start : start + BATCH], start))
            alerts = [
                {"status": "firing", "startsAt": now, "fingerprint": f"f{n} {each.line}", "generatorURL": each.line}
                | {"labels": {"alertname": f"A{n}", "service": "checkout", "note": each.line}}
                | {"annotations": {"summary": each.line}}
                for n, each in some
            ]
            answer = await http.post("/webhooks/alertmanager", json={"version": "4", "groupKey": "g", "alerts": alerts})
            assert answer.status_code == 202
            changes = [
                {"id": f"w{n}", "kind": "config", "at": now, "service": "checkout"}
                | {"title": each.line, "diff": each.line, "details": {"note": each.line}}
                for n, each in some
            ]
            unreadable = [{"id": f"x{n}", "kind": "config", "at": each.line} for n, each in some]
            answer = await http.post("/webhooks/changes", json={"changes": [*changes, *unreadable]})
            assert answer.status_code == 202
            assert answer.json()["refused"] == len(some)
            for _, each in some:  # one by one: of many only some are said to be wrong
                assert (await http.post("/webhooks/changes", json={"id": "x", "kind": "x", "at": each.line})).status_code == 400
    incident = await s.until("there is an incident", lambda: s.rows("SELECT id FROM incidents"))
    incident = str(incident[0][0])
    channel = await s.until("it has a channel", lambda: s.rows("SELECT channel FROM incidents")[0][0])
    await s.slack.command("U01ALICE", channel, "/incident", "declare the target talks")
    for n, each in enumerate(held):
        text = " ".join(each.line.split())
        before = s.count("audit", "action LIKE 'person:switch:%'")
        await s.slack.command("U02BOB", channel, "/incident", f"stop {'off ' if n % 2 else ''}{text}")
        await s.until("it took effect", lambda b=before: s.count("audit", "action LIKE 'person:switch:%'") > b)
    return incident


async def everything(folder: Path, held: list[Canary], *, twin: str = "") -> dict[str, str]:
    """What each sink holds in the end."""
    async with stack(folder, twin=twin) as s:
        spoil(folder / "case", [each.line for each in held])
        says_too_much(s, held)
        await s.start()
        incident = await all_that_comes_in(s, held)
        await s.rest(90)
        await s.end()
        shown = "\n".join(json.dumps(call.arguments, ensure_ascii=False, default=str) for call in s.slack.calls)
        kept = [each for each in s.data.rglob("*") if each.is_file() and each.name != "redaction.key"]
        return {
            "prompt": await thought_about(folder / "case") if not twin else "",
            "database": "\n".join(each.read_bytes().decode("utf-8", "replace") for each in kept if each.suffix != ".yaml"),
            "slack": shown,
            "trace": rows(s, "SELECT text, details FROM steps", "SELECT body FROM reports", "SELECT text, details FROM timeline"),
            "audit": rows(s, "SELECT * FROM audit", "SELECT * FROM audit_payloads"),
            "log": s.log(),
            "export": written_out(s, incident) if not twin else "",
            "exception": broke(folder, held) if not twin else "",
        }


def rows(s: Stack, *queries: str) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False, default=str) for query in queries for row in s.rows(query))


async def thought_about(case: Path) -> str:
    """Everything a node of the graph is handed, which is all that a prompt could be made of, and every question to a model."""
    source, model, store = open_case(case), ScriptedModel(), MemoryStore()
    scope = source.scope
    tables: list[Any] = [await source.logs(scope), await source.objects(scope), await source.statuses(scope)]
    tables += [await source.changes(scope.window), await source.topology(scope)]
    context = TriageContext(
        scope=scope,
        sources=Sources(
            metrics=(source,), logs=(source,), changes=(source,), topology=(source,), objects=(source,), statuses=(source,)
        ),
        investigators=discover("graphs.investigators", "INVESTIGATOR"),
        store=store,
        model=model,
        progress=_silent,
        clock=lambda: datetime.now(UTC),
        calibration=calibration(),
    )
    diagnosis = await graph.run(graph.build(), context, run="once")
    lines = tables[0].frame.write_ndjson()
    reports = [each.model_dump_json() for each in await store.reports("once")]
    asked = [f"{each.system} {each.prompt}" for each in model.asked]
    return "\n".join([scope.model_dump_json(), lines, *map(repr, tables[1:]), diagnosis.model_dump_json(), *reports, *asked])


async def _silent(_: dict[str, Any]) -> None:
    return None


def written_out(s: Stack, incident: str) -> str:
    """What `firstmate export` and `firstmate audit export` write."""
    environment = {**s.environment, "FIRSTMATE_DRILL": ""}
    for arguments in (("export", incident, "case"), ("audit", "export", "audit", "--from", "2000-01-01", "--to", "2100-01-01")):
        *verb, folder = arguments if arguments[0] == "export" else arguments[:3]
        command = [sys.executable, "-m", "app.main", *verb, str(s.folder / f"out-{folder}"), *arguments[3:]]
        told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert told.returncode == 0, told.stderr
    files = [each for each in s.folder.glob("out-*/**/*") if each.is_file()]
    assert len(files) >= 5
    return "\n".join(each.read_text() for each in files)


BREAKS = """
import json, logging, sys
import structlog
from app.processes import configure_logging
from app.settings import Settings
configure_logging(Settings())
lines = json.load(open(sys.argv[1]))
for line in lines:
    try:
        raise RuntimeError(f"the target said {line}")
    except RuntimeError as error:
        structlog.get_logger().exception("action.broke", why=str(error), body={"answer": line})
        logging.getLogger("some.library").exception("unexpected: %s", line)
raise SystemError("at the very end: " + " | ".join(lines))
"""


def broke(folder: Path, held: Iterable[Canary]) -> str:
    """Exceptions that quote what was said, caught and logged by us and by a library, and one that nobody catches."""
    file = folder / "lines.json"
    file.write_text(json.dumps([each.line for each in held]))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    command = [sys.executable, "-c", BREAKS, str(file)]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    file.unlink()
    assert "SystemError" in told.stderr
    assert "unexpected: " in told.stderr
    return told.stdout + told.stderr


def leaks(held: Iterable[Canary], text: str) -> list[str]:
    flat = text.replace("\\\\n", "").replace("\\n", "").replace("\\/", "/")
    return sorted({each.kind for each in held if each.needle in text or each.needle in flat})


@pytest.mark.timeout(600)
async def test_no_secret_is_kept_shown_or_written_anywhere(tmp_path: Path, gate: Gate) -> None:
    held = canaries(gate.random.randrange(10**9))
    found = await everything(tmp_path / "s", held)
    assert sorted(found) == sorted(SINKS)
    reached = {sink: len(set(_placeholders(text))) for sink, text in found.items()}
    leaking = {sink: told for sink, text in found.items() if (told := leaks(held, text))}
    print(leaking, "placeholders that reached each sink:", reached)
    assert all(n >= 10 for n in reached.values()), reached
    raw = sum(map(len, leaking.values()))
    gate("G11", RAW, figure=f"{raw} raw, {len(held)} × {len(found)} sinks", bar=f"{MANY} × 8 sinks: 0 raw", met=not leaking)


@pytest.mark.timeout(600)
async def test_redacting_only_what_is_posted_would_be_found_out(tmp_path: Path, gate: Gate) -> None:
    held = canaries(gate.random.randrange(10**9), 25)
    found = await everything(tmp_path / "s", held, twin="redacts-when-posting")
    assert len(leaks(held, found["slack"])) < 5  # names and topics are no cards
    raw = {sink: len(leaks(held, found[sink])) for sink in ("database", "audit")}
    told = f"redacts when posting: {raw['database']} raw of {len(held)}"
    gate.twin("G11", RAW, figure=told, fails=raw["database"] > 20 and raw["audit"] > 0)


def _placeholders(text: str) -> list[str]:
    return [part.partition("]")[0] for part in text.split("[redacted:")[1:]]


async def read(tmp_path: Path, lines: list[str]) -> list[str]:
    """The lines as the log connector hands them on."""
    case = open_case(spoilt(tmp_path, lines))
    table: Any = await case.logs(case.scope)
    kept = table.frame.filter(table.frame["service"] == "canary")
    assert kept.height == len(lines)
    return list(kept["msg"])


def spoilt(folder: Path, lines: list[str]) -> Path:
    case = write_case(folder / "case", now=datetime.now(UTC))
    rows = [{"phase": "incident", "time": n, "service": "canary", "level": "INFO", "msg": line} for n, line in enumerate(lines)]
    (case / "logs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return case


async def found_encoded(tmp_path: Path, seed: int) -> tuple[float, int]:
    """(the share of them, of how many)"""
    held = [(each, how, line) for each in canaries(seed) for how, line in encodings(each).items()]
    clean = await read(tmp_path, [line for _, _, line in held])
    given: dict[str, list[bool]] = {}
    for (each, how, _), line in zip(held, clean, strict=True):
        given.setdefault(how, []).append(gives_away(line, each.needle))
    shares = {how: 1 - sum(told) / len(told) for how, told in given.items()}
    overall = 1 - sum(map(sum, given.values())) / len(held)
    print(", ".join(f"{how} {s:.0%}" for how, s in shares.items()))
    assert all(gives_away(line, each.needle) for each, _, line in held)  # else nothing was measured
    return overall, len(held)


LEAST_ENCODED = 0.8


async def test_most_secrets_are_found_encoded_too(tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    share, number = await found_encoded(tmp_path / "a", gate.random.randrange(10**9))
    gate("G11", ENCODED, figure=f"{share:.1%} of {number:,}", bar="≥ 80%", met=share >= LEAST_ENCODED)
    monkeypatch.setattr(redaction, "DEEPEST", 0)  # the known-bad twin looks behind nothing
    share, number = await found_encoded(tmp_path / "b", gate.random.randrange(10**9))
    gate.twin("G11", ENCODED, figure=f"looks behind nothing: {share:.1%}", fails=share < LEAST_ENCODED)


async def altered(tmp_path: Path, seed: int) -> tuple[int, int]:
    """(lines without a secret that were changed, of how many)"""
    lines = harmless(seed)
    clean = await read(tmp_path, lines)
    found = [line for line, now in zip(lines, clean, strict=True) if line != now]
    print(found[:5])
    return len(found), len(lines)


async def test_ids_and_hashes_stay_readable(tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    changed, number = await altered(tmp_path / "a", gate.random.randrange(10**9))
    gate("G11", HARMLESS, figure=f"{changed} of {number:,}", bar="≤ 0.1%", met=changed <= number / 1000)
    monkeypatch.setattr(casefiles, "redact_strings", whatever_looks_random)
    changed, number = await altered(tmp_path / "b", gate.random.randrange(10**9))
    gate.twin("G11", HARMLESS, figure=f"guesses by randomness: {changed:,} of {number:,}", fails=changed > number / 1000)


def whatever_looks_random(frame: pl.DataFrame) -> pl.DataFrame:
    """The known-bad twin: long hexadecimal words are taken for secrets."""
    return frame.with_columns(pl.col(pl.String).str.replace_all(r"[0-9a-f-]{16,}", "[redacted:random:000000]"))


def test_the_canaries_are_many_and_different() -> None:
    held = canaries(4)
    assert len({each.needle for each in held}) == len(held) == MANY
    assert len({each.kind for each in held}) >= 45
    assert all(each.needle in each.line.replace("\\n", "\n") for each in held)
