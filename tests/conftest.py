"""Fixtures every tier shares."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tests.fake_slack.plugin"]

SHARED_CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases"


@pytest.fixture
def cases() -> Path:
    """The folder of recorded public incidents, where there is one beside the project."""
    if not SHARED_CASES.is_dir():
        pytest.skip("the recorded public incidents are not beside the project")
    return SHARED_CASES


LIVE = ("drills/", "integration/test_demo", "integration/test_shop", "integration/test_packaging", "integration/test_bad_input")
"""What runs real processes for a long time, mostly waiting: one after another, so that they don't starve each other."""
ALONE = ("integration/test_ledger_postgres", "integration/test_recorded_cases", "e2e/")
"""What shares one expensive thing: one after another, beside the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two workers share the suite (`make test`): these groups stay together, everything else goes wherever there is room.

    The live ones come first: they take longest.
    """
    root = Path(__file__).parent
    for item in items:
        where = item.path.relative_to(root).as_posix() if item.path.is_relative_to(root) else ""
        group = "live" if where.startswith(LIVE) else next((each for each in ALONE if where.startswith(each)), None)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: not item.path.is_relative_to(root) or not item.path.relative_to(root).as_posix().startswith(LIVE))
