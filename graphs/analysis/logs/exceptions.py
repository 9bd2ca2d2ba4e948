"""What error lines name: exception types, and the service, host or port they complain about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import re2

from graphs.analysis.logs import error_words
from graphs.analysis.naming import POD_TAIL, addresses

_EXCEPTION = re2.compile(
    r"\b((?:[A-Za-z_][A-Za-z0-9_]{0,40}[.$]){0,8}[A-Z][A-Za-z0-9_]{0,60}(?:Exception|Error|Failure|Fault|Timeout))\b"
)
_CAUSE = re2.compile(r"(?i)(?:caused by|root cause|nested exception is|--->|because of)[: ]")
_HOST = re2.compile(r"(?i)(?:https?|tcp|grpc|amqp|redis|postgres(?:ql)?|mysql|mongodb|jdbc:\w+)://([a-z0-9][a-z0-9._-]{1,200})")
_HOST_PORT = re2.compile(r"(?i)\b([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*):(\d{2,5})\b")
_PORT = re2.compile(r"(?:\b\d{1,3}(?:\.\d{1,3}){3}|\]|localhost):(\d{2,5})\b")
_LISTENS = re2.compile(r"(?i)(?:listening|started|serving|running|bound|ready)\b[^\n]{0,80}?(?:port\(?s?\)?[:= ]+|:)(\d{2,5})\b")
_WORDS = re2.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{3,}")


def exception_types(text: str) -> tuple[str, ...]:
    """Exception types that a text names, the root cause first, without package: strictly identifiers, at most four."""
    cuts = list(_CAUSE.finditer(text))
    ordered = []
    if cuts:
        ordered += _EXCEPTION.findall(text[cuts[-1].end() :])[:1]
    ordered += _EXCEPTION.findall(text)
    bare = [str(name).replace("$", ".").rsplit(".", 1)[-1] for name in ordered]
    return tuple(dict.fromkeys(bare))[:4]


def listening_ports(messages: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Port -> service, from (service, message) of lines in which a process says where it listens; shared ports left out."""
    owners: dict[str, set[str]] = {}
    for service, message in messages:
        for port in _LISTENS.findall(message):
            owners.setdefault(str(port), set()).add(service)
    return {port: next(iter(who)) for port, who in owners.items() if len(who) == 1}


@dataclass(frozen=True)
class Blame:
    """Whom a line is about. `service` None: a known service is not named; `foreign` an outside or unknown host."""

    service: str | None = None
    foreign: str | None = None
    sure: float = 0.0  # 0..1


