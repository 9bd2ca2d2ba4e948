"""README says what is so: its tables are the code's, its commands exist, its examples run, its files are there."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from app.domain import ports
from app.domain.change import Change
from app.domain.incident import Alert, Scope
from app.domain.plugin import Plugin
from app.domain.window import Window
from app.incidents.monitors import changes_of
from app.manifest import manifest_text
from app.plugged import investigators
from app.plugins import discover
from app.policy.policy import starter
from app.policy.tiers import tier_of
from app.runbooks import read_runbook
from app.settings import Settings
from app.slack.command import SLASH, read, verbs
from app.web.body import parse
from graphs.contract import Question, Sources, View
from tests.fake_slack import FakeSlack

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- runs: (\S+) -->\n```\w+\n(.*?)```", README, re.DOTALL))


def between(name: str) -> str:
    return README.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0]


# --- tables made from the code


def shown(default: Any) -> str:
    if default is PydanticUndefined or default is None or default in ("", (), {}):
        return ""
    if isinstance(default, SecretStr):
        return ""
    if isinstance(default, tuple):
        default = ",".join(default)
    return f"`{default}`"


def settings_table() -> str:
    """Of every class that README has a part for: a plug-in of yours needs none there."""
    classes: dict[str, type[BaseSettings]] = {"the core": Settings}
    for package, attribute in (("app.connectors", "CONNECTOR"), ("app.actions", "ACTION")):
        for plugin in discover(package, attribute).values():
            assert isinstance(plugin, Plugin)
            names = [name for name, kind in classes.items() if kind is plugin.settings]
            if names:
                classes[f"{names[0]}, `{plugin.name}`"] = classes.pop(names[0])
            else:
                classes[f"{package.split('.')[1][:-1]} `{plugin.name}`"] = plugin.settings
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, kind in classes.items():
        if f"\n| **{name}** | | |\n" not in README:
            continue
        lines.append(f"| **{name}** | | |")
        prefix = str(kind.model_config.get("env_prefix", ""))
        for field, info in kind.model_fields.items():
            meaning = (info.description or "").replace("|", "\\|")
            lines.append(f"| `{info.alias or (prefix + field).upper()}` | {shown(info.default)} | {meaning} |")
    return "\n".join(lines) + "\n"


def verbs_table() -> str:
    """Of every verb that README names; one of yours needs no line there."""
    lines = ["| in Slack | |", "|---|---|"]
    for verb in verbs().values():
        if not re.search(rf"^\| `{SLASH} {verb.name}\b", README, re.MULTILINE):
            continue
        form = verb.form.replace("|", "\\|")  # GitHub's tables know no other way, in code either
        lines.append(f"| `{form}` | {verb.summary} |")
    return "\n".join(lines) + "\n"


def test_what_is_shipped_has_its_part_in_the_tables() -> None:
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| \*\*(.*)\*\* ", README, re.MULTILINE))))
    assert named == {"case", "git", "logfile", "prometheus", "flag_switch", "shop_release_delete", "shop_rollout_undo", "webhook"}
    said = set(re.findall(rf"^\| `{SLASH} ([\w-]+)", README, re.MULTILINE))
    assert said == {"break-glass", "declare", "help", "propose", "status", "stop", "triage"}


def test_the_manifest_hints_at_every_verb_that_the_readme_names() -> None:
    (command,) = yaml.safe_load(manifest_text())["features"]["slash_commands"]
    hinted = {form.split()[0] for form in command["usage_hint"].split(" | ")}
    assert hinted == set(re.findall(rf"^\| `{SLASH} ([\w-]+)", README, re.MULTILINE))
    assert hinted <= set(verbs())


@pytest.mark.parametrize("name", ["settings", "verbs"])
def test_the_table_is_the_codes_own(name: str) -> None:
    wanted = {"settings": settings_table, "verbs": verbs_table}[name]()
    assert between(name) == wanted, f"put this between <!-- {name} --> and <!-- /{name} -->:\n{wanted}"


# --- names


@cache
def told_by_help(*verb: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "app.main", *verb, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_every_command_that_is_named_exists_with_its_options() -> None:
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    named = {span.split("firstmate ", 1)[1] for span in spans if re.match(r"(… )?firstmate [a-z]", span)}
    assert {"serve", "doctor", "policy init"} <= named
    for command in sorted(named):
        words = command.split()
        verb = [words[0]] + (words[1:2] if words[0] in ("policy", "audit", "agents") and len(words) > 1 else [])
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        text = told_by_help(*verb)
        assert [option for option in options if option not in text] == [], command


def test_every_verb_of_the_shell_is_in_the_table() -> None:
    for verb in discover("app.cli", "VERB"):
        assert f"| `firstmate {verb}" in README, verb


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", README))
    assert {"demo", "test", "check", "bench", "help"} <= named
    assert named - targets == set()


def test_every_option_of_the_demo_that_is_named_exists() -> None:
    section = README.split("## Two commands")[1].split("\n## ")[0]
    options = set(re.findall(r"--[a-z-]+", section)) - {"--strict"}
    assert {"--list", "--yes", "--fault"} <= options
    assert [option for option in sorted(options) if option not in told_by_help("demo")] == []


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lstrip("# ").lower()).replace(" ", "-")


def test_links_lead_somewhere() -> None:
    headings = {anchor(line) for line in README.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (ROOT / target).is_file(), target


def test_paths_that_are_named_exist() -> None:
    paths = set(re.findall(r"`((?:app|graphs|tests|runbooks|\.ci)/[\w./-]*)`", README))
    assert paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    tree = README.split("## The tree")[1].split("```")[1]
    rooms = {word.rstrip("/") for line in tree.splitlines() for word in re.findall(r"(?<!\S)([a-z]+)/(?=\s)", line)}
    assert len(rooms) > 12
    places = (ROOT, ROOT / "app", ROOT / "graphs")
    assert [room for room in sorted(rooms) if not any((place / room).is_dir() for place in places)] == []


# --- the ten steps


class OneNumber(BaseHTTPRequestHandler):
    """Answers every query with the number 1, as Prometheus would."""

    def do_GET(self) -> None:
        body = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        return None


@pytest.fixture
def prometheus() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneNumber)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def masked(line: str) -> str:
    """A doctor's line without what differs from one machine to the next."""
    line = re.sub(r"version [0-9a-f]{12}", "version #", " ".join(line.split()))
    line = re.sub(r"\d+ runbooks", "# runbooks", line)
    return re.sub(r"\d+ s (ahead of|behind)", "# s off", re.sub(r":\d{2,5}", ":#", line))


