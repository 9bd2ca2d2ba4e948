from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import Misconfigured
from app.plugged import read_settings
from app.settings import Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("FIRSTMATE_", "SLACK_")):
            monkeypatch.delenv(name)


def test_with_nothing_set_everything_stays_on_this_machine() -> None:
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert settings.ledger_url == "sqlite:///.firstmate/ledger.sqlite"
    assert settings.policy_path == Path(".firstmate/policy.yaml")
    assert not settings.http_mode


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if len(field.description or "") < 12] == []


def test_secrets_do_not_show_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_WEBHOOK_TOKEN", "very secret token")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "signing secret")
    settings = Settings()
    assert settings.http_mode
    assert "secret" not in repr(settings).replace("slack_signing_secret", "").replace("SecretStr", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIRSTMATE_PORT", "70000"),
        ("FIRSTMATE_LOG_LEVEL", "loud"),
        ("FIRSTMATE_LOOKBACK_S", "-1"),
        ("FIRSTMATE_CHANNEL_PREFIX", "Big Words"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_own_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name):
        read_settings(Settings)
