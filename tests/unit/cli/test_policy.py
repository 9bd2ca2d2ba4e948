from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.policy import VERB
from app.settings import Settings


class Composition:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def settings(self) -> Settings:
        return self._settings


def test_the_policy_it_writes_is_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = os.umask(0o022)
    try:
        app = typer.Typer()
        app.add_typer(VERB, name="policy")
        path = tmp_path / "data" / "policy.yaml"
        ran = CliRunner().invoke(app, ["policy", "init"], obj=Composition(Settings(policy_file=path)))
        assert ran.exit_code == 0, ran.output
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(mask)
