"""The core's settings. Read from the environment once, by main; every plug-in has a small class of its own beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.domain.errors import Misconfigured

S = TypeVar("S", bound=BaseSettings)
PREFIX = "FIRSTMATE_"


class Settings(BaseSettings):
    """Every field is one environment variable: its name in capitals behind FIRSTMATE_, unless an alias is given."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, populate_by_name=True)

    data_dir: Path = Field(default=Path(".firstmate"), description="Where the ledger, the inbox and the checkpoints live.")
    database_url: str = Field(
        default="", description="The ledger's database; empty: SQLite in the data folder. PostgreSQL: postgresql://…"
    )
    policy_file: Path | None = Field(default=None, description="Who may approve what; empty: policy.yaml in the data folder.")
    audit_dir: Path | None = Field(
        default=None,
        description="Where the audit trail's signed roots are kept, best on another disk; empty: audit in the data folder.",
    )
    audit_payload_days: int = Field(
        default=400,
        ge=1,
        le=36500,
        description="How long audit rows keep what they carried, days; rows and hashes stay for ever. The same on every machine.",
    )
    runbooks_dir: Path | None = Field(default=None, description="Your runbooks; empty: the ones that come with Firstmate.")
    host: str = Field(default="127.0.0.1", description="The address webhooks and health checks listen on.")
    port: int = Field(default=8723, ge=0, le=65535, description="The port of webhooks and health checks; 0: any free one.")
    webhook_token: SecretStr = Field(
        default=SecretStr(""), description="The bearer token that alert and change webhooks must carry."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged: debug, info, warning or error."
    )

    lookback_s: float = Field(
        default=1800, gt=0, le=604800, description="How far before its alert an incident may have begun, seconds."
    )
    reference_s: float = Field(
        default=7200,
        gt=0,
        le=2592000,
        description="How much time before that counts as normal, seconds; from three days on, daily peaks are known.",
    )
    settle_s: float = Field(
        default=0, ge=0, le=3600, description="How long after the alert triage waits for telemetry to arrive, seconds."
    )

    slack_bot_token: SecretStr = Field(default=SecretStr(""), alias="SLACK_BOT_TOKEN", description="xoxb-…: the app's bot token.")
    slack_app_token: SecretStr = Field(default=SecretStr(""), alias="SLACK_APP_TOKEN", description="xapp-…: for Socket Mode.")
    slack_signing_secret: SecretStr = Field(
        default=SecretStr(""), alias="SLACK_SIGNING_SECRET", description="Set it to receive over HTTP instead of Socket Mode."
    )
    slack_api_url: str = Field(default="https://slack.com/api/", alias="SLACK_API_URL", description="Slack's Web API.")
    channel_prefix: str = Field(
        default="inc",
        pattern="^[a-z0-9-]{1,20}$",
        description="What incident channels' names begin with: 1 to 20 small letters, digits and hyphens.",
    )
    invite: str = Field(default="", description="Slack user ids invited to every incident channel, separated by commas.")

    @property
    def ledger_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'ledger.sqlite'}"

    @property
    def policy_path(self) -> Path:
        return self.policy_file or self.data_dir / "policy.yaml"

    @property
    def roots_dir(self) -> Path:
        return self.audit_dir or self.data_dir / "audit"

    @property
    def audit_key_path(self) -> Path:
        """The private key that signs roots; never in the database, nor beside the roots where those are elsewhere."""
        return self.data_dir / "audit.key"

    @property
    def stop_path(self) -> Path:
        """While this file is there, nothing is approved and nothing runs."""
        return self.data_dir / "STOP"

    @property
    def http_mode(self) -> bool:
        """Slack delivers over HTTP; otherwise Socket Mode."""
        return bool(self.slack_signing_secret.get_secret_value())

    def missing(self) -> dict[str, str]:
        """What `serve` can't do without and was not given: variable → what to do about it."""
        told = {}
        if not self.slack_bot_token.get_secret_value().startswith("xoxb-"):
            told["SLACK_BOT_TOKEN"] = (
                "SLACK_BOT_TOKEN must hold the app's bot token (xoxb-…): install the app, then copy it from OAuth & Permissions"
            )
        if not self.http_mode and not self.slack_app_token.get_secret_value().startswith("xapp-"):
            told["SLACK_APP_TOKEN"] = (
                "SLACK_APP_TOKEN must hold an app-level token (xapp-…, scope connections:write): make one under Basic Information, "
                "or set SLACK_SIGNING_SECRET to receive over HTTP"
            )
        if len(self.webhook_token.get_secret_value()) < 16:
            told["FIRSTMATE_WEBHOOK_TOKEN"] = (
                "FIRSTMATE_WEBHOOK_TOKEN must hold at least 16 characters: make one with openssl rand -hex 24"
            )
        return told


def read_settings(kind: type[S]) -> S:
    """One settings class from the environment; an empty variable is one that is not set. Raises `Misconfigured` with everything
    that is wrong, each by its variable. What was given is never repeated: it may be a secret."""
    try:
        return kind(_env_ignore_empty=True)
    except SettingsError as error:  # a field that is read as JSON and isn't
        field = re.search(r'field "(\w+)"', str(error))
        name = _variable(kind, field[1]) if field else f"one of {', '.join(variables(kind))}"
        raise Misconfigured(f'{name} must be JSON, such as ["a", "b"] for a list or {{"a": "b"}} for pairs') from error
    except ValidationError as error:
        raise Misconfigured("; ".join(_said(kind, dict(each)) for each in error.errors())) from error


def variables(kind: type[BaseSettings]) -> list[str]:
    """The environment variables that a settings class reads."""
    return [_variable(kind, name) for name in kind.model_fields]


def strays(environment: Iterable[str], known: Iterable[str]) -> dict[str, str | None]:
    """Variables with our prefix that nothing reads, each with the name it most looks like, if it looks like one."""
    bare = {name.removeprefix(PREFIX): name for name in known if name.startswith(PREFIX)}
    found = [name for name in sorted(environment) if name.upper().startswith(PREFIX)]
    unknown = {name: name.upper().removeprefix(PREFIX) for name in found}
    near = {name: get_close_matches(rest, bare, n=1, cutoff=0.75) for name, rest in unknown.items() if rest not in bare}
    return {name: bare[matches[0]] if matches else None for name, matches in near.items()}


def _variable(kind: type[BaseSettings], field: str) -> str:
    alias = kind.model_fields[field].alias
    return alias or (str(kind.model_config.get("env_prefix", "")) + field).upper()


_WORDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "string_pattern_mismatch": "has a form that is not taken",
}


def _said(kind: type[BaseSettings], error: dict[str, Any]) -> str:
    """`FIRSTMATE_PORT must be a whole number (The port of …)`"""
    at = str(error["loc"][0]) if error["loc"] else ""
    field = next((name for name, info in kind.model_fields.items() if at in (name, info.alias)), None)
    why = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    told = _WORDS.get(error["type"], why)
    if field is None:
        return f"{kind.model_config.get('env_prefix', '')}…: {told}"
    return f"{_variable(kind, field)} {told} ({(kind.model_fields[field].description or '').rstrip('.')})"
