"""What comes in broken: through the real command line and the real `serve`. A sentence or a typed gap, never a traceback."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.drills.stack import ROOT, Stack, free_port, stack
from tests.e2e.shop import write_case

BARE = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def firstmate(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with nothing in its environment but what is named."""
    return subprocess.run(
        [sys.executable, "-m", "app.main", *arguments],
        cwd=ROOT,
        env={**BARE, "HOME": str(folder), "FIRSTMATE_DATA_DIR": str(folder / "data"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def one_sentence(said: subprocess.CompletedProcess[str]) -> str:
    """Refused with exit code 2 and one line."""
    assert said.returncode == 2, said.stderr
    assert "Traceback" not in said.stderr + said.stdout
    lines = [line for line in said.stderr.splitlines() if line.startswith("firstmate: ")]
    assert len(lines) == 1, said.stderr
    return lines[0]


@pytest.mark.parametrize("broken", ["no case.json", "no JSON", "no window", "another format"])
def test_a_broken_case_folder_is_refused_with_a_sentence(tmp_path: Path, broken: str) -> None:
    folder = write_case(tmp_path / "case", now=datetime.now(UTC))
    case = folder / "case.json"
    match broken:
        case "no case.json":
            case.unlink()
        case "no JSON":
            case.write_text('{"schema": ')
        case "no window":
            case.write_text(json.dumps({k: v for k, v in json.loads(case.read_text()).items() if k != "window"}))
        case "another format":
            case.write_text(json.dumps(json.loads(case.read_text()) | {"schema": "incident-case/9"}))
    for form in ((), ("--json",)):
        said = firstmate("triage", "--case", str(folder), *form, folder=tmp_path)
        assert "case.json" in one_sentence(said)
        assert said.stdout == ""


@pytest.mark.parametrize("file", ["metrics.csv", "logs.jsonl", "changes.jsonl"])
def test_a_broken_file_of_a_case_becomes_a_gap(tmp_path: Path, file: str) -> None:
    folder = write_case(tmp_path / "case", now=datetime.now(UTC))
    (folder / file).write_bytes(b"\x00\xff{not this,\n" * 3)
    said = firstmate("triage", "--case", str(folder), "--json", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "Traceback" not in said.stderr
    assert any(file in json.dumps(gap) for gap in json.loads(said.stdout)["gaps"])


def test_an_unreachable_prometheus_is_a_gap_in_the_answer(tmp_path: Path) -> None:
    said = firstmate(
        "triage", "--service", "checkout", "--json", folder=tmp_path, FIRSTMATE_PROMETHEUS_URL=f"http://127.0.0.1:{free_port()}"
    )
    assert said.returncode == 0, said.stderr
    assert "Traceback" not in said.stderr
    answer = json.loads(said.stdout)
    assert answer["hypotheses"] == []
    assert any("prometheus" in json.dumps(gap) for gap in answer["gaps"])


@pytest.mark.parametrize(
    ("missing", "given"),
    [
        ("SLACK_BOT_TOKEN", {}),
        ("SLACK_APP_TOKEN", {"SLACK_BOT_TOKEN": "xoxb-1"}),
        ("FIRSTMATE_WEBHOOK_TOKEN", {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}),
        ("FIRSTMATE_PORT", {"FIRSTMATE_PORT": "many"}),
    ],
)
def test_serve_names_the_setting_it_lacks(tmp_path: Path, missing: str, given: dict[str, str]) -> None:
    assert missing in one_sentence(firstmate("serve", folder=tmp_path, **given))


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack(tmp_path / "served") as s:
        await s.start()
        yield s


def memory_mb(pid: int, what: str = "VmHWM") -> float:
    """What a process used of memory at its highest."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


async def pour(port: int, megabytes: int, *, announced: bool, token: str) -> tuple[int, str]:
    """A body of that size, in pieces, until the other side has had enough; its answer."""

    def run() -> tuple[int, str]:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            length = f"Content-Length: {megabytes * 1024 * 1024}" if announced else "Transfer-Encoding: chunked"
            head = f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{length}\r\n\r\n"
            sock.sendall(head.encode())
            piece = b" " * 65536
            framed = piece if announced else b"10000\r\n" + piece + b"\r\n"
            try:
                for _ in range(megabytes * 16):
                    sock.sendall(framed)
            except OSError:
                pass  # it hung up: what it said before is still there to be read
            try:
                answer = sock.recv(65536).decode(errors="replace")
            except OSError:
                answer = ""
        return (int(answer.split()[1]) if answer else 0), answer

    return await asyncio.to_thread(run)


async def test_what_a_webhook_can_be_sent(served: Stack) -> None:
    token = served.environment["FIRSTMATE_WEBHOOK_TOKEN"]
    assert served.surface is not None
    assert (await served.alert("NoToken", token="")).status_code == 401
    assert (await served.alert("WrongToken", token="x" * 20)).status_code == 401
    url = f"http://127.0.0.1:{served.port}/webhooks/alertmanager"
    async with httpx2.AsyncClient() as http:
        for body in (
            b"",
            b"{",
            b"[]",
            b'{"alerts": 7}',
            b'{"alerts": [{"labels": 3}]}',
            b"[" * 100_000,
            b'{"a": NaN}',
            b"\xff\xfe",
        ):
            answer = await http.post(url, content=body, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 400, body[:20]
            assert answer.json()["error"]
    before = memory_mb(served.surface.pid)
    for announced in (True, False):
        status, answer = await pour(served.port, 100, announced=announced, token=token)
        assert status in (413, 0), answer  # 0: hung up on whoever went on sending
    assert memory_mb(served.surface.pid) - before < 20
    assert served.count("deliveries", file="inbox.sqlite") == 0
    assert '"webhook.refused"' in served.log()
    assert (await served.alert("Good")).status_code == 202
    await served.rest()
    assert served.count("incidents") == 1
    assert "Traceback" not in served.log()


async def test_an_alert_for_a_service_nobody_knows_is_triaged_all_the_same(served: Stack) -> None:
    assert (await served.alert("Strange", service="never-heard-of-it")).status_code == 202
    await served.rest()
    assert served.count("runs", "state = 'finished'") == 1
    assert await served.wrong() == []
    assert "Traceback" not in served.log()


async def test_presses_by_strangers_are_refused_recorded_and_change_nothing(served: Stack) -> None:
    served.slack.user("U09STRANGE", "external")
    served.slack.user("U08GUEST", "guest")
    incident = await served.declare()
    card = await served.proposal(incident)
    channel = served.slack.channel_named("inc-0001")
    for user in ("U09STRANGE", "U08GUEST"):
        served.slack.join(user, channel)
        assert (await served.slack.press(user, card.ts, "approve")).acked
    await served.rest()
    assert served.target.effects == []
    assert served.count("approvals") == 0
    refused = served.rows("SELECT actor FROM audit WHERE action LIKE '%refuse%' ORDER BY actor")
    assert refused == [("U08GUEST",), ("U09STRANGE",)]
    assert served.count("proposals", "state = 'proposed'") == 1
    assert "Traceback" not in served.log()
    assert served.unfinished() == {}
