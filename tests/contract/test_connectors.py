"""What every file in app/connectors that exposes CONNECTOR promises."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

import app.connectors
from app.domain import ports
from app.domain.errors import FirstmateError
from app.domain.incident import Alert, Scope
from app.domain.plugin import AnyPlugin, Checkable, Plugin
from app.domain.telemetry import NoData
from app.domain.window import Window
from tests.contract.given import settings_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCES = (
    ports.MetricsSource,
    ports.LogsSource,
    ports.SpansSource,
    ports.ChangesSource,
    ports.TopologySource,
    ports.ObjectsSource,
    ports.StatusSource,
)
MODULES = [f"app.connectors.{module.name}" for module in pkgutil.iter_modules(app.connectors.__path__)]
PLUGINS: list[AnyPlugin] = [
    module.CONNECTOR for module in map(importlib.import_module, MODULES) if isinstance(getattr(module, "CONNECTOR", None), Plugin)
]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where relative paths of examples lead: a folder that holds nothing but an empty case."""
    (tmp_path / "case.json").write_text(
        '{"schema": "incident-case/1", "alert": {"summary": "s"},'
        ' "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}}'
    )
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("FIRSTMATE_"):
            monkeypatch.delenv(name)


def test_there_are_connectors_and_their_names_differ() -> None:
    names = [plugin.name for plugin in PLUGINS]
    assert {"case", "prometheus", "logfile", "git"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
class TestConnector:
    def test_settings_carry_the_prefix_and_every_field_says_what_it_means(self, plugin: AnyPlugin) -> None:
        assert issubclass(plugin.settings, BaseSettings)
        assert plugin.settings.model_config["env_prefix"] == f"FIRSTMATE_{plugin.name.upper()}_"
        for name, field in plugin.settings.model_fields.items():
            assert field.description, f"{plugin.name}.{name} has no description"

    def test_an_empty_environment_means_not_configured(self, plugin: AnyPlugin) -> None:
        assert plugin.configured(plugin.settings()) is False

    def test_it_says_what_it_is_in_one_line(self, plugin: AnyPlugin) -> None:
        assert plugin.summary
        assert "\n" not in plugin.summary

    async def test_what_it_opens_is_a_source_that_can_be_checked_and_closed(self, plugin: AnyPlugin) -> None:
        settings = settings_of(plugin)
        assert plugin.configured(settings), f"the examples of {plugin.name}'s settings don't configure it"
        source = plugin.open(settings)
        assert any(isinstance(source, port) for port in SOURCES)
        assert isinstance(source, Checkable)
        assert source.name == plugin.name  # what a finding says of its source, and a success criterion asks again
        health = await source.check()
        assert health.line
        assert "\n" not in health.line
        await source.close()

    async def test_what_it_says_comes_from_it_by_name(self, plugin: AnyPlugin) -> None:
        source = plugin.open(settings_of(plugin))
        window = Window(start=NOON - timedelta(hours=1), end=NOON)
        scope = Scope(alert=Alert(fired_at=NOON, summary="s"), window=window)
        if isinstance(source, ports.ChangesSource):
            with suppress(FirstmateError):  # anything else that it raises is a defect
                changes = await source.changes(window)
                named = [changes.source] if isinstance(changes, NoData) else [change.source for change in changes]
                assert {name.partition(":")[0] for name in named} <= {plugin.name}
        for port, asked in (
            (ports.MetricsSource, "metrics"),
            (ports.LogsSource, "logs"),
            (ports.SpansSource, "spans"),
            (ports.TopologySource, "topology"),
            (ports.ObjectsSource, "objects"),
            (ports.StatusSource, "statuses"),
        ):
            if isinstance(source, port):
                try:
                    answer = await getattr(source, asked)(scope)
                except FirstmateError:
                    continue
                assert answer.source.partition(":")[0] == plugin.name
        await source.close()

    def test_every_question_it_answers_is_asked_asynchronously(self, plugin: AnyPlugin) -> None:
        source = plugin.open(settings_of(plugin))
        asked = {name for port in SOURCES for name in vars(port) if not name.startswith("_") and callable(getattr(port, name))}
        for name in asked & set(dir(source)):
            assert inspect.iscoroutinefunction(getattr(source, name)), name


def test_importing_connectors_opens_nothing_and_reads_no_environment() -> None:
    """In a fresh interpreter that records what the connectors' own files do while they are imported."""
    script = f"""
import sys, os, importlib
for name in ("httpx2", "polars", "pydantic_settings", "re2", "numpy", "zoneinfo", "asyncio", "rfc8785", "gzip"):
    importlib.import_module(name)
done = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.")) or (event == "open" and "w" in str(arguments[1] or "")):
        done.append((event, str(arguments)[:100]))
sys.dont_write_bytecode = True
sys.addaudithook(watch)
before = dict(os.environ)
for name in {MODULES!r}:
    importlib.import_module(name)
assert not done, done
assert dict(os.environ) == before
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
