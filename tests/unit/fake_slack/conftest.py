from __future__ import annotations

from tests.fake_slack.plugin import make_slack, slack

__all__ = ["make_slack", "slack"]
