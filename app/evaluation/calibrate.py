"""Fitting the judge's calibration to results whose truth is known, and saying what it would be worth on others."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.domain.errors import BadInput
from app.evaluation import compare
from app.evaluation.score import brier, calibration_error, mark, read_truth
from graphs.analysis.calibration import Calibration, Forecast, fit

FOLDS = 5


@dataclass(frozen=True)
class Worth:
    """How far the probabilities are off on incidents that the fit did not see: calibration error and Brier score, 0 is perfect."""

    error: float
    brier: float


@dataclass(frozen=True)
class Fitted:
    """`folds`: the fit judged on culprits it was not fitted to; `sources`: on collections it was not fitted to."""

    calibration: Calibration
    folds: Worth
    sources: Worth | None  # None where all incidents are from one source


def forecasts(results: Iterable[Path], truth_folder: Path) -> list[Forecast]:
    """The first hypothesis of each result that has a truth; several files of the same cases may be given, with a share of their
    telemetry taken away in some. Raises `BadInput` when there is none, or one without odds; OSError or ValueError for a file that
    holds no results."""
    given = list(results)
    lines = [(path, line) for path in given for line in _lines(path)]
    truths, found = read_truth(truth_folder, of={line["case"] for _, line in lines}), []
    for path, line in lines:
        try:
            forecast = _forecast(path, line, truths)
        except (KeyError, TypeError, AttributeError) as error:
            raise _lacking(path, error) from error
        found += [forecast] if forecast is not None else []
    if not found:
        named = ", ".join(str(path) for path in given)
        raise BadInput(f"no result in {named} has a truth below {truth_folder}; name the folder that holds the truth files")
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    """Results, each of a case. Raises OSError, ValueError, or BadInput for a release, which has nothing to fit to."""
    try:
        held = [json.loads(line) for line in compare.text(path).splitlines() if line.strip()]
        for line in held:
            compare.refuse_other_schema(line)
        if held and held[0].get("schema") == compare.SCHEMA:
            raise BadInput(f"{path} is a release's file, which keeps no odds; name the results that firstmate eval wrote to --out")
        if not all(isinstance(line["case"], str) for line in held):
            raise TypeError("`case` is no name")
    except (KeyError, TypeError, AttributeError) as error:
        raise _lacking(path, error) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return held


def _lacking(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path}: a line lacks what results have: {type(error).__name__} {error}")


def _forecast(path: Path, result: Mapping[str, Any], truths: Mapping[str, Mapping[str, Any]]) -> Forecast | None:
    """None: it has no truth, or no answer."""
    truth, hypotheses = truths.get(result["case"]), result.get("hypotheses")
    if truth is None or not hypotheses:
        return None
    if hypotheses[0].get("odds") is None:
        raise BadInput(f"{path} is from a version that kept no odds; run firstmate eval again")
    odds, right = float(hypotheses[0]["odds"]), mark(result["case"], truth, result).main <= 1
    if not math.isfinite(odds):
        raise ValueError(f"{path}: the odds of {result['case']} are no number")
    return Forecast(odds=odds, right=right, group=_culprit(truth), source=str(truth.get("source")), case=result["case"])


def fitted(held: Sequence[Forecast], *, reserve: float, folds: int = FOLDS) -> Fitted:
    """Fitted to all of them; judged by fits that each left a part out."""
    by_fold = _judged(held, lambda each: str(int(sha256(each.group.encode()).hexdigest(), 16) % folds), reserve=reserve)
    several = len({each.source for each in held}) > 1
    by_source = _judged(held, lambda each: each.source, reserve=reserve) if several else None
    provenance = {
        "answers": len(held),
        "incidents": len({each.case for each in held}),
        "right": sum(each.right for each in held),
        "sources": dict(sorted(Counter(each.source for each in held).items())),
        "folds": {"error": round(by_fold.error, 4), "brier": round(by_fold.brier, 4)},
        "sources_left_out": {"error": round(by_source.error, 4), "brier": round(by_source.brier, 4)} if by_source else None,
    }
    whole = fit(held).model_copy(update={"reserve": reserve, "provenance": provenance})
    return Fitted(calibration=whole, folds=by_fold, sources=by_source)


def _judged(held: Sequence[Forecast], part: Callable[[Forecast], str], *, reserve: float) -> Worth:
    said: list[tuple[float, bool]] = []
    for left_out in sorted({part(each) for each in held}):
        others = [each for each in held if part(each) != left_out]
        if not others:
            continue
        made = fit(others).model_copy(update={"reserve": reserve})
        said += [(made.probability(each.odds), each.right) for each in held if part(each) == left_out]
    return Worth(error=calibration_error(said) or 0.0, brier=brier(said) or 0.0)


def _culprit(truth: Mapping[str, Any]) -> str:
    named = truth.get("object") or truth.get("change_id") or "/".join(sorted(truth["service"]))
    return f"{truth.get('source')}:{truth.get('system')}:{named}"
