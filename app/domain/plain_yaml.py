"""YAML that is only data: what people write for us needs none of the rest, and an attacker might."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

MOST_DEPTH = 12


def only_plain(text: str) -> None:
    """Raises `YAMLError` for aliases and anchors (a small file must not become a large one), tags, a second document, deep nesting,
    and an escape in quotes that is no character or half of one."""
    depth = documents = 0
    for event in _events(text):
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refused(event, "aliases and anchors (* and &) are not read here; write it out")
        if getattr(event, "tag", None) is not None:
            raise _refused(event, "tags (!) are not read here")
        if documents > 1:
            raise _refused(event, "there is a second document (---)")
        if depth > MOST_DEPTH:
            raise _refused(event, "it is nested too deeply")


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.ScalarEvent):
                event.value.encode("utf-8")
            yield event
    except (ValueError, OverflowError) as error:
        raise yaml.YAMLError("an escape in quotes (\\u…) names no character; write the character itself") from error


def _refused(event: Any, reason: str) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=reason, problem_mark=event.start_mark)
