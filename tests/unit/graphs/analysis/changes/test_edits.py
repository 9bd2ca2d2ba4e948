"""Edits as they are made, in the languages they are made in, and what a diff's reading says of each.

`edits/*.diff` holds one after another: a line `## name | what is said | path`, and the diff. The path is left out where the diff
names it. What is said:

    first KIND or KIND, at least W, of WORD     the heaviest effect is of one of these kinds, weighs W or more, and names WORD
    first breaks FAULT or FAULT, at least W     the same by our word for what it breaks
    first from N to N                           the heaviest effect is a number's step between these two, in base units
    any KIND, at least W, of WORD               some effect is so
    all, at most W                              no effect weighs more
    none WORDS                                  no effect is of this kind, or says these words
    nothing                                     the diff cannot alter behaviour, and it is said why

KIND and WORD may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphs.analysis.changes.diff import Reading, read_diff
from graphs.analysis.changes.effect import NEUTRAL_BELOW, Effect
from graphs.analysis.changes.reading.words import stem_set

EDITS = Path(__file__).parent / "edits"
SAID = re.compile(r"(first|any)(?: breaks ([a-z_ ]+)| ([a-z_ ]+))?, at least ([\d.]+)(?:, of (\w+))?")
STEP = re.compile(r"first from (\S+) to (\S+)")
MOST = re.compile(r"all, at most ([\d.]+)")


@dataclass(frozen=True)
class Edit:
    said: str
    files: tuple[str, ...]
    diff: str

    @property
    def reading(self) -> Reading:
        return read_diff(self.diff, self.files)


def edits() -> Iterator[tuple[str, Edit]]:
    for file in sorted(EDITS.glob("*.diff")):
        for part in re.split(r"^## ", file.read_text(), flags=re.MULTILINE)[1:]:
            head, _, diff = part.partition("\n")
            name, said, *files = head.split(" | ")
            yield f"{file.stem}: {name}", Edit(said, tuple(files), diff)


KNOWN = dict(edits())


def fits(effect: Effect, said: re.Match[str]) -> bool:
    _, faults, kinds, least, word = said.groups()
    return (
        (faults is None or effect.fault in faults.split(" or "))
        and (kinds is None or effect.kind in kinds.split(" or "))
        and effect.weight >= float(least)
        and stem_set([word or ""]) <= effect.words
    )


@pytest.mark.parametrize("name", KNOWN)
def test_an_edit_is_read_as_what_it_does(name: str) -> None:
    edit = KNOWN[name]
    reading, effects = edit.reading, edit.reading.effects
    if (said := SAID.fullmatch(edit.said)) is not None:
        asked = effects[:1] if said.group(1) == "first" else effects
        assert any(fits(effect, said) for effect in asked), effects
        assert reading.neutral is None
    elif (step := STEP.fullmatch(edit.said)) is not None:
        assert [one.value for one in (effects[0].before, effects[0].after) if one is not None] == [*map(float, step.groups())]
    elif (most := MOST.fullmatch(edit.said)) is not None:
        assert reading.weight <= float(most.group(1)), effects[0]
    elif edit.said.startswith("none "):
        words = edit.said.removeprefix("none ")
        assert not [one for one in effects if one.kind == words or words in one.note]
    else:
        assert edit.said == "nothing"
        assert reading.weight < NEUTRAL_BELOW, effects
        assert reading.neutral


def test_every_edit_has_a_name_of_its_own() -> None:
    assert len(KNOWN) == len([*edits()])
