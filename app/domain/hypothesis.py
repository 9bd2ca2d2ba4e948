"""Possible causes: what investigators suspect, and what the judge makes of it."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from app.domain.finding import Finding, Gap, Signal
from app.domain.value import Value

Word = Literal["conclusive", "likely", "inconclusive"]
"""The judge's word on the whole."""
Verdict = Literal["supported", "contradicted", "uncorroborated"]
"""The judge's word on one hypothesis."""


def share_of(odds: float) -> float:
    """Odds in nats as a share of one, 0..1."""
    return 1.0 / (1.0 + math.exp(min(700.0, -odds)))


class Suspicion(Value):
    """An investigator's typed claim that something is (or is not) the cause.

    `weight` is in nats: how much more likely these findings are if `target` is the cause than if it is not. 1 is a hint,
    2.5 is good evidence, 5 is nearly proof; negative speaks against. Never outside ±6.
    `kind` names the fault in our own words, lower snake case (`connection_pool`, `memory_leak`, `service_selector_mismatch`);
    the judge maps it to a closed list where one is given. `change` is the id of the change that did it, `called` what people
    know it by (`deploy 1.7.6`).
    `explains`: other targets whose symptoms a guilty change brings about too.
    `no_change` says: this explains the incident without any guilty change (an outage upstream, a surge). About changes and below
    0 it says the opposite: a change must be guilty, so every possibility without one loses that much. It names no cause itself.
    """

    target: str
    weight: float = Field(ge=-6, le=6)
    signal: Signal
    statement: str = Field(max_length=400)
    findings: tuple[str, ...]
    kind: str | None = None
    change: str | None = None
    called: str | None = None
    no_change: bool = False
    remediation: str | None = None
    explains: tuple[str, ...] = ()


class Term(Value):
    """One line of a hypothesis' arithmetic: what is added or taken away, in nats, and the findings that it stems from."""

    what: str = Field(max_length=200)
    nats: float
    findings: tuple[str, ...] = ()


class Cap(Value):
    """The most that a hypothesis may be believed, whatever its odds, and why."""

    most: float = Field(ge=0, le=1)
    why: str


class Arithmetic(Value):
    """How a hypothesis came by its confidence, so that anybody can repeat it with a pocket calculator.

    The terms sum up to `score`. `rivals` is what all else comes to, in nats: the logarithm of the sum of exp(score) over every
    other suspected cause (`others` of them) and over what nobody thought of, which counts as `unseen` nats. `odds` = `score` -
    `rivals`. `probability` is what such odds turned out to be worth on recorded incidents, for the first hypothesis: (1 - reserve)
    / (1 + exp(-(intercept + slope * odds))). The others share what that leaves of 1 - reserve, each as its own odds would have it.
    The caps then hold all of them down.
    """

    terms: tuple[Term, ...]
    score: float
    rivals: float
    odds: float
    intercept: float
    slope: float
    reserve: float = 0.0
    probability: float = Field(ge=0, le=1)
    caps: tuple[Cap, ...] = ()
    others: int | None = None  # absent in what was stored before it was kept, as is the next
    unseen: float | None = None

    @property
    def share(self) -> float:
        """`odds` as a share of one, before calibration."""
        return share_of(self.odds)


class Hypothesis(Value):
    """A possible cause, as the judge ranks it. `confidence` is the probability that it is right, 0..1."""

    target: str
    kind: str | None = None  # our own word for the fault
    label: str | None = None  # the word from the scope's closed list, where it has one
    change: str | None = None
    remediation: str | None = None
    confidence: float = Field(ge=0, le=1)
    verdict: Verdict
    statement: str
    supporting: tuple[str, ...]  # finding ids, strongest first; never empty
    contradicting: tuple[str, ...] = ()
    answer: str | None = None  # the judge's answer to what contradicts it
    next_check: str | None = None  # what would tell it from the next one
    arithmetic: Arithmetic | None = None  # absent in what was stored before it was kept


class Cost(Value):
    """What a run spent."""

    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    queries: int = 0


class Diagnosis(Value):
    """What one run of the graph concluded. Hypotheses best first, at most five."""

    verdict: Word
    hypotheses: tuple[Hypothesis, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    reasons: tuple[str, ...] = ()  # why the verdict is not a better one, as sentences
    rounds: int = 1
    stop_reason: str = ""
    elapsed_s: float = 0.0
    cost: Cost = Cost()
    agents: dict[str, str] = Field(default_factory=dict)  # name -> version
