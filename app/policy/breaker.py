"""The rule that a breaker stands behind: what an agent's version did badly several times, it is not let do again at once."""

from __future__ import annotations

from dataclasses import dataclass

from app.policy.decision import Allowed, Context, Decision, Denied
from app.policy.limits import BreakerLimits


@dataclass(frozen=True)
class BreakerClosed:
    """While the breaker of its agent version and action is open, it is neither approved nor run; then one at a time is tried."""

    def check(self, context: Context) -> Decision:
        breaker = context.breaker
        if breaker is None or context.rejecting:
            return Allowed("no breaker is open for it")
        limits = context.policy.breaker if context.policy else BreakerLimits()
        objection = breaker.objection(context.proposal.hash, limits, context.now)
        if objection is not None:
            name = context.proposal.name
            return Denied(f"{objection}. `/incident stop off {name} WHY` closes it: the commander, or who may stop everything")
        standing = breaker.standing(limits, context.now)
        return Allowed("its breaker is closed" if standing == "closed" else "its breaker is half open, and this is the one tried")
