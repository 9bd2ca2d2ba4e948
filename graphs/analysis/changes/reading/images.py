"""Either side of a diff as a whole: what it shows of the names that it uses, changed or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graphs.analysis.changes.reading.constants import Amounts, Default, amounts, defaults
from graphs.analysis.changes.reading.files import INERT, file_kind
from graphs.analysis.changes.reading.hunks import Hunk
from graphs.analysis.changes.reading.names import own_name
from graphs.analysis.changes.reading.statements import Statement, standing, stood


@dataclass(frozen=True)
class Image:
    """One side of a diff: what locals stand for, and what functions answer."""

    given: dict[tuple[str, str], Statement] = field(default_factory=dict)
    answers: dict[str, tuple[Statement, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, image: Iterable[Statement]) -> Image:
        given: dict[tuple[str, str], Statement] = {}
        answers: dict[str, tuple[Statement, ...]] = {}
        for one in image:
            if file_kind(one.path) != "code":
                continue
            name = own_name(one)
            if name and name in one.key[:3]:
                given.setdefault((one.path, name), one)
            if one.parents and one.text.startswith("return"):
                answers[one.parents[-1]] = (*answers.get(one.parents[-1], ()), one)
        return cls(given, answers)


@dataclass(frozen=True)
class Shown:
    """What the diff shows of the names that it uses: constants of either image, and defaults of the new one."""

    before: Amounts
    after: Amounts
    defaults: tuple[Default, ...]
    old: Image
    new: Image
    image: tuple[tuple[Statement, ...], ...]  # what stands now, by hunks
    former: tuple[tuple[Statement, ...], ...] = ()  # what stood before, by hunks

    @property
    def standing(self) -> tuple[Statement, ...]:
        return tuple(one for hunk in self.image for one in hunk)


def shown(hunks: Sequence[Hunk]) -> Shown:
    listed = [hunk for hunk in hunks if file_kind(hunk.path) not in INERT]
    former = tuple(tuple(stood(hunk)) for hunk in listed)
    old = [one for hunk in former for one in hunk]
    image = tuple(tuple(standing(hunk)) for hunk in listed)
    new = [one for hunk in image for one in hunk]
    return Shown(*amounts(old, new), tuple(defaults(new)), Image.of(old), Image.of(new), image, former)
