"""The ledger's whole suite again, on PostgreSQL: what holds on a file must hold on a server."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from app.domain.errors import Unreachable
from app.ledger import sequences
from app.ledger.ledger import Ledger

_UNIT = Path(__file__).resolve().parents[1] / "unit" / "ledger"
_ONLY_SQLITE = {"test_sqlite"}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"postgres_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _offered(module: ModuleType, *, tests_as: str) -> dict[str, object]:
    """A module's tests and fixtures, for another one; pytest collects what it finds by name."""
    found: dict[str, object] = {}
    for name, each in vars(module).items():
        if name.startswith("test_"):
            found[f"{tests_as}_{name.removeprefix('test_')}"] = each
        elif type(each).__name__ == "FixtureFunctionDefinition" and name != "ledger_url":
            found[name] = each
    return found


def offered() -> dict[str, object]:
    """Everything of the ledger's suite but the fixture `ledger_url`."""
    found = _offered(_load(_UNIT / "conftest.py"), tests_as="test")
    for path in sorted(_UNIT.glob("test_*.py")):
        if path.stem not in _ONLY_SQLITE:
            found |= _offered(_load(path), tests_as=path.stem)
    return found


globals().update(offered())


@pytest.fixture
def ledger_url(postgres_url: str) -> str:
    return postgres_url


async def test_the_suite_was_found() -> None:
    assert sum(name.startswith("test_") for name in globals()) > 60


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="did not answer"):
        await Ledger.open("postgresql://firstmate@127.0.0.1:1/none")


async def test_the_servers_clock_zone_does_not_matter(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await tx.connection.exec_driver_sql("SET TIME ZONE 'Asia/Kathmandu'")
        assert await sequences.next_number(tx, "a") == 1
