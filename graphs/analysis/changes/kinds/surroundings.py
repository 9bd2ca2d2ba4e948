"""What a process finds around it: the zone and the language it runs in, the packages of its image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_ZONE = re2.compile(
    r"(?:^|[\s\"'{,;-])(?:TZ|PGTZ|timezone|time_zone|timeZone|default_time_zone|TIME_ZONE|-Duser\.timezone|user\.timezone|serverTimezone)"
    r"[\"']?\s*[=:,]?\s*(?:value\s*[=:]\s*)?[\"']?([A-Za-z_]+(?:/[A-Za-z_+-]+\d*)*|[+-]\d\d:\d\d)"
)
_ZONED = re2.compile(r"^(?:[A-Z][A-Za-z_]+/[A-Z][\w+-]*|UTC|GMT|Etc/\w+|CET|[A-Z]{3}|SYSTEM|[+-]\d\d:\d\d)$")
_LANGUAGE = re2.compile(
    r"\b(?:LANG|LC_ALL|LC_CTYPE|PYTHONIOENCODING|PYTHONUTF8|-Dfile\.encoding|file\.encoding)[\"']?\s*[=:]?\s*[\"']?([\w.-]+)"
)


def another_zone(sides: Sides) -> Iterator[Effect]:
    """The process no longer runs in the zone of time that was set for it: every time of day it asks for is another one."""
    was, now = _set(_ZONE, [one for hunk in sides.shown.former for one in hunk]), _set(_ZONE, sides.shown.standing)
    zones = {name for name, _ in now}
    for name, one in was:
        if not _ZONED.match(name) or name in zones or (not zones and name in ("UTC", "GMT", "Etc/UTC")):
            continue
        note = f"no longer runs in the zone {clean(name)}"
        made = effect_of("zone", 0.8, note, one)
        yield replace(made, words=made.words | _CLOCK)
        return
    for name, one in now:
        if not was and _ZONED.match(name) and name not in ("UTC", "GMT", "Etc/UTC"):
            made = effect_of("zone", 0.65, f"runs in the zone {clean(name)} now", one)
            yield replace(made, words=made.words | _CLOCK)
            return


_CLOCK = stemmed("clock hour hours time today midnight open opens opening close closed closing schedule scheduled")


def another_language(sides: Sides) -> Iterator[Effect]:
    """The process no longer runs in the language, or the encoding, that was set for it."""
    now = {name.lower() for name, _ in _set(_LANGUAGE, sides.shown.standing)}
    for name, one in _set(_LANGUAGE, sides.olds):
        if name.lower() not in now and re2.search(r"(?i)utf-?8|_[A-Z]{2}", name):
            yield effect_of("conversion", 0.6, f"no longer runs with {clean(name)}", one)
            return


def _set(pattern: Any, listed: Sequence[Statement]) -> list[tuple[str, Statement]]:
    """What a pattern finds set in images and settings; of a variable of a container, in the line below its name."""
    found = []
    for place, one in enumerate(listed):
        if file_kind(one.path) not in ("image", "config"):
            continue
        text = one.text
        if (named := re2.match(r"^- name: \"?(\w+)\"?$", text)) is not None and place + 1 < len(listed):
            text = f"{named.group(1)}: {listed[place + 1].text.removeprefix('value: ')}"
        found += [(match.group(1).strip("\"'"), one) for match in pattern.finditer(text)]
    return found


_INSTALLS = re2.compile(r"\b(?:apt-get|apt|apk|dnf|yum|microdnf|zypper|tdnf)\s+(?:-\S+\s+)*(?:install|add|in)\b([^&|;]*)")
_PACKAGE = re2.compile(r"^[a-z][a-z0-9.+_-]+$")
_TOOLS = listed(
    "curl wget git vim nano less gcc g++ make cmake build-essential gnupg jq unzip zip procps bash sudo python3-dev pkg-config "
    "strace htop iputils-ping net-tools telnet openssh-client"
)
"""What people use in a container, or to build it, and the program hardly."""


def package_gone(sides: Sides) -> Iterator[Effect]:
    """A package that the image brought along is no longer in it."""
    was, now = ([one for one in side if file_kind(one.path) == "image"] for side in (sides.olds, sides.news))
    kept = " ".join(one.text for one in now)
    for one in was:
        for name in (name for text in _INSTALLS.findall(one.text) for name in text.split()):
            bare = name.partition("=")[0]
            if not _PACKAGE.match(bare) or bare in _TOOLS or re2.search(rf"(?:^|[\s/=]){re2.escape(bare)}\b", kept):
                continue
            if bare == "tzdata":
                made = effect_of("zone", 0.6, "the image no longer brings the zones of time", one)
                yield replace(made, words=made.words | _CLOCK)
            elif bare.startswith("ca-cert"):
                certificate = RESOURCE["certificate"]
                yield effect_of(
                    "gone", 0.6, "the image no longer brings whom to trust", one, resource=certificate, direction="gone"
                )
            else:
                yield effect_of("image", 0.5, f"the image no longer brings {clean(bare)}", one, direction="gone")


_SAID = re2.compile(
    r"(?:StandardCharsets|Charsets?|Encoding)\.(?:UTF_?8|ISO_8859_1|US_ASCII|ASCII|Unicode)|\bencoding\s*=\s*[\"'][\w-]+[\"']"
    r"|\bLocale\.(?:ROOT|US|ENGLISH|UK)|\bCultureInfo\.InvariantCulture|\bStringComparison\.Ordinal\w*|\bTo(?:Upper|Lower)Invariant\b"
    r"|,\s*[\"'](?i:utf-?8|latin-?1|ascii)[\"']"
)
"""What a program says itself of the encoding or the language that it works in."""
_SENSITIVE = re2.compile(
    r"\bnew String\(|\.getBytes\(|\bopen\(|\.to(?:Upper|Lower)Case\("
    r"|\.To(?:Upper|Lower)\(|\.(?:format|Format|ToString|Parse|parse)\("
    r"|Reader\(|Writer\(|\.(?:read|write)_text\(|\bdecode\(|\bencode\(|\.(?:StartsWith|EndsWith|IndexOf|Compare|Equals)\("
)
_ONE_WAY = re2.compile(r"\.(?:py|java|kt|cs|scala)$")


def left_open(before: Statement, after: Statement) -> Effect | None:
    """The encoding or the language is no longer said: the one holds that is set where the process runs."""
    if not _ONE_WAY.search(after.path) or not _SAID.search(before.text) or _SAID.search(after.text):
        return None
    if not _SENSITIVE.search(after.text) or re2.search(r"\.(?:en|de)code\(\)", after.text):
        return None
    said = _SAID.search(before.text)
    note = f"{clean(said.group() if said is not None else '')} is no longer said: what is set around the process holds"
    return effect_of("conversion", 0.55, note, after, other=before)


_USER = re2.compile(r"^USER (\S+)$")


def another_user(sides: Sides) -> Iterator[Effect]:
    """The image runs as another user, who may not own what the process writes or opens."""
    was, now = (
        [one for one in side if file_kind(one.path) == "image" and _USER.match(one.text)] for side in (sides.olds, sides.news)
    )
    if not now or now[-1].text in [one.text for one in was] or now[-1].text in ("USER root", "USER 0"):
        return
    access = RESOURCE["access"]
    made = effect_of("gone", 0.45, f"runs as {clean(now[-1].text[5:])} now", now[-1], resource=access, direction="gone")
    yield replace(made, words=made.words | stemmed("permission denied"))


KINDS = (
    Altered(left_open, of="code"),
    Throughout(another_user),
    Throughout(another_zone),
    Throughout(another_language),
    Throughout(package_gone),
)
