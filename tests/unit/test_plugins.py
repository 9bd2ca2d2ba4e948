from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain.errors import Misconfigured
from app.plugins import catalogue_hash, discover

Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def build(**modules: str) -> str:
        name = f"plugged_{len(made)}_{tmp_path.name.replace('-', '_')}"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        made.append(name)
        return name

    yield build
    for module in [each for each in sys.modules if each.split(".")[0] in made]:
        del sys.modules[module]


def test_every_file_that_exposes_the_object_is_found_in_alphabetical_order(package: Package) -> None:
    name = package(zebra="ACTION = 1", ant="ACTION = 2", shared="OTHER = 3")
    assert list(discover(name, "ACTION").items()) == [("ant", 2), ("zebra", 1)]


@pytest.mark.parametrize("source", ["import nowhere_to_be_found", "raise RuntimeError('no')", "def broken(:", "1 / 0"])
def test_a_file_that_fails_to_import_stops_the_start_and_is_named(package: Package, source: str) -> None:
    name = package(good="ACTION = 1", broken=source)
    with pytest.raises(Misconfigured, match=rf"{name}\.broken could not be loaded") as refused:
        discover(name, "ACTION")
    assert "mend or remove" in str(refused.value)


def test_the_catalogue_s_hash_follows_the_set_and_not_its_order() -> None:
    one = catalogue_hash({"actions": ["a", "b"]})
    assert one == catalogue_hash({"actions": ["b", "a"]})
    assert one != catalogue_hash({"actions": ["a"]})


@pytest.mark.parametrize(
    ("folder", "attribute"),
    [("app.connectors", "CONNECTOR"), ("app.actions", "ACTION"), ("graphs.investigators", "INVESTIGATOR"), ("app.cli", "VERB")],
)
def test_what_is_shipped_is_found(folder: str, attribute: str) -> None:
    assert len(discover(folder, attribute)) >= 3
