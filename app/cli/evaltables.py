"""What `firstmate eval` prints, in 80 columns: how often right, how honest, against earlier results, part by part."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.domain.quantity import counted
from app.evaluation.combinations import NO_JUDGE, AblationRow
from app.evaluation.compare import Comparison, Flip, RowChange
from app.evaluation.reliability import Reliability
from app.evaluation.score import NEVER, Row, Share

BRIER = "Brier: mean squared error of the confidence"
HONEST = "off: calibration error · sure: called conclusive · right: share of those that were"
BAR = 24
WORDS = ("row", "measure", "parts", "")


def share_table(rows: Sequence[Row]) -> Group:
    """What is asked of the first answer alone (a bait blamed, a remediation named) stands under @1."""
    shown = _table(("row", "n", "measure", "@1", "@3", "avg@5", "blind"))
    for row in rows:
        lines = [(name, _share(row.at1[name]), _share(row.at3[name]), _plain(row.avg5[name])) for name in row.at1]
        lines += [(name, _share(share), "", "") for name, share in row.flags.items()]
        for i, (name, at1, at3, avg5) in enumerate(lines):
            head, tail = ((row.name, str(row.cases)), _plain(row.random1)) if i == 0 else (("", ""), "")
            shown.add_row(*head, name, at1, at3, avg5, tail)
    return _told(
        "share right, of all cases of the row, with the 95% interval",
        shown,
        "blind: what guessing among the candidates expects at rank 1",
    )


def honest_table(rows: Sequence[Row]) -> Group:
    shown = _table(("row", "off", "Brier", "sure", "right", "p50 s", "p95 s"))
    for row in rows:
        right = _share(row.conclusive) if row.conclusive.of else "–"
        told = (_plain(row.calibration_error), _plain(row.brier), f"{row.conclusive.of}/{row.cases}", right)
        shown.add_row(row.name, *told, _seconds(row.p50_s), _seconds(row.p95_s))
    return _told("how honest, how fast", shown, f"{HONEST}\n{BRIER}")


def comparison_table(comparison: Comparison) -> Group:
    title = f"against {comparison.against}, on the {comparison.cases} cases of both"
    shown = _table(("row", "measure", "@1", "won", "lost", "off", "sure", "right"))
    for change in comparison.rows:
        old, new = change.before, change.after
        once = (
            _step(_plain(old.calibration_error), _plain(new.calibration_error)),
            _step(str(old.conclusive.of), str(new.conclusive.of)),
            _step(_right(old), _right(new)),
        )
        for i, name in enumerate(new.at1):
            first = i == 0
            at1 = _step(_plain(old.at1[name].value), _plain(new.at1[name].value))
            shown.add_row(new.name if first else "", name, at1, *_counts(change, name), *(once if first else ("",) * 3))
    return _told(title, shown, HONEST)


def comparison_lines(comparison: Comparison) -> list[str]:
    """Every case that came out otherwise, by name."""
    kinds = (
        ("wrong → right", _flips(comparison.won)),
        ("right → wrong", _flips(comparison.lost)),
        ("conclusive now", list(comparison.conclusive_won)),
        ("conclusive no more", list(comparison.conclusive_lost)),
        ("CONCLUSIVE AND WRONG now", list(comparison.conclusive_and_wrong)),
        ("confidence moved", [f"{m.case} {_plain(m.before)}→{_plain(m.after)}" for m in comparison.moved]),
    )
    lines = [f"{what} ({len(names)}): {', '.join(names)}" for what, names in kinds if names]
    for count, what in (
        (comparison.not_run, "of the earlier results not run today"),
        (comparison.new, "not among the earlier ones"),
    ):
        if count:
            lines.append(f"{counted(count, 'case')} {what}")
    return [*lines, _chance(comparison)]


def _chance(comparison: Comparison) -> str:
    pooled = next(change for change in comparison.rows if change.after.name == "all")
    won, lost = pooled.won["first"], pooled.lost["first"]
    if not won + lost:
        return "No case flipped on its first measure."
    word = "chance alone would rarely do that" if comparison.p < 0.05 else "that may be chance"
    return f"In all {won} won and {lost} lost: {word} (p = {comparison.p:.2g}, exact sign test, two-sided)."


def reliability_table(found: Reliability) -> Group:
    title = f"said and came true, {counted(found.cases, 'case')} with an answer"
    shown = _table(("said", "n", "mean", "came true", ""))
    for each in found.bins:
        bounds = f"{_plain(each.low)[:2]}–{_plain(each.low + 0.1)[:3].rstrip('0') if each.low < 0.9 else '1'}"
        if each.said is None:
            shown.add_row(bounds, "0", "", "", "")
        else:
            shown.add_row(bounds, str(each.right.of), _plain(each.said), _share(each.right), _bar(each.right.value, each.said))
    return _told(title, shown, "│ where the bar would end if what was said came true")


def reliability_lines(found: Reliability) -> list[str]:
    word = "not distinguishable from a perfect forecaster" if found.looks_perfect else "no perfect forecaster"
    perfect = f"{_plain(found.perfect)} on average, and at most {_plain(found.perfect_95)} in 95% of draws"
    return [
        f"Calibration error {_plain(found.error)}, bootstrap 95% {_plain(found.interval[0])}–{_plain(found.interval[1])}.",
        f"A perfect forecaster with these confidences would show {perfect}: {word} (p = {found.p:.2g}).",
    ]


def ablation_table(rows: Sequence[AblationRow]) -> Group:
    """A combination without the judge stands below the same one with it."""
    sources = sorted({source for row in rows for source in row.sources})
    shown = _table(("parts", *sources, "all", "off", "sure", "right"))
    for row in rows:
        at1 = [_plain(_first(row.sources[source])) if source in row.sources else "–" for source in sources]
        pooled = (
            _plain(_first(row.pooled)),
            _plain(row.pooled.calibration_error),
            str(row.pooled.conclusive.of),
            _right(row.pooled),
        )
        shown.add_row("  no judge" if row.combination.endswith(NO_JUDGE) else row.combination, *at1, *pooled)
    return _told("share right at rank 1, by parts", shown, HONEST)


def _told(title: str, shown: Table, legend: str) -> Group:
    """Rich's own titles and captions break where the table ends."""
    return Group(Text(title, style="italic"), shown, Text(legend, style="dim"), Text())


