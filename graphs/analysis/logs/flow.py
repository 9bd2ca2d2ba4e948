"""How lines follow one another within a request: steps that no longer come, and steps that take longer.

Works on lines that carry a trace id. A service that fails silently still stops half way; one that is slow leaves gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from graphs.analysis.logs import templates
from graphs.analysis.logs.templates import AFTER, BEFORE, REFERENCE, Stretches
from graphs.analysis.logs.traced import traced

LEAST = 4  # occurrences on each side before two can be compared
END = "(end)"


@dataclass(frozen=True)
class Step:
    """A change in what follows a service's template within one request.

    `share` is the change in the share of what follows (total variation, 0..1) beyond chance; `cut` how much more often
    nothing follows.
    """

    service: str
    template: str
    share: float
    cut: float
    n_reference: int
    n_after: int
    first_s: float | None


@dataclass(frozen=True)
class Wait:
    """A service's gaps between lines of one request: `excess` is the share of all added waiting that touches it (0..1),
    `spread` the share of its own steps that became slower, `slowdown` all
    added waiting over the usual time of these steps, beyond what the reference itself shows."""

    service: str
    excess: float
    spread: float
    added_s: float
    slowdown: float

    @property
    def strength(self) -> float:
        """0..1."""
        return min(1.0, self.excess * (0.6 + self.spread) * min(1.0, max(0.0, self.slowdown - 0.5) / 1.5))


@dataclass(frozen=True)
class Flow:
    steps: tuple[Step, ...] = ()
    waits: tuple[Wait, ...] = ()


def flow_of(frame: pl.DataFrame, mined: templates.Mined, stretches: Stretches) -> Flow:
    """Changes of order and pace; empty where lines carry no traces or there is no reference."""
    lines = _traced(frame, mined, stretches)
    if lines.is_empty() or lines["stretch"].n_unique() < 2:
        return Flow()
    return Flow(_steps(lines), _waits(lines))


def _traced(frame: pl.DataFrame, mined: templates.Mined, stretches: Stretches) -> pl.DataFrame:
    timed = traced(frame, where=pl.col("time").is_not_null() & pl.col("time").is_not_nan())
    keyed = templates.keyed(timed.lazy()).with_columns(
        templates.mask(pl.col("msg")).alias("masked"), templates.stretch_of(stretches).alias("stretch")
    )
    return (
        keyed.filter(pl.col("stretch").is_in([REFERENCE, BEFORE, AFTER]))
        .join(mined.spelled.lazy(), on=[*templates.KEYS, "masked"], how="inner")
        .select("trace", pl.col("span").fill_null(""), "service", "template", "time", "stretch")
        .unique()
        # Lines of one moment stand in the order in which they usually come, not in that of the services' names.
        .with_columns((pl.col("time") - pl.col("time").min().over("trace")).alias("into"))
        .with_columns(pl.col("into").median().over(said := ["service", "template"]), pl.len().over(said).alias("often"))
        .sort("trace", "time", "into", "often", "service", "template")
        .drop("into", "often")
        .collect()
    )


def _steps(lines: pl.DataFrame) -> tuple[Step, ...]:
    """A step counts as changed when it differs from the reference and from the time before the onset: another mix of
    requests looks like a change against one of them only."""
    within = _changes(lines, ["trace", "service", "span"])
    return tuple(sorted(within, key=lambda s: (-s.share, s.service, s.template)))


def _changes(lines: pl.DataFrame, whose: list[str]) -> list[Step]:
    following = lines.with_columns(pl.col("template").shift(-1).over(whose).fill_null(END).alias("next"))
    key = ["service", "template"]
    names = {"was": REFERENCE, "early": BEFORE, "now": AFTER}
    counts = following.group_by(*key, "next").agg(
        *((pl.col("stretch") == stretch).sum().alias(name) for name, stretch in names.items()),
        pl.col("time").filter(pl.col("stretch") == AFTER).min().alias("first_s"),
    )
    totals = counts.group_by(key).agg(*(pl.col(name).sum().alias(f"all_{name}") for name in names))
    shares = counts.join(totals, on=key).filter(
        ((pl.col("all_was") >= LEAST) | (pl.col("all_early") >= LEAST)) & (pl.col("all_now") >= LEAST)
    )
    for name in ("was", "early"):
        shares = shares.with_columns(
            (pl.col("now") / pl.col("all_now") - pl.col(name) / pl.col(f"all_{name}")).fill_nan(None).alias(f"change_{name}")
        )
    rows = (
        shares.group_by(key)
        .agg(
            *(pl.col(f"change_{name}").clip(0.0, 1.0).sum().alias(f"variation_{name}") for name in ("was", "early")),
            *(pl.col(f"change_{name}").filter(pl.col("next") == END).sum().alias(f"cut_{name}") for name in ("was", "early")),
            pl.len().alias("kinds"),
            *(pl.col(f"all_{name}").first() for name in names),
            pl.col("first_s").filter((pl.col("change_was") > 0.1) | (pl.col("change_early") > 0.1)).min().alias("first_s"),
        )
        .sort(key)
    )
    found = []
    for row in rows.iter_rows(named=True):
        share, cut = 1.0, 1.0
        for name in ("was", "early"):
            if row[f"all_{name}"] >= LEAST:
                # Two samples of the same process differ by about this much: half the sum of the standard errors of each share.
                chance = 0.4 * float(np.sqrt(max(1, row["kinds"] - 1) * (1 / row[f"all_{name}"] + 1 / row["all_now"])))
                share = min(share, row[f"variation_{name}"] - chance)
                cut = min(cut, row[f"cut_{name}"] - chance)
        if share > 0.1:
            found.append(
                Step(
                    row["service"],
                    row["template"],
                    float(share),
                    max(0.0, float(cut)),
                    row["all_was"],
                    row["all_now"],
                    row["first_s"],
                )
            )
    return found


def _waits(lines: pl.DataFrame) -> tuple[Wait, ...]:
    pairs = lines.with_columns(
        pl.col("service").shift(1).over("trace").alias("before"),
        pl.col("template").shift(1).over("trace").alias("template_before"),
        (pl.col("time") - pl.col("time").shift(1).over("trace")).alias("gap"),
    ).drop_nulls("before")
    key = ["before", "template_before", "service", "template"]
    reference = (
        pairs.filter(pl.col("stretch") == REFERENCE)
        .group_by(key)
        .agg(pl.len().alias("n"), pl.col("gap").median().alias("usual"), pl.col("gap").quantile(0.9, "linear").alias("high"))
        .filter(pl.col("n") >= LEAST)
    )
    usual = pl.max_horizontal(pl.col("high") * 1.5, pl.col("usual") * 2, pl.col("usual") + 0.02)
    compared = pairs.join(reference, on=key, how="inner").with_columns(
        (pl.col("gap") - usual).clip(0.0, 60.0).alias("added"), (pl.col("gap") > usual).alias("slower")
    )
    now = compared.filter(pl.col("stretch") == AFTER)
    noise = (
        compared.filter(pl.col("stretch") == REFERENCE)
        .select(pl.col("added").sum() / pl.max_horizontal(pl.col("usual").sum(), 1e-9))
        .item()
    )
    per_pair = (
        now.group_by(key)
        .agg(pl.len().alias("n"), pl.col("added").sum(), pl.col("slower").sum(), (pl.col("usual").sum()))
        .filter(pl.col("n") >= 2)
        .sort(key)
    )
    if per_pair.is_empty():
        return ()
    added: dict[str, float] = {}
    slow: dict[str, float] = {}
    seen: dict[str, float] = {}
    for row in per_pair.iter_rows(named=True):
        ends = {row["before"], row["service"]}
        for service in ends:
            added[service] = added.get(service, 0.0) + row["added"] / len(ends)
            slow[service] = slow.get(service, 0.0) + row["slower"]
            seen[service] = seen.get(service, 0.0) + row["n"]
    total = sum(added.values())
    if total <= 0:
        return ()
    slowdown = total / max(float(per_pair["usual"].sum()), 1e-9) - float(noise or 0.0)
    waits = [Wait(s, a / total, slow[s] / (seen[s] + 2.0), a, slowdown) for s, a in added.items() if a > 0]
    return tuple(sorted(waits, key=lambda w: (-w.strength, w.service)))


def deepest(strengths: Mapping[str, float], callees: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """Strengths discounted by what a direct callee shows: a caller's steps change when its callee's do."""
    return {
        service: strength
        * (1 - 0.7 * min(1.0, max((strengths.get(c, 0.0) for c in callees.get(service, ())), default=0.0) / strength))
        for service, strength in strengths.items()
        if strength > 0
    }
