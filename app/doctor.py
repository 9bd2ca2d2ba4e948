"""Everything that can be checked, each as one line that says how to mend it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic_settings import BaseSettings

from app.domain.errors import FirstmateError, Misconfigured
from app.domain.plugin import AnyPlugin, Checkable, Health
from app.domain.quantity import counted
from app.plugged import load_policy, load_runbooks, now, open_plugin, own_folder
from app.plugins import discover
from app.processes import slack_client
from app.settings import Settings, read_settings, strays, variables

SYSTEMS = (
    (
        "connectors",
        "CONNECTOR",
        Health(ok=False, line="none is configured; set FIRSTMATE_PROMETHEUS_URL or another, see README"),
    ),
    (
        "actions",
        "ACTION",
        Health(ok=True, line="none is configured, so nothing can be proposed; see FIRSTMATE_WEBHOOK_ACTION_URL in the README"),
    ),
)
"""Folders of plug-ins in `app`, and what is said where none of theirs is used: reading something is needed, changing it is not."""


async def doctor() -> list[tuple[str, Health]]:
    """Everything checked, in the order in which it should be mended; a check that can't be made is one that failed."""
    from app.ledger.ledger import Ledger

    systems = [_found(*system) for system in SYSTEMS]
    ignored = _strays([plugin.settings for _, plugins, _ in systems for plugin in plugins])
    try:
        settings = read_settings(Settings)
    except Misconfigured as error:
        return [("settings", Health(ok=False, line=str(error))), *ignored]
    told: list[tuple[str, Health]] = []
    missing = [Health(ok=False, line=line) for line in settings.missing().values()]
    sound = Health(ok=True, line=f"data in {settings.data_dir}, listening on {settings.host}:{settings.port}")
    told += [("settings", health) for health in missing or [sound]]
    told += ignored
    told += await _check_slack(settings)
    told.append(await _tried("database", lambda: _check_ledger(settings, Ledger)))
    if settings.audit_key_path.exists() or settings.roots_dir.exists():  # else nothing is signed yet
        told.append(await _tried("audit", lambda: _check_audit(settings)))
    told += await _check_inbox(settings)
    if settings.ledger_url.startswith("postgresql"):  # else they run in one process, and there is nothing to check
        told.append(await _tried("role", lambda: _check_role(settings, Ledger)))
        told.append(await _tried("jobs", lambda: _check_jobs(settings)))
    told.append(await _tried("policy", lambda: _check_policy(settings)))
    told.append(await _tried("runbooks", lambda: _check_runbooks(settings)))
    for folder, plugins, without in systems:
        lines = [await _check_plugin(plugin) for plugin in plugins]
        told += [line for line in lines if line is not None] or [(folder, without)]
    return told


def _found(folder: str, attribute: str, without: Health) -> tuple[str, list[AnyPlugin], Health]:
    """The folder's plug-ins; none, and why, where one of its files can't be loaded."""
    try:
        return folder, list(discover(f"app.{folder}", attribute).values()), without
    except Misconfigured as error:
        return folder, [], Health(ok=False, line=str(error))


def _strays(kinds: list[type[BaseSettings]]) -> list[tuple[str, Health]]:
    """Variables that look like settings and are none: a misspelt one is ignored, and nobody would notice."""
    told = []
    known = [*variables(Settings), *(name for kind in kinds for name in variables(kind))]
    for name, near in strays(os.environ, known).items():
        line = f"{name} is no setting and is ignored"
        told.append(("settings", Health(ok=near is None, line=f"{line}; did you mean {near}?" if near else line)))
    return told


async def _check_slack(settings: Settings) -> list[tuple[str, Health]]:
    from app.manifest import needed_scopes
    from app.slack import health

    if not settings.slack_bot_token.get_secret_value():
        return []
    app_client = None if settings.http_mode else slack_client(settings, app_level=True)
    return await health.check(slack_client(settings), app_client, needed=needed_scopes(), now=now())


async def _check_plugin(plugin: AnyPlugin) -> tuple[str, Health] | None:
    """None where it is not used. One that can't be opened takes no other with it."""
    try:
        opened = open_plugin(plugin)
    except FirstmateError as error:
        return plugin.name, Health(ok=False, line=str(error))
    if opened is None:
        return None
    if not isinstance(opened, Checkable):
        return plugin.name, Health(ok=True, line="it is configured; it has no check")
    try:
        return await _tried(plugin.name, opened.check)
    finally:
        await opened.close()


