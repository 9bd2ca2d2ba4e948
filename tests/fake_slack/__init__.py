"""A strict Slack of our own, for tests and for trying by hand: `python -m tests.fake_slack --port 4400`."""

from __future__ import annotations

from .access import Manifest
from .delivery import Attempt, DeliveryResult
from .driving import NotThere
from .fake import FakeSlack
from .limits import problems
from .mrkdwn import live_in, live_tokens
from .state import HOME_TEAM, OTHER_TEAM, Channel, ManualClock, Message, User, View

__all__ = [
    "HOME_TEAM",
    "OTHER_TEAM",
    "Attempt",
    "Channel",
    "DeliveryResult",
    "FakeSlack",
    "Manifest",
    "ManualClock",
    "Message",
    "NotThere",
    "User",
    "View",
    "live_in",
    "live_tokens",
    "problems",
]  # fmt: skip
