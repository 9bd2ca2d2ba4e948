"""What is plugged in: settings from the environment, plug-ins from their folders, the policy and the runbooks from their files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from app.domain.errors import BadInput, Misconfigured, NotFound
from app.domain.plugin import Plugin
from app.plugins import catalogue_hash, discover
from app.settings import Settings

if TYPE_CHECKING:
    from app.domain.runbook import Runbook
    from app.policy.policy import Policy
    from graphs.contract import Sources

PORTS = ("metrics", "logs", "spans", "changes", "topology", "objects", "statuses")


def now() -> datetime:
    return datetime.now(UTC)


def read_settings(kind: type[BaseModel]) -> Any:
    """One settings class from the environment. Raises `Misconfigured` naming the variable and what is wrong with it."""
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        told = "; ".join(f"{prefix}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise Misconfigured(f"settings: {told}") from error


def open_plugins(package: str, attribute: str) -> dict[str, Any]:
    """Every plug-in of a folder whose settings say that it is used, opened. Raises `Misconfigured` for one that can't be."""
    opened: dict[str, Any] = {}
    for plugin in discover(package, attribute).values():
        assert isinstance(plugin, Plugin)
        settings = read_settings(plugin.settings)
        if plugin.configured(settings):
            try:
                opened[plugin.name] = plugin.open(settings)
            except (BadInput, NotFound) as error:
                raise Misconfigured(f"{plugin.name} can't be opened as it is set: {error}") from error
    return opened


def sources_of(connectors: list[Any]) -> Sources:
    """Who answers for what, by the protocols each connector fills."""
    from app.domain import ports
    from graphs.contract import Sources

    kinds = {
        "metrics": ports.MetricsSource,
        "logs": ports.LogsSource,
        "spans": ports.SpansSource,
        "changes": ports.ChangesSource,
        "topology": ports.TopologySource,
        "objects": ports.ObjectsSource,
        "statuses": ports.StatusSource,
    }
    held: dict[str, Any] = {port: tuple(each for each in connectors if isinstance(each, kinds[port])) for port in PORTS}
    return Sources(**held)


def investigators() -> dict[str, Any]:
    return discover("graphs.investigators", "INVESTIGATOR")


def catalogue() -> dict[str, Any]:
    """What is plugged in, and one hash over it."""
    names = {
        "connectors": sorted(discover("app.connectors", "CONNECTOR")),
        "actions": sorted(discover("app.actions", "ACTION")),
        "investigators": sorted(investigators()),
        "commands": sorted(discover("app.slack.commands", "COMMAND")),
    }
    return {**names, "hash": catalogue_hash(names)}


def load_policy(settings: Settings) -> Policy | None:
    """The policy file; None where there is none yet. Raises `Misconfigured`, also where one was named that is not there."""
    from app.policy.policy import load

    path = settings.policy_path
    try:
        return load(path.read_bytes().decode("utf-8", "replace"))
    except FileNotFoundError as error:
        if settings.policy_file is None:
            return None
        raise Misconfigured(
            f"FIRSTMATE_POLICY_FILE names {path}, which does not exist; write it with: firstmate policy init"
        ) from error
    except OSError as error:
        raise Misconfigured(f"the policy file {path} can't be read: {error.strerror}; check it and its owner") from error


def load_runbooks(settings: Settings) -> tuple[Runbook, ...]:
    from app.runbooks import builtin_runbooks, read_runbooks

    return read_runbooks(settings.runbooks_dir or builtin_runbooks())


def own_folder(path: Path) -> None:
    """The data folder, for this user alone; so is every file that this process makes from now on. Raises `Misconfigured`."""
    os.umask(0o077)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"the data folder {path} can't be made ({error.strerror}); set FIRSTMATE_DATA_DIR to one that can"
        ) from error
