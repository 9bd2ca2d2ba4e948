"""What no change is guilty of: how such causes read in logs, who asks more than before, and what ran out by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import re2

from app.domain.finding import Finding
from graphs.analysis.changes.reading.words import listed, split_identifier, stem_set, stemmed
from graphs.analysis.changes.suspects.remedies import DATA, EXPIRED, HARDWARE, NEIGHBOUR, PROVIDER, SURGE

OUTSIDE: dict[str, frozenset[str]] = {
    name: stem_set(words.split())
    for name, words in {
        PROVIDER: "provider vendor partner region unavailable slowdown thirdparty storage sdk outage degraded quota "
        "acquirer aws gcp azure daily monthly billing subscription",
        SURGE: "surge overloaded shedding autoscaler pending saturated demand spike traffic crawler bot",
        DATA: "redelivering redelivered poison malformed record row supplier feed "
        "offset producer dead letter partition decode unparseable corrupt",
        EXPIRED: "certificate x509 expired notafter handshake tls licence license lease",
        NEIGHBOUR: "steal neighbour neighbor node evicted pressure throttled host noisy hypervisor preempted "
        "preemptible preemption spot interruption reclaimed unschedulable cordoned",
        HARDWARE: "hardware sector nvme ecc uncorrectable medium raid mce fsync input output failing",
    }.items()
}
"""How causes that no change is guilty of read in logs; three different words are a hint, never a proof."""
_LAPSED = stemmed("expired expires expiry expiration notafter lapsed validity")
RAN_OUT = _LAPSED | stem_set(["ended"])
"""Without one of these nothing ran out."""
KEPT_OFF_BY: dict[str, tuple[str, ...]] = {EXPIRED: ("lifetime", "certificate")}
"""Resources that keep such a cause off: a change to them is no bystander of it."""
PLACES_OF_PROVIDERS = stem_set(["region", "zone", "datacenter", "datacentre", "az", "availability"])
"""Where only one of these is impaired, there is another one to go to."""
_MOST_OF_IT = 0.8  # share of the rise
_FEW = 0.5  # share of the level before, from which on a part is the whole under another name
_TIMES_A_PART = 3.0


def of_one_part(symptoms: Sequence[Finding]) -> bool:
    """Whether one part of what arrives, small before, accounts for nearly all of the rise of the whole: a series whose name says
    all that the whole's does and more, as one for a tenant or a client does."""
    return any(True for _ in _parts(symptoms))


def of_one_customer(symptoms: Sequence[Finding], diffs: Sequence[str]) -> bool:
    """Whether that part is one of those who are served, by number or by name, whom no change names: then none is for that one."""
    parts = [words - _CUSTOMERS for words in _parts(symptoms) if words & _CUSTOMERS]
    return any(own and not any(_names(diff, own) for diff in diffs) for own in parts)


def _names(diff: str, words: frozenset[str]) -> bool:
    return any(word in diff.lower() for word in words if len(word) >= _TELLING)


_TELLING = 3  # letters or digits of a name that are not anybody's


_CUSTOMERS = listed(
    "tenant customer account organization organisation org workspace merchant client consumer user ip partner shop seller"
)


def _parts(symptoms: Sequence[Finding]) -> Iterator[frozenset[str]]:
    """Of each part that accounts for nearly all of the rise of a whole, what its name says beyond the whole's."""
    risen = [
        (one.entity, frozenset(split_identifier(one.query.rpartition("|")[2])), one.numbers["base"], one.numbers["level"])
        for one in symptoms
        if one.signal == "metrics" and one.numbers.get("level", 0.0) > one.numbers.get("base", 0.0) >= 0.0
    ]
    yield from (
        longer - name
        for entity, name, base, level in risen
        for other, longer, part_base, part_level in risen
        if entity == other
        and name < longer
        and part_level >= _TIMES_A_PART * part_base
        and part_base <= _FEW * base
        and _MOST_OF_IT * (level - base) <= part_level - part_base <= (level - base) / _MOST_OF_IT
    )


_ISO = re2.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z| ?UTC|\+00:?00)?")
_LONG = re2.compile(r"(?:[A-Z][a-z]{2},? )?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d)(?: [A-Z]{3,4})? (\d{4})")  # Java and OpenSSL
_AFTER = timedelta(minutes=12)  # what holds a connection, or a token, notices when it asks again
_BEFORE = timedelta(minutes=3)


_BROKEN = re2.compile(
    r"(?i)\b(?:(?:medium|media|hardware|ecc|parity) error|uncorrect(?:able|ed) (?:\w+ )?error|machine check|"
    r"(?:cable|symbol|fcs|(?:rx|port|link)[ _]crc)[ _]errors?(?:_\w+)?\b|high ber\b|link flap\w*|"
    r"i/o error,? (?:on )?dev|blk_update_request|nvme\d*:? .{0,40}(?:timeout|aborting)|smart .{0,40}fail)"
)


def broken(texts: Iterable[str]) -> bool:
    """Whether a machine's own kernel tells of parts of it that fail: no program does that to it."""
    return any(_BROKEN.search(text) is not None for text in texts)


_FULL = re2.compile(
    r"(?i)\breached maximum value of sequence\b|\bSequenceGeneratorLimitExceeded\b|\bwraparound\b.{0,40}(?:data loss|commands)|"
    r"\bto avoid wraparound\b|\b(?:failed to read auto-?increment|overflow error converting identity)\b|"
    r"\bsequence \S+ exceeds maxvalue\b|"
    r"\b(?:auto_?increment|nextval|identity|primary|serial|sequence|column '?\w{0,20}id'?)\b.{0,80}\b_END_\b|"
    r"\b_END_\b.{0,80}\b(?:auto_?increment|nextval|identity|primary|serial|sequence)\b".replace(
        "_END_", "(?:32767|65535|8388607|16777215|2147483647|4294967295|9223372036854775807|18446744073709551615)"
    )
)
_COUNTING = stemmed(
    "sequence serial nextval setval maxvalue autoincrement smallint bigint integer int2 int4 bigserial identity wraparound"
)


def counted_out(texts: Iterable[str], touched: Iterable[str]) -> bool:
    """Whether a counter came to the end of its type, and nothing of `touched`, the words of changes, is about such counters: what
    it counts took years, however fast it was counted on the last day."""
    return not _COUNTING & frozenset(touched) and any(_FULL.search(text) is not None for text in texts)


def ran_out(texts: Iterable[str], onset: datetime) -> bool:
    """Whether something says that it is no longer valid since about `onset`: an end that was written down long before."""
    return any(-_BEFORE <= onset - end <= _AFTER for text in texts if stem_set([text]) & _LAPSED for end in _ends(text))


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
