"""What stood in several places, and stands in fewer: zones, networks, brokers, addresses."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, own_name
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_LISTED = re2.compile(r"[=:]\s*(?:toset\()?\[([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]")
_PLACES = stemmed(
    "zones availability_zones azs subnets subnet_ids vpc_zone_identifier networks endpoints brokers bootstrap_servers hosts seeds "
    "seed_nodes nodes regions addresses nameservers resolvers upstreams replicas node_pools locations"
)


def fewer_places(sides: Sides) -> Iterator[Effect]:
    """Of the places that something stood in, some are left: they carry it all, and one of them going takes it along."""
    by_name = {(one.path, own_name(one), one.parents): one for one in sides.news if _places(one)}
    for one in sides.olds:
        was, after = _places(one), by_name.get((one.path, own_name(one), one.parents))
        now = _places(after) if after is not None else []
        if after is None or len(was) < 2 or not now or len(now) >= len(was) or not set(now) <= set(was):
            continue
        note = f"{len(now)} of {len(was)} {clean(own_name(one))} are left"
        weight = 0.65 if len(now) == 1 else 0.5
        yield effect_of("gone", weight, note, after, resource=RESOURCE["replicas"], direction="down", other=one)
        return


def _places(one: Statement) -> list[str]:
    if file_kind(one.path) != "config" or not stem_set([own_name(one)]) & _PLACES:
        return []
    listed = _LISTED.search(one.text)
    if listed is not None:
        return [part.strip() for part in listed.group(1).split(",") if part.strip()]
    value = re2.split(r"[=:]\s*", one.text, maxsplit=1)[-1].strip("\"' ")
    return [part.strip() for part in value.split(",")] if " " not in value.replace(", ", ",") else []


_ZONED = re2.compile(
    r"(?i)\b(?:multi_az|zone_redundant|zoneRedundant|regional|multi_zone|enable_cross_zone\w*|automatic_failover_enabled|multi_az_enabled)"
    r"\"?\s*[=:]\s*\"?(true|false)"
)
_ONE_FOR_ALL = re2.compile(r"(?i)\bsingle_(?:nat_gateway|az|zone|node)\"?\s*[=:]\s*\"?(true|false)")


def one_zone(sides: Sides) -> Iterator[Effect]:
    """What stood in every zone stands in one."""
    for before, after in sides.pairs:
        was, now = (_ZONED.search(one.text) for one in (before, after))
        single = [_ONE_FOR_ALL.search(one.text) for one in (before, after)]
        lost = was is not None and now is not None and (was.group(1), now.group(1)) == ("true", "false")
        if lost or [found.group(1) for found in single if found is not None] == ["false", "true"]:
            replicas = RESOURCE["replicas"]
            yield effect_of("gone", 0.65, "one for all zones", after, resource=replicas, direction="down", other=before)
            return


KINDS = (
    Throughout(fewer_places),
    Throughout(one_zone),
)
