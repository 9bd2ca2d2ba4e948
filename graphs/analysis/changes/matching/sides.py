"""Both sides of a diff, matched: what went and came, what only moved, what is a version of what, and what stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from graphs.analysis.changes.matching.pairs import boilerplate, moved_on, paired, without_rewrapped, without_same
from graphs.analysis.changes.matching.renames import renames, with_names
from graphs.analysis.changes.reading.constants import only_names, spelled_out
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.images import Shown
from graphs.analysis.changes.reading.statements import Statement, defined

Pairs = Sequence[tuple[Statement, Statement]]


@dataclass(frozen=True)
class Sides:
    """`olds`, `news`: everything that went and came, as it is written; `written`: the new statements with amounts in place of
    their names. `old`, `new`: those, without what only moved or was renamed (`moved`, `renamed`, in pairs).

    Of these, `pairs` are versions of one another, `far` such as stand in another place; `gone` and `come` are left over.
    `helpers` are the functions that came.
    """

    shown: Shown
    olds: Sequence[Statement]
    news: Sequence[Statement]
    written: Sequence[Statement]
    old: Sequence[Statement]
    new: Sequence[Statement]
    moved: Pairs
    renamed: Pairs
    pairs: Pairs
    far: Pairs
    gone: Sequence[Statement]
    come: Sequence[Statement]
    helpers: frozenset[str]

    @classmethod
    def of(cls, made: Sequence[Statement], shown: Shown) -> Sides:
        olds, news = ([one for one in made if one.sign == sign] for sign in "-+")
        old = [spelled_out(one, shown.before) for one in olds if not boilerplate(one)]
        plain = [one for one in news if not boilerplate(one)]
        new = [spelled_out(one, shown.after) for one in plain if not only_names(one, plain, shown.before, shown.after)]
        old, new = without_rewrapped(old, new)
        written = new
        old, new, moved = without_same(old, new)
        renamed: Pairs = ()
        if names := renames(old, new, made):
            old, new, renamed = without_same([with_names(one, names) for one in old], new)
        pairs, gone, come = paired(old, new)
        far, gone, come = moved_on(gone, come)
        helpers = frozenset(name for one in new if (name := defined(one.text)) is not None)
        return cls(shown, olds, news, written, old, new, moved, renamed, pairs, far, gone, come, helpers)

    @property
    def kept(self) -> Pairs:
        """What stands there still, elsewhere or by other names."""
        return [*self.moved, *self.renamed]

    @cached_property
    def functions_gone(self) -> frozenset[str]:
        """Functions that are there no more."""
        was, now = ({name for one in side if (name := defined(one.text)) is not None} for side in (self.olds, self.news))
        return frozenset(was - now)

    @cached_property
    def code(self) -> tuple[list[Statement], list[Statement]]:
        """Everything that went and came in code, moved or not; nothing where one of them is empty."""
        was, now = ([one for one in side if file_kind(one.path) == "code"] for side in (self.olds, self.news))
        return (was, now) if was and now else ([], [])

    def by_code_file(self) -> Iterator[tuple[list[Statement], list[Statement]]]:
        """The same file by file, of files from which something went."""
        was, now = self.code
        for path in sorted({one.path for one in was}):
            yield [one for one in was if one.path == path], [one for one in now if one.path == path]