async def test_each_of_the_ten_steps_ends_with_the_doctors_own_line(tmp_path: Path, prometheus: str) -> None:
    steps = re.findall(r"^(\d+)\. .*?<br>`(.+?)`$", README, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, 11))
    policy = starter().replace("approvers: []", 'approvers:\n  - target: "shop/service/*"\n    people: [U01ALICE]')
    (tmp_path / ".firstmate").mkdir()
    (tmp_path / ".firstmate" / "policy.yaml").write_text(policy)
    (tmp_path / "a.log").write_text('{"level": "info", "msg": "x"}\n')
    async with FakeSlack() as slack:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("FIRSTMATE_", "SLACK_"))},
            "PYTHONPATH": str(ROOT),
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "FIRSTMATE_WEBHOOK_TOKEN": "0123456789abcdef0123",
            "FIRSTMATE_PROMETHEUS_URL": prometheus,
            "FIRSTMATE_LOGFILE_PATHS": f"{tmp_path}/*.log",
        }
        doctor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.main", "doctor"), cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, complaint = await asyncio.wait_for(doctor.communicate(), 60)
    assert doctor.returncode == 0, out.decode() + complaint.decode()
    told = [masked(line) for line in out.decode().splitlines()]
    assert [line for _, line in steps if masked(line) not in told] == [], out.decode()
    (until_then,) = re.findall(r"until then: `(ok .+?)`", README)
    assert masked(until_then) in told
    assert len(told) == len(steps) + 1, "a check that no step of the README proves"


# --- a case of your own


