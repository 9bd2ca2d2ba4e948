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
