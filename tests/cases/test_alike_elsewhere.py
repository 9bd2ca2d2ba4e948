"""The recorded public incidents beside the project, told otherwise: one or two of each kind, where they are there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.connectors.case import find_cases
from app.main import run_case_by_name
from tests.cases import alike
from tests.cases.answers import Said, told
from tests.cases.test_alike import WAYS

PACKED_AT_MOST = 3_000_000
"""The large ones take too long to be written and read seven times."""


def small(cases: Path) -> list[Path]:
    sources = sorted(each for each in cases.iterdir() if each.is_dir() and each.name != "truth")
    found = [[case for case in find_cases(source) if _size(case) < PACKED_AT_MOST] for source in sources]
    return [held[len(held) // 2] for held in found if held]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.shared
def test_told_otherwise_it_is_the_same_incident(cases: Path, tmp_path: Path) -> None:
    for number, case in enumerate(small(cases)):
        files, before = alike.read(case), Said.of(run_case_by_name(str(case)))
        for way, telling in WAYS.items():
            if way != "in milliseconds" or "metrics.csv" in files:
                folder = tmp_path / f"{number}-{way.replace(' ', '-')}"
                assert told(telling(files), folder) == before, f"{case.name} {way}"
                shutil.rmtree(folder)


@pytest.mark.shared
def test_renamed_services_are_suspected_as_before(cases: Path, tmp_path: Path) -> None:
    """The first place only: lines that speak of a service in plain words (`the cart is empty`) lose that by the renaming."""
    for number, case in enumerate(small(cases)):
        files, before = alike.read(case), Said.of(run_case_by_name(str(case)))
        names = alike.new_names(files)
        back = {new: old for old, new in names.items()}
        back |= {f"app/{new}": f"app/{old}" for old, new in names.items()}
        assert told(alike.renamed(files, names), tmp_path / str(number), names=back).order[:1] == before.order[:1], case.name
