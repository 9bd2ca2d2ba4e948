"""What a process keeps for as long as it lives, under as many keys as there are callers, and never gives up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import function
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.images import Image
from graphs.analysis.changes.reading.names import clean, own_name
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.tokens import Token, lex
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.marks import ASSIGNS
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_MADE = re2.compile(
    r"(?:=|:=|=>)\s*(?:\{\}|\[\]|dict\(\)|list\(\)|set\(\)|(?:collections\.)?(?:defaultdict|OrderedDict|Counter)\("
    r"|(?:new )?\w*(?:Map|Set|List|Dictionary|ConcurrentBag)"
    r"(?:<[^()]*>)?(?:::new)?\(|make\(map\[|map\[\w+\][\w*.\[\]]+\{\}|\w*map_?[oO]f\(|mutable(?:Map|List|Set)Of|Hash\.new|Array\.new"
    r"|Concurrent::Map\.new|\[(?:\w+)?(?:: ?\w+)?\]\(\)|(?:\w+::)*(?:Lazy|LazyLock|OnceLock|RwLock|Mutex|DashMap)\b)"
    r"|\bsync\.Map\b|\bnew\(\)"
)
"""A collection that begins empty."""
_BOUNDED = re2.compile(
    r"(?i)weak|lru|ttl|expir|evict|bounded|max_?(?:size|len|entries|items)|capacity|caffeine|ring_?buffer|maxsize|circular"
    r"|thread_?local|contextvar|async_?local"
)
_GIVEN_UP = listed(
    "delete pop popitem popleft remove clear evict invalidate shift poll splice Delete Remove TryRemove Clear Dequeue TryDequeue "
    "retain removeIf removeEldestEntry LoadAndDelete drain delete_if reject! truncate reset keep_if remove_if take pop_front "
    "removeValue removeAll"
)
_MANY = stemmed(
    "id uuid guid url uri href user email ip session query token customer client device visitor cookie search text prompt payload "
    "body args params order cart account transaction trace header headers address phone timestamp now referer agent message "
    "request req sku barcode fingerprint nonce signature"
)
"""Words of what takes as many values as there are callers or things, and not as there are lines in the code."""
_FEW = stemmed("tenant shop store region locale currency country language type kind role template rule plan feature class")
"""Words of what there are only so many of, whatever is said of them: a tenant's id."""
_HEADS = frozenset(["req", "request", "params", "body"])
_PUTS = "|".join(
    listed(
        "set put add append push setdefault store insert Store Add TryAdd GetOrAdd LoadOrStore computeIfAbsent putIfAbsent "
        "getOrPut compute entry push_back unshift appendleft addLast fetch_or_store compute_if_absent merge"
    )
)


def never_given_up(sides: Sides) -> Iterator[Effect]:
    fresh = {(one.path, one.text) for one in sides.new}
    standing = sides.shown.standing
    for hunk in sides.shown.image:
        for place, one in enumerate(hunk):
            if (one.path, one.text) not in fresh or not _outlives(hunk, place):
                continue
            name = _named(one)
            if not name or any(_gives_up(name, other) for other in standing if other.path == one.path):
                continue
            kept = next(
                (other for other in standing if other.path == one.path and _kept_under_many(name, other, sides.shown.new)), None
            )
            if kept is not None:
                memory = RESOURCE["memory"]
                note = f"{clean(name)} keeps one for each that asks, and none is given up"
                made = effect_of("growth", 0.7, note, one, resource=memory, direction="up", other=kept)
                yield made
                return


def _outlives(hunk: Sequence[Statement], place: int) -> bool:
    """A collection of the module, the class or a long-lived object, begun empty."""
    one = hunk[place]
    if file_kind(one.path) != "code" or defined(one.text) is not None or _BOUNDED.search(one.text) or not _MADE.search(one.text):
        return False
    return function(hunk, place) is None or _of_the_class(hunk, place)


def _of_the_class(hunk: Sequence[Statement], place: int) -> bool:
    opener = function(hunk, place)
    return opener is not None and re2.search(r"\b(?:class|object|struct|module|impl|actor)\b", opener.text) is not None


def _named(one: Statement) -> str:
    start = next((at for at, token in enumerate(one.tokens) if token.text in ASSIGNS), 0)
    before_type = next((at for at, token in enumerate(one.tokens[:start]) if token.text == ":"), start)
    words = [token.text for token in one.tokens[: before_type or start] if token.kind == "word"]
    return words[-1] if words else own_name(one)


def _gives_up(name: str, one: Statement) -> bool:
    """Whether anything takes out of the collection, counts it against a bound, or begins it anew."""
    if name not in one.key:
        return False
    if any(text in _GIVEN_UP for text in one.key) or re2.search(rf"\bdel {name}\b|\bdelete\({name},|\bdelete {name}\[", one.text):
        return True
    counted = rf"(?:\blen\({name}\)|\b{name}\.(?:size|length|count|Count|len)\b(?:\(\))?)\s*(?:>|>=|==)"
    return re2.search(counted, one.text) is not None or _BOUNDED.search(one.text) is not None


def _kept_under_many(name: str, one: Statement, image: Image) -> bool:
    """Whether a statement puts something into `name` under what a caller brings."""
    word = re2.escape(name)
    match = re2.search(
        rf"\b{word}(?:\.(?:lock|write|borrow_mut|get_or_init)\([^)]*\)(?:\.unwrap\(\)|\.await)?)*\.(?:{_PUTS})\((.*)$|\b{word}\[(.*?)\]\s*(?:\|\||\?\?)?=[^=]",
        one.text,
    )
    if match is None or one.sort != "code":
        return False
    tokens = lex(match.group(1) or match.group(2) or "")
    return bool(_words(_first(tokens), one.path, image) & _MANY)


def _first(tokens: Sequence[Token]) -> Sequence[Token]:
    """The first argument: the key."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        if depth < 0 or (depth == 0 and token.text == ","):
            return tokens[:place]
    return tokens


def _words(tokens: Sequence[Token], path: str, image: Image, steps: int = 2) -> frozenset[str]:
    """Stems of what a key is made of; of a local, of what it was given."""
    found: frozenset[str] = frozenset()
    for token in tokens:
        given = image.given.get((path, token.text)) if steps and token.kind == "word" else None
        at = next((at for at, item in enumerate(given.tokens) if item.text in ASSIGNS), 0) if given is not None else 0
        if given is not None and "[" not in given.key[:at]:
            found |= _words(given.tokens[at + 1 :], path, image, steps - 1)
        elif token.kind != "op" and token.text not in _HEADS:
            words = stem_set([token.text])
            found |= frozenset() if token.kind == "word" and words & _FEW else words
    return found


KINDS = (Throughout(never_given_up),)
