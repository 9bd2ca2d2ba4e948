"""What a record is keyed by when it is sent: the key says which part of a topic, a stream or a queue it goes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import ANOTHER_VALUE, Effect, effect_of
from graphs.analysis.changes.kind import AlteredAmong
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.images import Image
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement, remembered
from graphs.analysis.changes.reading.words import listed, split_identifier, stem, stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_SENDS = re2.compile(
    r"(?:ProducerRecord|KeyedMessage|OutgoingMessage|PutRecord\w*|put_records?|produce|send|publish|send_and_wait|emit|"
    r"SendMessage\w*|send_message|ProducerMessage|Message|Record|KafkaRecord|basic_publish)(?:<[^()]*>)?[({]"
)
_NAMED = re2.compile(
    r"\b(?:key|Key|record_key|recordKey|message_key|messageKey|partition_key|partitionKey|PartitionKey|orderingKey|ordering_key|"
    r"OrderingKey|MessageGroupId|routing_key|routingKey)\s*(?:=>|[:=])\s*"
)
_CHAINED = re2.compile(r"\.(?:key|setKey|withKey|with_key|partitionKey|setPartitionKey|orderingKey|setOrderingKey)\(")
_GENERIC = stemmed(
    "get id key name value string str of to as bytes encode utf8 utf8bytes buf buffer from byte encoder string bytes sarama the "
    "self this null nil none int long uuid"
)
_PLACED = re2.compile(r"\b(?:ProducerRecord|KeyedMessage)(?:<[^()]*>)?\(")
"""Topic, part or not, key, value: the key is the last but one."""


def keyed_by(before: Statement, after: Statement, sides: Sides) -> Effect | None:
    """Records are keyed by something else, where both versions show by what."""
    if file_kind(after.path) != "code" or not _SENDS.search(before.text) or not _SENDS.search(after.text):
        return None
    was, now = _key(before), _key(after)
    if not was or not now or was == now:
        return None
    old, new = _words(was, sides.shown.old), _words(now, sides.shown.new)
    lost, come = old.keys() - new.keys(), new.keys() - old.keys()
    if not lost or not (come or now in _NOTHING):
        return None
    instead = _spelled(new[word] for word in come) or "nothing"
    note = f"records are keyed by {instead}, no longer by {_spelled(old[word] for word in lost)}"
    made = effect_of("identity", 0.75, note, after, resource=RESOURCE["queue"], direction="down", other=before)
    return replace(made, words=made.words | old.keys() | new.keys() | stem_set(["partition", "key"]))


def _spelled(words: Iterable[str]) -> str:
    return ", ".join(clean(word) for word in sorted(words)[:2])


_NOTHING = listed("null nil None undefined")


@remembered
def _key(one: Statement) -> str:
    """The expression by which what is sent is keyed; empty where none is seen."""
    if (placed := _PLACED.search(one.text)) is not None:
        given = _arguments(one.text[placed.end() :])
        return given[-2] if len(given) in (3, 4) else ""
    found = next(filter(None, (pattern.search(one.text) for pattern in (_NAMED, _CHAINED))), None)
    return _arguments(one.text[found.end() :])[0] if found is not None else ""


def _arguments(text: str) -> list[str]:
    """What is handed over, up to the bracket that ends it."""
    depth, start, found = 0, 0, []
    for place, char in enumerate(text):
        if char == "," and depth == 0:
            found.append(text[start:place].strip())
            start = place + 1
        depth += (char in "([{") - (char in ")]}")
        if depth < 0:
            return [*found, text[start:place].strip()]
    return [*found, text[start:].strip(" ;")]


_WORD = re2.compile(r"\b\w+\b(?:\.|->|::)?")
_CALL = re2.compile(r"\(.*")
_OF_A_WHOLE = re2.compile(r"\(\s*&?\w+\s*\)")


def _words(expression: str, image: Image) -> dict[str, str]:
    """What a key is made of, by stem as it is spelled; of a function that the diff shows, what it answers. Nothing where a function
    makes it of a whole that stands elsewhere."""
    name = _CALL.sub("", expression).rpartition(".")[2]
    answers: Sequence[Statement] = image.answers.get(name, ()) if "(" in expression else ()
    if not answers and _OF_A_WHOLE.search(expression):
        return {}
    texts = [one.text.removeprefix("return") for one in answers] or [expression]
    spelled = [part for text in texts for part in _WORD.findall(text)]
    parts = [part for part in spelled if part[-1:] not in ".>:"]  # what owns a part is none
    return {stem(word): word for part in parts for word in split_identifier(part) if stem(word) not in _GENERIC}


KINDS = (AlteredAmong(keyed_by, instead_of=ANOTHER_VALUE),)
