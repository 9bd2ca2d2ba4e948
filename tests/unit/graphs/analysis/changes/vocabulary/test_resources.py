"""What names stand for."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.reading.words import stem_set
from graphs.analysis.changes.vocabulary.resources import RESOURCE, first_resource


@pytest.mark.parametrize("name", ["idle_timeout", "keepAliveTimeout", "setIdleTimeout"])
def test_how_long_nobody_may_use_a_connection_is_no_deadline_of_any_work(name: str) -> None:
    found = first_resource(stem_set([name]))
    assert found is not None
    assert (found.kind, "deadline" in found.shrinks) == ("timeout", False)


@pytest.mark.parametrize("name", ["timeout", "statement_timeout", "requestDeadline"])
def test_how_long_work_may_take_is_a_deadline(name: str) -> None:
    found = first_resource(stem_set([name]))
    assert found is not None
    assert found is RESOURCE["timeout"]
    assert "deadline" in found.shrinks
