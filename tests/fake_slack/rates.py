"""Slack's rate limits: so many calls of a method a minute for the whole workspace, and one message a second in a channel."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from .catalogue import methods

Mode = Literal["enforce", "observe"]


@dataclass
class RateLimits:
    """`enforce` answers 429 beyond the limit; `observe` lets everything pass and only notes it in `excess`.

    Slack tolerates short bursts of posting without saying how long: `post_burst` messages may follow each other at once in a
    channel (1: none, the strictest). `per_minute` overrides a method's tier.
    """

    now: Callable[[], float]
    mode: Mode = "enforce"
    post_burst: int = 1
    per_minute: dict[str, int] = field(default_factory=dict)
    excess: list[tuple[str, str]] = field(default_factory=list)
    _taken: dict[tuple[str, str], deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def retry_after(self, method: str, channel: str) -> int | None:
        """Seconds to wait when this call is one too many; None when it may pass (and is counted)."""
        known = methods().get(method)
        if known is None:
            return None
        windows = [((method, ""), self.per_minute.get(method, known.per_minute), 60.0)]
        if method == "chat.postMessage":
            windows.append(((method, channel), self.post_burst, float(self.post_burst)))
        now = self.now()
        waits = [wait for key, most, span_s in windows if (wait := self._wait(key, most, span_s, now)) > 0]
        if waits:
            self.excess.append((method, channel))
            if self.mode == "enforce":
                return max(1, math.ceil(max(waits)))
        for key, _, _ in windows:
            self._taken[key].append(now)
        return None

    def _wait(self, key: tuple[str, str], most: int, span_s: float, now: float) -> float:
        taken = self._taken[key]
        while taken and now - taken[0] >= span_s:
            taken.popleft()
        return taken[-most] + span_s - now if len(taken) >= most else 0.0
