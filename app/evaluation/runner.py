"""Running many cases, several at a time, in processes of their own. Truth is opened only after the last result is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import structlog

from app.domain.errors import BadInput
from app.evaluation.score import Marked, mark, read_truth

log = structlog.get_logger()

RunCase = Callable[[str], str]
"""A case's folder in, its line out (`triage-result/1`, or `eval-ablation/1`); a broken case gives a line with an `error`.
Importable by name."""


def run_all(paths: Sequence[Path], run_case: RunCase, *, workers: int, out: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Write one line per case to `out`, in the order of `paths`; yields (how many are done, the result) as they finish."""
    lines: dict[int, str] = {}
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(run_case, str(path)): i for i, path in enumerate(paths)}
        for done, future in enumerate(as_completed(futures), 1):
            line = _line(future, paths[futures[future]])
            lines[futures[future]] = line
            yield done, json.loads(line)
    _write(out, "".join(lines[i] + "\n" for i in sorted(lines)))


def _write(out: Path, text: str) -> None:
    """Whole or not at all, where `out` is a file: earlier results are not lost to a full disk. Raises `BadInput`."""
    place = out.resolve()
    regular = place.is_file() or not place.exists()  # else a pipe or a device
    draft = place.with_name(f".{place.name}.new") if regular else place
    try:
        draft.write_text(text, encoding="utf-8")
        if regular:
            draft.replace(place)
    except OSError as error:
        if regular:
            draft.unlink(missing_ok=True)
        raise BadInput(f"--out {out} can't be written ({error.strerror}); name a file in a folder that has room") from error


def _line(future: Future[str], path: Path) -> str:
    """What a case came to; one that breaks its process is an error of that case and costs the others nothing."""
    try:
        return future.result()
    except Exception as error:  # an edge: whatever a case brings about
        log.exception("case.broke", action="case.broke", case=path.name)
        return json.dumps({"case": path.name, "error": f"it broke: {type(error).__name__}: {error}"})


@dataclass(frozen=True)
class Scored:
    """Every case that has a truth and a result; how many results had no truth, and how many truths no result."""

    marked: tuple[Marked, ...]
    truths: Mapping[str, Mapping[str, Any]]
    without_truth: int
    without_result: int


def score(out: Path, truth_folder: Path, *, candidates: Mapping[str, int] | None = None) -> Scored:
    """`candidates`: of each case, how many there were to choose from."""
    results = read_lines(out)
    truths = read_truth(truth_folder, of=results.keys())
    marked = tuple(
        mark(case, truths[case], result, candidates=(candidates or {}).get(case))
        for case, result in results.items()
        if case in truths
    )
    return Scored(marked, truths, len(results) - len(marked), len(truths) - len(marked))


def read_lines(path: Path) -> dict[str, dict[str, Any]]:
    """One JSON object a line, by case name."""
    return {r["case"]: r for r in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
