"""Reading a diff: what it alters in behaviour, by tokens. No parser, no language of its own, and no trust in its title."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from graphs.analysis.changes import asked, comings, edits, everyday, otherwise, quiet, senses, swaps, ways
from graphs.analysis.changes.effects import (
    HARD,
    NEUTRAL_BELOW,
    TRIVIAL,
    Effect,
    asked_in_loops,
    called_name,
    effect_of,
    last_names,
    name_of,
)
from graphs.analysis.changes.kinds import inherited, keys, locks, lost, tls
from graphs.analysis.changes.matching import restyled
from graphs.analysis.changes.reading import constants
from graphs.analysis.changes.reading.statements import (
    FileKind,
    Statement,
    called,
    defined,
    file_kind,
    hunks,
    standing,
    statements,
    stood,
)
from graphs.analysis.changes.reading.tokens import Token, stem_set

_INERT: dict[FileKind, str] = {
    "docs": "documentation only",
    "test": "tests only",
    "style": "styling only",
    "build": "build and lint settings only",
    "asset": "generated files only",
}
_PAIR_AT = 0.5
_CROWDED, _NEAR = 4000, 12  # pairs beyond which only neighbours are compared, and how far neighbours stand apart
_MOST_STATEMENTS = 600  # per file; what a person calls unreadable is sampled from its start


@dataclass(frozen=True)
class Reading:
    """What a diff does. `neutral` says why it cannot alter behaviour; None where it can, or where nobody can tell.

    `unread`: there was no diff to read. `effects` heaviest first. `names` are the identifiers it touches.
    """

    effects: tuple[Effect, ...] = ()
    neutral: str | None = None
    unread: bool = False

    @property
    def weight(self) -> float:
        return self.effects[0].weight if self.effects else 0.0


@lru_cache(maxsize=1024)  # every round asks about the same changes, and reading them is most of its time
def read_diff(diff: str, files: tuple[str, ...] = ()) -> Reading:
    """Every effect of a unified diff (or something like one). The same lines in another order read the restyled."""
    if not diff.strip():
        kinds = {file_kind(path) for path in files}
        inert = kinds and kinds <= set(_INERT)
        return Reading(neutral=_INERT[sorted(kinds)[0]] if inert else None, unread=not inert)
    by_path = _by_path(diff, files)
    kinds = {file_kind(path) for path in by_path}
    found: list[Effect] = []
    sorts: set[str] = set()
    lively: list[Statement] = []
    for path, made in by_path.items():
        kind = file_kind(path)
        if kind in _INERT:
            continue
        sorts |= {one.sort for one in made}
        if kind == "dependency":
            found += comings.dependencies([one for one in made if one.sort in ("code", "import")])
        else:
            lively += [one for one in made if one.sort == "code"][:_MOST_STATEMENTS]
    if lively:
        found += _effects(lively, _shown(diff, files))
    found = [quiet.watched(effect) for effect in found]
    found.sort(key=lambda effect: (-effect.weight, effect.path, effect.note))
    return Reading(tuple(found[:12]), _why_neutral(found, kinds, sorts, moved=bool(lively)))


@dataclass(frozen=True)
class Shown:
    """What the diff shows of the names that it uses: constants of either image, and defaults of the new one."""

    before: constants.Amounts
    after: constants.Amounts
    defaults: tuple[constants.Default, ...]
    old: keys.Image
    new: keys.Image
    image: tuple[tuple[Statement, ...], ...]  # what stands now, by hunks

    @property
    def standing(self) -> tuple[Statement, ...]:
        return tuple(one for hunk in self.image for one in hunk)


def _shown(diff: str, files: Sequence[str]) -> Shown:
    listed = [hunk for hunk in hunks(diff, files) if file_kind(hunk.path) not in _INERT]
    old = [one for hunk in listed for one in stood(hunk)]
    image = tuple(tuple(standing(hunk)) for hunk in listed)
    new = [one for hunk in image for one in hunk]
    return Shown(*constants.amounts(old, new), tuple(constants.defaults(new)), keys.Image.of(old), keys.Image.of(new), image)


def _by_path(diff: str, files: Sequence[str]) -> dict[str, list[Statement]]:
    by_path: dict[str, list[Statement]] = {}
    block = 0
    for hunk in hunks(diff, files):
        made = statements(hunk, first_block=block)
        block += 1 + max((one.block for one in made), default=0)
        by_path.setdefault(hunk.path, []).extend(made)
    return by_path


def _why_neutral(found: Sequence[Effect], kinds: set[FileKind], sorts: set[str], *, moved: bool) -> str | None:
    if any(effect.weight >= NEUTRAL_BELOW for effect in found):
        return None
    live = kinds - set(_INERT)
    if not live:
        return _INERT[sorted(kinds)[0]] if kinds else "an empty diff"
    if "dependency" in live and found and len(live) == 1:
        return "a patch release of a dependency"
    if moved:
        return "moved, renamed or reworded code, the same behaviour"
    if sorts & {"log", "telemetry"}:
        return "logging and telemetry only"
    return "comments and imports only"


def _effects(made: Sequence[Statement], shown: Shown) -> list[Effect]:
    old = [constants.spelled_out(one, shown.before) for one in made if one.sign == "-" and not edits.boilerplate(one)]
    new = [one for one in made if one.sign == "+" and not edits.boilerplate(one)]
    new = [constants.spelled_out(one, shown.after) for one in new if not constants.only_names(one, new, shown.before, shown.after)]
    found: list[Effect] = []
    old, new = _without_rewrapped(old, new)
    stood = new
    old, new, moved = _without_same(old, new)
    found += [effect for pair in moved if (effect := edits.into_loop(*pair)) is not None]
    renamed = _renames(old, new, made)
    found += _out_of_turn(moved, stood)
    if renamed:
        old, new, more = _without_same([_renamed(one, renamed) for one in old], new)
        moved += more
        found += [effect for pair in more if (effect := edits.into_loop(*pair)) is not None]
    helpers = {name for one in new if (name := defined(one.text)) is not None}
    found += [*everyday.probed(new), *everyday.whole(old, new)]
    found += swaps.swapped([one for one in new if file_kind(one.path) == "schema"])
    found += asked.unasked(old, new, shown.standing, helpers)
    pairs, gone, come = _paired(old, new)
    far, gone, come = _moved_on(gone, come)
    found += locks.holding(shown.image, [*new, *(after for before, after in moved if before.indent != after.indent)])
    found += inherited.replaced(shown.image, new)
    found += ways.ways([one for one in made if one.sign == "-"], [one for one in made if one.sign == "+"])
    turned = _turned_round(moved)
    olds, news = ([one for one in made if one.sign == sign] for sign in "-+")
    first = {before.block for before, after in pairs if restyled.exits_first(before, after, olds, news)}
    changed = [
        (
            effect.scaled(_SAME_SENSE)
            if before.block in turned | first and effect.kind in ("negation", "condition")
            else quiet.quieter(effect, before, after, news),
            before.block,
        )
        for before, after in pairs
        for effect in _between(before, after, shown, olds)
        if not (effect.kind in ("number", "gone", "arithmetic", "changed") and _named_now(before, after, come))
    ]
    changed += [
        (effect, before.block) for before, after in far for effect in _between(before, after, shown, olds) if effect.kind in _ODD
    ]
    looped = any(asked_in_loops(one) for one in olds)
    arrived = [
        (effect.scaled(_RESTATED) if effect.kind == "came" and restyled.given_before(one, old) else effect, one.block)
        for one in come
        if (effect := edits.made_anew(one, olds, news) or comings.added(one, come, helpers, looped=looped)) is not None
    ]
    hard = any(effect.kind in HARD or (effect.kind == "literal" and file_kind(effect.path) == "config") for effect, _ in changed)
    hard = hard or any(effect.kind in ("swallowed", "renewed", "tightened") for effect, _ in arrived)
    if (old or moved) and not hard and _same_atoms(old, new, helpers):
        return found
    whole = {name for one in made if one.sign == "-" and (name := defined(one.text)) is not None}
    whole -= {name for one in made if one.sign == "+" and (name := defined(one.text)) is not None}
    handed = _handed_over(old, new)
    missing = [
        (effect, one)
        for effect, one in lost.lost(old, new, shown.standing, {one.path for one in news})
        if not _told(one, effect, changed) and not restyled.restated(one, None, come)
    ]
    spoken = {id(one) for _, one in missing}
    changed += [
        (effect.scaled(_WHOLE) if whole & set(one.parents) or one.block in handed else effect, one.block)
        for one in gone
        if (effect := _removed(one, gone, new, shown, told=id(one) in spoken)) is not None and not _elsewhere(one, olds, news, come)
    ]
    found += [effect for effect, one in missing if constants.fallen_back(one, shown.defaults) is None]
    changed += arrived

    alike = _alike_blocks(old, new)
    changed = [
        (effect.scaled(_ALIKE) if block in alike and effect.kind != "number" else effect, block) for effect, block in changed
    ]
    covered = _covered_blocks(old, new, helpers)
    still = {block for block in covered if asked.still([one for one in old if one.block == block], new)}
    return found + [
        effect.scaled(0.3)
        if block in covered and (effect.kind not in HARD or (effect.kind == "condition" and block in still))
        else effect
        for effect, block in changed
    ]


_RESTATED = 0.3  # a setting that says what code said


def _between(before: Statement, after: Statement, shown: Shown, old: Sequence[Statement]) -> list[Effect]:
    found = [*edits.between(before, after), *everyday.kinds(before, after), *senses.senses(before, after)]
    if (other := tls.spoken(before, after)) is not None:
        return [other, *(one for one in found if one.kind not in _TOLD_BY_KEY | {"number", "condition", "came", "gone"})]
    if more := otherwise.otherwise(before, after, old):
        found = [*more, *(one for one in found if one.kind not in _TOLD_BY_PAIR)]
    if (key := keys.another_key(before, after, shown.old, shown.new)) is not None and key.weight > 0.5:
        return [key, *(one for one in found if one.kind not in _TOLD_BY_KEY)]
    if keys.same_key(before, after, shown.old, shown.new):
        found = [one.scaled(_KEPT) if one.kind in ("called", "changed") else one for one in found]
    default = constants.no_longer_passed(before, after, shown.defaults)
    return found if default is None else [default, *(one for one in found if one.kind not in ("dropped", "gone", "changed"))]


_TOLD_BY_PAIR = frozenset({"changed", "called", "call_removed"})
_TOLD_BY_KEY = frozenset({"literal", "changed", "called", "call_removed", "query", "dropped", "swapped", "arithmetic"})


def _removed(one: Statement, gone: Sequence[Statement], new: Sequence[Statement], shown: Shown, *, told: bool) -> Effect | None:
    default = constants.fallen_back(one, shown.defaults)
    if default is not None or told:
        return default
    if _opens_again(one, new):
        return None
    effect = everyday.form_lost(one) or comings.removed(one, gone, new)
    kept = effect is not None and one.text.startswith(("@", "[")) and (lost.names_kept(one, new) or _annotated_alike(one, new))
    kept = kept or (effect is not None and effect.kind == "gone" and quiet.set_otherwise(one, new))
    return effect.scaled(_KEPT) if effect is not None and kept else effect


def _opens_again(one: Statement, new: Sequence[Statement]) -> bool:
    """Whether a labelled block is opened again under its label, or a lock is taken by what gives it back by itself."""
    strings = [token.text for token in one.tokens if token.kind == "string"]
    if file_kind(one.path) == "config" and one.text.endswith("{") and strings:
        return any(strings[-1] in other.key and other.text.endswith("{") for other in new)
    owners = {name.rpartition(".")[0] for name in called(one) if stem_set([name.rpartition(".")[2]]) & _HELD}
    scoped = [other.text for other in new if other.block == one.block and other.text.startswith(("with ", "async with ", "using "))]
    return bool(owners) and any(owner and owner in text for owner in owners for text in scoped)


_HELD = stem_set(["acquire", "release", "lock", "unlock", "close"])


def _annotated_alike(one: Statement, new: Sequence[Statement]) -> bool:
    """Whether another annotation in its place says the same texts."""
    texts = {token.text for token in one.tokens if token.kind == "string"}
    return bool(texts) and any(other.text.startswith("@") and other.block == one.block and texts <= {*other.key} for other in new)


def _told(one: Statement, effect: Effect, changed: Sequence[tuple[Effect, int]]) -> bool:
    """Whether the name that went is told already, with what took its place."""
    return any(block == one.block and other.path == one.path and other.kind in _TELLING for other, block in changed) and any(
        other.kind in _TELLING and stem_set([effect.note.partition(" is ")[0]]) <= other.words for other, _ in changed
    )


_TELLING = frozenset({"literal", "number", "switch", "identity", "schema"})
_KEPT = 0.25  # an annotation whose name something bears by itself now


def _elsewhere(one: Statement, old: Sequence[Statement], new: Sequence[Statement], come: Sequence[Statement]) -> bool:
    """Whether what went stands elsewhere, spelt in another way."""
    return (
        restyled.read_by_another(one, come)
        or restyled.respelt(one, come)
        or restyled.restated(one, None, come)
        or restyled.generated(one, old, new)
    )


def _alike_blocks(old: Sequence[Statement], new: Sequence[Statement]) -> set[int]:
    """Blocks that do what they did in another form."""
    blocks = {one.block for one in old} & {one.block for one in new}
    made = {block: ([one for one in old if one.block == block], [one for one in new if one.block == block]) for block in blocks}
    return {
        block
        for block, sides in made.items()
        if any(known(*sides) for known in (restyled.searched, restyled.tabled, restyled.reshaped))
    }


_ALIKE = 0.3
_SAME_SENSE = 0.15  # a condition turned round together with its branches
_WHOLE = 0.35  # a statement that went with the whole function it stood in: nobody calls that any more, or it would not build


def _turned_round(moved: Sequence[tuple[Statement, Statement]]) -> set[int]:
    """Blocks whose statements are all there still, in another order."""
    blocks: dict[int, list[tuple[Statement, Statement]]] = {}
    for before, after in moved:
        if before.path == after.path:
            blocks.setdefault(before.block, []).append((before, after))
    return {block for block, pairs in blocks.items() if len(pairs) >= 2 and _crossed(pairs)}


_LAST = stem_set(["ack", "acknowledge", "commit", "release", "unlock", "complete", "done", "confirm", "flush"])


def _out_of_turn(moved: Sequence[tuple[Statement, Statement]], new: Sequence[Statement]) -> list[Effect]:
    """Calls that say that something is done, made at another turn than before."""
    per_block = Counter(one.block for pair in moved for one in pair)
    turn = {id(one): place for place, one in enumerate(new)}
    found = []
    for place, (before, after) in enumerate(moved):
        names = stem_set(name.rpartition(".")[2] for name in called(after))
        if not _LAST & names or before.path != after.path or before.indent != after.indent:
            continue
        others = [(place < at, other) for at, (was, other) in enumerate(moved) if was.block == before.block and called(other)]
        passed = any(first is not (turn[id(after)] < turn[id(other)]) for first, other in others if other is not after)
        alone = abs(before.block - after.block) == 1 and per_block[before.block] == per_block[after.block] == 1
        if passed or alone:
            found.append(effect_of("swapped", 0.65, f"{called_name(after)} now has another turn", after))
    return found


def _crossed(pairs: Sequence[tuple[Statement, Statement]]) -> bool:
    """Whether what stood deeper stands less deep now, and the other way round."""
    steps = [after.indent - before.indent for before, after in pairs]
    return any(step > 0 for step in steps) and any(step < 0 for step in steps)


def _named_now(before: Statement, after: Statement, come: Sequence[Statement]) -> bool:
    """Whether the numbers that went from a statement are what a new constant holds that it names instead."""
    lost = {token.text for token in before.tokens if token.kind == "number"} - {token.text for token in after.tokens}
    words = {token.text for token in after.tokens} - {token.text for token in before.tokens}
    constants = [one for one in come if one is not after and (name_of(one) or "").rpartition("/")[2] in words]
    if restyled.restated(before, after, come):
        return True
    return bool(lost) and any(lost <= {token.text for token in one.tokens} for one in constants)


def _without_rewrapped(old: Sequence[Statement], new: Sequence[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Without stretches that hold the same tokens in the same order, on other lines."""
    same = {
        block
        for block in {one.block for one in old}
        if [text for one in old if one.block == block for text in one.key]
        == [text for one in new if one.block == block for text in one.key]
    }
    return [one for one in old if one.block not in same], [one for one in new if one.block not in same]


