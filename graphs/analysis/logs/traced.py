"""Lines that carry a trace: of very many, whole traces are left out, as half a trace looks like a request that broke off."""

from __future__ import annotations

import polars as pl

MOST_LINES = 400_000
"""Lines that are held at a time: their joins take some hundred bytes each."""
_PARTS = 10_000


def traced(frame: pl.DataFrame, *, where: pl.Expr | None = None, most: int = MOST_LINES) -> pl.DataFrame:
    """About `most` lines at most of those `where`, chosen by the trace's id: the same ones whatever the order of lines. `frame` as
    `LOG_SCHEMA`."""
    carrying = pl.col("trace").fill_null("") != ""
    lines = frame.filter(carrying if where is None else carrying & where)
    if lines.height <= most:
        return lines
    return lines.filter(pl.col("trace").hash(seed=7) % _PARTS < int(most / lines.height * _PARTS))
