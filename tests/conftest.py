"""Fixtures every tier shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.fake_slack.plugin", "tests.gates", "tests.postgres"]

SHARED_CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases"


@pytest.fixture
def cases() -> Path:
    """The folder of recorded public incidents, where there is one beside the project."""
    if not SHARED_CASES.is_dir():
        pytest.skip("the recorded public incidents are not beside the project")
    return SHARED_CASES


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """Firstmate's processes write files for nobody else; a test that does so in this one leaves the next as it was."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


LIVE = ("integration/test_demo", "integration/test_shop")
"""What shows a live incident: one after another, so that they don't starve each other."""
SMALL = ("unit/", "contract/")
"""What goes wherever there is room, test by test; every other file stays together, for it shares something expensive."""


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two workers share the suite (`make test`). What takes longest comes first."""
    root = Path(__file__).parent
    placed = {id(item): item.path.relative_to(root).as_posix() for item in items if item.path.is_relative_to(root)}
    for item in items:
        where = placed.get(id(item), "unit/")
        if not where.startswith(SMALL):
            item.add_marker(pytest.mark.xdist_group("live" if where.startswith(LIVE) else where))
    items.sort(key=lambda item: (not placed.get(id(item), "").startswith(LIVE), placed.get(id(item), "unit/").startswith(SMALL)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are told by their length: what is packed holds the second it was packed in, and every worker must name tests alike."""
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) else None