async def _tried(name: str, check: Callable[[], Awaitable[Health]]) -> tuple[str, Health]:
    try:
        return name, await check()
    except FirstmateError as error:
        return name, Health(ok=False, line=str(error))


async def _check_ledger(settings: Settings, ledger_kind: Any) -> Health:
    own_folder(settings.data_dir)
    ledger = await ledger_kind.open(settings.ledger_url)
    try:
        health: Health = await ledger.check()
        return health
    finally:
        await ledger.close()


async def _check_role(settings: Settings, ledger_kind: Any) -> Health:
    """Whether whom we connect as can do to the audit trail what its triggers refuse."""
    from app.ledger.roles import MAKE_ONE, beyond

    ledger = await ledger_kind.open(settings.ledger_url)
    try:
        name, can = await beyond(ledger)
    finally:
        await ledger.close()
    if can:
        why = "; ".join(can)
        return Health(ok=False, line=f"connects as {name}, and who has its URL can rewrite the audit trail: {why}; {MAKE_ONE}")
    return Health(ok=True, line=f"connects as {name}, which adds to the audit trail and can't change it")


async def _check_inbox(settings: Settings) -> list[tuple[str, Health]]:
    """Only where something was shed, or is now."""
    from app.jobs.inbox import MOST_WAITING, Inbox

    path = settings.data_dir / "inbox.sqlite"
    if not path.exists():
        return []
    inbox = await Inbox.open(path, clock=now)
    try:
        waiting, shed = await inbox.waiting(), sum(each.count for each in await inbox.shed())
    finally:
        await inbox.close()
    line = f"{counted(waiting, 'delivery', 'deliveries')} to be worked on; {shed} were shed so far"
    if waiting >= MOST_WAITING:
        mend = f"changes are not taken until fewer than {MOST_WAITING} wait; look whether the work process runs"
        return [("inbox", Health(ok=False, line=f"{line}; {mend}"))]
    return [("inbox", Health(ok=True, line=line))] if shed else []


async def _check_audit(settings: Settings) -> Health:
    from app.ledger.roots import FILE, read_key
    from app.verify_alone import Log, read_roots

    path, file = settings.audit_key_path, settings.roots_dir / FILE
    key = read_key(path).public if path.exists() else ""
    log = read_roots(file.read_text(encoding="utf-8"), keys=[key]) if file.exists() else Log()
    if not key and log.roots:
        was = log.roots[-1].key
        return Health(
            ok=False,
            line=f"the key {path} is gone, and {file} was signed with it: put it back; else the next start makes a new one, and "
            f"who checks the trail must name both: --key {was}",
        )
    if log.problems:
        return Health(ok=False, line=f"{log.problems[0]} ({file}); run: firstmate audit verify")
    if not log.roots:
        return Health(ok=True, line="nothing is signed yet; the first start makes the key")
    last = log.roots[-1]
    return Health(ok=True, line=f"{counted(last.seq, 'root')} in {file}, the last of {last.at[:19]}Z; key {key[:12]}")


async def _check_jobs(settings: Settings) -> Health:
    """How work is shared, and who works."""
    from app.jobs.sessions import at_work
    from app.ledger.ledger import libpq, parse_url

    there = await at_work(libpq(parse_url(settings.ledger_url)))
    who = ", ".join(there) or "none yet; start one with: firstmate serve"
    return Health(
        ok=True, line=f"shared through PostgreSQL by Procrastinate; {counted(len(there), 'work process', 'work processes')}: {who}"
    )


async def _check_policy(settings: Settings) -> Health:
    policy = load_policy(settings)
    if policy is None:
        return Health(
            ok=False, line=f"there is no {settings.policy_path}; nothing above tier 0 can be approved; run: firstmate policy init"
        )
    if policy.empty:
        return Health(ok=False, line=f"{settings.policy_path} names no approvers; name them, then: firstmate policy check")
    return Health(ok=True, line=f"version {policy.version[:12]}, {counted(len(policy.approvers), 'target')} with approvers")


async def _check_runbooks(settings: Settings) -> Health:
    return Health(ok=True, line=counted(len(load_runbooks(settings)), "runbook"))
