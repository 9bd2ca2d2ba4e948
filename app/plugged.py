"""What is plugged in: settings from the environment, plug-ins from their folders, the policy and the runbooks from their files."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput, Misconfigured, NotFound
from app.domain.plugin import AnyPlugin
from app.domain.redaction import use_key
from app.plugins import catalogue_hash, discover
from app.settings import Settings, read_settings

if TYPE_CHECKING:
    from app.domain.runbook import Runbook
    from app.policy.policy import Policy
    from graphs.analysis.calibration import Calibration
    from graphs.contract import Sources

PORTS = ("metrics", "logs", "spans", "changes", "topology", "objects", "statuses")


def now() -> datetime:
    return datetime.now(UTC)


def open_plugins(package: str, attribute: str) -> dict[str, Any]:
    """Every plug-in of a folder whose settings say that it is used, opened. Raises `Misconfigured` for one that can't be."""
    plugins: list[AnyPlugin] = list(discover(package, attribute).values())
    return {plugin.name: opened for plugin in plugins if (opened := open_plugin(plugin)) is not None}


def open_plugin(plugin: AnyPlugin) -> Any:
    """None where its settings say that it is not used. Raises `Misconfigured`."""
    settings = read_settings(plugin.settings)
    if not plugin.configured(settings):
        return None
    try:
        return plugin.open(settings)
    except (BadInput, NotFound) as error:
        raise Misconfigured(f"{plugin.name} can't be opened as it is set: {error}") from error


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


@cache
def calibration() -> Calibration:
    """What odds are worth, from the file beside the analysis."""
    from graphs.analysis.calibration import Calibration

    return Calibration.model_validate_json(
        resources.files("graphs.analysis").joinpath("calibration.json").read_text(encoding="utf-8")
    )


def investigators() -> dict[str, Any]:
    return discover("graphs.investigators", "INVESTIGATOR")


def catalogue() -> dict[str, Any]:
    """What is used, what else is there, and one hash over all of it."""
    systems = {
        "connectors": discover("app.connectors", "CONNECTOR"),
        "actions": discover("app.actions", "ACTION"),
    }
    used = {
        kind: sorted(name for name, plugin in found.items() if plugin.configured(read_settings(plugin.settings)))
        for kind, found in systems.items()
    }
    unused = {f"{kind}_not_configured": sorted(set(found) - set(used[kind])) for kind, found in systems.items()}
    thinking = {"investigators": sorted(investigators()), "commands": sorted(discover("app.slack.commands", "COMMAND"))}
    there = {kind: sorted(found) for kind, found in systems.items()} | thinking
    return {**used, **unused, **thinking, "hash": catalogue_hash(there)}


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
    """The data folder, for this user alone; so is every file that this process makes from now on. Raises `Misconfigured`.

    It holds the key of the placeholders that secrets become: a run that is taken up after a crash must read the same lines.
    """
    os.umask(0o077)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"the data folder {path} can't be made ({error.strerror}); set FIRSTMATE_DATA_DIR to one that can"
        ) from error
    made = path / f"redaction.key.{os.getpid()}"
    made.write_bytes(os.urandom(32))
    with suppress(FileExistsError):
        os.link(made, path / "redaction.key")  # whole or not at all, whichever process comes first
    made.unlink()
    use_own_key(path)


def use_own_key(path: Path) -> None:
    """The same placeholders as everybody else on this data folder; where it has no key yet, this process's own."""
    with suppress(FileNotFoundError):
        use_key((path / "redaction.key").read_bytes())
