"""Reading the text that kubectl prints: indented sections, columns, ages, quantities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import re2

from graphs.analysis.objects.model import Event

_EVENT = re2.compile(r"^\s*(Normal|Warning)\s+(\S+)\s+(\S+)(?: \(x(\d+) over ([^)\s]+)\))?\s+(\S+(?:, \S+)?)\s+(.*)$")
_AGE = re2.compile(r"(\d+)([ydhms])")
_QUANTITY = re2.compile(r"^([0-9.]+)\s*([A-Za-z]*)$")
_UNIT_S = {"y": 365 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_SUFFIX = {"": 1.0, "m": 1e-3, "n": 1e-9, "u": 1e-6, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_SUFFIX |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTP", start=1)}


@dataclass(frozen=True, slots=True)
class Section:
    """`Key: value` and the deeper indented lines under it."""

    key: str
    value: str
    body: list[str]


def sections(lines: Sequence[str]) -> list[Section]:
    """Splits at the indentation of the first line that is not blank; deeper lines are the body of what stands above them."""
    found: list[Section] = []
    indent = -1
    for line in lines:
        bare = line.lstrip()
        if not bare:
            continue
        depth = len(line) - len(bare)
        if indent < 0:
            indent = depth
        if depth > indent:
            if found:
                found[-1].body.append(line)
            continue
        key, colon, value = bare.partition(":")
        if colon and (not value or value[0].isspace()):
            found.append(Section(key.strip(), value.strip(), []))
        elif found:
            found[-1].body.append(line)
        else:
            found.append(Section(bare.strip(), "", []))
    return found


def by_key(parts: Sequence[Section]) -> dict[str, Section]:
    return {part.key: part for part in parts}


def items(section: Section | None) -> list[str]:
    """The value and its continuation lines, without `<none>`."""
    if section is None:
        return []
    return [text for text in (section.value, *(line.strip() for line in section.body)) if text and text != "<none>"]


def pairs(texts: Sequence[str], *, separator: str = "=") -> dict[str, str]:
    """`a=b` entries, also when several stand comma-separated in one text."""
    found: dict[str, str] = {}
    for text in texts:
        for entry in text.split(",") if separator == "=" else (text,):
            key, sign, value = entry.strip().partition(separator)
            if sign:
                found[key.strip()] = value.strip()
    return found


def events(section: Section | None) -> tuple[Event, ...]:
    if section is None:
        return ()
    return tuple(event for event in map(event_of, section.body) if event is not None)


def event_of(line: str) -> Event | None:
    match = _EVENT.match(line)
    if match is None:
        return None
    kind, reason, last, count, first, source, message = match.groups()
    age_s = age(last)
    return Event(
        warning=kind == "Warning",
        reason=reason,
        message=message.strip(),
        source=source,
        count=int(count or 1),
        age_s=age_s,
        first_s=age(first) if first else age_s,
        line=" ".join(line.split()),
    )


def age(text: str | None) -> float | None:
    """`4d4h` or `5m3s` as seconds; None where the text is no age."""
    if not text:
        return None
    total, rest = 0.0, text
    for number, unit in _AGE.findall(text):
        total += float(number) * _UNIT_S[unit]
        rest = rest.replace(f"{number}{unit}", "", 1)
    return total if not rest and total >= 0 and any(char.isdigit() for char in text) else None


def quantity(text: object) -> float | None:
    """`500m`, `1Gi`, `2` as a number; None where the text is no quantity."""
    match = _QUANTITY.match(str(text).strip())
    if match is None or match.group(2) not in _SUFFIX:
        return None
    try:
        return float(match.group(1)) * _SUFFIX[match.group(2)]
    except ValueError:
        return None


def amount(resource: str, value: float) -> str:
    """`value` of a resource as a person writes it: `1 GiB` of what is counted in bytes, `500m` of a processor, else the number."""
    if "memory" in resource or "storage" in resource:
        by, name = next(((by, name) for by, name in _BINARY if value >= by), (1.0, "bytes"))
        return f"{value / by:.3g} {name}"
    return f"{1000 * value:g}m" if "cpu" in resource and 0 < value < 1 else f"{value:g}"


_BINARY = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))


def table(output: str) -> Iterator[tuple[dict[str, str], str]]:
    """Rows of a column-aligned listing, as column name → cell, with the line itself.

    Columns are cut at the header's offsets, because cells may be empty or hold blanks.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    if not lines or not lines[0][:1].isupper():
        return
    starts = _starts(lines[0])
    names = [lines[0][start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
    for line in lines[1:]:
        cells = [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
        yield dict(zip(names, cells, strict=True)), line.strip()


def _starts(header: str) -> list[int]:
    starts, blanks = [], 2
    for position, char in enumerate(header):
        if char == " ":
            blanks += 1
            continue
        if blanks >= 2:
            starts.append(position)
        blanks = 0
    return starts


def whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
