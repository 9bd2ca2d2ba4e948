from __future__ import annotations

import pytest

from app.domain.errors import Misconfigured
from app.domain.priority import CLASSES, PRIORITY, class_of
from app.policy.agents import PREFIX, hash_of, new_token
from app.policy.policy import load

HASH, OTHER = "a" * 64, "b" * 64


def entry(**fields: str) -> str:
    given = {"name": "scaler", "version": '"1"', "class": "cost", "token_sha256": f'"{HASH}"', **fields}
    return "{" + ", ".join(f"{key}: {value}" for key, value in given.items()) + "}"


def read(*entries: str) -> str:
    return "\n".join(["format: 1", "agents:", *(f"  - {each}" for each in entries)])


def test_an_agent_is_known_by_name_version_class_and_the_hash_of_its_token() -> None:
    (known,) = load(read(entry())).agents
    assert (str(known.agent), known.priority) == ("scaler@1", 1)


def test_the_order_of_classes_is_codes() -> None:
    assert PRIORITY == {"security": 4, "incident": 3, "reliability": 2, "cost": 1}
    assert [class_of(PRIORITY[each]) for each in CLASSES] == list(CLASSES)
    assert (class_of(5), class_of(0)) == ("security", "cost")


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([entry(**{"class": "boss"})], "class"),
        ([entry(name="Execution:1")], "name"),
        ([entry(name="execution")], "Firstmate itself"),
        ([entry(token_sha256="hunter2")], "64 hex digits"),
        ([entry(priority="9")], "there is no such key"),
        ([entry(), entry(token_sha256=f'"{OTHER}"')], "stands twice"),
        ([entry(), entry(name="other")], "another's token"),
    ],
)
def test_what_would_widen_or_confuse_is_refused(entries: list[str], told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as refused:
        load(read(*entries))
    assert "hunter2" not in str(refused.value)


def test_tokens_differ_and_their_hash_says_nothing_of_them() -> None:
    one, two = new_token(), new_token()
    assert one != two
    assert one.startswith(PREFIX)
    assert len(one) > 40
    assert one not in hash_of(one)
