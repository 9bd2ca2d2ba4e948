"""Who is at fault by what the services say: own failures count, complaints count for the one complained about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphs.analysis.logs import error_words
from graphs.analysis.logs.exceptions import Blame, Names
from graphs.analysis.logs.shift import Shift

OWN, CREDIT, COMPLAINER, FIRST_IN_TRACE, FIRST, SILENT, SLOWER, OTHERWISE = 3.4, 2.3, 0.35, 0.7, 0.35, 0.9, 2.2, 0.8
"""Most nats that each kind of testimony is worth."""
EVERYDAY = 0.4
"""What more of a line is worth that came before too and that its writer did not think worth a warning: more is asked of it."""
PASSED_ON = 0.7  # share of a complaint that travels on to whom the one complained about complains of
FAR = 4  # calls along which a failure is followed


@dataclass(frozen=True)
class Testimony:
    """One changed, failing template, and whom it speaks about. `own` and `about` are 0..1."""

    shift: Shift
    blame: Blame
    own: float
    about: float


@dataclass(frozen=True)
class Standing:
    """What the lines say about one service. `weight` in nats."""

    service: str
    weight: float
    own: tuple[Testimony, ...] = ()  # its own failures, the strongest first
    against: tuple[Testimony, ...] = ()  # what others say about it
    complains: tuple[Testimony, ...] = ()  # what it says about others
    explained_by: str | None = None  # a service it calls whose failure explains its own
    silent: bool = False
    first_share: float = 0.0  # share of the failing traces in which it failed first
    slower: float = 0.0
    otherwise: float = 0.0


@dataclass(frozen=True)
class Facts:
    """What else is known: the first failing service of each trace, services that stopped talking, who is heard at all,
    whose requests take longer or another course."""

    first_in_trace: Mapping[str, float] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    heard: frozenset[str] = frozenset()
    slower: Mapping[str, float] = field(default_factory=dict)  # 0..1: gaps between its lines that grew
    otherwise: Mapping[str, float] = field(default_factory=dict)  # 0..1: its requests take another course


def witness(shifts: Sequence[Shift], names: Names, *, heard: Collection[str] = ()) -> tuple[Testimony, ...]:
    """What each failing template that came up says, the strongest first.

    `heard`: who logged anything in the incident. A failed call that names nobody is about the callee that says nothing, when
    there is just one or two of them and most others talk.
    """
    found = []
    for shift in shifts:
        if not shift.failing or shift.novelty <= 0.04:
            continue
        kind = error_words.kind_of(shift.exemplar[: error_words.HEAD])
        blame = names.blamed(shift.exemplar, by=shift.service, kind=kind)
        if blame.service is None and kind is not None and kind.aim == "other":
            blame, *either = _silent_callees(shift.service, names, frozenset(heard)) or [blame]
            found += [Testimony(shift, also, 0.0, shift.strength * also.sure) for also in either]
        if blame.service is not None:
            own, about = shift.strength * (1 - blame.sure) * 0.2, shift.strength * blame.sure
        elif blame.foreign is not None:
            own, about = shift.strength * 0.9, 0.0
        elif kind is not None and kind.aim == "caller":
            own, about = shift.strength * 0.25, 0.0  # whoever called gave up: the fault is rarely where that is noticed
        elif kind is not None and kind.aim == "other":
            own, about = shift.strength * 0.45, 0.0
        else:
            own, about = shift.strength, 0.0
        if shift.change == "more" and shift.level in ("INFO", "DEBUG"):
            own *= EVERYDAY
        found.append(Testimony(shift, blame, own, about))
    return tuple(_excused(found))


def _excused(items: Sequence[Testimony]) -> list[Testimony]:
    """Failed calls and failed answers of a service that names whom it waits for are that complaint once more."""
    named: dict[str, float] = {}
    for item in items:
        named[item.shift.service] = max(named.get(item.shift.service, 0.0), item.about)
    kept = []
    for item in items:
        kind = error_words.kind_of(item.shift.exemplar[: error_words.HEAD])
        failed_call = item.blame.service is None and kind is not None and kind.aim in ("other", "caller")
        if (failed_call or item.shift.status == "5") and item.own > 0:
            item = replace(item, own=item.own * (1 - 0.75 * min(1.0, named[item.shift.service] / item.shift.strength)))
        kept.append(item)
    return kept


def _silent_callees(by: str, names: Names, heard: frozenset[str]) -> list[Blame]:
    """One, or two that share it."""
    reached: set[str] = set()
    frontier = [by]
    for _ in range(2):
        frontier = sorted({c for s in frontier for c in names.callees.get(s, ())} - reached - {by})
        reached |= set(frontier)
        quiet = [c for c in frontier if c not in heard]
        if 2 * len(heard) >= len(names.services) and 1 <= len(quiet) <= 2:
            return [Blame(service=each, sure=0.8 / len(quiet)) for each in quiet]
    return []


def stand(testimonies: Sequence[Testimony], names: Names, facts: Facts) -> tuple[Standing, ...]:
    """Every service that is spoken of, the most suspicious first.

    A service is discounted when one it calls (directly or over others) fails on its own account as much: failures travel
    from callee to caller. One that is only complained about and itself talks on as usual stays modest.
    """
    own: dict[str, list[Testimony]] = {}
    complains: dict[str, list[Testimony]] = {}
    against: dict[str, list[Testimony]] = {}
    for item in testimonies:
        if item.own > 0:
            own.setdefault(item.shift.service, []).append(item)
        if item.blame.service is not None and item.about > 0:
            complains.setdefault(item.shift.service, []).append(item)
            against.setdefault(item.blame.service, []).append(item)
    share = {s: together([t.own for t in items], 0.35) for s, items in own.items()}
    begun = _begun(testimonies)
    first = min(begun.values(), default=None)
    standings = []
    for service in sorted({*own, *complains, *against, *facts.silent, *facts.slower, *facts.otherwise}):
        explained_by, discount = _explained(service, share, own.get(service, []), names)
        # one that is complained about, and itself complains about a callee, hands the complaint on
        passed_on = together([t.about for t in complains.get(service, [])], 0.35)
        credit = _credit(against.get(service, [])) * (1 - PASSED_ON * passed_on)
        heard_well = service in facts.heard and service not in facts.silent and share.get(service, 0.0) < 0.1
        weight = OWN * share.get(service, 0.0) * discount
        weight += CREDIT * credit * (0.65 if heard_well else 1.0)
        weight += COMPLAINER * passed_on
        first_share = facts.first_in_trace.get(service, 0.0)
        weight += FIRST_IN_TRACE * first_share * min(1.0, 1.5 * share.get(service, 0.0))
        if first is not None and begun.get(service) == first and len(begun) > 1:
            weight += FIRST * share.get(service, 0.0)
        if service in facts.silent:
            weight += SILENT * (1.0 if service in against else 0.45)
        weight += SLOWER * facts.slower.get(service, 0.0) + OTHERWISE * facts.otherwise.get(service, 0.0)
        standings.append(
            Standing(
                service=service,
                weight=round(min(weight, 4.5), 6),
                own=_sorted(own.get(service, []), by_own=True),
                against=_sorted(against.get(service, []), by_own=False),
                complains=_sorted(complains.get(service, []), by_own=False),
                explained_by=explained_by,
                silent=service in facts.silent,
                first_share=first_share,
                slower=facts.slower.get(service, 0.0),
                otherwise=facts.otherwise.get(service, 0.0),
            )
        )
    return tuple(sorted(standings, key=lambda s: (-s.weight, s.service)))


def together(strengths: Sequence[float], decay: float) -> float:
    """Several strengths (0..1) as one: the strongest in full, each further one for `decay` of the one before."""
    left, part = 1.0, 1.0
    for strength in sorted(strengths, reverse=True)[:8]:
        left *= 1 - min(1.0, strength) * part
        part *= decay
    return 1 - left


def _credit(items: Sequence[Testimony]) -> float:
    """Several complainers are worth more than several complaints of one."""
    strongest: dict[str, float] = {}
    for item in items:
        strongest[item.shift.service] = max(strongest.get(item.shift.service, 0.0), item.about)
    return together([0.75 * s for s in strongest.values()], 0.7)


def _explained(service: str, share: Mapping[str, float], own: Sequence[Testimony], names: Names) -> tuple[str | None, float]:
    mine = share.get(service, 0.0)
    if mine <= 0:
        return None, 1.0
    reached, frontier = {service}, [service]
    best, best_share = None, 0.0
    for _ in range(FAR):
        frontier = sorted({c for s in frontier for c in names.callees.get(s, ())} - reached)
        reached |= set(frontier)
        for callee in frontier:
            if share.get(callee, 0.0) > best_share:
                best, best_share = callee, share[callee]
    if best is None or best_share < 0.3 * mine:
        return None, 1.0
    telling = max(own, key=lambda t: t.own)
    kind = error_words.kind_of(telling.shift.exemplar[: error_words.HEAD])
    # A full disk is its own fault whatever happens further down; a bare exception may have been thrown there.
    deep = 0.25 if kind is not None and kind.aim == "self" and kind.severity >= 0.9 else 0.5
    return best, 1.0 - deep * min(1.0, best_share / mine)


def _begun(testimonies: Sequence[Testimony]) -> dict[str, float]:
    """When each service's first clear failure began."""
    begun: dict[str, float] = {}
    for item in testimonies:
        shift = item.shift
        if shift.first_s is not None and shift.strength >= 0.3 and shift.change == "new":
            begun[shift.service] = min(begun.get(shift.service, shift.first_s), shift.first_s)
    return begun


def _sorted(items: Sequence[Testimony], *, by_own: bool) -> tuple[Testimony, ...]:
    return tuple(
        sorted(
            items, key=lambda t: (-(t.own if by_own else t.about), t.shift.service, t.shift.level, t.shift.status, t.shift.template)
        )
    )
