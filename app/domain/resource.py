"""What a resource is called, wherever it is: in policy targets, on cards, in claims of people's actions and of other agents."""

from __future__ import annotations

import re

RESOURCE = r"^[A-Za-z0-9][A-Za-z0-9._:@=+-]*(/[A-Za-z0-9][A-Za-z0-9._:@=+-]*)*$"
"""One way to write each name: no empty parts, no dots alone, nothing escaped. Compared as written."""
LONGEST = 200


def is_resource(name: str) -> bool:
    return len(name) <= LONGEST and re.fullmatch(RESOURCE.strip("^$"), name) is not None
