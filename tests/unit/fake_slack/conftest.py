from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from tests.fake_slack import FakeSlack, Manifest
from tests.fake_slack.plugin import make_slack as plugins_make_slack
from tests.fake_slack.plugin import slack

__all__ = ["plugins_make_slack", "slack"]


@pytest.fixture
def make_slack(plugins_make_slack: Callable[..., Awaitable[FakeSlack]]) -> Callable[..., Awaitable[FakeSlack]]:
    """The plugin's, with scopes that don't change when the product's manifest does."""
    return partial(plugins_make_slack, manifest=Manifest())
