"""What is kept, or held all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import ANOTHER_CALL, Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.differences import words_in
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, last_names, words_of
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_KEEPERS = stemmed("cache registry history seen buffer sessions listeners subscribers memo store recent index handlers callbacks")
_GROWERS = listed("append push add put set setdefault extend insert Add Store Append Put Set")


def keeping(one: Statement) -> Effect | None:
    """Puts what it is given into something that outlives the call, if it does."""
    if not _keeps(one, last_names(one), words_of(one)):
        return None
    return effect_of("growth", 0.65, "keeps what it is given", one, resource=RESOURCE["memory"], direction="up")


def _keeps(one: Statement, names: frozenset[str], words: frozenset[str]) -> bool:
    """Puts something into a collection that outlives the call."""
    if _of_the_code(one) or _ARM.match(one.text):
        return False
    receivers = stem_set([name.rpartition(".")[0] for name in called(one)] + [one.text.partition("[")[0].partition("=")[0]])
    onto_field = re2.match(r"^\w+(\.\w+)+ = append\(", one.text) is not None
    long_lived = (
        onto_field
        or one.text.startswith(("self.", "this.", "_", "global "))
        or one.text[:2].isupper()
        or bool(receivers & _KEEPERS)
    )
    stored = (
        bool(names & _GROWERS)
        and (onto_field or bool(names & {"append", "push", "add", "Add", "Append", "extend"}) or "," in one.text)
    ) or ("] =" in one.text.partition("==")[0] and "[" in one.text.partition("=")[0])
    return long_lived and stored and not words & _BOUNDING and not _LASTING.search(one.text)


_BOUNDING = stemmed("evict expire limit trim popleft ttl expiry expires maxage")
_LASTING = re2.compile(
    r"(?i)\b(?:duration|timedelta|timespan|(?:time|of|from)[.:_]*(?:milli)?(?:second|minute|hour)s?)\b|from_(?:secs|millis)"
)
_ARM = re2.compile(r"^(?:case |when )?[\w:.]+\([^()]*\) (?:=>|->) ")  # one case of a match, and no call


def _of_the_code(one: Statement) -> bool:
    """Puts what is written in the code under what is written in the code: as many as there are lines."""
    start = next((place for place, token in enumerate(one.tokens) if token.text in ("(", "[")), len(one.tokens))
    inside = [token for token in one.tokens[start:] if token.kind != "op"]
    return len(inside) >= 2 and all(token.kind in ("string", "number") and "{" not in token.text for token in inside)


_ALL = listed("fetchall readlines ReadAll toList toArray readAllBytes ReadToEnd toBuffer read_to_end readFileSync")
_STREAMS = re2.compile(r"\bfor\b.*\b(?:in|of|range|:)\b|\byield\b|(?i)stream|chunk|iterat|cursor|\.next\(|scanner|pipe\(|Copy\(")


def taken_whole(sides: Sides) -> Iterator[Effect]:
    """Takes all into memory at once, where it went piece by piece."""
    for one in sides.new:
        taken = last_names(one) & _ALL
        gone = [other for other in sides.old if other.block == one.block]
        streamed = any(_STREAMS.search(other.text) for other in gone) and not any(last_names(other) & _ALL for other in gone)
        if taken and streamed and file_kind(one.path) == "code":
            memory = RESOURCE["memory"]
            yield effect_of("growth", 0.65, f"{clean(min(taken))} takes all at once", one, resource=memory, direction="up")


_AT_ONCE = listed(
    "ReadAll ReadFile readAll read_to_end read_to_string readFileSync readFile fetchall toArray ToArray readAllBytes "
    "readAllLines ReadToEnd ReadAllText ReadAllBytes readlines arrayBuffer toByteArray read ToList ToListAsync toList findAll "
    "all collect getResultList to_a text"
)
_BIT_BY_BIT = listed(
    "Copy CopyN pipe pipeline iter_content iter_lines readline readLine createReadStream find_each find_in_batches in_batches "
    "iterator fetchmany yield_per NewDecoder NewScanner NewReader BufReader bufReader iter_chunked transferTo copy "
    "copyfileobj CopyToAsync CopyTo AsAsyncEnumerable AsEnumerable streamAll findAllBy getResultStream cursor each_line "
    "foreach LimitReader newBufferedReader chunks"
)


def held_whole(before: Statement, after: Statement) -> Effect | None:
    """What went through bit by bit is held all at once."""
    was, now = ({token.text for token in one.tokens if token.kind == "word"} for one in (before, after))
    lost, come = was - now, now - was
    if not lost & _BIT_BY_BIT or not come & _AT_ONCE or come & _BIT_BY_BIT:
        return None
    note = f"{clean(min(come & _AT_ONCE))} holds all at once"
    return effect_of("whole", 0.7, note, after, resource=RESOURCE["memory"], direction="up", other=before)


_LABELLED = listed("WithLabelValues labels tags tag WithLabels with_labels label_values")
_ENDLESS = stemmed("id uuid path url uri user email ip session query token customer device")


def many_values(before: Statement, after: Statement) -> Effect | None:
    """A label of a metric that takes as many values as there are users or addresses: a series for each, kept for good."""
    if not last_names(after) & _LABELLED or not last_names(before) & _LABELLED:
        return None
    come = {text for text in words_in(after) - words_in(before) if stem_set([text]) & _ENDLESS}
    if not come:
        return None
    memory = RESOURCE["memory"]
    made = effect_of("growth", 0.6, f"a label takes every {clean(min(come))}", after, resource=memory, direction="up", other=before)
    return replace(made, words=made.words | stem_set(["label", "series"]))


_CUT = re2.compile(r"\w\)?\[\s*:\s*\w[\w.]*\s*\]|\.(?:take|first|limit)\(\w[\w.]*\)")


def cut(before: Statement, after: Statement) -> list[Effect]:
    """Only so many were taken, and now all of them are."""
    if not _CUT.search(before.text) or _CUT.search(after.text) or not last_names(before) <= {*last_names(after), *_TAKERS}:
        return []
    queue = RESOURCE["queue"]
    return [
        effect_of("gone", 0.5, "takes all, and no longer the first of them", after, resource=queue, direction="gone", other=before)
    ]


_TAKERS = frozenset(("take", "first", "limit"))


KINDS = (
    Altered(held_whole, of="code", instead_of=ANOTHER_CALL),
    Altered(many_values, of="code"),
    Throughout(taken_whole),
)
