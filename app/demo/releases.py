"""Versions as real source: files per service and version, edits that make the next, diffs and commit ids of what really changed."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from app.demo.names import Names

SOURCES = Path(__file__).with_name("sources")
DEPENDENCIES = "httpkit==2.4.1\npgclient==3.2.0\nmoney==1.9.2\n"
README = "# {service}\n\nRun it with `make run`. Metrics are at /metrics.\n\nOn call: see the team's page.\n"


@dataclass(frozen=True)
class Edit:
    """Replaces `old`, which stands exactly once in the service's file `path`, by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Release:
    """One version of one service. `files` are its sources by file name; `commit` names them and what they came from."""

    service: str
    version: str
    files: dict[str, str]
    commit: str
    author: str
    title: str
    at_s: float  # UTC epoch seconds

    def repository_path(self, file: str) -> str:
        return f"services/{self.service}/{file}"

    def write(self, root: Path) -> Path:
        """Writes the files out, once; returns their folder."""
        folder = root / self.service / self.version
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return folder


def commit_id(files: dict[str, str], *, parent: str, author: str, title: str, at_s: float) -> str:
    """A hash over content, parent and message, forty hex digits."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in (parent, author, title, f"{at_s:.3f}", *(part for name in sorted(files) for part in (name, files[name]))):
        digest.update(f"{len(part.encode())} {part}\n".encode())
    return digest.hexdigest()


def first_release(role: str, names: Names, *, version: str, author: str, at_s: float) -> Release:
    files = {
        "handlers.py": names.in_text((SOURCES / f"{role}.py").read_text()),
        "config.json": names.in_text((SOURCES / f"{role}.json").read_text()),
        "requirements.txt": DEPENDENCIES,
        "README.md": README.format(service=names(role)),
    }
    title = "First version"
    commit = commit_id(files, parent="", author=author, title=title, at_s=at_s)
    return Release(names(role), version, files, commit, author, title, at_s)


def next_release(before: Release, edits: tuple[Edit, ...], *, author: str, title: str, at_s: float, version: str) -> Release:
    """Raises ValueError when an edit does not fit the files as they are."""
    files = dict(before.files)
    for edit in edits:
        found = files[edit.path].count(edit.old)
        if found != 1:
            raise ValueError(f"{before.repository_path(edit.path)}: {edit.old!r} stands there {found} times, not once")
        files[edit.path] = files[edit.path].replace(edit.old, edit.new)
    commit = commit_id(files, parent=before.commit, author=author, title=title, at_s=at_s)
    return Release(before.service, version, files, commit, author, title, at_s)


def changed_files(before: Release, after: Release) -> list[str]:
    return [after.repository_path(name) for name in sorted(after.files) if before.files.get(name) != after.files[name]]


def unified_diff(before: Release, after: Release) -> str:
    """As `git diff` shows it, over all files that differ."""
    lines: list[str] = []
    for name in sorted(after.files):
        old, new, path = before.files.get(name, ""), after.files[name], after.repository_path(name)
        if old != new:
            lines.append(f"diff --git a/{path} b/{path}\n")
            lines += difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{path}", f"b/{path}", n=3)
    return "".join(lines)


def bumped(version: str, taken: set[str]) -> str:
    """The next patch version that no release has yet."""
    major, minor, patch = (int(part) for part in version.split("."))
    while (found := f"{major}.{minor}.{patch}") in taken:
        patch += 1
    return found
