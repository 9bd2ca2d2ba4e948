"""What was written in another way and means the same: an exit taken first, a search without a loop, cases as a table, a value that
only has another place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.measures import Measure
from graphs.analysis.changes.reading.names import last_names, name_of, own_name, words_of
from graphs.analysis.changes.reading.numbers import measures_of
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set, stems
from graphs.analysis.changes.vocabulary.calls import FAILING
from graphs.analysis.changes.vocabulary.marks import ASSIGNS, FLIPPED, GUARD, TRUTHS, TYPES
from graphs.analysis.changes.vocabulary.resources import first_resource

_EXITS = ("return", "continue", "break", "next", *FAILING)
_SEARCHES = listed(
    "contains Contains ContainsFunc includes include? some every any any? all all? none? anyMatch noneMatch allMatch indexOf "
    "Index IndexFunc has Any All Exists exists find position"
)
"""Called names that look through a collection, where a loop with an exit would."""


def exits_first(before: Statement, after: Statement, old: Sequence[Statement], new: Sequence[Statement]) -> bool:
    """Whether a condition was turned round because its other side leaves now, and what it guarded follows, less deep."""
    if not _opposite(before, after):
        return False
    guarded, leaving = _body(before, old), _body(after, new)
    if not guarded or not leaving or not leaving[-1].text.startswith(_EXITS):
        return False
    freed = [one for one in new if one.path == after.path and one.indent == after.indent and one is not after]
    keys, calls = {one.key for one in freed}, {name for one in freed for name in called(one)}
    return all(one.key in keys or (called(one) and called(one) <= calls) for one in guarded)


def _opposite(before: Statement, after: Statement) -> bool:
    if not before.text.startswith(GUARD) or not after.text.startswith(GUARD):
        return False
    pairs = list(zip(before.key, after.key, strict=False)) if len(before.key) == len(after.key) else []
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    if len(differing) == 1:
        return FLIPPED.get(differing[0][0]) == differing[0][1]
    bare = [[text for text in one.key if text not in ("!", "not", "(", ")")] for one in (before, after)]
    return bare[0] == bare[1]


def _body(head: Statement, listed: Sequence[Statement]) -> list[Statement]:
    """The statements that stand in the block that `head` opens, as far as they changed."""
    start = next((place for place, one in enumerate(listed) if one is head), len(listed))
    found = []
    for one in listed[start + 1 :]:
        if one.path != head.path or one.indent <= head.indent:
            break
        found.append(one)
    return found


def searched(gone: Sequence[Statement], come: Sequence[Statement]) -> bool:
    """Whether a call that looks through a collection does what a loop with an exit did."""
    loop = any(one.text.startswith(("for", "while")) or ".each" in one.text for one in gone)
    leaves = any(one.text.startswith(("break", "return", "found")) for one in gone)
    asking = [one for one in come if last_names(one) & _SEARCHES]
    if not loop or not leaves or len(asking) != len(come) or not come:
        return False
    known = {token.text for one in gone for token in one.tokens}
    roots = {name.partition(".")[0] for one in asking for name in called(one)} | _AROUND
    asked = {token.text for one in asking for token in one.tokens if token.kind != "op"} - _SEARCHES - roots
    return asked <= known and not _values(gone) - _values(come) - {"true", "false"}


_AROUND = listed("stream iter if return not unless e x it in")
_LOOPING = listed(
    "for in of const let mut var range forEach map append push add iter into_iter collect sum filter stream toList each fold "
    "reduce extend int auto return val list foreach"
)


def reshaped(gone: Sequence[Statement], come: Sequence[Statement]) -> bool:
    """Whether a loop became a comprehension or a chain over the same things, or another kind of loop."""
    if not any(_loops(one) for one in gone) or not any(_loops(one) for one in come):
        return False
    filled = {own_name(one) for one in (*gone, *come)} | {"0"}
    sides = [
        {token.text for one in made for token in one.tokens if token.kind != "op"} - _LOOPING - filled for made in (gone, come)
    ]
    compares = [
        sorted(text for one in made for text in one.key if text in FLIPPED or text in ("!", "not")) for made in (gone, come)
    ]
    return bool(sides[0]) and sides[0] == sides[1] and compares[0] == compares[1]


def _loops(one: Statement) -> bool:
    return one.text.startswith(("for ", "for(", "foreach")) or bool(last_names(one) & _LOOPING) or one.loops > 0


def _values(made: Sequence[Statement]) -> set[str]:
    return {token.text for one in made for token in one.tokens if token.kind in ("number", "string") or token.text in TRUTHS}


def tabled(old: Sequence[Statement], new: Sequence[Statement]) -> bool:
    """Whether cases, one after the other, became entries of a table with the same answers, or the other way round."""
    was, now = dict(_cases(old)) or dict(_entries(old)), dict(_entries(new)) or dict(_cases(new))
    return len(was) >= 2 and was == now


def _cases(made: Sequence[Statement]) -> Iterator[tuple[str, str]]:
    asked: list[str] = []
    for one in made:
        values = [token.text for token in one.tokens if token.kind in ("string", "number")]
        if one.text.startswith(("case ", "when ")) or (one.text.startswith(GUARD) and {"==", "==="} & set(one.key)):
            asked = values
            continue
        answer = " ".join(text for text in one.key if text not in ("return", "then"))
        yield from ((value, answer) for value in asked)
        asked = []


def _entries(made: Sequence[Statement]) -> Iterator[tuple[str, str]]:
    for one in made:
        for place, token in enumerate(one.tokens[:-2]):
            if token.kind in ("string", "number") and one.tokens[place + 1].text in (":", "=>", "->", "="):
                rest = [later.text for later in one.tokens[place + 2 :]]
                yield token.text, " ".join(rest[: rest.index(",")] if "," in rest else rest)


def generated(annotation: Statement, old: Sequence[Statement], new: Sequence[Statement]) -> bool:
    """Whether an annotation without a word of its own went from a type or a field whose parts something new takes by name."""
    if not annotation.text.startswith("@") or "(" in annotation.text or first_resource(words_of(annotation)) is not None:
        return False
    after = [one for one in old if one.path == annotation.path]
    start = next((place for place, one in enumerate(after) if one is annotation), len(after))
    below = next((one for one in after[start + 1 :] if not one.text.startswith("@")), None)
    if below is None or "(" in below.text:
        return False
    parts = [below, *_body(below, after)]
    named = {token.text for one in parts for token in one.tokens if token.kind == "word"} - _DECLARING - TYPES
    taken = {token.text for one in new if defined(one.text) is not None for token in one.tokens}
    return bool(named) and named <= taken


_DECLARING = listed("public private protected final static class record readonly val var let")


def respelt(one: Statement, others: Sequence[Statement]) -> bool:
    """Whether a setting stands elsewhere under the same name with the same values."""
    setting = _setting(one)
    return setting is not None and any(_setting(other) == setting for other in others if other is not one)


def _setting(one: Statement) -> tuple[frozenset[str], tuple[object, ...]] | None:
    """The stems of a setting's name, and its values apart from that name."""
    name = name_of(one)
    if name is None or not stems(name.rpartition("/")[2]):
        return None
    key = stem_set([name.rpartition("/")[2]])
    start = next(place for place, token in enumerate(one.tokens) if token.text in ASSIGNS)
    texts = [token.text.strip("\"'`") for token in one.tokens[start:] if token.kind == "string" or token.text.lower() in TRUTHS]
    values = [text.lower() for text in texts if stem_set([text]) != key]
    measured = [(value.value, value.unit) for value in measures_of(one)]
    return (key, (*values, *measured)) if values or measured else None


