"""A node's daemons, as `systemctl status` and `journalctl` print them."""

from __future__ import annotations

import re2

from graphs.analysis.objects.model import NodeService
from graphs.analysis.objects.text import age

_ACTIVE = re2.compile(r"(?m)^\s*Active:\s+(\S+)(?:\s+\(([^)]*)\))?(.*)$")
_UNIT = re2.compile(r"(?m)^(?:Status:\s*)?[●×○*]?\s*([A-Za-z0-9@._-]+)\.service\b")
_NODE = re2.compile(r"(?m)^Node:\s*(\S+)")
_JOURNAL_HOST = re2.compile(r"(?m)^[A-Z][a-z]{2} +\d+ [0-9:]{8} (\S+) \S+?\[\d+\]:")
_JOURNAL = re2.compile(r"^[A-Z][a-z]{2} +\d+ [0-9:]{8} \S+ ")
_RECENT = 20
"""Lines of a journal that are kept: the last ones tell how things are now."""
_SINCE = re2.compile(r"; ([0-9a-z ]+) ago")


def node_service(command: str, output: str) -> NodeService | None:
    """None where the output is no status of a daemon, or of no known node."""
    active = _ACTIVE.search(output)
    if active is None:
        return None
    unit, named, host = _UNIT.search(output), _NODE.search(output), _JOURNAL_HOST.search(output)
    node = named.group(1) if named else host.group(1) if host else ""
    service = unit.group(1) if unit else command.split()[-1]
    if not node:
        return None
    since = _SINCE.search(active.group(3))
    seconds = age(_short(since.group(1))) if since else None
    journal = tuple(line.strip() for line in output.splitlines() if _JOURNAL.match(line))
    return NodeService(
        node, service, active.group(1), active.group(2) or "", command, active.group(0).strip(), seconds, journal[-_RECENT:]
    )


def _short(text: str) -> str:
    """`1min 51s` as `1m51s`."""
    return text.replace(" ", "").replace("min", "m").replace("months", "mo").replace("day", "d").replace("ds", "d")
