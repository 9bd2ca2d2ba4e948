from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from app.cli.demo import APPROVE, Demo


@pytest.mark.parametrize(
    ("typed", "chosen", "hints"),
    [
        (["a"], "approve", 0),
        (["APPROVE"], "approve", 0),
        (["abort", "", "aa", "approve it", "r"], "reject", 4),
        (["q", "y", "details"], "details", 2),
    ],
)
async def test_only_a_letter_or_the_whole_word_decides(
    typed: list[str], chosen: str, hints: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.write(write, "".join(each + "\n" for each in typed).encode())
    demo = Demo(cast("Any", None), tmp_path, [], yes=False, kill_scraper=False, keep=False)
    with os.fdopen(read, "r") as keyboard, os.fdopen(write, "w"):
        monkeypatch.setattr(sys, "stdin", keyboard)
        assert await demo._choose("[a]pprove / [r]eject / [d]etails? ", APPROVE) == chosen
    assert capsys.readouterr().out.count("a, r or d; nothing has been decided") == hints
