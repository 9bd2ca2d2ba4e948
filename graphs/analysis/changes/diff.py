"""Reading a diff: what it alters in behaviour, by tokens. No parser, no language of its own, and no trust in its title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from graphs.analysis.changes.added import added
from graphs.analysis.changes.altered import between, kinds, otherwise, senses, ways
from graphs.analysis.changes.effect import HARD, NEUTRAL_BELOW, Effect
from graphs.analysis.changes.kinds.clients import made_anew
from graphs.analysis.changes.kinds.defaults import fallen_back, no_longer_passed
from graphs.analysis.changes.kinds.dependencies import dependencies
from graphs.analysis.changes.kinds.inherited import replaced
from graphs.analysis.changes.kinds.keys import another_key, same_key
from graphs.analysis.changes.kinds.locks import holding
from graphs.analysis.changes.kinds.loops import into_loop
from graphs.analysis.changes.kinds.lost import lost, told_already
from graphs.analysis.changes.kinds.memory import taken_whole
from graphs.analysis.changes.kinds.order import out_of_turn
from graphs.analysis.changes.kinds.schema import swapped
from graphs.analysis.changes.kinds.tls import spoken
from graphs.analysis.changes.kinds.unasked import still, unasked
from graphs.analysis.changes.kinds.waiting import probed
from graphs.analysis.changes.matching.extracted import covered_blocks, made_by_one_call, same_atoms
from graphs.analysis.changes.matching.harmless import quieter, watched
from graphs.analysis.changes.matching.pairs import boilerplate, moved_on, paired, without_rewrapped, without_same
from graphs.analysis.changes.matching.renames import renames, with_names
from graphs.analysis.changes.matching.restyled import (
    KEPT,
    alike_blocks,
    elsewhere,
    exits_first,
    given_before,
    named_now,
    restated,
    turned_round,
)
from graphs.analysis.changes.reading.constants import only_names, spelled_out
from graphs.analysis.changes.reading.files import INERT, FileKind, file_kind
from graphs.analysis.changes.reading.hunks import hunks
from graphs.analysis.changes.reading.images import Shown, shown
from graphs.analysis.changes.reading.names import asked_in_loops
from graphs.analysis.changes.reading.statements import Statement, defined, statements
from graphs.analysis.changes.reading.words import listed
from graphs.analysis.changes.removed import what_went

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
    """Every effect of a unified diff (or something like one). The same lines in another order read the same."""
    if not diff.strip():
        kinds = {file_kind(path) for path in files}
        inert = kinds and kinds <= set(INERT)
        return Reading(neutral=INERT[sorted(kinds)[0]] if inert else None, unread=not inert)
    by_path = _by_path(diff, files)
    kinds = {file_kind(path) for path in by_path}
    found: list[Effect] = []
    sorts: set[str] = set()
    lively: list[Statement] = []
    for path, made in by_path.items():
        kind = file_kind(path)
        if kind in INERT:
            continue
        sorts |= {one.sort for one in made}
        if kind == "dependency":
            found += dependencies([one for one in made if one.sort in ("code", "import")])
        else:
            lively += [one for one in made if one.sort == "code"][:_MOST_STATEMENTS]
    if lively:
        found += _effects(lively, shown(diff, files))
    found = [watched(effect) for effect in found]
    found.sort(key=lambda effect: (-effect.weight, effect.path, effect.note))
    return Reading(tuple(found[:12]), _why_neutral(found, kinds, sorts, moved=bool(lively)))


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
    live = kinds - set(INERT)
    if not live:
        return INERT[sorted(kinds)[0]] if kinds else "an empty diff"
    if "dependency" in live and found and len(live) == 1:
        return "a patch release of a dependency"
    if moved:
        return "moved, renamed or reworded code, the same behaviour"
    if sorts & {"log", "telemetry"}:
        return "logging and telemetry only"
    return "comments and imports only"


def _effects(made: Sequence[Statement], shown: Shown) -> list[Effect]:
    old = [spelled_out(one, shown.before) for one in made if one.sign == "-" and not boilerplate(one)]
    new = [one for one in made if one.sign == "+" and not boilerplate(one)]
    new = [spelled_out(one, shown.after) for one in new if not only_names(one, new, shown.before, shown.after)]
    found: list[Effect] = []
    old, new = without_rewrapped(old, new)
    stood = new
    old, new, moved = without_same(old, new)
    found += [effect for pair in moved if (effect := into_loop(*pair)) is not None]
    renamed = renames(old, new, made)
    found += out_of_turn(moved, stood)
    if renamed:
        old, new, more = without_same([with_names(one, renamed) for one in old], new)
        moved += more
        found += [effect for pair in more if (effect := into_loop(*pair)) is not None]
    helpers = {name for one in new if (name := defined(one.text)) is not None}
    found += [*probed(new), *taken_whole(old, new)]
    found += swapped([one for one in new if file_kind(one.path) == "schema"])
    found += unasked(old, new, shown.standing, helpers)
    pairs, gone, come = paired(old, new)
    far, gone, come = moved_on(gone, come)
    found += holding(shown.image, [*new, *(after for before, after in moved if before.indent != after.indent)])
    found += replaced(shown.image, new)
    found += ways([one for one in made if one.sign == "-"], [one for one in made if one.sign == "+"])
    turned = turned_round(moved)
    olds, news = ([one for one in made if one.sign == sign] for sign in "-+")
    first = {before.block for before, after in pairs if exits_first(before, after, olds, news)}
    changed = [
        (
            effect.scaled(_SAME_SENSE)
            if before.block in turned | first and effect.kind in ("negation", "condition")
            else quieter(effect, before, after, news),
            before.block,
        )
        for before, after in pairs
        for effect in _between(before, after, shown, olds)
        if not (effect.kind in ("number", "gone", "arithmetic", "changed") and named_now(before, after, come))
    ]
    changed += [
        (effect, before.block) for before, after in far for effect in _between(before, after, shown, olds) if effect.kind in _ODD
    ]
    looped = any(asked_in_loops(one) for one in olds)
    arrived = [
        (effect.scaled(_RESTATED) if effect.kind == "came" and given_before(one, old) else effect, one.block)
        for one in come
        if (effect := made_anew(one, olds, news) or added(one, come, helpers, looped=looped)) is not None
    ]
    hard = any(effect.kind in HARD or (effect.kind == "literal" and file_kind(effect.path) == "config") for effect, _ in changed)
    hard = hard or any(effect.kind in ("swallowed", "renewed", "tightened") for effect, _ in arrived)
    if (old or moved) and not hard and same_atoms(old, new, helpers):
        return found
    whole = {name for one in made if one.sign == "-" and (name := defined(one.text)) is not None}
    whole -= {name for one in made if one.sign == "+" and (name := defined(one.text)) is not None}
    handed = made_by_one_call(old, new)
    missing = [
        (effect, one)
        for effect, one in lost(old, new, shown.standing, {one.path for one in news})
        if not told_already(one, effect, changed) and not restated(one, None, come)
    ]
    told = {id(one) for _, one in missing}
    changed += [
        (effect.scaled(_WHOLE) if whole & set(one.parents) or one.block in handed else effect, one.block)
        for one in gone
        if (effect := what_went(one, gone, new, shown, told=id(one) in told)) is not None and not elsewhere(one, olds, news, come)
    ]
    found += [effect for effect, one in missing if fallen_back(one, shown.defaults) is None]
    changed += arrived

    alike = alike_blocks(old, new)
    changed = [
        (effect.scaled(_ALIKE) if block in alike and effect.kind != "number" else effect, block) for effect, block in changed
    ]
    covered = covered_blocks(old, new, helpers)
    asked = {block for block in covered if still([one for one in old if one.block == block], new)}
    return found + [
        effect.scaled(0.3)
        if block in covered and (effect.kind not in HARD or (effect.kind == "condition" and block in asked))
        else effect
        for effect, block in changed
    ]


_RESTATED = 0.3  # a setting that says what code said


def _between(before: Statement, after: Statement, shown: Shown, old: Sequence[Statement]) -> list[Effect]:
    found = [*between(before, after), *kinds(before, after), *senses(before, after)]
    if (other := spoken(before, after)) is not None:
        return [other, *(one for one in found if one.kind not in _TOLD_BY_KEY | {"number", "condition", "came", "gone"})]
    if more := otherwise(before, after, old):
        found = [*more, *(one for one in found if one.kind not in _TOLD_BY_PAIR)]
    if (key := another_key(before, after, shown.old, shown.new)) is not None and key.weight > 0.5:
        return [key, *(one for one in found if one.kind not in _TOLD_BY_KEY)]
    if same_key(before, after, shown.old, shown.new):
        found = [one.scaled(KEPT) if one.kind in ("called", "changed") else one for one in found]
    default = no_longer_passed(before, after, shown.defaults)
    return found if default is None else [default, *(one for one in found if one.kind not in ("dropped", "gone", "changed"))]


_TOLD_BY_PAIR = frozenset({"changed", "called", "call_removed"})
_TOLD_BY_KEY = listed("literal changed called call_removed query dropped swapped arithmetic")
_ALIKE = 0.3
_SAME_SENSE = 0.15  # a condition turned round together with its branches
_WHOLE = 0.35  # a statement that went with the whole function it stood in: nobody calls that any more, or it would not build
_ODD = HARD - {"swapped"} | {"literal", "arithmetic"}
"""What may be altered on the way when code moves: anything but the names it is handed its values by."""
