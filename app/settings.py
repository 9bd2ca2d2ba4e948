"""The core's settings. Read from the environment once, by main; every plug-in has a small class of its own beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every field is one environment variable: its name in capitals behind FIRSTMATE_, unless an alias is given."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_", populate_by_name=True)

    data_dir: Path = Field(default=Path(".firstmate"), description="Where the ledger, the inbox and the checkpoints live.")
    database_url: str = Field(
        default="", description="The ledger's database; empty: SQLite in the data folder. PostgreSQL: postgresql://…"
    )
    policy_file: Path | None = Field(default=None, description="Who may approve what; empty: policy.yaml in the data folder.")
    runbooks_dir: Path | None = Field(default=None, description="Your runbooks; empty: the ones that come with Firstmate.")
    host: str = Field(default="127.0.0.1", description="The address webhooks and health checks listen on.")
    port: int = Field(default=8723, ge=0, le=65535, description="The port of webhooks and health checks; 0: any free one.")
    webhook_token: SecretStr = Field(
        default=SecretStr(""), description="The bearer token that alert and change webhooks must carry."
    )
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")

    lookback_s: float = Field(default=1800, gt=0, description="How far before its alert an incident may have begun, seconds.")
    reference_s: float = Field(default=7200, gt=0, description="How much time before that counts as normal, seconds.")
    settle_s: float = Field(default=0, ge=0, description="How long after the alert triage waits for telemetry to arrive, seconds.")

    slack_bot_token: SecretStr = Field(default=SecretStr(""), alias="SLACK_BOT_TOKEN", description="xoxb-…: the app's bot token.")
    slack_app_token: SecretStr = Field(default=SecretStr(""), alias="SLACK_APP_TOKEN", description="xapp-…: for Socket Mode.")
    slack_signing_secret: SecretStr = Field(
        default=SecretStr(""), alias="SLACK_SIGNING_SECRET", description="Set it to receive over HTTP instead of Socket Mode."
    )
    slack_api_url: str = Field(default="https://slack.com/api/", alias="SLACK_API_URL", description="Slack's Web API.")
    channel_prefix: str = Field(default="inc", pattern="^[a-z0-9-]{1,20}$", description="What incident channels' names begin with.")
    invite: str = Field(default="", description="Slack user ids invited to every incident channel, separated by commas.")

    @property
    def ledger_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'ledger.sqlite'}"

    @property
    def policy_path(self) -> Path:
        return self.policy_file or self.data_dir / "policy.yaml"

    @property
    def http_mode(self) -> bool:
        """Slack delivers over HTTP; otherwise Socket Mode."""
        return bool(self.slack_signing_secret.get_secret_value())