@dataclass(frozen=True)
class Names:
    """The services there are, and how text may spell them.

    `callees[s]` are the services that `s` calls; `ports` who listens where, `hosts` who has which address.
    """

    services: tuple[str, ...]
    callees: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _aliases(self) -> dict[str, str]:
        shared = _shared_affix(self.services)
        found: dict[str, set[str]] = {}
        for name in self.services:
            lowered = name.lower()
            compact = _compact(lowered)
            spellings = {lowered, compact}
            for affix in shared:
                # What is left must not be a plain word: "order" stands in many lines that are about no service.
                if lowered.startswith(affix) and "-" in lowered.removeprefix(affix):
                    spellings |= {lowered.removeprefix(affix), _compact(lowered.removeprefix(affix))}
            for spelling in spellings:
                if len(spelling) >= 5 or spelling == lowered:
                    found.setdefault(spelling, set()).add(name)
        return {spelling: next(iter(who)) for spelling, who in found.items() if len(who) == 1}

    @cached_property
    def _pattern(self) -> Any:
        # The longest first: `order-other` must not be read as `order`.
        ordered = sorted(self._aliases, key=lambda a: (-len(a), a))
        if not ordered:
            return None
        spelled = "|".join(re2.escape(alias) for alias in ordered)
        return re2.compile(rf"(?i)(?:^|[^a-z0-9_-])({spelled}){POD_TAIL}?(?:$|[^a-z0-9_-])")

    def mentioned(self, text: str) -> tuple[str, ...]:
        """Services a text names, in the order of their first mention."""
        if self._pattern is None:
            return ()
        found: list[str] = []
        place = 0
        while (match := self._pattern.search(text, place)) is not None and len(found) < 20:
            found.append(self._aliases[str(match.group(1)).lower()])
            place = match.end(1)
        return tuple(dict.fromkeys(found))

    def protects(self, token: str) -> bool:
        """Whether a token spells a service: two lines that differ in it are two templates."""
        return self._pattern is not None and self._pattern.search(token) is not None

    def blamed(self, text: str, *, by: str, kind: error_words.Kind | None) -> Blame:
        """Whom a failing line of service `by` complains about.

        The owner of an address it could not reach; else a named other service; else, for failures of calls, a callee whose
        name shares a word with the text; else the owner of a port; else an unknown host; else nobody.
        """
        remote = kind is not None and kind.aim == "other"
        if remote and self.hosts:
            reached = [owner for address in addresses(text) if (owner := self.hosts.get(address)) and owner != by]
            if reached:
                return Blame(service=reached[-1], sure=0.95)
        others = [name for name in self.mentioned(text) if name != by and (remote or not name.isalpha() or _addressed(name, text))]
        callees = set(self.callees.get(by, ()))
        if others:
            preferred = [name for name in others if name in callees] or others
            # After "nested exception" and the like stands the cause: the last named is nearest to it.
            return Blame(service=preferred[-1], sure=0.95 if remote else 0.6)
        if not remote and not (kind is not None and kind.aim == "either"):
            return Blame()
        said = self._by_word(text, by=by) if remote else Blame()
        if said.service is not None:
            return said
        for port in _PORT.findall(text):
            owner = self.ports.get(str(port))
            if owner and owner != by:
                # Others may listen there without saying so: the share of services that say where they listen is the trust.
                heard = len(set(self.ports.values())) / max(1, len(self.services))
                return Blame(service=owner, sure=min(0.85, 0.25 + 0.7 * heard))
        host = self._host(text)
        if host:
            return Blame(foreign=host, sure=0.7)
        return Blame()

    def _host(self, text: str) -> str | None:
        for host in [*_HOST.findall(text), *(h for h, _ in _HOST_PORT.findall(text))]:
            name = str(host).lower()
            if "." in name or "-" in name:
                return name
        return None

    def _by_word(self, text: str, *, by: str) -> Blame:
        words = {str(w).lower() for w in _WORDS.findall(text)}
        shared = Counter(word for name in self.services for word in set(_name_words(name)))
        rare = max(2, len(self.services) // 10)
        scores = {}
        for callee in self._reached(by):
            own = [w for w in _name_words(callee) if len(w) >= 4 and shared[w] <= rare]
            scores[callee] = max((_likeness(a, w) for a in own for w in words), default=0)
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:2]
        if best and best[0][1] >= 4 and (len(best) == 1 or best[1][1] < best[0][1]):
            return Blame(service=best[0][0], sure=0.7)
        return Blame()

    def _reached(self, by: str) -> tuple[str, ...]:
        """What `by` calls, and what those call: a failure is often passed on word by word."""
        direct = self.callees.get(by, ())
        return tuple(sorted({*direct, *(far for near in direct for far in self.callees.get(near, ()))} - {by}))


def _addressed(name: str, text: str) -> bool:
    """Whether a service named like a plain word is spoken of as a service: `calling payment`, `payment:8080`."""
    if name.lower().endswith(("service", "svc", "server", "gateway")):
        return True
    word = re2.escape(name)
    before = r"(?:upstream|downstream|service|host|calling|call to|from|://|backend|dependency) ?[\"'`]?"
    after = r"(?::\d|\.[a-z]| service\b| returned\b| timed| unavailable)"
    around = rf"(?i){before}{word}\b|\b{word}{after}"
    return re2.search(around, text) is not None


def _likeness(name_word: str, word: str) -> int:
    """Length of the common beginning when it is nearly all of the shorter one, else 0 (`product` in `products`)."""
    common = 0
    for a, b in zip(name_word, word, strict=False):
        if a != b:
            break
        common += 1
    return common if common >= min(len(word), len(name_word)) - 2 and common >= 4 else 0


def _name_words(name: str) -> list[str]:
    return [part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if len(part) >= 3]


def _compact(name: str) -> str:
    return name.replace("-", "").replace("_", "").replace(".", "")


def _shared_affix(names: Sequence[str]) -> tuple[str, ...]:
    """A first part (`shop-`) that more than half of the names share."""
    firsts = Counter(name.lower().split("-", 1)[0] + "-" for name in names if "-" in name)
    return tuple(first for first, count in sorted(firsts.items()) if count > len(names) / 2 and count >= 3)
