"""Written knowledge: when it applies, what to check, what may be done."""

from __future__ import annotations

from app.domain.value import JsonObject, Value


class Step(Value):
    """An action the runbook recommends. With `arguments` None the action itself says which exact arguments answer the
    hypothesis at hand; literal arguments are taken as they stand."""

    action: str
    arguments: JsonObject | None = None


class Matches(Value):
    """When it applies. Every list that is not empty must hold the thing at hand, exactly; all empty applies never."""

    services: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()  # alert names
    kinds: tuple[str, ...] = ()  # kinds of hypothesis
    change: bool | None = None  # True: a guilty change is known; False: no change is guilty


class Runbook(Value):
    """One Markdown file of `runbooks/`. `body` is text for people: shown, never obeyed."""

    name: str
    title: str
    matches: Matches
    checks: tuple[str, ...] = ()
    actions: tuple[Step, ...] = ()
    body: str = ""

    def applies(self, *, service: str | None, alert: str | None, kind: str | None, change: bool) -> bool:
        asked = (
            (self.matches.services, service),
            (self.matches.alerts, alert),
            (self.matches.kinds, kind),
        )
        if not any(wanted for wanted, _ in asked) and self.matches.change is None:
            return False
        if self.matches.change is not None and self.matches.change is not change:
            return False
        return all(given in wanted for wanted, given in asked if wanted)
