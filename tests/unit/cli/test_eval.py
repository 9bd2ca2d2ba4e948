from __future__ import annotations

import io

import pytest
from rich.console import Console

from app.cli.eval import WIDEST, _table
from app.evaluation.score import Row

ROWS = [
    Row("all", 245, {"first": 0.8}, {"first": 0.9}, {}, 0.05, 100, 0.93, 0.41),
    Row(
        "somewhere with a long name",
        135,
        {"object": 0.8, "exact": 0.5},
        {"object": 0.9, "exact": 0.6},
        {},
        0.05,
        80,
        0.9,
        0.4,
    ),
    Row("elsewhere", 11, {"change": 0.8}, {"change": 0.9}, {"bait": 0.08, "remediation": 0.5}, None, 0, None, 0.4),
]


def table(width: int) -> str:
    file = io.StringIO()
    Console(width=width, file=file).print(_table(ROWS))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, WIDEST])
def test_no_heading_and_no_number_is_cut(width: int) -> None:
    shown = table(width)
    assert "…" not in shown
    for whole in ("measure", "@3", "right", "p50 s", "remediation", "0.500", "0.080", "0.930", "calibration error"):
        assert whole in shown


def test_eighty_columns_are_enough_and_a_file_takes_no_more_than_its_longest_row() -> None:
    assert max(map(len, table(80).splitlines())) <= 80
    assert max(map(len, table(WIDEST).splitlines())) < 110
