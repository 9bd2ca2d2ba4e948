"""Findings, suspicions and reports as investigators would make them, for tests of those who weigh them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.agent import Agent
from app.domain.finding import Finding, Signal
from app.domain.hypothesis import Suspicion
from app.domain.incident import Alert, Scope
from app.domain.window import Window
from graphs.contract import Report

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCOPE = Scope(
    alert=Alert(fired_at=NOON, summary="front page is slow", service="front"),
    window=Window(start=NOON - timedelta(minutes=10), end=NOON + timedelta(minutes=10)),
    reference=Window(start=NOON - timedelta(minutes=40), end=NOON - timedelta(minutes=10)),
)


def finding(what: str, *, signal: Signal = "metrics", **fields: Any) -> Finding:
    known: dict[str, Any] = {
        "agent": Agent(name={"metrics": "metrics", "logs": "logs"}.get(signal, "deploys"), version="1.0.0"),
        "signal": signal,
        "source": "test",
        "query": what,
        "window": SCOPE.window,
        "as_of": SCOPE.window.end,
        "statement": what,
    }
    return Finding.of(**{**known, **fields})


def suspicion(target: str, weight: float, *found: Finding, **fields: Any) -> Suspicion:
    signal = found[0].signal if found else "metrics"
    known: dict[str, Any] = {
        "target": target,
        "weight": weight,
        "signal": signal,
        "statement": f"{target} by {signal} ({weight:+g})",
        "findings": tuple(each.id for each in found),
    }
    return Suspicion(**{**known, **fields})


def report(investigator: str, *suspicions: Suspicion, findings: tuple[Finding, ...] = (), **fields: Any) -> Report:
    return Report(investigator=investigator, suspicions=suspicions, findings=findings, **fields)