def restated(before: Statement, after: Statement | None, come: Sequence[Statement]) -> bool:
    """Whether the numbers that a statement lost are given by a new setting, named alike."""
    lost = measures_of(before)
    kept = measures_of(after) if after is not None else []
    lost = [one for one in lost if one not in kept]
    words = words_of(before) | (words_of(after) if after is not None else frozenset())
    return bool(lost) and all(any(_gives(one, measured, words) for one in come if one is not after) for measured in lost)


_READ = re2.compile(r"(?i)\b(?:environ|getenv|env|lookupenv)\b")


def read_by_another(one: Statement, come: Sequence[Statement]) -> bool:
    """Whether a setting that was read from the environment is a field of the same name now, with the same default if any."""
    name = own_name(one)
    if not name or not _READ.search(one.text):
        return False
    defaults = {token.text.strip("\"'").lower() for token in one.tokens if token.kind in ("string", "number")}
    for other in come:
        if stem_set([own_name(other)]) == stem_set([name]):
            given = {token.text.strip("\"'").lower() for token in other.tokens if token.kind in ("string", "number")}
            return given <= defaults
    return False


def given_before(one: Statement, old: Sequence[Statement]) -> bool:
    """Whether a new setting gives an amount that something old gave, named alike."""
    name = name_of(one)
    values = measures_of(one)
    words = stem_set([name.rpartition("/")[2]]) if name is not None else frozenset()
    return bool(values) and any(words & words_of(other) and set(values) <= set(measures_of(other)) for other in old)