def _without_same(old: Sequence[Statement], new: Sequence[Statement]) -> tuple[
    list[Statement], list[Statement], list[tuple[Statement, Statement]]
]:  # fmt: skip
    """Cancels statements that only moved, nearest block first; what moved is returned in pairs."""
    waiting: dict[tuple[str, ...], list[Statement]] = {}
    for one in new:
        waiting.setdefault(one.key, []).append(one)
    left: list[Statement] = []
    moved: list[tuple[Statement, Statement]] = []
    for one in old:
        same = waiting.get(one.key)
        if same:
            nearest = min(same, key=lambda other: (other.path != one.path, abs(other.block - one.block)))
            same.remove(nearest)
            moved.append((one, nearest))
        else:
            left.append(one)
    kept = {id(one) for listed in waiting.values() for one in listed}
    return left, [one for one in new if id(one) in kept], moved


def _renames(old: Sequence[Statement], new: Sequence[Statement], made: Sequence[Statement]) -> dict[str, str]:
    """Identifiers that were consistently given another name: declared in the diff, and the names never meet."""
    pairs, _, _ = _paired(old, new)
    mapping: dict[str, str] = {}
    bad: set[str] = set()
    for before, after in pairs:
        if len(before.tokens) != len(after.tokens):
            continue
        for left, right in zip(before.tokens, after.tokens, strict=True):
            differs = left.kind == right.kind == "word" and left.text != right.text
            if differs and mapping.setdefault(left.text, right.text) != right.text:
                bad.add(left.text)
    if len(set(mapping.values())) < len(mapping):
        bad |= {name for name, target in mapping.items() if list(mapping.values()).count(target) > 1}
    old_words = _words(one for one in made if one.sign == "-")
    new_words = _words(one for one in made if one.sign == "+")
    return {
        name: target
        for name, target in mapping.items()
        if name not in bad
        and name not in new_words
        and target not in old_words
        and _declared(target, new)
        and not edits.loaded(name, target)
    }


