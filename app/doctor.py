"""Everything that can be checked, each as one line that says how to mend it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from app.domain.errors import FirstmateError, Misconfigured
from app.domain.plugin import Checkable, Health
from app.plugged import load_policy, load_runbooks, now, open_plugins, own_folder, read_settings
from app.processes import demand_settings, slack_client
from app.settings import Settings


async def doctor() -> list[tuple[str, Health]]:
    """Everything checked, in the order in which it should be mended; a check that can't be made is one that failed."""
    from app.ledger.ledger import Ledger
    from app.manifest import needed_scopes
    from app.slack import health

    told: list[tuple[str, Health]] = []
    try:
        settings: Settings = read_settings(Settings)
    except Misconfigured as error:
        return [("settings", Health(ok=False, line=str(error)))]
    try:
        demand_settings(settings)
        told.append(
            ("settings", Health(ok=True, line=f"data in {settings.data_dir}, listening on {settings.host}:{settings.port}"))
        )
    except Misconfigured as error:
        told.append(("settings", Health(ok=False, line=str(error))))
    if settings.slack_bot_token.get_secret_value():
        app_client = None if settings.http_mode else slack_client(settings, app_level=True)
        told += await health.check(slack_client(settings), app_client, needed=needed_scopes(), now=now())
    told.append(await _tried("database", lambda: _check_ledger(settings, Ledger)))
    told.append(await _tried("policy", lambda: _check_policy(settings)))
    told.append(await _tried("runbooks", lambda: _check_runbooks(settings)))
    for package, attribute in (("app.connectors", "CONNECTOR"), ("app.actions", "ACTION")):
        try:
            opened = open_plugins(package, attribute)
        except FirstmateError as error:
            told.append((package.split(".")[1], Health(ok=False, line=str(error))))
            continue
        for name, plugged in opened.items():
            if isinstance(plugged, Checkable):
                told.append(await _tried(name, plugged.check))
                await plugged.close()
        if not opened and attribute == "CONNECTOR":
            line = "none is configured; set FIRSTMATE_PROMETHEUS_URL or another, see README"
            told.append(("connectors", Health(ok=False, line=line)))
    return told


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


async def _check_policy(settings: Settings) -> Health:
    policy = load_policy(settings)
    if policy is None:
        return Health(
            ok=False, line=f"there is no {settings.policy_path}; nothing above tier 0 can be approved; run: firstmate policy init"
        )
    if policy.empty:
        return Health(ok=False, line=f"{settings.policy_path} names no approvers; name them, then: firstmate policy check")
    return Health(ok=True, line=f"version {policy.version[:12]}, {len(policy.approvers)} targets have approvers")


async def _check_runbooks(settings: Settings) -> Health:
    return Health(ok=True, line=f"{len(load_runbooks(settings))} runbooks")
