"""What tells things apart: keys of caches and partitions, subjects of limits, names of locks, groups of rows.

Where such a key is made of other parts, what was apart falls into one, or what was one falls apart; and whatever is made of it
goes wrong by the names that went or came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import re2

from graphs.analysis.changes.effect import ANOTHER_VALUE, Direction, Effect, effect_of
from graphs.analysis.changes.kind import AlteredAmong
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.images import Image
from graphs.analysis.changes.reading.names import clean, name_of, own_name
from graphs.analysis.changes.reading.statements import Statement, called, remembered
from graphs.analysis.changes.reading.tokens import Token, lex
from graphs.analysis.changes.reading.words import listed, split_identifier, stem, stem_set, stemmed
from graphs.analysis.changes.vocabulary.marks import ASSIGNS
from graphs.analysis.changes.vocabulary.resources import first_resource

_KEYS = stemmed("key partition shard fingerprint dedupe dedup digest hash etag idempotency")
_SECRETS = stemmed(
    "api secret public private access signing ssh encryption tls primary foreign kms license gpg rsa host sort auth jwt zone"
)
_TELLERS = stemmed(
    "limiter limits throttle quota ratelimit lock locks locker lease semaphore dedupe partition shard hash sha256 sha1 md5 "
    "fingerprint memo cache routing idempotency"
)
"""Receivers and called names whose first argument says who or what is meant."""
_SORTERS = listed("sorted sort min max sort_by groupby")
_GENERIC = stemmed("id name key value code string str uuid number to get as of ref text val tostring")
_NO_PARTS = listed(
    "return new await if else for in lambda let const var val final String str string map format f not or and self this null "
    "None nil true false mut using async select from by group where kw kwargs"
)
_HOLE = re2.compile(r"[$#]?\{([^{}]*)\}")
_GROUPED = re2.compile(r"(?i)\b(?:group by|partition by|distinct on|on conflict)\s*\(?\s*([\w., ]+)")
_AFTER_GROUP = re2.compile(r"(?i)\b(?:having|order|limit|do|window|for)\b.*")
_VARIABLE = re2.compile(r"\$\{?(\w+)")
_OF_A_SERVER = stem_set(["key", "hash", "zone"])
_MOST_STEPS = 3
Part = frozenset[str]


def another_key(before: Statement, after: Statement, sides: Sides) -> Effect | None:
    """What a key lost or got instead, where both statements make the same kind of key."""
    was, now = _made(before), _made(after)
    if was is not None and _drawn(after) and not _drawn(before):
        return _effect(was.what, frozenset(), stem_set(called(after)) & (_DRAWN | _ONCE), before, after, often=True)
    if was is None or now is None or was.what != now.what:
        return None
    old, new = sides.shown.old, sides.shown.new
    parts, others = set(_parts(was.tokens, before.path, old)), set(_parts(now.tokens, after.path, new))
    lost, come = _names(parts - others) - _names(others), _names(others - parts) - _names(parts)
    if (once := _names(part & _ONCE or part for part in others - parts if _only_once(part)) - _names(parts)) and not _only_once(
        _names(parts)
    ):
        return _effect(was.what, frozenset(), once, before, after, often=True)
    whole = stem_set(_handed(now.tokens, new))
    lost_of = {name for part in parts for name in part & lost if not (_owners(was.tokens, name) & whole)}
    if not lost_of - _GENERIC and not (come - _GENERIC and lost_of):
        return None
    return _effect(was.what, frozenset(lost_of), come, before, after)


def same_key(before: Statement, after: Statement, old: Image, new: Image) -> bool:
    """Whether both make the same kind of key, and of all its parts; what a helper is handed besides counts for nothing."""
    was, now = _made(before), _made(after)
    if was is None or now is None or was.what != now.what:
        return False
    parts = set(_parts(was.tokens, before.path, old))
    return len(parts) > 1 and parts <= set(_parts(now.tokens, after.path, new))


def _effect(
    what: str,
    lost: frozenset[str],
    come: frozenset[str],
    before: Statement,
    after: Statement,
    *,
    often: bool = False,
) -> Effect:
    gone, new = _spelled(before, lost - _GENERIC or lost), _spelled(after, come - _GENERIC or come)
    note = f"{clean(what)} is made without {gone}" if gone else f"{clean(what)} is made of {new} too"
    note += ", and the same no second time" if often else ""
    resource = first_resource(stem_set([what, *called(after), name_of(after) or ""]))
    direction: Direction = "down" if resource is not None and resource.kind == "rate_limit" else "other"
    made = effect_of("identity", 0.75, note, after, resource=resource, direction=direction, other=before)
    return replace(made, words=made.words | lost | come)


def _spelled(one: Statement, names: frozenset[str]) -> str:
    """Names by their stems, as a statement spells them where it does."""
    written = {stem(word): word for word in split_identifier(one.text)}
    return ", ".join(clean(written.get(name, name)) for name in sorted(names)[:3])


@dataclass(frozen=True)
class _Made:
    """What kind of key a statement makes, and the tokens that it is made of."""

    what: str
    tokens: tuple[Token, ...]


@remembered
def _made(one: Statement) -> _Made | None:
    for found in (_grouped(one), _of_server(one), _named(one), _argued(one), _asked(one), _answered(one)):
        if found is not None and found.tokens:
            return found
    return None


def _grouped(one: Statement) -> _Made | None:
    match = _GROUPED.search(one.text)
    return _Made("group", lex(_AFTER_GROUP.sub("", match.group(1)))) if match is not None else None


def _of_server(one: Statement) -> _Made | None:
    """A directive of a server: `cache_key $host$uri`."""
    found = _VARIABLE.findall(one.text) if file_kind(one.path) == "config" else []
    if not found or not stem_set(one.key[:1]) & _OF_A_SERVER:
        return None
    return _Made(one.key[0], tuple(Token("word", name) for name in found))


def _named(one: Statement) -> _Made | None:
    name = own_name(one)
    place = next((at for at, token in enumerate(one.tokens) if token.text in ASSIGNS), 0)
    inside = any(token.text == "(" for token in one.tokens[:place])
    if not is_key(name) or not place or inside or one.tokens[place].text == "=>":
        return None
    here = name in [item.strip("\"'`") for item in one.key[:place]]
    if not here or (file_kind(one.path) != "code" and not stem_set([name]) & _TELLERS):
        return None
    return _Made("key", one.tokens[place + 1 :])


def is_key(name: str) -> bool:
    words = stem_set([name])
    return bool(words & _KEYS) and not words & _SECRETS


def _argued(one: Statement) -> _Made | None:
    """A key that is handed over by name."""
    sorts = {name.rpartition(".")[2] for name in called(one)} & _SORTERS or {*one.key} & {"lambda"}
    for place, (token, following) in enumerate(pairwise(one.tokens)):
        named = token.kind == "word" or (token.kind == "string" and following.text == ":" and file_kind(one.path) == "code")
        if place and following.text in ("=", ":") and named and is_key(token.text) and not sorts:
            return _Made(token.text.strip("\"'`"), _until_comma(one.tokens[place + 2 :]))
    return None


def _asked(one: Statement) -> _Made | None:
    """The first argument of a call of something that tells apart."""
    for place, token in enumerate(one.tokens):
        if token.text != "(" or not place or one.tokens[place - 1].kind != "word":
            continue
        start = place - 1
        while start >= 2 and one.tokens[start - 1].text in (".", "::") and one.tokens[start - 2].kind == "word":
            start -= 2
        chain = [item.text for item in one.tokens[start:place] if item.kind == "word"]
        if chain[-1] in _OTHERWISE or (len(chain) == 1 and chain[0][:1].isupper()):
            continue
        if stem_set(chain) & _TELLERS and (argument := _meant(one.tokens[place + 1 :])):
            return _Made(chain[-1] if len(chain) == 1 else chain[-2], argument)
    return None


def _meant(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The first argument, but for one that only says within which call this is asked."""
    first = _until_comma(tokens)
    if stem_set(token.text for token in first) & _HOW_LONG or (len(first) > 1 and first[1].text in ("=", ":")):
        return ()
    words = [token.text.lower() for token in first if token.kind == "word"]
    around = words and (words[-1] in _CONTEXTS or (words[0] in _CONTEXTS and words[1:2] != [] and words[1].startswith("with")))
    if not around:
        return first  # also a part of a context: who asks, by what address
    return _until_comma(tokens[len(first) + 1 :])


