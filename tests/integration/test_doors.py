"""Every door at its worst: sentences instead of tracebacks on the command line, and a surface that answers whoever crowds it."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.drills.stack import stack
from tests.e2e.shop import write_case
from tests.integration.test_bad_input import firstmate, one_sentence

CROWD, FILES = 1100, 1024
"""More half-open connections than files that the surface may open."""


@pytest.mark.parametrize("since", ["²d", "0d", "99999999d", "800000d", "999999999999999999999d", "31d", "d", ""])
def test_a_time_nobody_looks_back_over_is_refused(tmp_path: Path, since: str) -> None:
    said = firstmate("triage", "--service", "x", "--since", since, folder=tmp_path, FIRSTMATE_LOGFILE_PATHS=f"{tmp_path}/*.log")
    assert f"--since {since}" in one_sentence(said)


@pytest.mark.parametrize("given", ["inf", "nan", "1e12"])
def test_a_reference_without_end_is_refused(tmp_path: Path, given: str) -> None:
    logs = f"{tmp_path}/*.log"
    said = firstmate("triage", "--service", "x", folder=tmp_path, FIRSTMATE_LOGFILE_PATHS=logs, FIRSTMATE_REFERENCE_S=given)
    assert "FIRSTMATE_REFERENCE_S" in one_sentence(said)


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, '{"startsAt": "2026-01-01T00:00:00Z", "labels": {"service": "\\ud800"}}', "\xff", '{"startsAt": 1e999}', "[]"],
    ids=["nested too deeply", "half a character", "not UTF-8", "no number", "no alert"],
)
def test_an_alert_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text.encode("latin-1"))
    one_sentence(firstmate("triage", "--alert", str(file), folder=tmp_path, FIRSTMATE_LOGFILE_PATHS=f"{tmp_path}/*.log"))


def test_a_policy_is_not_written_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "can't be written" in one_sentence(firstmate("policy", "init", folder=tmp_path))
    (tmp_path / "data").unlink()
    (tmp_path / "data" / "policy.yaml").mkdir(parents=True)
    assert "can't be written" in one_sentence(firstmate("policy", "init", "--force", folder=tmp_path))


def test_a_policy_that_cannot_be_read_is_said_for_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    assert "does not exist" in one_sentence(firstmate("policy", "check", str(file), folder=tmp_path))
    file.write_text('format: "\\U99999999"')
    assert "names no character" in one_sentence(firstmate("policy", "check", str(file), folder=tmp_path))
    assert "Is a directory" in one_sentence(firstmate("policy", "check", str(tmp_path), folder=tmp_path))


def test_where_results_cannot_be_written_no_case_is_run(tmp_path: Path) -> None:
    case = str(write_case(tmp_path / "c", now=datetime.now(UTC)))
    for out in (tmp_path / "no" / "x.jsonl", tmp_path):
        said = firstmate("eval", case, "--out", str(out), folder=tmp_path)
        assert f"--out {out}" in one_sentence(said)
        assert "cases" not in said.stderr
    out = str(tmp_path / "x.jsonl")
    assert "--truth" in one_sentence(firstmate("eval", case, "--out", out, "--truth", str(tmp_path / "no"), folder=tmp_path))


def test_a_truth_that_cannot_be_read_is_refused_and_the_results_stay(tmp_path: Path) -> None:
    case = str(write_case(tmp_path / "c", now=datetime.now(UTC)))
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "c.json").write_text("{")
    out = tmp_path / "x.jsonl"
    said = firstmate("eval", case, "--out", str(out), "--truth", str(tmp_path / "truth"), folder=tmp_path)
    assert str(out) in one_sentence(said)
    assert len(out.read_text().splitlines()) == 1


@pytest.mark.parametrize("url", ["", "http://[::1", "https://[::1", "https://example.com:many"])
def test_a_manifest_is_made_for_an_https_address_or_not_at_all(tmp_path: Path, url: str) -> None:
    said = firstmate("manifest", "--http", url, folder=tmp_path)
    assert "https addresses only" in one_sentence(said)
    assert said.stdout == ""


async def test_connections_that_never_finish_their_headers_hold_up_neither_slack_nor_a_probe(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * CROWD:
        pytest.skip(f"only {hard} files may be open here: too few to be a crowd of {CROWD}")
    async with stack(tmp_path / "s") as s:
        surface = await s.start()
        await s.working()
        resource.prlimit(surface.pid, resource.RLIMIT_NOFILE, (FILES, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CROWD), hard))
        before = len(s.log())
        with ExitStack() as held:
            held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            for _ in range(CROWD):
                one = held.enter_context(await asyncio.to_thread(socket.create_connection, ("127.0.0.1", s.port), 5))
                one.sendall(b"POST /webhooks/alertmanager HTTP/1.1\r\nX: ")
            for number in range(4):
                assert (await s.slack.command("U01ALICE", "general", "/incident", f"declare number {number}")).acked
            async with httpx2.AsyncClient(timeout=5) as http:
                assert (await http.get(f"http://127.0.0.1:{s.port}/healthz")).status_code == 200
            assert (await s.alert("Meanwhile")).status_code == 202
        said = s.log()[before:]
        assert "Traceback" not in said
        assert said.count('"event": "web.crowded"') == 1
        await s.rest()
        assert s.count("incidents") == 5