def _words(made: Iterable[Statement]) -> set[str]:
    return {token.text for one in made for token in one.tokens if token.kind == "word"}


_DECLARERS = frozenset(
    [
        "const",
        "let",
        "var",
        "def",
        "func",
        "function",
        "fn",
        "class",
        "struct",
        "type",
        "interface",
        "for",
        "as",
        "int",
        "string",
        "val",
        "float",
        "bool",
        "auto",
        "double",
        "long",
    ]
)


def _declared(name: str, new: Sequence[Statement]) -> bool:
    """A new statement introduces `name`: assigns it, defines it, or takes it as a parameter."""
    for one in new:
        if file_kind(one.path) not in ("code", "schema"):
            continue
        if defined(one.text) is not None and any(token.text == name for token in one.tokens):
            return True
        for place, token in enumerate(one.tokens):
            if token.text != name or (place and one.tokens[place - 1].text == "."):
                continue
            after = one.tokens[place + 1].text if place + 1 < len(one.tokens) else ""
            before = one.tokens[place - 1].text if place else ""
            if (after in (":=", "=") and place <= 3) or before in _DECLARERS:
                return True
    return False


def _renamed(one: Statement, mapping: dict[str, str]) -> Statement:
    tokens = tuple(
        Token(token.kind, mapping.get(token.text, token.text)) if token.kind == "word" else token for token in one.tokens
    )
    return Statement(one.sign, one.path, one.text, tokens, one.sort, one.block, one.indent, one.loops, one.parents, one.nearby)


