"""`firstmate doctor` says everything that is wrong at once, each by the name of what to mend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.doctor import doctor
from app.domain.plugin import Health, Plugin
from app.ledger import audit
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots, own_key
from app.plugged import catalogue, now
from app.settings import Settings


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.upper().startswith(("FIRSTMATE_", "SLACK_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    mask = os.umask(0o077)
    yield
    os.umask(mask)


async def told() -> dict[str, list[Health]]:
    held: dict[str, list[Health]] = {}
    for name, health in await doctor():
        held.setdefault(name, []).append(health)
    return held


async def test_everything_that_is_missing_is_said_at_once() -> None:
    lines = [health.line for health in (await told())["settings"]]
    assert [line.split(" ", 1)[0] for line in lines] == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "FIRSTMATE_WEBHOOK_TOKEN"]


async def test_wrong_values_are_said_together_in_english_and_without_the_word_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_PORT", "many")
    monkeypatch.setenv("FIRSTMATE_LOG_LEVEL", "loud")
    ((_, health),) = await doctor()
    assert health == Health(
        ok=False,
        line="FIRSTMATE_PORT must be a whole number (The port of webhooks and health checks; 0: any free one); "
        "FIRSTMATE_LOG_LEVEL must be 'debug', 'info', 'warning' or 'error' (How much is logged: debug, info, warning or error)",
    )


async def test_a_misspelt_setting_is_told_with_the_name_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_PROMETHEUS_ULR", "http://127.0.0.1:9")
    monkeypatch.setenv("FIRSTMATE_SERVICE_HOST", "10.0.0.1")  # a cluster sets such a one by itself
    monkeypatch.setenv("FIRSTMATE_GIT_REF", "main")
    settings = (await told())["settings"]
    assert (
        Health(False, "FIRSTMATE_PROMETHEUS_ULR is no setting and is ignored; did you mean FIRSTMATE_PROMETHEUS_URL?") in settings
    )
    assert Health(True, "FIRSTMATE_SERVICE_HOST is no setting and is ignored") in settings
    assert not any("GIT_REF" in health.line for health in settings)


async def test_what_is_not_configured_is_said_of_connectors_and_of_actions() -> None:
    held = await told()
    assert [health.ok for health in held["connectors"]] == [False]
    assert [health.ok for health in held["actions"]] == [True]
    assert "nothing can be proposed" in held["actions"][0].line


async def test_one_that_cannot_be_opened_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_GIT_PATH", str(tmp_path / "nowhere"))
    monkeypatch.setenv("FIRSTMATE_PROMETHEUS_MAX_SERIES", "all")
    (tmp_path / "a.log").write_text("{}\n")
    monkeypatch.setenv("FIRSTMATE_LOGFILE_PATHS", str(tmp_path / "*.log"))
    monkeypatch.setenv("FIRSTMATE_WEBHOOK_ACTION_URL", "https://automation.example.com")
    held = await told()
    assert [(health.ok, "FIRSTMATE_GIT_PATH" in health.line) for health in held["git"]] == [(False, True)]
    assert "FIRSTMATE_PROMETHEUS_MAX_SERIES" in held["prometheus"][0].line
    assert "FIRSTMATE_WEBHOOK_ACTION_SECRET" in held["webhook"][0].line
    assert [health.ok for health in held["logfile"]] == [True]
    assert "connectors" not in held
    assert "actions" not in held


async def test_one_without_a_check_has_its_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet:
        name = "quiet"

    plugin = Plugin(name="quiet", summary="x", settings=Settings, configured=lambda _: True, open=lambda _: Quiet())
    monkeypatch.setattr("app.doctor.discover", lambda package, _: {"quiet": plugin} if package == "app.connectors" else {})
    held = await told()
    assert [health.ok for health in held["quiet"]] == [True]
    assert "connectors" not in held


def test_the_catalogue_tells_what_is_used_from_what_is_only_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_LOGFILE_PATHS", "*.log")
    held = catalogue()
    assert held["connectors"] == ["logfile"]
    assert {"git", "prometheus"} <= set(held["connectors_not_configured"])
    assert held["actions"] == []
    assert "webhook" in held["actions_not_configured"]


async def test_the_audit_trails_key_and_roots_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_DATA_DIR", str(tmp_path))
    assert "audit" not in await told()
    ledger = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    key = own_key(tmp_path / "audit.key")
    async with ledger.write() as tx:
        await audit.append(tx, audit.Action.NOTED, at=now(), actor="U1", surface="test", subject="x")
    await Roots(ledger, tmp_path / "audit", key=key, clock=now).seal()
    await ledger.close()
    (sound,) = (await told())["audit"]
    assert (sound.ok, sound.line.startswith("1 root in "), key.public[:12] in sound.line) == (True, True, True)
    (tmp_path / "audit.key").unlink()
    (lost,) = (await told())["audit"]
    assert (lost.ok, f"--key {key.public}" in lost.line) == (False, True)
    own_key(tmp_path / "audit.key")
    (foreign,) = (await told())["audit"]
    assert (foreign.ok, "is not the one you know" in foreign.line) == (False, True)
