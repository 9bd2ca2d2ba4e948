"""What went into a function, and whether that does the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import name_of, passes_error, wordy
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.calls import ERRORISH, IO
from graphs.analysis.changes.vocabulary.marks import ARITHMETIC, COMPARE, HEADS, LOGIC, NEGATIONS, NOTHING, TRUTHS, TYPES


def same_atoms(old: Sequence[Statement], new: Sequence[Statement], helpers: AbstractSet[str]) -> bool:
    """The same numbers, strings, calls and comparisons before and after, but for new helpers and how errors are passed on."""
    before, after = Counter(atoms(old)), Counter(atoms(new))
    lost, gained = before - after, after - before
    if lost or any(file_kind(one.path) == "schema" for one in (*old, *new)) or named_only_before(old, new):
        return False
    return all(atom.partition(" ")[2] in helpers or atom in EMPTY_ATOMS for atom in gained)


def made_by_one_call(old: Sequence[Statement], new: Sequence[Statement]) -> set[int]:
    """Blocks that one new call stands for."""
    known = {name.rpartition(".")[2] for one in old for name in called(one)}
    blocks = {one.block for one in old}
    made = {block: ([one for one in old if one.block == block], [one for one in new if one.block == block]) for block in blocks}
    return {
        block
        for block, (gone, come) in made.items()
        if stands_for(gone, come, {name.rpartition(".")[2] for one in come for name in called(one)} - known)
    }


def _accessors(made: Sequence[Statement]) -> set[str]:
    """Names of calls that are handed nothing and asked of something: `order.id()` is a part of the order, and no helper."""
    keys = [one.key for one in made]
    return {
        key[place]
        for key in keys
        for place in range(1, len(key) - 2)
        if key[place - 1] == "." and key[place + 1 : place + 3] == ("(", ")")
    }


def covered_blocks(old: Sequence[Statement], new: Sequence[Statement], helpers: AbstractSet[str]) -> set[int]:
    """Blocks whose removed code was replaced by a call of a helper that is handed the same things, or bears the same name."""
    known = {name.rpartition(".")[2] for one in old for name in called(one)}
    covered: set[int] = set()
    for block in {one.block for one in old}:
        gone = [one for one in old if one.block == block]
        come = [one for one in new if one.block == block]
        calls = {name.rpartition(".")[2] for one in come for name in called(one)} - known - (_accessors(come) - helpers)
        # Where nothing went away that a helper could do now, the statement only calls more than before.
        extracted = bool(calls & helpers) or bool(Counter(atoms(gone)) - Counter(atoms(come)))
        if come and calls and extracted and replaced_by(gone, come, calls | helpers) and not _another_call(gone, come, helpers):
            covered.add(block)
    return covered


def _another_call(gone: Sequence[Statement], come: Sequence[Statement], helpers: AbstractSet[str]) -> bool:
    """Whether a call merely took another one's place, of something that nobody shows and that is named otherwise: that makes
    no less of the statement, as a helper would, and nobody knows what it does."""
    before, after = Counter(atoms(gone)), Counter(atoms(come))
    lost, gained = before - after, after - before
    names = [{atom.removeprefix("call ") for atom in side if atom.startswith("call ")} for side in (lost, gained)]
    if len(names[0]) != len(lost) or not lost or lost.total() > gained.total() or names[1] & helpers:
        return False
    return len(gone) == len(come) and not stem_set(names[0]) & stem_set(names[1])


_KEYWORDS = listed("await async break continue raise throw for while yield lock synchronized defer with go spawn goto")
EMPTY_ATOMS = frozenset(("op *", "call string", "call str"))  # a pointer's star is no product


def atoms(made: Iterable[Statement]) -> Iterator[str]:
    """What a statement means, order and names aside: its numbers, plain strings, calls, comparisons and constants."""
    for one in made:
        if passes_error(one):
            continue
        yield from (f"call {name.rpartition('.')[2]}" for name in called(one))
        for token in one.tokens:
            if token.kind == "number" or (token.kind == "string" and not wordy(token.text)):
                yield f"{token.kind} {token.text}"
            elif token.text in COMPARE | LOGIC | NEGATIONS | ARITHMETIC or token.text.lower() in TRUTHS or token.text in _KEYWORDS:
                yield f"op {token.text}"


def named_only_before(old: Sequence[Statement], new: Sequence[Statement]) -> set[str]:
    """Words that vanished and were no locals of the old code: what a move or a renaming never loses."""
    assigned = {
        token.text
        for one in old
        for place, token in enumerate(one.tokens[:6])
        if token.kind == "word" and any(later.text in ("=", ":=") for later in one.tokens[place + 1 : 6])
    }
    gone = {token.text for one in old if not passes_error(one) for token in one.tokens if token.kind == "word"}
    kept = {token.text for one in new for token in one.tokens if token.kind == "word"}
    return {word for word in gone - kept - assigned - TYPES - HEADS if word not in ERRORISH | NOTHING and len(word) > 2}


_STATUSES = frozenset(str(code) for code in range(200, 600))


def stands_for(gone: Sequence[Statement], come: Sequence[Statement], helpers: AbstractSet[str]) -> bool:
    """Whether one call, of what asks nobody else, now makes the very value that several statements made of the same things."""
    made = name_of(come[0]) if len(come) == 1 and len(gone) > 1 else None
    if made is None or not helpers or stem_set(helpers) & IO or not any(made in one.key for one in gone):
        return False
    handed = {token.text for token in come[0].tokens if token.kind == "word"} - helpers - TYPES - {made, "auto"}
    return bool(handed) and handed <= {token.text for one in gone for token in one.tokens}


def replaced_by(gone: Sequence[Statement], come: Sequence[Statement], helpers: AbstractSet[str]) -> bool:
    """Whether calls in `helpers` plausibly hold what `gone` did: named alike, or handed nearly everything it used."""
    lost = stem_set(name.rpartition(".")[2] for one in gone for name in called(one))
    named = stem_set(helpers) & lost - IO or {name.strip("_") for name in helpers if name[:1] == "_"} & {
        name.rpartition(".")[2] for one in gone for name in called(one)
    }
    before = {token.text for one in gone for token in one.tokens if token.kind == "word"}
    after = {token.text for one in come for token in one.tokens if token.kind == "word"}
    kept = len(before & after) / max(1, len(before))
    numbers = {token.text for one in gone for token in one.tokens if token.kind == "number" and not passes_error(one)}
    return (
        (bool(named) or kept >= 0.6 or stands_for(gone, come, helpers))
        and len(helpers) > 0
        and not (numbers - {token.text for one in come for token in one.tokens} - _STATUSES)
    )