def _paired(
    old: Sequence[Statement], new: Sequence[Statement]
) -> tuple[list[tuple[Statement, Statement]], list[Statement], list[Statement]]:
    """Old and new statements that are versions of one another, best match first within a block; and what is left over."""
    scored: list[tuple[float, int, int]] = []
    crowded = len(old) * len(new) > _CROWDED
    profiles = [_Profile.of(one) for one in old], [_Profile.of(one) for one in new]
    for row, before in enumerate(old):
        for column, after in enumerate(new):
            far = crowded and abs(row - column) > _NEAR
            if not far and before.path == after.path and abs(before.block - after.block) <= 1:
                likeness = _likeness(profiles[0][row], profiles[1][column])
                if likeness >= _PAIR_AT:
                    scored.append((-likeness, row, column))
    pairs: list[tuple[Statement, Statement]] = []
    rows: set[int] = set()
    columns: set[int] = set()
    for _, row, column in sorted(scored):
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((old[row], new[column]))
    return (
        pairs,
        [one for place, one in enumerate(old) if place not in rows],
        [one for place, one in enumerate(new) if place not in columns],
    )


_SAME_CALL = 0.7
_ODD = HARD - {"swapped"} | {"literal", "arithmetic"}
"""What may be altered on the way when code moves: anything but the names it is handed its values by."""


