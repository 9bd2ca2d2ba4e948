"""How much a process may take by itself, against how much the container that it runs in may: what is left between the two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.measures import measure
from graphs.analysis.changes.reading.names import own_name
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_MOST = 0.85
"""Of a container's memory for a heap: threads, code, buffers and the allocator want the rest."""
_SHARE = re2.compile(
    r"-XX:(?:Max|Initial)RAMPercentage=(\d{1,3}(?:\.\d+)?)|\bGOMEMLIMIT_?(?:RATIO|PERCENT)\S*[=: \"]+(0?\.\d+|\d{1,3})"
)
_HEAP = re2.compile(
    r"-Xmx(\d+[kKmMgG]?)|--max[-_]old[-_]space[-_]size[= ](\d+)|\bGOMEMLIMIT\"?[=: ]+\"?(\d+(?:[KMG]iB|[kKmMgG]B?)?)"
    r"|\bmaxmemory\"?[=: ]+\"?(\d+[kKmMgG]?[bB]?)\b|\binnodb_buffer_pool_size\"?[=: ]+\"?(\d+[KMG]?)|\bMaxHeapSize=(\d+[kKmMgG]?)"
)
_SIZE = re2.compile(r"^(\d+)(?:([kKmMgG])(?:i?[bB])?)?$")
_TIMES = {"": 1.0, "k": 1024.0, "m": 1024.0**2, "g": 1024.0**3}


@dataclass(frozen=True)
class _Room:
    """The largest share of the container that a heap may take, where it can be told, and the statement that says so."""

    share: float
    said: Statement


def too_little_left(sides: Sides) -> Iterator[Effect]:
    """A heap that may take nearly all of the container's memory, and could not before."""
    for former, image in zip(sides.shown.former, sides.shown.image, strict=True):
        was, now = _room(former), _room(image)
        if now is None or now.share <= _MOST or (was is not None and was.share >= now.share) or not former:
            continue
        fresh = {(one.path, one.text) for one in sides.news}
        changed = next((one for one in image if (one.path, one.text) in fresh), now.said)
        note = f"{round(100 * now.share)} percent of the container's memory for the heap alone"
        made = effect_of("headroom", 0.8, note, changed, resource=RESOURCE["memory"], direction="down")
        yield replace(made, words=made.words | stem_set(["memory", "heap", "container", "limit", "oomkilled"]))
        return


def _room(image: Iterable[Statement]) -> _Room | None:
    heap: tuple[float, Statement] | None = None
    limit = 0.0
    for one in image:
        if file_kind(one.path) not in ("config", "image"):
            continue
        if (share := _SHARE.search(one.text)) is not None:
            value = float(share.group(1) or share.group(2))
            return _Room(value / 100.0 if value > 1.0 else value, one)
        if (found := _HEAP.search(one.text)) is not None:
            place = next(at for at, text in enumerate(found.groups()) if text)
            heap = (_bytes(found.group(place + 1)) * (1024.0**2 if place == 1 else 1.0), one)
        elif (
            own_name(one).strip("\"'") in ("memory", "mem_limit", "memory_limit", "memoryLimit")
            and "requests" not in one.parents[-1:]
        ):
            size = measure(one.text.partition(":")[2].partition("=")[2] or one.text.partition(":")[2].strip().strip("\"'"))
            limit = size.value if size is not None else limit
    return _Room(heap[0] / limit, heap[1]) if heap is not None and limit and heap[0] else None


def _bytes(text: str) -> float:
    found = _SIZE.match(text.replace("iB", "").rstrip("bB"))
    return float(found.group(1)) * _TIMES[(found.group(2) or "").lower()] if found is not None else 0.0


KINDS = (Throughout(too_little_left),)
