"""What ran out by itself: messages that say since when something is no longer valid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import re2

from graphs.analysis.changes.reading.tokens import stem_set

_RAN_OUT = stem_set(["expired", "expires", "expiry", "expiration", "notafter", "lapsed", "validity"])
_ISO = re2.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z| ?UTC|\+00:?00)?")
_LONG = re2.compile(r"(?:[A-Z][a-z]{2},? )?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d)(?: [A-Z]{3,4})? (\d{4})")  # Java and OpenSSL
_AFTER = timedelta(minutes=12)  # what holds a connection, or a token, notices when it asks again
_BEFORE = timedelta(minutes=3)


def ran_out(texts: Iterable[str], onset: datetime) -> bool:
    """Whether something says that it is no longer valid since about `onset`: an end that was written down long before."""
    return any(-_BEFORE <= onset - end <= _AFTER for text in texts if stem_set([text]) & _RAN_OUT for end in _ends(text))


def _ends(text: str) -> Iterator[datetime]:
    """The dates that a message names, but for the time at which it was written, which such messages name first."""
    found = [*_dates(text)]
    yield from found[1:] if len(found) > 1 and found[0] >= max(found[1:]) else found


def _dates(text: str) -> Iterator[datetime]:
    for day, clock in _ISO.findall(text):
        yield _read(f"{day} {clock if len(clock) > 5 else clock + ':00'}", "%Y-%m-%d %H:%M:%S")
    for month, number, clock, year in _LONG.findall(text):
        yield _read(f"{year} {month} {number} {clock}", "%Y %b %d %H:%M:%S")


def _read(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)  # no date of any calendar
