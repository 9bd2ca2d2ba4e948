"""From shifts and spans to who is suspected of what, and how strongly. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from app.domain.telemetry import SeriesName
from graphs.analysis.calls import Edge, behind, callees_of, callers_of, reach
from graphs.analysis.metrics.picture import ENTRY, Clue, Picture, trust
from graphs.analysis.metrics.propagation import blame_of_edges, own_masses, sharpened
from graphs.analysis.metrics.relays import Relay, handed_over, passed_to, relays
from graphs.analysis.metrics.resources import resource_clues
from graphs.analysis.metrics.selftime import SpanShifts, failed
from graphs.analysis.metrics.words import Words, read


def metric_clues(picture: Picture, edges: Sequence[Edge], alert: str | None, alert_metric: str | None = None) -> list[Clue]:
    """Every clue that the series give. `alert` is the alert's service, as it is called in the series."""
    volumes = _volumes(picture, edges)
    clues = _latency_clues(picture, edges, alert, volumes)
    clues += _error_clues(picture, edges, alert, volumes)
    clues += resource_clues(picture, edges)
    clues += _edge_clues(picture, volumes)
    clues += _route_clues(picture, edges)
    wanted = read(alert_metric).family if alert_metric else None
    if wanted in {"error", "success"}:
        clues = [_scaled(clue, 1.0 if clue.channel == "errors" else 0.6) for clue in clues]
    elif wanted == "latency":
        clues = [_scaled(clue, 0.5 if clue.channel == "errors" else 1.0) for clue in clues]
    return clues


def _scaled(clue: Clue, factor: float) -> Clue:
    return replace(clue, strength=clue.strength * factor)


def _volumes(picture: Picture, edges: Sequence[Edge]) -> dict[str, float]:
    """Calls per time of each entity as a share of the busiest one's, from its traffic series, incident level; of one without, what
    its neighbours in the call graph get. Empty where no traffic is measured at all."""
    found: dict[str, list[float]] = {}
    for column, name, words in picture.usable():
        if words.family == "traffic" and not words.labels and not words.per_node:
            found.setdefault(name.entity, []).append(max(picture.shifts.level[column], picture.shifts.base[column] * 0.1))
    volumes = {entity: float(np.median(levels)) for entity, levels in found.items()}
    positive = [value for value in volumes.values() if value > 0]
    top = max(positive, default=0.0)
    if top <= 0:
        return {}
    known = {entity: value / top for entity, value in volumes.items()}
    up, down = callers_of(edges), callees_of(edges)
    guessed = {}
    for entity in sorted(picture.observed - known.keys()):
        beside = [known[other] for other in (*up.get(entity, ()), *down.get(entity, ())) if other in known]
        if beside:
            guessed[entity] = float(np.mean(beside))
    return known | guessed


def _rises(picture: Picture, wanted: Callable[[SeriesName, Words], bool]) -> dict[int, dict[str, tuple[float, float, int]]]:
    """Statistic (0, 50, 90, …) -> entity -> (believed rise in seconds or ratio, z, column)."""
    out: dict[int, dict[str, tuple[float, float, int]]] = {}
    shifts = picture.shifts
    for column, name, words in picture.usable():
        entity = picture.subject(name)
        if entity is None or not wanted(name, words):
            continue
        z = float(shifts.z[column])
        rise = float(shifts.rise[column]) * picture.seconds(column)
        believed = rise * trust(z) if rise * z > 0 else 0.0
        kept = out.setdefault(words.stat, {})
        if entity not in kept or abs(believed) > abs(kept[entity][0]):
            kept[entity] = (believed, z, column)
    return out


