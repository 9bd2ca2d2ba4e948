"""Every edit of a diff, each with what it alters; and less of it where the rest of the diff makes it harmless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.analysis.changes.added import added
from graphs.analysis.changes.altered import altered
from graphs.analysis.changes.effect import HARD, Effect
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.kinds import kinds
from graphs.analysis.changes.kinds.defaults import fallen_back
from graphs.analysis.changes.kinds.unasked import still
from graphs.analysis.changes.matching.extracted import covered_blocks, made_by_one_call, same_atoms
from graphs.analysis.changes.matching.harmless import quieter
from graphs.analysis.changes.matching.rebuilt import rebuilt
from graphs.analysis.changes.matching.restyled import (
    alike_blocks,
    elsewhere,
    exits_first,
    given_before,
    named_now,
    restated,
    turned_round,
)
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.lost import lost, told_already
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.removed import removed

Edit = tuple[Effect, int]
"""What is altered, and in which block."""
_SAME_SENSE = 0.15  # a condition turned round together with its branches
_RESTATED = 0.3  # a setting that says what code said
_WHOLE = 0.35  # a statement that went with the whole function it stood in: nobody calls that any more, or it would not build
_ALIKE = 0.3  # in a block that does what it did in another form
_COVERED = 0.3  # in a block whose work a helper does now
_ODD = HARD - {"swapped"} | {"literal", "arithmetic"}
"""What may be altered on the way when code moves: anything but the names it is handed its values by."""


def edits(sides: Sides) -> list[Effect]:
    across = [effect for kind in kinds(Throughout) for effect in kind.tells(sides)]
    changed = [*_changed(sides), *_changed_on_the_way(sides)]
    arrived = [*_arrived(sides)]
    if _only_moved(sides, changed, arrived):
        return across
    missing = _missing(sides, changed)
    across += [effect for effect, one in missing if fallen_back(one, sides.shown.defaults) is None]
    went = _went(sides, [one for _, one in missing])
    return across + _softened(sides, [*changed, *went, *arrived])


def _changed(sides: Sides) -> Iterator[Edit]:
    """Statements that have a new version in their place."""
    turned = turned_round(sides.kept)
    turned |= {before.block for before, after in sides.pairs if exits_first(before, after, sides.olds, sides.news)}
    for before, after in sides.pairs:
        for effect in altered(before, after, sides):
            if effect.kind in ("number", "gone", "arithmetic", "changed") and named_now(before, after, sides.come):
                continue
            same = before.block in turned and effect.kind in ("negation", "condition")
            yield effect.scaled(_SAME_SENSE) if same else quieter(effect, before, after, sides.news), before.block


def _changed_on_the_way(sides: Sides) -> Iterator[Edit]:
    """Statements that have a new version in another place."""
    for before, after in sides.far:
        yield from ((effect, before.block) for effect in altered(before, after, sides) if effect.kind in _ODD)


def _arrived(sides: Sides) -> Iterator[Edit]:
    for one in sides.come:
        if (effect := added(one, sides)) is not None:
            known = effect.kind == "came" and given_before(one, sides.old)
            yield effect.scaled(_RESTATED) if known else effect, one.block


def _only_moved(sides: Sides, changed: Sequence[Edit], arrived: Sequence[Edit]) -> bool:
    """Whether the same stands elsewhere, and nothing was altered that no move explains away."""
    hard = any(effect.kind in HARD or (effect.kind == "literal" and file_kind(effect.path) == "config") for effect, _ in changed)
    hard = hard or any(effect.kind in ("swallowed", "renewed", "tightened") for effect, _ in arrived)
    return bool(sides.old or sides.kept) and not hard and same_atoms(sides.old, sides.new, sides.helpers)


def _missing(sides: Sides, changed: Sequence[Edit]) -> list[tuple[Effect, Statement]]:
    """Names and settings that nothing new knows, where what took their place does not tell as much."""
    return [
        (effect, one)
        for effect, one in lost(sides.old, sides.new, sides.shown.standing, {one.path for one in sides.news})
        if not told_already(one, effect, changed) and not restated(one, None, sides.come)
    ]


def _went(sides: Sides, told: Sequence[Statement]) -> Iterator[Edit]:
    """`told`: statements of which it is told what went with them; then only what holds instead is."""
    handed = made_by_one_call(sides.old, sides.new)
    whole_functions = sides.functions_gone - rebuilt(sides)
    known = {id(one) for one in told}
    for one in sides.gone:
        effect = fallen_back(one, sides.shown.defaults)
        if effect is None and id(one) not in known:
            effect = removed(one, sides)
        if effect is None or elsewhere(one, sides.olds, sides.news, sides.come):
            continue
        whole = whole_functions.intersection(one.parents) or one.block in handed
        yield effect.scaled(_WHOLE) if whole else effect, one.block


def _softened(sides: Sides, made: Sequence[Edit]) -> list[Effect]:
    alike = alike_blocks(sides.old, sides.new)
    covered = covered_blocks(sides.old, sides.new, sides.helpers)
    asked = {block for block in covered if still([one for one in sides.old if one.block == block], sides.new)}
    found = []
    for effect, block in made:
        factor = _ALIKE if block in alike and effect.kind != "number" else 1.0
        if block in covered and (effect.kind not in HARD or (effect.kind == "condition" and block in asked)):
            factor *= _COVERED
        found.append(effect.scaled(factor))
    return found
