"""Fixtures: name this module in the root conftest's `pytest_plugins`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio

from .fake import FakeSlack


@pytest_asyncio.fixture
async def make_slack() -> AsyncIterator[Callable[..., Awaitable[FakeSlack]]]:
    """`slack = await make_slack(mode="http", rates="enforce", now=clock)`: started, with Alice, Bob and #general."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> FakeSlack:
            options.setdefault("rates", "observe")
            return seeded(await stack.enter_async_context(FakeSlack(**options)))

        yield make


@pytest_asyncio.fixture
async def slack(make_slack: Callable[..., Awaitable[FakeSlack]]) -> FakeSlack:
    """A started workspace in Socket Mode. Rates are observed (`slack.rates.excess`) until `slack.rates.mode = "enforce"`."""
    return await make_slack()


def seeded(slack: FakeSlack) -> FakeSlack:
    slack.user("U01ALICE")
    slack.user("U02BOB")
    slack.channel("general", "U01ALICE", "U02BOB", channel_id="C01GEN")
    return slack
