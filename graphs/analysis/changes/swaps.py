"""Tables that take another one's place: what stood on the old one, and was not made on the new one, is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effects import Effect, clean, effect_of, first_resource
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import stem_set

_NAME = r"[\"`\[]?([\w.]+)[\"`\]]?"
_MADE = re2.compile(
    rf"(?i)\bcreate (?:unlogged )?table (?:if not exists )?{_NAME}\s*"
    rf"(?:\(\s*like\s+{_NAME}([^;]*)|as\s+select\b.*?\bfrom\s+{_NAME})"
)
_RENAMED = re2.compile(rf"(?i)\b(?:alter|rename) table (?:if exists )?(?:only )?{_NAME} (?:rename )?to {_NAME}")
_TAKEN = re2.compile(r"(?i)including (?:all|indexes)")


def swapped(new: Sequence[Statement]) -> Iterator[Effect]:
    """A table made like another one, without its indexes, that then bears its name."""
    text = " ".join(one.text.rstrip(";") + ";" for one in new)
    for match in _MADE.finditer(text):
        made, like, options, source = match.groups()
        if options is not None and _TAKEN.search(options.partition(";")[0]):
            continue
        table = like or source or ""
        renamed = [pair for pair in _RENAMED.findall(text) if pair[0].lower() == made.lower() and pair[1].lower() == table.lower()]
        one = next((one for one in new if made in one.text), new[0])
        if renamed and not re2.search(rf"(?i)create (?:unique )?index[^;]*\bon (?:only )?[\"`]?{re2.escape(made)}\b", text):
            index = first_resource(stem_set(["index"]))
            note = f"{clean(table)} is another table now, without the indexes of the old one"
            yield effect_of("index_gone", 0.85, note, one, resource=index, direction="gone")