def _shares(
    found: Mapping[str, tuple[float, float, int]],
    edges: Sequence[Edge],
    alert: str | None,
    volumes: Mapping[str, float],
    *,
    tail: bool = False,
    tails: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Whose own is how much (0..1) of all that got worse and of what arrives at the alert. `found`: as `_rises` gives it for one
    statistic; `tail`: a far one, of which `tails` says what explains callers."""
    rise = {entity: value for entity, (value, _, _) in found.items() if entity != ENTRY and ">" not in entity}
    missing = sorted(volumes.values())[len(volumes) // 4] if volumes else 1.0
    volume = {entity: volumes.get(entity, missing) for entity in rise}
    if tail:
        # a tail that a tenth of the calls meets is the caller's tail whole: how many calls there are doesn't dilute it
        own = {entity: mass * volume[entity] ** 0.5 for entity, mass in own_masses(rise, {}, edges, explaining=tails).items()}
    else:
        own = own_masses(rise, volume, edges)
    near = reach(alert, callees_of(edges)) if alert else {}
    weighted = {entity: mass * (1.0 if not near or entity in near else 0.5) for entity, mass in own.items()}
    arrived = rise.get(alert, 0.0) * volume.get(alert, 1.0) ** (0.5 if tail else 1.0) if alert else 0.0
    total = max(sum(weighted.values()), arrived)
    return {entity: value / total for entity, value in weighted.items()} if total > 0 else {}


def _tails(by_stat: Mapping[int, Mapping[str, tuple[float, float, int]]], stat: int) -> dict[str, float]:
    """Entity -> its largest believed rise at `stat` or further out. Who calls a service several times per request meets its
    tail in the middle of the caller's own times; and a callee's own clock starts late and sees only part of a slow line."""
    out: dict[str, float] = {}
    for further, found in by_stat.items():
        if further >= max(stat, 50):
            for entity, (value, _, _) in found.items():
                out[entity] = max(out.get(entity, 0.0), value)
    return out


def _usual_latency(picture: Picture, alert: str | None) -> float:
    """Seconds that a call of the alert's service took before, at its mildest statistic; 0 where that is unknown."""
    found = [
        float(picture.shifts.base[column]) * picture.seconds(column)
        for column, name, words in picture.usable()
        if words.family == "latency" and name.entity == alert and not words.labels
    ]
    return min(found, default=0.0)


def _latency_clues(picture: Picture, edges: Sequence[Edge], alert: str | None, volumes: Mapping[str, float]) -> list[Clue]:
    def wanted(name: SeriesName, words: Words) -> bool:
        outside = words.side != "client" or ">" in name.entity
        return words.family == "latency" and outside and not words.labels and not words.per_node

    by_stat = _rises(picture, wanted)
    if not by_stat:
        return []
    share: dict[str, float] = {}
    prominent: dict[str, float] = {}
    best: dict[str, tuple[float, int]] = {}
    weights = 0.0
    passing: dict[str, Relay] = {}
    down = callees_of(edges)
    for stat, found in sorted(by_stat.items()):
        # means add up along a call, tails do not
        weight = 1.0 / (1.0 + stat / 40)
        weights += weight
        shares = _shares(found, edges, alert, volumes, tail=stat >= 50, tails=_tails(by_stat, stat))
        # seconds add up, tails do not: the mean, where there is one, says how much is passed on
        passing = relays(shares, edges, picture.programs) | passing
        for entity, value in shares.items():
            share[entity] = share.get(entity, 0.0) + weight * value
        for entity, (_, z, column) in found.items():
            if ">" in entity or entity == ENTRY:
                continue
            effect = max(z, 0.0) and trust(z) * max(float(picture.shifts.log_ratio[column]), 0.0)
            kids = [found[callee] for callee in behind(entity, down, found)]
            below = max((trust(kz) * max(float(picture.shifts.log_ratio[kc]), 0.0) for _, kz, kc in kids if kz > 0), default=0.0)
            prominent[entity] = prominent.get(entity, 0.0) + weight * max(effect - below, 0.15 * effect)
            if entity not in best or z > best[entity][0]:
                best[entity] = (z, column)
    clues = []
    share, prominent = handed_over(share, passing), handed_over(prominent, passing)
    if volumes:
        prominent = {entity: value * min(1.0, 20 * volumes.get(entity, 0.05)) ** 0.5 for entity, value in prominent.items()}
    sharp = sharpened(prominent)
    loud = 1 - math.exp(-max(prominent.values(), default=0.0) / weights / 0.7)
    top_z = max((z for z, _ in best.values()), default=0.0)
    usual = _usual_latency(picture, alert)
    for entity in sorted(best):
        z, column = best[entity]
        rise = float(picture.shifts.rise[column]) * picture.seconds(column)
        # next to what the alert's callers are used to wait, a small rise is no cause, however sure
        felt = max(rise, 0.0) / (max(rise, 0.0) + 0.1 * usual) if rise > 0 else 0.0
        strength = 0.85 * felt * trust(top_z) * share.get(entity, 0.0) / weights
        if strength > 0:
            based_on = (column, *(best[leaf][1] for leaf in passed_to(entity, passing) if leaf in best))
            clues.append(Clue(entity, "latency", "latency", strength, based_on, {"own_share": share.get(entity, 0.0) / weights}))
        strength = 0.6 * felt * loud * sharp.get(entity, 0.0)
        if strength > 0:
            clues.append(Clue(entity, "latency_stands_out", "latency", strength, (column,), {"z": z}))
    return clues


def _error_clues(picture: Picture, edges: Sequence[Edge], alert: str | None, volumes: Mapping[str, float]) -> list[Clue]:
    clues: list[Clue] = []
    down = callees_of(edges)
    for ratio in (True, False):

        def wanted(name: SeriesName, words: Words, ratio: bool = ratio) -> bool:
            is_ratio = words.ratio or words.family == "success"
            return words.family in {"error", "success"} and is_ratio == ratio and not words.labels and not words.per_node

        by_stat = _rises(picture, wanted)
        found = by_stat.get(0, {})
        found = {entity: (abs(value), z, column) for entity, (value, z, column) in found.items() if z > 0}
        shares = _shares(found, edges, alert, volumes if ratio else {})
        shares = handed_over(shares, relays(shares, edges, picture.programs))
        top_z = max((z for _, z, _ in found.values()), default=0.0)
        for entity, value in sorted(shares.items()):
            below = picture.sick_below(entity, down)
            own = max(value, 0.1 if found[entity][1] > 4 else 0.0) * (1 - 0.6 * below)
            if ratio and volumes:
                rise, _, column = found[entity]
                whole = float(max(abs(picture.shifts.level[column]), abs(picture.shifts.base[column]), 1.0))
                # errors that nobody's traffic meets explain nothing
                met = rise / (100.0 if whole > 1.5 else 1.0) * volumes.get(entity, 0.25)
                own *= met / (met + 0.002)
            if own > 0:
                clues.append(Clue(entity, "errors", "errors", 0.85 * trust(top_z) * own, (found[entity][2],), {"own_share": value}))
    return clues


def _route_clues(picture: Picture, edges: Sequence[Edge]) -> list[Clue]:
    """One route that fails or crawls behind a healthy average."""
    found: dict[str, tuple[float, int, str]] = {}
    for column, name, words in picture.usable():
        z = float(picture.shifts.z[column])
        bad = words.family in {"error", "success", "latency"} and words.side != "client"
        if not bad or not words.labels or z <= 0 or ">" in name.entity:
            continue
        effect = trust(z) * min(1.0, max(float(picture.shifts.log_ratio[column]), 0.0) / 0.7)
        if name.entity not in found or effect > found[name.entity][0]:
            found[name.entity] = (effect, column, "latency" if words.family == "latency" else "errors")
    down = callees_of(edges)
    own = {
        entity: effect * (1 - 0.85 * picture.sick_below(entity, down))
        for entity, (effect, _, _) in found.items()
        if entity != ENTRY
    }
    return [
        Clue(entity, "route", found[entity][2], 0.7 * own[entity] * share**0.5, (found[entity][1],))
        for entity, share in sorted(sharpened(own).items())
    ]


def _edge_clues(picture: Picture, volumes: Mapping[str, float]) -> list[Clue]:
    """Client-side slow and server-side fine: the network between."""
    sides: dict[tuple[Edge, int], dict[str, int]] = {}
    servers: dict[tuple[str, int], int] = {}
    answered: dict[tuple[str, int], float] = {}  # the callee's rise, seconds: on its worst route, a caller may use no other
    for column, name, words in picture.usable():
        served = words.family == "latency" and words.side != "client" and not words.per_node
        if served and ">" not in name.entity:
            rise = float(picture.shifts.rise[column]) * picture.seconds(column)
            answered[name.entity, words.stat] = max(answered.get((name.entity, words.stat), 0.0), rise)
            if not words.labels:
                servers.setdefault((name.entity, words.stat), column)
    for column, name, words in picture.usable():
        if words.family == "latency" and ">" in name.entity and not words.labels:
            caller, _, callee = name.entity.partition(">")
            seen = sides.setdefault(((caller, callee), words.stat), {})
            seen.setdefault("client" if words.side == "any" else words.side, column)
            if (callee, words.stat) in servers:
                seen.setdefault("server", servers[callee, words.stat])
    rises: dict[Edge, float] = {}
    columns: dict[Edge, int] = {}
    for (edge, stat), found in sorted(sides.items()):
        if "client" not in found or "server" not in found:
            continue
        client, server = found["client"], found["server"]
        shifts, unit_s = picture.shifts, picture.seconds(client)
        at_callee = max(float(shifts.rise[server]) * picture.seconds(server), answered.get((edge[1], stat), 0.0), 0.0)
        gap = float(shifts.rise[client]) * unit_s - at_callee
        z = gap / (float(shifts.spread[client]) * unit_s)
        believed = gap * trust(min(z, float(shifts.z[client]))) if gap > 0 and shifts.z[client] > 0 else 0.0
        if edge not in rises or believed > rises[edge]:
            rises[edge], columns[edge] = believed, client
    blame = blame_of_edges(rises, {edge: volumes.get(edge[1], 1.0) for edge in rises})
    total = sum(blame.values())
    top_z = max((float(picture.shifts.z[columns[edge]]) for edge, rise in rises.items() if rise > 0), default=0.0)
    clues = []
    for node, mass in sorted(blame.items()):
        its = sorted((edge for edge in rises if node in edge and rises[edge] > 0), key=lambda edge: -rises[edge])
        clues.append(
            Clue(node, "between", "network_delay", 0.8 * trust(top_z) * mass / total, tuple(columns[edge] for edge in its))
        )
    return clues


def span_clues(spans: SpanShifts) -> list[Clue]:
    """Every clue that spans give."""
    own: dict[str, float] = {}
    own_z: dict[str, float] = {}
    said: dict[str, list[tuple[float, str]]] = {}
    heard: dict[str, float] = {}
    for shift in spans.own:
        believed = max(shift.mass, 0.0) * trust(shift.z) if shift.z > 0 else 0.0
        own[shift.service] = own.get(shift.service, 0.0) + believed
        own_z[shift.service] = max(own_z.get(shift.service, 0.0), shift.z if believed > 0 else 0.0)
        heard[shift.service] = heard.get(shift.service, 0.0) + believed * shift.felt
        said.setdefault(shift.service, []).append((believed, shift.op))
    rises: dict[Edge, float] = {}
    calls: dict[Edge, float] = {}
    gap_z: dict[str, float] = {}
    gap_felt: dict[str, float] = {}
    for shift in spans.gaps:
        edge = (shift.service, shift.callee or "")
        believed = max(shift.mass, 0.0) * trust(shift.z) if shift.z > 0 else 0.0
        rises[edge] = rises.get(edge, 0.0) + believed / max(shift.n_inc, 1)
        calls[edge] = calls.get(edge, 0.0) + shift.n_inc
        for node in edge:
            gap_z[node] = max(gap_z.get(node, 0.0), shift.z if believed > 0 else 0.0)
            gap_felt[node] = max(gap_felt.get(node, 0.0), shift.felt if believed > 0 else 0.0)
    blame = blame_of_edges(rises, calls)
    total = sum(own.values()) + sum(blame.values())
    clues = []
    if total > 0:
        for node, mass in sorted(blame.items()):
            # slow within as well: it answers late, the network is innocent
            kind = "latency" if own.get(node, 0.0) > 0.3 * mass else "network_delay"
            strength = 0.9 * gap_felt[node] * trust(gap_z[node] + 1) * mass / total
            clues.append(Clue(node, "gap", kind, strength, numbers={"extra_ms": mass}))
        for service, mass in sorted(own.items()):
            if mass > 0:
                ops = tuple(op for _, op in sorted(said[service], reverse=True)[:3])
                strength = 0.9 * heard[service] * trust(own_z[service] + 1) / total
                clues.append(Clue(service, "own_time", "latency", strength, spans=ops, numbers={"extra_ms": mass}))
    clues += _call_clues(spans)
    marked = {mark.service: mark.deepest * max(mark.inc - mark.ref, 0.0) for mark in spans.marks}
    sure = {mark.service: trust(max(mark.z, 0.0) + 1.5) for mark in spans.marks}
    for service, value in sharpened(marked, 1.0).items():
        clues.append(Clue(service, "marks", "errors", 0.6 * value * sure[service]))
    return clues


def _call_clues(spans: SpanShifts) -> list[Clue]:
    by: dict[str, float] = {}
    said: dict[str, list[tuple[float, str]]] = {}
    for shift in spans.calls:
        if shift.service != shift.child_service or (shift.z < 0 and failed(shift.child_op)):
            continue  # fewer calls of an error's handler are no fault
        effect = trust(shift.z) * abs(shift.inc - shift.ref) / max(shift.ref, shift.inc, 1e-9)
        by[shift.service] = max(by.get(shift.service, 0.0), effect)
        said.setdefault(shift.service, []).append((effect, f"{shift.op} > {shift.child_op}"))
    sharp = sharpened(by)
    return [
        Clue(
            service,
            "calls",
            "code",
            0.6 * by[service] * value**0.5,
            spans=tuple(text for _, text in sorted(said[service], reverse=True)[:3]),
        )
        for service, value in sorted(sharp.items())
    ]