def _moved_on(gone: Sequence[Statement], come: Sequence[Statement]) -> tuple[
    list[tuple[Statement, Statement]], list[Statement], list[Statement]
]:  # fmt: skip
    """Statements that make the same calls in another place; and what is left over."""
    if len(gone) * len(come) > _CROWDED:
        return [], list(gone), list(come)
    profiles = {id(one): _Profile.of(one) for one in (*gone, *come)}
    names = {id(one): last_names(one) - TRIVIAL for one in (*gone, *come)}
    scored = [
        (-likeness, row, column)
        for row, before in enumerate(gone)
        for column, after in enumerate(come)
        if names[id(before)] & names[id(after)] and (likeness := _likeness(profiles[id(before)], profiles[id(after)])) >= _SAME_CALL
    ]
    rows: dict[int, int] = {}
    for _, row, column in sorted(scored):
        if row not in rows and column not in rows.values():
            rows[row] = column
    return (
        [(gone[row], come[column]) for row, column in sorted(rows.items())],
        [one for row, one in enumerate(gone) if row not in rows],
        [one for column, one in enumerate(come) if column not in rows.values()],
    )


@dataclass(frozen=True)
class _Profile:
    """What of a statement is compared: its name, and its tokens with numbers and strings masked."""

    name: str | None
    shapes: Counter[str]
    size: int
    setting: tuple[frozenset[str], tuple[str, ...]] | None  # stems of its key and texts of its value, of a configured one

    @classmethod
    def of(cls, one: Statement) -> _Profile:
        shapes = Counter(token.kind if token.kind in ("number", "string") else token.text for token in one.tokens)
        name = name_of(one)
        configured = name is not None and file_kind(one.path) == "config"
        setting = (stem_set([(name or "").rpartition("/")[2]]), one.key[2:]) if configured else None
        return cls(name, shapes, len(one.tokens), setting)


