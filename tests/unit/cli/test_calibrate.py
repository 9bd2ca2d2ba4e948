from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.calibrate import VERB
from app.domain.errors import BadInput


@pytest.mark.parametrize("place", ["nowhere/calibration.json", "."])
def test_a_calibration_that_can_t_be_written_is_one_sentence(place: str, tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "a.json").write_text(json.dumps({"service": ["back"]}))
    result = {"case": "a", "hypotheses": [{"target": "back", "confidence": 0.5, "odds": 1.0}]}
    (tmp_path / "results.jsonl").write_text(json.dumps(result) + "\n")
    command = typer.Typer()
    command.command()(VERB)
    asked = [str(tmp_path / "results.jsonl"), "--truth", str(tmp_path / "truth"), "--out", str(tmp_path / place)]
    with pytest.raises(BadInput, match=r"can't be written .*; name a file in a folder that is there"):
        raise CliRunner().invoke(command, asked).exception or AssertionError("it was written")