def _table(headings: Sequence[str]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    for i, heading in enumerate(headings):
        words = heading in WORDS
        shown.add_column(heading, justify="left" if words else "right", overflow="fold", no_wrap=i > 0)
    return shown


def _first(row: Row) -> float:
    return next(iter(row.at1.values())).value


def _plain(value: float | None) -> str:
    """Three digits after the point; the nought before it tells nobody anything."""
    return "–" if value is None else f"{value:.3f}".removeprefix("0")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _share(share: Share) -> str:
    low, high = (f"{bound:.2f}".removeprefix("0") for bound in share.interval)
    return f"{_plain(share.value)} {low:>3}–{high}"


def _right(row: Row) -> str:
    return _plain(row.conclusive.value) if row.conclusive.of else "–"


def _step(before: str, after: str) -> str:
    return after if before == after else f"{before}→{after}"


def _counts(change: RowChange, measure: str) -> tuple[str, str]:
    return str(change.won[measure] or ""), str(change.lost[measure] or "")


def _flips(flips: Sequence[Flip]) -> list[str]:
    """A case each, with all its measures that flipped."""
    held: dict[str, list[str]] = {}
    for flip in flips:
        ranks = "→".join("–" if rank == NEVER else f"{rank:.0f}" for rank in (flip.before, flip.after))
        held.setdefault(flip.case, []).append(f"{flip.measure} {ranks}")
    return [f"{case} ({', '.join(measures)})" for case, measures in held.items()]


def _bar(right: float, said: float) -> str:
    drawn = list("█" * round(right * BAR) + "·" * (BAR - round(right * BAR)))
    drawn[min(BAR - 1, int(said * BAR))] = "│"
    return "".join(drawn)
