"""The shop stands alone: the standard library and itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import app.demo

FILES = sorted(Path(app.demo.__file__).parent.rglob("*.py"))


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_but_the_standard_library_is_imported(file: Path) -> None:
    foreign = {n for n in imported(file) if n.split(".")[0] not in sys.stdlib_module_names and not n.startswith("app.demo")}
    assert not foreign


def test_the_files_were_found() -> None:
    assert {"service.py", "storefront.py"} <= {file.name for file in FILES}