_OTHERWISE = listed("limit Limit clear size init configure")
_HOW_LONG = stemmed("timeout wait ttl seconds duration millis deadline ms")
_CONTEXTS = listed("ctx context cancellationtoken background todo")


def _answered(one: Statement) -> _Made | None:
    if not one.parents or not is_key(one.parents[-1]):
        return None
    if one.path.endswith(_LAST_ANSWERS) and one.tokens and one.tokens[0].kind == "string":
        return _Made("key", one.tokens)
    return _Made("key", one.tokens[1:]) if one.text.startswith("return") else None


_LAST_ANSWERS = (".rb", ".rs", ".ex", ".exs", ".scala")
"""Files of languages in which what stands last is the answer."""


def _until_comma(tokens: Sequence[Token]) -> tuple[Token, ...]:
    depth = 0
    for place, token in enumerate(tokens):
        if token.text in ("(", "[", "{"):
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
        if depth < 0 or (depth == 0 and token.text in (",", ";")):
            return tuple(tokens[:place])
    return tuple(tokens)


def _parts(tokens: Sequence[Token], path: str, image: Image, steps: int = 0) -> Iterator[Part]:
    """What a key is made of: the last names of chains, the texts between, and whatever locals and functions stand for."""
    chain: list[str] = []
    for place, token in enumerate(tokens):
        following = tokens[place + 1].text if place + 1 < len(tokens) else ""
        after = tokens[place + 2].text if place + 2 < len(tokens) else ""
        if token.kind == "string":
            yield from _of_text(token.text, path, image, steps)
        if token.kind != "word":
            chain = chain if token.text in (".", ":", "(", ")", "?", "!") and chain else []
            continue
        joined = place > 0 and tokens[place - 1].text in (".", ":")
        chain = [*chain, token.text] if joined else [token.text]
        asks = following == "(" and after != ")"
        if (
            following in (".", "::")
            or (following == ":" and after == ":")
            or (following == "(" and after == ")" and _goes_on(tokens, place))
        ):
            continue
        if following == "(" and steps < _MOST_STEPS and token.text in image.answers:
            for answer in image.answers[token.text]:
                yield from _parts(answer.tokens[1:], answer.path, image, steps + 1)
        elif asks or token.text in _NO_PARTS or (token.text.isupper() and not joined):
            continue
        elif not joined and steps < _MOST_STEPS and (given := image.given.get((path, token.text))) is not None:
            at = next(at for at, item in enumerate(given.tokens) if item.text in ASSIGNS)
            yield from _parts(given.tokens[at + 1 :], path, image, steps + 1)
        else:
            yield _part(chain)


