from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.connectors.prometheus import PrometheusSettings
from app.domain.errors import Misconfigured
from app.domain.plugin import Pairs, Words
from app.processes import demand_settings, in_slack
from app.settings import Settings, read_settings, strays


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


def test_everything_that_is_wrong_is_said_at_once_and_no_value_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_PORT", "hunter2")
    monkeypatch.setenv("FIRSTMATE_CHANNEL_PREFIX", "Hunter 2")
    with pytest.raises(Misconfigured) as refused:
        read_settings(Settings)
    said = str(refused.value)
    assert "FIRSTMATE_PORT must be a whole number" in said
    assert "FIRSTMATE_CHANNEL_PREFIX has a form that is not taken (What incident channels' names begin with: 1 to 20" in said
    assert "hunter" not in said.lower()
    assert "pattern" not in said


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_PORT", "")
    monkeypatch.setenv("FIRSTMATE_POLICY_FILE", "")
    assert read_settings(Settings) == Settings(port=8723, policy_file=None)


def test_what_is_read_by_an_alias_is_named_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="FIRSTMATE_")
        most: int = Field(default=1, alias="OWN_MOST", description="Most of it.")

    monkeypatch.setenv("OWN_MOST", "x")
    with pytest.raises(Misconfigured, match=r"^OWN_MOST must be a whole number"):
        read_settings(Own)


def test_a_start_says_everything_that_is_missing() -> None:
    with pytest.raises(Misconfigured, match=r"SLACK_BOT_TOKEN.*SLACK_APP_TOKEN.*FIRSTMATE_WEBHOOK_TOKEN"):
        demand_settings(Settings())


async def test_the_work_process_alone_says_that_it_has_no_token_and_asks_nobody() -> None:
    with pytest.raises(Misconfigured, match="SLACK_BOT_TOKEN must hold"):
        await in_slack(Settings(slack_api_url="http://127.0.0.1:9/api/"))


class Listed(BaseSettings):
    """As a plug-in declares it. `plain` is left to pydantic-settings, which reads JSON."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_LISTED_")
    words: Words = Field(default=("a",), description="Words.")
    pairs: Pairs = Field(default_factory=dict, description="Pairs.")
    plain: list[str] = Field(default_factory=list, description="Anything.")


@pytest.mark.parametrize("form", ["service, app", "service,app,", '["service", "app"]'])
def test_a_list_is_words_between_commas_or_json(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_LISTED_WORDS", form)
    assert read_settings(Listed).words == ("service", "app")


@pytest.mark.parametrize("form", ["a/=x, b=y=z", '{"a/": "x", "b": "y=z"}'])
def test_pairs_are_written_with_equals_signs_or_as_json(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_LISTED_PAIRS", form)
    assert read_settings(Listed).pairs == {"a/": "x", "b": "y=z"}


@pytest.mark.parametrize(
    ("field", "value", "form"),
    [
        ("WORDS", '["a"', "a,b"),
        ("PAIRS", "a", "a=1,b=2"),
        ("PAIRS", "=a", "a=1,b=2"),
        ("PAIRS", '{"a"', "a=1,b=2"),
        ("PLAIN", "service", '["a", "b"]'),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_the_right_form(
    field: str, value: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FIRSTMATE_LISTED_{field}", value)
    with pytest.raises(Misconfigured, match=f"^FIRSTMATE_LISTED_{field} must be") as refused:
        read_settings(Listed)
    assert form in str(refused.value)


def test_the_labels_of_prometheus_may_be_one_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTMATE_PROMETHEUS_SERVICE_LABELS", "service")
    monkeypatch.setenv("FIRSTMATE_PROMETHEUS_ONLY", "cluster=eu-1")
    settings = read_settings(PrometheusSettings)
    assert (settings.service_labels, settings.only) == (("service",), {"cluster": "eu-1"})


def test_a_name_that_looks_like_no_setting_is_a_stray_without_a_guess() -> None:
    known = ["FIRSTMATE_PORT", "FIRSTMATE_PROMETHEUS_URL", "SLACK_BOT_TOKEN"]
    given = ["FIRSTMATE_PROMETEUS_URL", "FIRSTMATE_WEATHER", "firstmate_port", "PATH"]
    assert strays(given, known) == {"FIRSTMATE_PROMETEUS_URL": "FIRSTMATE_PROMETHEUS_URL", "FIRSTMATE_WEATHER": None}
