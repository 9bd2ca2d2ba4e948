"""A unified diff as hunks of lines, each with the file it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import re2

_PATH = re2.compile(
    r"([\w.@+-]+/)*[\w.@+-]*\.[A-Za-z]\w{0,9}\b|([\w.@+-]+/)+[\w.@+-]+|\b(?:Dockerfile|Makefile|CODEOWNERS|Procfile)\b"
)
_LONGEST, _MOST_LINES = 1200, 6000  # beyond that it is generated, and no person wrote the cause there


@dataclass(frozen=True)
class Line:
    sign: Literal["+", "-", " "]
    text: str


@dataclass
class Hunk:
    """Lines of one place in one file. `header` is what stood on the `@@` line beside the position."""

    path: str
    header: str
    lines: list[Line] = field(default_factory=list)


def hunks(diff: str, files: Sequence[str] = ()) -> list[Hunk]:
    """The hunks of unified-diff-like text. A `@@` line may name the file itself; else the headers before it, else `files`."""
    found: list[Hunk] = []
    path = files[0] if len(files) == 1 else ""
    lines = [line[:_LONGEST] for line in diff.splitlines()[:_MOST_LINES]]
    for position, text in enumerate(lines):
        following = lines[position + 1] if position + 1 < len(lines) else ""
        if text.startswith(("diff --git ", "index ", "similarity ", "rename ", "new file", "deleted file", "Binary ")):
            continue
        if text.startswith("--- ") and following.startswith("+++ "):
            path = _headed(text[4:]) or path
            continue
        if text.startswith("+++ ") and position and lines[position - 1].startswith("--- "):
            path = _headed(text[4:]) or path
            continue
        if text.startswith("@@"):
            path, header = _opened(text, path, files, found)
            found.append(Hunk(path, header))
            continue
        if not found:
            found.append(Hunk(path or (files[0] if files else ""), ""))
        sign: Literal["+", "-", " "] = "+" if text[:1] == "+" else "-" if text[:1] == "-" else " "
        found[-1].lines.append(Line(sign, text[1:] if text[:1] in "+- " else text))
    return [hunk for hunk in found if any(line.sign != " " for line in hunk.lines)]


def _headed(name: str) -> str:
    bare = name.split("\t")[0].strip()
    if bare == "/dev/null":
        return ""
    return bare[2:] if bare[:2] in {"a/", "b/"} else bare


def _opened(text: str, path: str, files: Sequence[str], found: Sequence[Hunk]) -> tuple[str, str]:
    body = text.strip("@ ").split("@@")
    inside, rest = body[0].strip(), " ".join(part.strip() for part in body[1:])
    for name in files:
        if name and name in text:
            return name, (inside + " " + rest).replace(name, "").strip(" :")
    for name in files:
        if inside and name.endswith(f"/{inside}"):
            return name, rest
    match = _PATH.search(inside)
    if match is not None and match.group() == inside and not inside.startswith("-"):
        return inside, rest
    if match is not None and "/" in match.group() and not inside.startswith("-"):
        return match.group(), (inside[match.end() :] + " " + rest).strip(" :")
    if path or not files:
        return path, rest or inside
    return files[min(len(found), len(files) - 1)], rest or inside
