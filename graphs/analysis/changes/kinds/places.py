"""What others know by its place or its number: fields of messages, members of enumerations, parts of a vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set, stemmed

_NUMBERED = re2.compile(r"^(?:(?:optional|required|repeated) )?(?:[\w.<>, ]+ )?(\w+) ?= ?(\d{1,9})(?: ?\[[^\]]*\])?[;,]?$")
_TAGGED = re2.compile(
    r"[@\[#]\[?(?:\w+\.)?(?:ProtoMember|ProtoId|Key|Id|Tag|ThriftField|Index|prost)\("
    r"(?:[\w\",= ]*?\btag ?= ?)?\"?(\d{1,5})\"?[^()]*\)\]?.*?"
    r"\b(\w+)(?: \{ ?get.*|: [\w<>]+,?|;)?$"
)
_THRIFT = re2.compile(r"^(\d{1,5}): ?(?:optional |required )?[\w.<>, ]+ (\w+)[;,]?$")


def number_reused(sides: Sides) -> Iterator[Effect]:
    """A number that stood for one thing in what is sent or stored, and stands for another: who knows the first reads it so."""
    was, now = ([(one, found) for one in side if (found := _numbered(one)) is not None] for side in (sides.olds, sides.news))
    kept = {(one.path, one.parents[-1:], name) for one, (name, _) in now}
    for old, (name, number) in was:
        for new, (other, same) in now:
            if number != same or old.path != new.path or old.parents[-1:] != new.parents[-1:] or name == other:
                continue
            swapped = (old.path, old.parents[-1:], name) in kept
            if not swapped and (_renamed(name, other) or _same_list(old, was, now)):
                continue
            note = f"{clean(number)} was {clean(name)} and is {clean(other)}"
            yield effect_of("reused", 0.85, note, new, other=old)
            return


def _numbered(one: Statement) -> tuple[str, str] | None:
    """The name and the number of a field or member, in files of forms, and in enumerations."""
    text = one.text.strip()
    if one.path.endswith(".thrift") and (found := _THRIFT.match(text)) is not None:
        return found.group(2), found.group(1)
    if file_kind(one.path) == "code" and (found := _TAGGED.match(text)) is not None:
        return found.group(2), found.group(1)
    found = _NUMBERED.match(text)
    if found is None or not (one.path.endswith((".proto", ".thrift", ".fbs")) or (_enumerated(one) and text[:1].isupper())):
        return None
    return found.group(1), found.group(2)


def _enumerated(one: Statement) -> bool:
    return file_kind(one.path) == "code" and _ENUM.search(one.nearby) is not None and bool(one.parents)


_ENUM = re2.compile(r"\benum\b|\b(?:Int|Str)?(?:Enum|Flag)\b|\biota\b")


def _renamed(name: str, other: str) -> bool:
    """Whether both names speak of one thing, of which only the number is sent."""
    was, now = stem_set([name]), stem_set([other])
    return bool(was & now) and (was <= now or now <= was or len(was & now) * 2 >= max(len(was), len(now)) > 2)


def _same_list(
    old: Statement, was: Sequence[tuple[Statement, tuple[str, str]]], now: Sequence[tuple[Statement, tuple[str, str]]]
) -> bool:
    """Whether the list as a whole got other names and kept its numbers: a form that nobody has read before."""
    here = [found for one, found in was if one.path == old.path]
    there = [found for one, found in now if one.path == old.path]
    return len(here) >= 4 and len(here) == len(there) and not {name for name, _ in here} & {name for name, _ in there}


_MEMBER = re2.compile(r"^[A-Z]\w*(?:\([^()]*\))?[,;]?$")
_BY_PLACE = re2.compile(r"\bauto\(\)|\.ordinal\b|ORDINAL|\bas (?:u|i)\d+\b|\(int\)")
_COUNTED = re2.compile(r"^const \( ?(.*\biota\b.*)\)$")


def moved_up(sides: Sides) -> Iterator[Effect]:
    """A member came in, or went, before others of an enumeration whose numbers are their places."""
    for former, image in zip(sides.shown.former, sides.shown.image, strict=True):
        for (was, _), (now, one) in zip(_members(former), _members(image), strict=False):
            both = [name for name in now if name in was]
            places = [(was.index(name), now.index(name)) for name in both]
            moved = next((name for name, (old, new) in zip(both, places, strict=True) if old != new), None)
            if moved is not None and was != now:
                yield effect_of("reused", 0.7, f"{clean(moved)} and what follows has another number", one)
                return


def _members(hunk: Sequence[Statement]) -> Iterator[tuple[list[str], Statement]]:
    """Members in their order, of each enumeration whose places are seen to count."""
    if not hunk or file_kind(hunk[0].path) != "code":
        return
    for one in hunk:
        if (found := _COUNTED.match(one.text)) is not None:
            head, _, rest = found.group(1).partition("iota")
            yield [*_NAME.findall(head)[:1], *_NAME.findall(rest)], one
    listed = [one for one in hunk if _MEMBER.match(one.text)]
    if listed and _BY_PLACE.search(" ".join(one.text for one in hunk)):
        yield [one.text.strip(",;") for one in listed], listed[0]


_NAME = re2.compile(r"\b[A-Za-z_]\w*\b")
_EACH_OF = re2.compile(r"^(.*)\bfor (?:\w+, )?(\w+) in ([^\[\]]+?)([\])].*)$")
_OWN_ORDER = re2.compile(
    r"^(?:sorted|set|frozenset|reversed|dict|list\((?:set|dict))\(|\.(?:keys|values|items)\(\)|^(?:[A-Z][A-Z_]+|\w*[rR]egistry)\b|\bset\("
    r"|^Object\.(?:keys|values|entries)\(|\.sort\("
)
_JS_EACH = re2.compile(r"\b([\w.]+)\.map\(|\b(Object\.(?:keys|values|entries)\([\w.]+\)(?:\.sort\(\))?)\.map\(")
_READ_BY_PLACE = re2.compile(
    r"(?i)\barray\(|asarray|tensor|vector|tuple\(|writerow|zip\(|executemany|\bexecute\(|hstack|stack\(|concat|features?\b|columns?\b|header|\brow\b|join\("
)


def another_order(sides: Sides) -> Iterator[Effect]:
    """What is read by its place is built in another order than the one that was handed in."""
    for before, after in (*sides.pairs, *sides.far):
        was, now = _EACH_OF.match(before.text), _EACH_OF.match(after.text)
        if was is not None and now is not None and file_kind(after.path) == "code":
            same = _bare(was.group(1)) == _bare(now.group(1))
            old, new = was.group(3), now.group(3)
            by_place = _READ_BY_PLACE.search(f"{after.text} {' '.join(after.parents[-1:])}") and "{" not in now.group(1)[-2:]
            if same and by_place and old != new and _OWN_ORDER.search(new) and not _OWN_ORDER.search(old):
                yield _reordered(new, before, after)
                return
        js, now_js = _JS_EACH.search(before.text), _JS_EACH.search(after.text)
        if js is not None and now_js is not None and js.group(1) and now_js.group(2) and _READ_BY_PLACE.search(after.text):
            yield _reordered(now_js.group(2), before, after)
            return


_VALUES = re2.compile(
    r"^(?:return |\w+ ?:?= ?)?(?:list|np\.array|tuple|array)\((?:list\()?([\w.]+)\.values\(\)|\bObject\.values\((\w[\w.]*)\)"
)
_CHOSEN = re2.compile(r"(?i)^(\w+) = \w+\[(?:self\.)?\w*(?:col|feat|name|field|order)\w*\]|\.reindex\(columns=|\bselect\(\*\w+\)")


def no_order(sides: Sides) -> Iterator[Effect]:
    """What was picked one by one, in an order that was handed in, is taken as it comes."""
    for before, after in (*sides.pairs, *sides.far):
        if file_kind(after.path) != "code":
            continue
        each = _EACH_OF.match(before.text) or _JS_EACH.search(before.text)
        whole = _VALUES.search(after.text)
        if each is not None and whole is not None and (whole.group(1) or whole.group(2)) in before.text and "[" in before.text:
            yield _reordered(whole.group(1) or whole.group(2), before, after)
            return
        columns = _CHOSEN.search(before.text) is not None and not _CHOSEN.search(after.text)
        if columns and re2.search(r"=\s*\w+(?:\.drop\(.*|\.copy\(\))?$", after.text) and _read_by_model(after):
            yield _reordered("what comes", before, after)
            return


def _read_by_model(one: Statement) -> bool:
    return re2.search(r"\.(?:predict\w*|transform|score|infer\w*|run)\(|to_numpy|\.values\b", one.nearby) is not None


_BY_NAME = re2.compile(r"(?i)\bDictReader\(|\bby_name\b|\bgetString\(\"|\bINSERT INTO \w+ ?\(")
_NAMELESS = re2.compile(r"(?i)\bcsv\.reader\(|\brow\[\d\]|\bgetString\(\d|\bINSERT INTO \w+ (?:SELECT \*|VALUES)")


def by_place(sides: Sides) -> Iterator[Effect]:
    """Columns that were known by their names are known by their places."""
    was = [one for one in sides.olds if _BY_NAME.search(one.text)]
    if any(_NAMELESS.search(one.text) for one in sides.olds) or any(_BY_NAME.search(one.text) for one in sides.news):
        return
    for one in sides.news:
        other = next((other for other in was if other.path == one.path), None)
        if other is not None and _NAMELESS.search(one.text):
            yield effect_of("reused", 0.6, "columns are known by their places, and no longer by their names", one, other=other)
            return


def _bare(text: str) -> str:
    return text.replace(" ", "")


def _reordered(source: str, before: Statement, after: Statement) -> Effect:
    note = f"built in the order of {clean(source)}, and no longer in the one that was handed in"
    made = effect_of("reused", 0.8, note, after, other=before)
    return replace(made, words=made.words | _MODELS) if _VECTOR.search(f"{before.text} {after.text}") else made


_VECTOR = re2.compile(r"(?i)\barray\(|tensor|vector|features?\b|stack\(")
_MODELS = stemmed("score scores model predict prediction probability confidence rank ranking")
"""What reads a vector by its places, and what is seen of it."""


KINDS = (
    Throughout(number_reused),
    Throughout(moved_up),
    Throughout(another_order),
    Throughout(no_order),
    Throughout(by_place),
)
