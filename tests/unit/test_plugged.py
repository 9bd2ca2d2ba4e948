from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.actions.shop_client import ShopClient
from app.domain.errors import Misconfigured
from app.domain.redaction import placeholder
from app.plugged import load_policy, open_plugins, own_folder
from app.settings import Settings


@pytest.fixture
def usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_whatever_is_made_after_the_data_folder_is_for_this_user_alone(tmp_path: Path, usual_mask: None) -> None:
    own_folder(tmp_path / "data")
    made = tmp_path / "data" / "checkpoints.sqlite"
    made.write_text("")
    assert [each.stat().st_mode & 0o777 for each in (tmp_path / "data", made)] == [0o700, 0o600]


def test_a_data_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path, usual_mask: None) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="FIRSTMATE_DATA_DIR"):
        own_folder(tmp_path / "file" / "data")


def test_a_policy_that_is_no_text_or_is_not_where_it_was_said_to_be_is_refused(tmp_path: Path) -> None:
    assert load_policy(Settings(data_dir=tmp_path)) is None
    with pytest.raises(Misconfigured, match="FIRSTMATE_POLICY_FILE names"):
        load_policy(Settings(data_dir=tmp_path, policy_file=tmp_path / "nowhere.yaml"))
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misconfigured, match="the policy file"):
        load_policy(Settings(data_dir=tmp_path))


def test_an_address_that_is_none_is_refused_with_the_variable_s_name() -> None:
    with pytest.raises(Misconfigured, match="FIRSTMATE_SHOP_URL"):
        ShopClient("not a url")


def test_a_connector_that_cannot_be_opened_as_it_is_set_stops_the_start_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTMATE_CASE_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(Misconfigured, match="case can't be opened"):
        open_plugins("app.connectors", "CONNECTOR")


def test_a_secret_has_the_same_placeholder_after_a_restart_and_another_one_elsewhere(tmp_path: Path) -> None:
    seen = {}
    for folder in ("one", "other", "one"):
        own_folder(tmp_path / folder)
        seen.setdefault(folder, set()).add(placeholder("password", "correct horse"))
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["redaction.key"]
    assert len(seen["one"]) == 1
    assert seen["one"] != seen["other"]
