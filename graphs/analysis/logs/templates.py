"""Log templates at memory speed: mask every piece that holds a digit, group, then merge the few distinct masked strings.

What tells lines apart although it holds digits (level, HTTP status class) becomes a key column before the mask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import re2
from numpy.typing import NDArray

from app.domain.telemetry import LOG_SCHEMA
from graphs.analysis.logs import error_words

WILD = "<*>"
PIECE = r"""[^\s/=:,;\[\](){}"'|]*\d[^\s/=,;\[\](){}"'|]*"""
"""Any piece between blanks or punctuation that contains a digit; a colon may stand inside it, not before its first digit."""
STATUS = (
    r"""(?i)(?:\bstatus(?:[_ ]?code)?["']?\s*[=: ]\s*["']?|"""
    r"""\bHTTP/\d(?:\.\d)?["']?\s+|\breturned\s+|\bcode["']?\s*[=:]\s*)([1-5])\d\d\b"""
)
LONGEST = 1600
"""Characters of a message that take part: enough for a stack trace's head; the tail is kept too, as it names the exception."""

KEYS = ["service", "level", "status"]
"""What tells lines apart beside their text."""
KEYS_SCHEMA = dict.fromkeys([*KEYS, "template"], pl.String)
"""One template, as a row."""

SLICE = 1 << 18
"""Lines that are looked at together."""

REFERENCE, BEFORE, AFTER, HISTORY = 0, 1, 2, 3
"""The stretches of a line: the reference, the incident's window before the onset, from the onset on, and older than the window."""

Protected = Callable[[str], bool]


@dataclass(frozen=True)
class Mined:
    """`templates` as `mine` describes them; `spelled` maps each masked text to the template it became part of."""

    templates: pl.DataFrame
    spelled: pl.DataFrame


@dataclass(frozen=True)
class Stretches:
    """Where the incident's lines divide. Epoch seconds; None where it is not known."""

    start_s: float | None = None  # incident lines older than this are history
    onset_s: float | None = None


def mine(frame: pl.DataFrame, *, stretches: Stretches | None = None, protected: Protected | None = None) -> Mined:
    """`templates` has one row per (service, level, status class, template), with counts per stretch, most frequent first.

    `frame` has the columns of `LOG_SCHEMA`; rows in any order; `time` may be null. Counts: `n_*` lines, `e_*` distinct
    moments (a line delivered twice counts once; lines without a time all count). `first_s` and `last_s` are of the
    incident's lines from the onset on (of all of the incident's where there are none). `exemplar` is one whole message.
    """
    ordered = frame["time"].fill_nan(None).is_sorted(nulls_last=True)
    return mine_all(frame.iter_slices(SLICE) if ordered else (frame,), stretches=stretches, protected=protected)


def mine_all(frames: Iterable[pl.DataFrame], *, stretches: Stretches | None = None, protected: Protected | None = None) -> Mined:
    """As `mine`, of frames that together are in time order: the memory it takes is that of one of them and of the templates,
    however many lines there are."""
    return _merged(_distinct(frames, stretches or Stretches()), protected or _never)


def lines_of(frame: pl.DataFrame, mined: Mined, wanted: pl.DataFrame) -> pl.DataFrame:
    """The incident's lines of some templates, oldest first, with a column `template`.

    `wanted` has the columns service, level, status and template. Only lines of their services and levels are looked at.
    """
    spelled = mined.spelled.join(wanted.select(*KEYS, "template").unique(), on=[*KEYS, "template"], how="semi")
    lines = frame.lazy().filter(pl.col("incident") & pl.col("service").is_in(wanted["service"].unique().implode()))
    lines = keyed(lines).filter(pl.col("level").is_in(wanted["level"].unique().implode()))
    return (
        lines.with_columns(mask(pl.col("msg")).alias("masked"))
        .join(spelled.lazy(), on=[*KEYS, "masked"], how="inner")
        .drop("masked")
        .sort("time", "service", "msg", nulls_last=True)
        .collect()
    )


def keyed(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The key columns as templates have them, and the message cut to the part that takes part."""
    message = pl.col("msg").fill_null("")
    cut = pl.concat_str([message.str.head(LONGEST - 400), pl.lit(" … "), message.str.tail(400)])
    return lines.with_columns(
        pl.col("time").fill_nan(None), pl.when(message.str.len_bytes() > LONGEST).then(cut).otherwise(message).alias("msg")
    ).with_columns(
        pl.col("service").fill_null(""),
        pl.col("level").fill_null("").str.to_uppercase().replace_strict(error_words.LEVELS, default="", return_dtype=pl.String),
        pl.col("msg").str.extract(STATUS, 1).fill_null("").alias("status"),
    )


def mask(column: pl.Expr) -> pl.Expr:
    """The masked form of a column of messages."""
    return column.str.replace_all(PIECE, WILD)


def _never(_: str) -> bool:
    return False


def stretch_of(stretches: Stretches) -> pl.Expr:
    time = pl.col("time")
    old = (time < stretches.start_s).fill_null(False) if stretches.start_s is not None else pl.lit(False)
    early = (time < stretches.onset_s).fill_null(False) if stretches.onset_s is not None else pl.lit(False)
    return (
        pl.when(~pl.col("incident")).then(REFERENCE).when(old).then(HISTORY).when(early).then(BEFORE).otherwise(AFTER).cast(pl.Int8)
    )


def _distinct(frames: Iterable[pl.DataFrame], stretches: Stretches) -> pl.DataFrame:
    """Groups of equal masked text; the only pass over the lines."""
    found: list[pl.DataFrame] = []
    rows, most = 0, SLICE
    for frame in frames:
        found.append(_grouped(frame, stretches))
        rows += found[-1].height
        if rows > most:
            found = [_together(found)]
            rows, most = found[0].height, max(SLICE, 2 * found[0].height)
    told = pl.col("exemplar").str.contains(error_words.STACK_FRAME) | pl.col("exemplar").str.contains(error_words.COLLECTOR)
    return _together(found).filter(~told) if found else _grouped(pl.DataFrame(schema=LOG_SCHEMA), stretches)


def _grouped(frame: pl.DataFrame, stretches: Stretches) -> pl.DataFrame:
    moments = pl.col("time").drop_nulls().n_unique() + pl.col("time").null_count()
    return (
        keyed(frame.lazy())
        .select(*KEYS, mask(pl.col("msg")).alias("template"), stretch_of(stretches).alias("stretch"), "time", "msg")
        .group_by(*KEYS, "template", "stretch")
        .agg(
            pl.len().alias("n"),
            moments.alias("e"),
            pl.col("time").min().alias("first_s"),
            pl.col("time").max().alias("last_s"),
            pl.col("msg").min().alias("exemplar"),
        )
        .collect(engine="streaming")
    )


def _together(found: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The groups of several frames, oldest first, as those of one: a moment at which one ends and the next begins is one."""
    if len(found) == 1:
        return found[0]
    shared = (pl.col("first_s") == pl.col("last_s").shift(1)).sum()
    return (
        pl.concat(found)
        .group_by(*KEYS, "template", "stretch", maintain_order=True)
        .agg(
            pl.col("n").sum(),
            pl.col("e").sum() - shared,
            pl.col("first_s").min(),
            pl.col("last_s").max(),
            pl.col("exemplar").min(),
        )
    )


def _merged(distinct: pl.DataFrame, protected: Protected) -> Mined:
    weights = (
        distinct.group_by([*KEYS, "template"])
        .agg(pl.col("n").sum())
        .sort([*KEYS, "n", "template"], descending=[False, False, False, True, False])
    )
    names: list[str] = []
    for group in weights.partition_by(KEYS, maintain_order=True):
        names += merge(group["template"].to_list(), protected=protected)
    named = weights.select([*KEYS, "template"]).with_columns(pl.Series("merged", names, dtype=pl.String))
    joined = distinct.join(named, on=[*KEYS, "template"], how="left").with_columns(pl.col("merged").alias("template"))

    def total(column: str, stretch: int) -> pl.Expr:
        return pl.col(column).filter(pl.col("stretch") == stretch).sum()

    after, incident = pl.col("stretch") == AFTER, pl.col("stretch") != REFERENCE
    templates = (
        joined.group_by([*KEYS, "template"])
        .agg(
            *(
                total(column, stretch).alias(f"{column}_{name}")
                for column in ("n", "e")
                for name, stretch in (("reference", REFERENCE), ("before", BEFORE), ("after", AFTER), ("history", HISTORY))
            ),
            pl.col("first_s").filter(after).min().fill_null(pl.col("first_s").filter(incident).min()).alias("first_s"),
            pl.col("last_s").filter(after).max().fill_null(pl.col("last_s").filter(incident).max()).alias("last_s"),
            pl.col("last_s").filter(pl.col("stretch") == BEFORE).max().alias("last_before_s"),
            pl.col("exemplar").filter(incident).min().fill_null(pl.col("exemplar").min()).alias("exemplar"),
        )
        .sort(["n_after", "n_before", "n_reference", *KEYS, "template"], descending=[True, True, True, False, False, False, False])
    )
    return Mined(templates, named.rename({"template": "masked", "merged": "template"}))


MOST_MERGED = 20_000
LONGEST_MERGED = 60  # tokens of a text that are compared
MANY_WORDS = 12  # plain words found at one place of otherwise equal texts: it holds data, not wording
MANY_VALUES = 3  # the same for tokens that look like data
CROWD = 24  # different texts behind one beginning: what follows it is data
ROUNDS = 4


def merge(masked: Sequence[str], *, protected: Protected = _never) -> list[str]:
    """The template of each masked string, in their order; strings that differ only where data stands share one.

    A place holds data when texts that are equal everywhere else show many different words there (or a few tokens that
    look like values). Tokens that are `protected` (a service's name) or tell of a failure are never merged away. Time and
    memory grow linearly with the texts' length; of more than `MOST_MERGED` texts the rest keeps its first words only.
    """
    place: dict[str, tuple[str, ...]] = {}
    for text in masked:
        if text not in place:
            tokens = tuple(squeeze(text).split(" "))
            place[text] = tokens if len(place) < MOST_MERGED else (*tokens[:6], "…")
    fixed: dict[str, bool] = {}

    def stays(token: str) -> bool:
        if token not in fixed:
            fixed[token] = token == WILD or protected(token) or _wordy(token)
        return fixed[token]

    for _ in range(ROUNDS):
        found = _generalised(set(place.values()), stays)
        if not found:
            break
        place = {text: found.get(tokens, tokens) for text, tokens in place.items()}
    return _uncrowded([squeeze(" ".join(place[text])) for text in masked])


Tokens = tuple[str, ...]


def _generalised(texts: Collection[Tokens], stays: Callable[[str], bool]) -> dict[Tokens, Tokens]:
    """The texts that hold data somewhere, with that masked."""
    of_length = Counter(map(len, texts))
    alike = [tokens for tokens in texts if of_length[len(tokens)] >= MANY_VALUES]
    if not alike:
        return {}
    variants: dict[int, list[tuple[int, int]]] = {}
    for text, place, group in _equal_but_for_one(alike, stays):
        variants.setdefault(group, []).append((text, place))
    wild: dict[int, set[int]] = {}
    for members in variants.values():
        if _holds_data({alike[text][place] for text, place in members}):
            for text, place in members:
                wild.setdefault(text, set()).add(place)
    return {
        alike[text]: tuple(WILD if i in masked else token for i, token in enumerate(alike[text])) for text, masked in wild.items()
    }


def _equal_but_for_one(texts: Sequence[Tokens], stays: Callable[[str], bool]) -> Iterable[tuple[int, int, int]]:
    """(text, place, group) of the places at which at least `MANY_VALUES` texts differ that are equal everywhere else: found by
    a hash of their length, the place and the rest."""
    known: dict[str, int] = {}
    ids = np.array([known.setdefault(token, len(known)) for tokens in texts for token in tokens], dtype=np.int64)
    free = np.array([not stays(token) for token in known], dtype=np.bool_)
    lengths = np.array([len(tokens) for tokens in texts], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    text = np.repeat(np.arange(len(texts)), lengths)
    place = np.arange(len(ids)) - starts[text]
    here = _mixed(ids + (place << 32))
    rest = np.add.reduceat(here, starts)[text] - here
    key = rest + _mixed(place + (lengths[text] << 32) + (1 << 62))
    kept = np.flatnonzero(free[ids] & (place < LONGEST_MERGED))
    _, group, count = np.unique(key[kept], return_inverse=True, return_counts=True)
    several = count[group] >= MANY_VALUES
    kept = kept[several]
    return zip(text[kept].tolist(), place[kept].tolist(), group[several].tolist(), strict=True)


def _mixed(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers so scattered that sums of different ones differ (the finaliser of splitmix64)."""
    x = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scattered: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return scattered


def _holds_data(tokens: set[str]) -> bool:
    if len(tokens) >= MANY_WORDS:
        return True
    return len(tokens) >= MANY_VALUES and sum(map(_looks_like_data, tokens)) > len(tokens) / 2


@lru_cache(maxsize=65536)
def _looks_like_data(token: str) -> bool:
    word = token.strip("\"'.,:;!?()[]{}<>")
    return WILD in token or not word.replace("-", "").replace("'", "").isalpha()


@lru_cache(maxsize=65536)
def _wordy(token: str) -> bool:
    return token != WILD and error_words.kind_of(token) is not None


@lru_cache(maxsize=1)
def _runs() -> Any:
    return re2.compile(r"<\*>(?:[\s,;:/|=._-]*<\*>)+")


def squeeze(text: str) -> str:
    """Blanks to single spaces, and a run of masked pieces to one: lists of any length look alike."""
    runs = text.find(WILD) != text.rfind(WILD)  # it takes two
    return " ".join((str(_runs().sub(WILD, text)) if runs else text).split())


def _uncrowded(templates: list[str]) -> list[str]:
    crowds: dict[str, set[str]] = {}
    starts = [_beginning(template) for template in templates]
    for template, start in zip(templates, starts, strict=True):
        crowds.setdefault(start, set()).add(template)
    return [
        f"{start} {WILD}" if len(crowds[start]) > CROWD and error_words.kind_of(t) == error_words.kind_of(start) else t
        for t, start in zip(templates, starts, strict=True)
    ]


def _beginning(template: str) -> str:
    return " ".join(template.split(" ", 6)[:6])