def _likeness(before: _Profile, after: _Profile) -> float:
    """Share of tokens in common, 0..1, in any order; 1 where both give a value to the same name."""
    if before.name is not None and before.name == after.name:
        return 1.0
    if before.setting and after.setting and not before.setting[0] & after.setting[0] and before.setting[1] != after.setting[1]:
        return 0.0  # another setting, however alike it looks
    if 2.0 * min(before.size, after.size) < _PAIR_AT * (before.size + after.size):
        return 0.0
    small, large = (before.shapes, after.shapes) if len(before.shapes) <= len(after.shapes) else (after.shapes, before.shapes)
    common = sum(min(count, large[shape]) for shape, count in small.items() if shape in large)
    return 2.0 * common / max(1, before.size + after.size)


def _same_atoms(old: Sequence[Statement], new: Sequence[Statement], helpers: set[str]) -> bool:
    """The same numbers, strings, calls and comparisons before and after, but for new helpers and how errors are passed on."""
    before, after = Counter(edits.atoms(old)), Counter(edits.atoms(new))
    lost, gained = before - after, after - before
    if lost or any(file_kind(one.path) == "schema" for one in (*old, *new)) or edits.named_only_before(old, new):
        return False
    return all(atom.partition(" ")[2] in helpers or atom in edits.EMPTY_ATOMS for atom in gained)


def _handed_over(old: Sequence[Statement], new: Sequence[Statement]) -> set[int]:
    """Blocks that one new call stands for."""
    known = {name.rpartition(".")[2] for one in old for name in called(one)}
    blocks = {one.block for one in old}
    made = {block: ([one for one in old if one.block == block], [one for one in new if one.block == block]) for block in blocks}
    return {
        block
        for block, (gone, come) in made.items()
        if comings.stands_for(gone, come, {name.rpartition(".")[2] for one in come for name in called(one)} - known)
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


def _covered_blocks(old: Sequence[Statement], new: Sequence[Statement], helpers: set[str]) -> set[int]:
    """Blocks whose removed code was replaced by a call of a helper that is handed the same things, or bears the same name."""
    known = {name.rpartition(".")[2] for one in old for name in called(one)}
    covered: set[int] = set()
    for block in {one.block for one in old}:
        gone = [one for one in old if one.block == block]
        come = [one for one in new if one.block == block]
        calls = {name.rpartition(".")[2] for one in come for name in called(one)} - known - (_accessors(come) - helpers)
        # Where nothing went away that a helper could do now, the statement only calls more than before.
        extracted = bool(calls & helpers) or bool(Counter(edits.atoms(gone)) - Counter(edits.atoms(come)))
        if come and calls and extracted and comings.replaced_by(gone, come, calls | helpers):
            covered.add(block)
    return covered
