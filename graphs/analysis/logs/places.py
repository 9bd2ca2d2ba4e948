"""Which statement of the code wrote a line: its template, told apart by the place in the source where lines name one."""

from __future__ import annotations

import polars as pl

from graphs.analysis.logs import error_words, templates
from graphs.analysis.logs.course import LINES_SCHEMA
from graphs.analysis.logs.exceptions import Names
from graphs.analysis.logs.shift import FAILING
from graphs.analysis.logs.traced import traced

PLACE = r"(?:^|[\s\[(])([A-Za-z_][\w.$/\[\]-]*(?:#|\.[A-Za-z]{1,5}:)\d{1,5})(?:$|[\s\]):,])"
"""`Orders.java:17`, `cart/add.go:88`, `o.s.Orders#17`: a name, and the number of a line in it."""
MOST_PLACES = 12
"""One text stands at few places in the code; where more follow it, the number is data (`order#1007`)."""


def lines_of(frame: pl.DataFrame, mined: templates.Mined, names: Names) -> pl.DataFrame:
    """Lines that carry a trace, as `course.LINES_SCHEMA`; each delivered line once."""
    lines = traced(frame)
    if lines.is_empty():
        return pl.DataFrame(schema=LINES_SCHEMA)
    keyed = (
        templates.keyed(lines.lazy())
        .with_columns(masked=templates.mask(pl.col("msg")), place=pl.col("msg").str.head(300).str.extract(PLACE, 1).fill_null(""))
        .join(mined.spelled.lazy(), on=[*templates.KEYS, "masked"], how="inner")
        .select("incident", "trace", pl.col("span").fill_null(""), "time", *templates.KEYS, "template", "place", "msg")
        .unique()
        .collect()
    )
    # Of one place the texts may differ in what they dump.
    first = pl.col("template").min().over("service", "level", "place")
    return (
        _placed(keyed)
        .with_columns(text=pl.when(pl.col("place") != "").then(first).otherwise(pl.col("template")))
        .join(_judged(mined, names), on=[*templates.KEYS, "template"], how="left")
        .select(
            "incident",
            "trace",
            "span",
            "service",
            pl.concat_str("level", "place", "text", separator=" ").str.strip_chars().alias("statement"),
            pl.col("severity").fill_null(0.0),
            pl.col("blames").fill_null(0.0),
        )
    )


def _placed(lines: pl.DataFrame) -> pl.DataFrame:
    """Places only where they tell statements apart: few per text, and the same in the reference and the incident, which they
    are not where another version runs."""
    few = pl.col("place").n_unique().over("service", "level", "status", "template") <= MOST_PLACES
    lines = lines.with_columns(place=pl.when(few).then(pl.col("place")).otherwise(pl.lit("")))
    both = (
        lines.filter(pl.col("place") != "")
        .group_by("service", "place")
        .agg(before=(~pl.col("incident")).any(), now=pl.col("incident").any())
        .group_by("service")
        .agg(before=pl.col("before").sum(), stayed=(pl.col("before") & pl.col("now")).sum())
    )
    moved = both.filter(2 * pl.col("stayed") < pl.col("before"))["service"]
    return lines.with_columns(place=pl.when(pl.col("service").is_in(moved.implode())).then(pl.lit("")).otherwise(pl.col("place")))


def _judged(mined: templates.Mined, names: Names) -> pl.DataFrame:
    """How bad each template sounds, and how surely it speaks of another service."""
    rows = []
    for service, level, status, template, exemplar in mined.templates.select(*templates.KEYS_SCHEMA, "exemplar").iter_rows():
        text = str(exemplar)[: error_words.HEAD]
        severity = error_words.severity(level, text, status=status)
        blame = names.blamed(text, by=service, kind=error_words.kind_of(text)) if severity >= FAILING else None
        sure = blame.sure if blame is not None else 0.0
        rows.append((service, level, status, template, severity, sure))
    schema = {**templates.KEYS_SCHEMA, "severity": pl.Float64, "blames": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
