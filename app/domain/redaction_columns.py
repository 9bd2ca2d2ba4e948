"""Redaction over whole columns of a table. Apart from `redaction`, so that a process that holds no tables needs no polars."""

from __future__ import annotations

import polars as pl

from app.domain.redaction import TRIGGER, redact


def redact_column(column: pl.Series) -> pl.Series:
    """`redact` over a column of strings; only values that may hold a secret are looked at one by one."""
    hits = column.str.contains(TRIGGER).fill_null(False)
    if not hits.any():
        return column
    frame = pl.DataFrame({"text": column, "hit": hits})
    clean = pl.col("text").map_elements(redact, return_dtype=pl.String)
    replaced = frame.filter("hit").select(clean).to_series()
    return column.scatter(hits.arg_true(), replaced)
