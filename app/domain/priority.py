"""Who goes before whom, in code: no file and no agent can raise a class. What a higher one has claimed a lower one can't touch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

PriorityClass = Literal["security", "incident", "reliability", "cost"]
"""Security and compliance, incident response, reliability, cost: in this order."""

CLASSES: tuple[PriorityClass, ...] = get_args(PriorityClass)
PRIORITY: Mapping[PriorityClass, int] = {name: len(CLASSES) - place for place, name in enumerate(CLASSES)}
"""Security 4, incident 3, reliability 2, cost 1."""
TOP = len(CLASSES) + 1
"""What whoever waits comes to in the end: ahead of every class."""


def class_of(priority: int) -> PriorityClass:
    """The class of this number; what lies outside counts as the nearest."""
    return CLASSES[len(CLASSES) - max(1, min(len(CLASSES), priority))]
