"""`triage-result/1`: one diagnosis as the JSON object that other programs read. A stored format: fields may only be added."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from app.domain.hypothesis import Arithmetic, Cap, Diagnosis, Word
from app.domain.value import Value

MOST_FINDINGS = 80


class ResultTerm(Value):
    what: str
    nats: float
    findings: tuple[str, ...]


class ResultArithmetic(Value):
    """The terms add up to `score`; `score` - `rivals` is `odds`; what these are worth, as `probability`, then the caps."""

    terms: tuple[ResultTerm, ...]
    score: float
    rivals: float
    odds: float
    intercept: float
    slope: float
    reserve: float
    probability: float
    caps: tuple[Cap, ...]
    others: int | None
    unseen: float | None


class ResultHypothesis(Value):
    """`target` is what is guilty, `change` the id of the guilty change or null where none is; `for` and `against` cite findings."""

    target: str
    change: str | None
    label: str | None
    remediation: str | None
    confidence: float = Field(ge=0, le=1, description="The probability that this hypothesis is right.")
    statement: str
    for_: tuple[str, ...] = Field(alias="for", min_length=1)
    against: tuple[str, ...]
    next_check: str | None
    odds: float | None = Field(default=None, description="Nats for it against everything else; confidence before calibration.")
    arithmetic: ResultArithmetic | None = Field(default=None, description="How it came by its confidence; where it was asked for.")


class ResultFinding(Value):
    id: str = Field(pattern=r"^F[1-9][0-9]*$")
    agent: str
    statement: str
    source: str
    query: str
    window: tuple[str, str] = Field(description="Start and end, ISO 8601, UTC.")
    as_of: str = Field(description="The newest sample it rests on, ISO 8601, UTC.")


class ResultCost(Value):
    model_calls: int
    input_tokens: int
    output_tokens: int
    usd: float


class TriageResult(Value):
    """Hypotheses best first, at most five."""

    schema_: Literal["triage-result/1"] = Field(default="triage-result/1", alias="schema")
    case: str
    verdict: Word
    hypotheses: tuple[ResultHypothesis, ...] = Field(max_length=5)
    findings: tuple[ResultFinding, ...]
    gaps: tuple[str, ...]
    elapsed_s: float = Field(ge=0)
    cost: ResultCost
    agents: dict[str, str]


def to_result(diagnosis: Diagnosis, *, case: str, why: int | None = None, every: bool = False) -> TriageResult:
    """The diagnosis under the name `case`, findings numbered F1, F2, … as on the card: `every` one, or `MOST_FINDINGS` and those
    cited. `why`: of which hypothesis (1: the first) the arithmetic is told too."""
    cited = {i for h in diagnosis.hypotheses for i in (*h.supporting, *h.contradicting)}
    kept = [f for i, f in enumerate(diagnosis.findings) if every or f.id in cited or i < MOST_FINDINGS]
    numbers = {finding.id: f"F{i}" for i, finding in enumerate(kept, 1)}
    return TriageResult(
        case=case,
        verdict=diagnosis.verdict,
        hypotheses=tuple(
            ResultHypothesis.model_validate(
                {
                    "target": h.target,
                    "change": h.change,
                    "label": h.label,
                    "remediation": h.remediation,
                    "confidence": h.confidence,
                    "statement": h.statement,
                    "for": [numbers[i] for i in h.supporting],
                    "against": [numbers[i] for i in h.contradicting],
                    "next_check": h.next_check,
                    "odds": round(h.arithmetic.odds, 4) if h.arithmetic else None,
                    "arithmetic": _arithmetic(h.arithmetic, numbers) if h.arithmetic and rank == why else None,
                }
            )
            for rank, h in enumerate(diagnosis.hypotheses, 1)
        ),
        findings=tuple(
            ResultFinding(
                id=numbers[f.id],
                agent=str(f.agent),
                statement=f.statement,
                source=f.source,
                query=f.query,
                window=(_utc(f.window.start), _utc(f.window.end)),
                as_of=_utc(f.as_of),
            )
            for f in kept
        ),
        gaps=tuple(gap.statement for gap in diagnosis.gaps),
        elapsed_s=diagnosis.elapsed_s,
        cost=ResultCost(
            model_calls=diagnosis.cost.model_calls,
            input_tokens=diagnosis.cost.input_tokens,
            output_tokens=diagnosis.cost.output_tokens,
            usd=diagnosis.cost.usd,
        ),
        agents=diagnosis.agents,
    )


def _arithmetic(sum_: Arithmetic, numbers: dict[str, str]) -> ResultArithmetic:
    terms = [
        ResultTerm(what=term.what, nats=term.nats, findings=tuple(numbers[i] for i in term.findings if i in numbers))
        for term in sum_.terms
    ]
    others = {name: getattr(sum_, name) for name in ResultArithmetic.model_fields if name != "terms"}
    return ResultArithmetic(terms=tuple(terms), **others)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def to_json(result: TriageResult) -> str:
    """One line. What was not asked for is not in it."""
    asked = any(h.arithmetic is not None for h in result.hypotheses)
    return result.model_dump_json(by_alias=True, exclude=None if asked else {"hypotheses": {"__all__": {"arithmetic"}}})


def json_schema() -> dict[str, object]:
    """What `triage-result.schema.json` beside this file holds; a test keeps the two together."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **TriageResult.model_json_schema(by_alias=True)}