def test_the_case_works_by_copy_and_paste(tmp_path: Path) -> None:
    script = re.search(r"<!-- runs in a shell -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert script is not None
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.group(1)],
        cwd=tmp_path,
        env={name: value for name, value in env.items() if not name.startswith("FIRSTMATE_")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (result,) = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert (result["case"], result["hypotheses"][0]["change"]) == ("slow-orders", "4be1c07")
    assert re.search(r"\btarget\W+1\.000", ran.stdout), ran.stdout


# --- the webhooks


def test_the_example_of_a_change_is_one_that_is_taken() -> None:
    sent = re.search(r"-d '(\{.*?\})'", README, re.DOTALL)
    assert sent is not None
    (change,) = changes_of(parse(sent.group(1).encode()))
    assert (change.kind, change.service) == ("deploy", "checkout")


def test_the_alertmanager_example_names_a_real_route() -> None:
    text = re.search(r"```yaml\n(receivers:.*?)```", README, re.DOTALL)
    assert text is not None
    (hook,) = yaml.safe_load(text.group(1))["receivers"][0]["webhook_configs"]
    path = hook["url"].split("8723", 1)[1]
    assert f'"{path}"' in (ROOT / "app" / "web" / "server.py").read_text()


# --- one file each


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts an example into its plug-in folder (which reaches into an empty one for as long as the test runs)."""
    names: list[str] = []

    def plug(path: str) -> str:
        package, name = path.removesuffix(".py").replace("/", ".").rsplit(".", 1)
        (tmp_path / f"{name}.py").write_text(BLOCKS[path], encoding="utf-8")
        folder = importlib.import_module(package)
        monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
        names.append(f"{package}.{name}")
        verbs.cache_clear()
        return name

    yield plug
    for name in names:
        module = sys.modules.pop(name, None)
        if module is not None:
            delattr(sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2])
    verbs.cache_clear()


START = datetime(2026, 3, 1, 9, tzinfo=UTC)
WINDOW = Window(start=START, end=START.replace(hour=11))


def test_there_is_an_example_of_each_kind() -> None:
    folders = {path.rpartition("/")[0] for path in BLOCKS}
    assert folders == {"app/connectors", "app/actions", "graphs/investigators", "app/slack/commands", "runbooks"}


async def test_the_connector_is_found_and_answers(plugged: Any, tmp_path: Path) -> None:
    name = plugged("app/connectors/maintenance.py")
    plugin = discover("app.connectors", "CONNECTOR")[name]
    assert plugin.configured(plugin.settings()) is False
    (tmp_path / "windows").write_text("2026-03-01T09:30:00+00:00 switch replaced\n2026-03-02T09:30:00+00:00 later\n")
    source = plugin.open(plugin.settings(path=tmp_path / "windows"))
    assert isinstance(source, ports.ChangesSource)
    assert [change.title for change in await source.changes(WINDOW)] == ["switch replaced"]


async def test_the_action_is_found_and_is_tier_1_by_what_it_declares(plugged: Any, tmp_path: Path) -> None:
    name = plugged("app/actions/queue_pause.py")
    plugin = discover("app.actions", "ACTION")[name]
    assert plugin.configured(plugin.settings()) is False
    action = plugin.open(plugin.settings(folder=tmp_path))
    wanted = action.arguments(queue="exports", to="paused")
    before, effects = await action.read_back(wanted), action.effects(wanted)
    assert tier_of(effects, before) == 1
    assert (await action.preview(wanted)).ok
    assert (await action.run(wanted, idempotency_key="k")).ok
    assert await action.took_effect(wanted, precondition=before) is True
    back = action.arguments(**effects.undo.arguments)
    assert (await action.run(back, idempotency_key="l")).ok
    assert await action.read_back(wanted) == before


async def test_the_investigator_is_found_and_reports(plugged: Any) -> None:
    name = plugged("graphs/investigators/calendar.py")
    who = investigators()[name]

    class Recorded:
        name = "intake"

        async def changes(self, window: Window) -> list[Change]:
            return [Change(id="1", kind="deploy", at=window.start)]

    async def say(_: str) -> None:
        return None

    scope = Scope(alert=Alert(fired_at=START, summary="slow"), window=WINDOW)
    report = await who.investigate(Question(investigator=name, text="?"), View(scope, Sources(changes=(Recorded(),)), say))
    assert [finding.numbers for finding in report.findings] == [{"changes": 1.0}]


async def test_the_slash_verb_is_found_and_answers(plugged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = plugged("app/slack/commands/awake.py")
    verb, rest = read(f"{name} please")
    assert (verb.form, rest) == (f"{SLASH} awake", "")
    said: list[Any] = []

    async def answer(desk: Any, to: str, card: Any, *, delivery: int) -> None:
        said.append((to, card.gist, delivery))

    monkeypatch.setattr(sys.modules[f"app.slack.commands.{name}"], "answer", answer)
    asked: Any = SimpleNamespace(given=SimpleNamespace(answer_to="response-url"), delivery=7)
    no_desk: Any = None
    await verb.handle(no_desk, asked)
    assert said == [("response-url", "I am.", 7)]


def test_the_runbook_is_read_and_applies() -> None:
    runbook = read_runbook("disk-full", BLOCKS["runbooks/disk-full.md"])
    assert runbook.applies(service="ledger-db", alert=None, kind="disk", change=False)
    assert not runbook.applies(service="checkout", alert=None, kind="disk", change=False)
    assert runbook.actions[0].arguments == {"event": "exports.pause", "undo_event": "exports.resume"}