def _gives(one: Statement, measured: Measure, words: frozenset[str]) -> bool:
    name = name_of(one)
    return name is not None and measured in measures_of(one) and bool(stem_set([name]) & words)


def opens_again(one: Statement, new: Sequence[Statement]) -> bool:
    """Whether a labelled block is opened again under its label, or a lock is taken by what gives it back by itself."""
    strings = [token.text for token in one.tokens if token.kind == "string"]
    if file_kind(one.path) == "config" and one.text.endswith("{") and strings:
        return any(strings[-1] in other.key and other.text.endswith("{") for other in new)
    owners = {name.rpartition(".")[0] for name in called(one) if stem_set([name.rpartition(".")[2]]) & _HELD}
    scoped = [other.text for other in new if other.block == one.block and other.text.startswith(("with ", "async with ", "using "))]
    return bool(owners) and any(owner and owner in text for owner in owners for text in scoped)


_HELD = stem_set(["acquire", "release", "lock", "unlock", "close"])


def annotated_alike(one: Statement, new: Sequence[Statement]) -> bool:
    """Whether another annotation in its place says the same texts."""
    texts = {token.text for token in one.tokens if token.kind == "string"}
    return bool(texts) and any(other.text.startswith("@") and other.block == one.block and texts <= {*other.key} for other in new)


KEPT = 0.25  # an annotation whose name something bears by itself now


def elsewhere(one: Statement, old: Sequence[Statement], new: Sequence[Statement], come: Sequence[Statement]) -> bool:
    """Whether what went stands elsewhere, spelt in another way."""
    return read_by_another(one, come) or respelt(one, come) or restated(one, None, come) or generated(one, old, new)


def alike_blocks(old: Sequence[Statement], new: Sequence[Statement]) -> set[int]:
    """Blocks that do what they did in another form."""
    blocks = {one.block for one in old} & {one.block for one in new}
    made = {block: ([one for one in old if one.block == block], [one for one in new if one.block == block]) for block in blocks}
    return {block for block, sides in made.items() if any(known(*sides) for known in (searched, tabled, reshaped))}


def turned_round(moved: Sequence[tuple[Statement, Statement]]) -> set[int]:
    """Blocks whose statements are all there still, in another order."""
    blocks: dict[int, list[tuple[Statement, Statement]]] = {}
    for before, after in moved:
        if before.path == after.path:
            blocks.setdefault(before.block, []).append((before, after))
    return {block for block, pairs in blocks.items() if len(pairs) >= 2 and _crossed(pairs)}


def _crossed(pairs: Sequence[tuple[Statement, Statement]]) -> bool:
    """Whether what stood deeper stands less deep now, and the other way round."""
    steps = [after.indent - before.indent for before, after in pairs]
    return any(step > 0 for step in steps) and any(step < 0 for step in steps)


def named_now(before: Statement, after: Statement, come: Sequence[Statement]) -> bool:
    """Whether the numbers that went from a statement are what a new constant holds that it names instead."""
    lost = {token.text for token in before.tokens if token.kind == "number"} - {token.text for token in after.tokens}
    words = {token.text for token in after.tokens} - {token.text for token in before.tokens}
    constants = [one for one in come if one is not after and own_name(one) in words]
    if restated(before, after, come):
        return True
    return bool(lost) and any(lost <= {token.text for token in one.tokens} for one in constants)
