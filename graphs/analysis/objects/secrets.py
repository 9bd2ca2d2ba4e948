"""Secrets, config maps and accounts: referenced and missing, or unlike their siblings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, near
from graphs.analysis.objects.model import Bundle

_NOT_FOUND = re2.compile(r"(secret|configmap) \"([^\"]+)\" not found")
_NO_KEY = re2.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)")
_STEMS = (
    (("PASSWORD", "PASSWD", "PWD", "PASS", "TOKEN", "CREDENTIALS"), "invalid_credentials"),
    (("USER", "USERNAME", "LOGIN"), "invalid_user"),
    (("PORT",), "invalid_port"),
    (("DATABASE", "DB", "DBNAME", "SCHEMA"), "invalid_database"),
    (("HOST", "HOSTNAME", "ADDR", "ADDRESS", "URL", "ENDPOINT", "SERVER"), "invalid_address"),
)
_SIBLINGS = 4


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        yield from _missing(look, unit)
        yield from _told_missing(look, unit)
        yield from _accounts(look, unit)
    yield from _odd_values(look)


def _missing(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    cluster = look.cluster
    sources = [
        (c.name, reference.kind, reference.name, reference.key, reference.optional)
        for c in unit.template.containers
        for reference in c.references
    ]
    sources += [
        (source.volume, "Secret" if source.kind == "secret" else "ConfigMap", source.name, None, source.optional)
        for source in unit.template.volumes
        if source.kind in {"secret", "configmap"} and source.name
    ]
    for _, kind, name, key, optional in sorted(set(sources), key=str):
        held, listed = (cluster.secrets, "secrets") if kind == "Secret" else (cluster.configs, "configmaps")
        if optional or listed not in cluster.listed:
            continue
        stem = "missing_secret" if kind == "Secret" else "missing_config_map"
        bundle = held.get(name)
        if bundle is None:
            other = near(name, list(held))
            why = f"{unit.kind} {unit.name} needs {kind} {name}, which does not exist" + (f"; {other} does" if other else "")
            label = "missing_secret_binding" if kind == "Secret" else stem
            yield from look.fault(unit.target, label, 1.5 if unit.healthy else 6.0, why, query=unit.query, excerpt=name)
        elif key is not None and bundle.known and bundle.sizes and key not in bundle.sizes:
            why = f"{unit.kind} {unit.name} needs key {key} of {kind} {name}, which has {', '.join(sorted(bundle.sizes)[:4])}"
            yield from look.fault(unit.target, f"{stem}_key", 1.5 if unit.healthy else 5.5, why, query=bundle.query, excerpt=key)


def _told_missing(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    for pod in unit.pods:
        if pod.ready:
            continue
        for event in pod.events:
            if not event.warning:
                continue
            if (match := _NOT_FOUND.search(event.message)) is not None:
                kind = "missing_secret_binding" if match.group(1) == "secret" else "missing_config_map"
                why = f"pod {pod.name} waits for {match.group(1)} {match.group(2)}, which does not exist"
                yield from look.fault(unit.target, kind, 6.0, why, query=pod.query, excerpt=event.line)
            elif (match := _NO_KEY.search(event.message)) is not None:
                kind = "missing_secret_key" if match.group(2) == "Secret" else "missing_config_map_key"
                why = f"pod {pod.name} waits for key {match.group(1)} of {match.group(2)} {match.group(3)}"
                yield from look.fault(unit.target, kind, 5.5, why, query=pod.query, excerpt=event.line)


def _accounts(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    """An account that is made a moment after its pods are first asked for is no fault: what counts is what is missing now."""
    name = unit.template.service_account
    refused = [
        event for event in unit.events if event.warning and "serviceaccount" in event.message and "not found" in event.message
    ]
    listed = "serviceaccounts" in look.cluster.listed
    missing = bool(name) and name not in look.cluster.accounts if listed else bool(refused) and not unit.pods
    if not missing or look.emptied:
        return
    short = len(unit.pods) < (unit.desired or 1)
    why = f"{unit.kind} {unit.name} runs as service account {name}, which does not exist"
    line = refused[0].line if refused else f"Service Account: {name}"
    query = unit.live.query if unit.live else unit.query
    yield from look.fault(unit.target, "missing_service_account", 6.0 if short else 2.0, why, query=query, excerpt=line)


def _odd_values(look: Look) -> Iterator[ObjectFault]:
    """Among secrets of one make (the same keys, but for whom they are), the one whose credential differs from all others'."""
    makes: dict[frozenset[str], list[Bundle]] = {}
    for bundle in _known(look.cluster.secrets, look.cluster.declared_secrets):
        makes.setdefault(frozenset(_suffix(key) for key in (*bundle.sizes, *bundle.values)), []).append(bundle)
    for suffixes, bundles in sorted(makes.items(), key=lambda one: sorted(one[0])):
        if len(bundles) < _SIBLINGS:
            continue
        for suffix in sorted(suffixes):
            stem = next((kind for words, kind in _STEMS if suffix.rpartition("_")[2] in words), None)
            if stem is not None:
                yield from _odd_one(look, bundles, suffix, f"{_maker(suffix)}_{stem}")


def _odd_one(look: Look, bundles: list[Bundle], suffix: str, kind: str) -> Iterator[ObjectFault]:
    held = [
        (bundle, key, bundle.values.get(key) or f"{bundle.sizes.get(key)} bytes")
        for bundle in bundles
        for key in sorted({*bundle.sizes, *bundle.values})
        if _suffix(key) == suffix
    ]
    common, count = Counter(value for _, _, value in held).most_common(1)[0]
    if count < 0.75 * len(held):
        return
    for bundle, key, value in held:
        if value != common:
            yield from _odd(look, bundle, key, kind, count)


def _known(live: Mapping[str, Bundle], declared: Mapping[str, Bundle]) -> Iterator[Bundle]:
    """Live sizes with the declared values, which are masked so that equal ones stay equal."""
    for name in sorted({*live, *declared}):
        found, asked = live.get(name), declared.get(name)
        if found is not None and asked is not None and (not found.sizes or set(asked.values) == set(found.sizes)):
            yield asked
        elif known := (found if found is not None and found.sizes else asked):
            yield known


def _suffix(key: str) -> str:
    """The last two words of a key: what it is, whoever it is for."""
    return "_".join(key.upper().replace("-", "_").replace(".", "_").split("_")[-2:])


def _maker(suffix: str) -> str:
    return suffix.partition("_")[0].lower() if "_" in suffix else "database"


def _odd(look: Look, bundle: Bundle, key: str, kind: str, count: int) -> Iterator[ObjectFault]:
    users = [
        unit
        for unit in look.units
        if any(reference.name == bundle.name for c in unit.template.containers for reference in c.references)
    ]
    for unit in users:
        why = f"{key} in secret {bundle.name} differs from what {count} sibling secrets hold; {unit.kind} {unit.name} uses it"
        yield from look.fault(unit.target, kind, 2.5 if unit.healthy else 5.0, why, query=bundle.query, excerpt=key)