def _goes_on(tokens: Sequence[Token], place: int) -> bool:
    return len(tokens) > place + 3 and tokens[place + 3].text == "."


def _of_text(text: str, path: str, image: Image, steps: int) -> Iterator[Part]:
    for hole in _HOLE.findall(text):
        yield from _parts(lex(hole.partition(":")[0] if "::" not in hole else hole), path, image, steps)
    for word in split_identifier(re2.sub(r"%[a-z]", " ", _HOLE.sub(" ", text))):
        if len(word) > 1 and not word.isdigit():
            yield stem_set([word])


def _part(chain: Sequence[str]) -> Part:
    words: frozenset[str] = frozenset()
    for name in reversed(chain):
        words |= stem_set([name])
        if words - _GENERIC:
            break
    return words


def _names(parts: Iterable[Part]) -> frozenset[str]:
    return frozenset(name for part in parts for name in part)


def _handed(tokens: Sequence[Token], image: Image) -> set[str]:
    """Whole things that are handed to something that nobody can read here, which may take any part of them."""
    found: set[str] = set()
    for place, token in enumerate(tokens[:-1]):
        if token.kind == "word" and tokens[place + 1].text == "(" and token.text not in image.answers and token.text not in _KNOWN:
            found |= {item.text for item in _enclosed(tokens[place + 2 :]) if item.kind == "word"}
    return found


def _enclosed(tokens: Sequence[Token]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        if depth < 0:
            return
        yield token


_KNOWN = listed("join Join Sprintf format str String map concat sha256 md5 hash tuple list lower encode")


def _owners(tokens: Sequence[Token], name: str) -> frozenset[str]:
    """What stands before a dot in front of `name`."""
    texts = [item for token in tokens for item in (lex(token.text.strip("\"'`")) if token.kind == "string" else (token,))]
    return stem_set(
        texts[place - 2].text
        for place in range(2, len(texts))
        if texts[place - 1].text == "." and name in stem_set([texts[place].text])
    )


_ONCE = stemmed(
    "now time timestamp millis nanos received sent date nonce random rand attempt attempts retry retries offset span ticks "
    "epoch cookie unix clock nanoid deliverytag elapsed"
)
"""Names of what is another each time that the same thing is asked or delivered."""
_EACH = (stem_set(["request", "id"]), stem_set(["trace", "id"]), stem_set(["correlation", "id"]), stem_set(["delivery", "tag"]))
_DRAWN = stem_set(["uuid", "guid", "ulid"])


def _only_once(part: frozenset[str]) -> bool:
    return bool(part & _ONCE) or any(each <= part for each in _EACH)


def _drawn(one: Statement) -> bool:
    """Whether a statement draws an identity of its own."""
    return any(stem_set([name]) & (_DRAWN | stem_set(["random", "nanoid"])) for name in called(one))


KINDS = (AlteredAmong(another_key, instead_of=ANOTHER_VALUE),)
