"""README's "one file, nothing to register", taken at its word: every example in its place, nothing else changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- runs: (\S+) -->\n```\w+\n(.*?)```", README, re.DOTALL))
CHECKS = re.findall(r"^\t@\$\(BIN\)/(.+)$", (ROOT / "Makefile").read_text().split("\ncheck:")[1].split("\n\n")[0], re.MULTILINE)
PROMISES = (
    "tests/contract",
    *(f"tests/unit/{name}.py" for name in ("test_readme", "test_plugins", "test_layout", "slack/test_heard")),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the README's examples in it."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("app", "graphs", "runbooks", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy2(file, copy)
    for name in (".ci", ".github"):
        shutil.copytree(ROOT / name, copy / name)
    for path, text in BLOCKS.items():
        assert not (copy / path).exists(), f"{path} is there already; rename the example"
        (copy / path).write_text(text, encoding="utf-8")
    return copy


def ran(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FIRSTMATE_", "SLACK_", "PYTEST_"))}
    return subprocess.run(command, cwd=tree, env={**env, "PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False)


def test_there_is_an_example_of_each_kind() -> None:
    folders = {path.rpartition("/")[0] for path in BLOCKS}
    assert folders == {"app/connectors", "app/actions", "graphs/investigators", "app/slack/commands", "runbooks"}
    assert [check.split()[0] for check in CHECKS] == ["ruff", "ruff", "mypy", "lint-imports"]


@pytest.mark.parametrize("check", CHECKS)
def test_what_make_check_runs_passes_with_them(tree: Path, check: str) -> None:
    tool, *arguments = check.split()
    told = ran(tree, str(Path(sys.executable).parent / tool), *arguments)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_contract_suite_runs_over_them_and_passes(tree: Path) -> None:
    told = ran(tree, sys.executable, "-m", "pytest", "-n", "0", "-rA", *PROMISES)
    assert told.returncode == 0, told.stdout + told.stderr
    for name in ("maintenance", "queue_pause", "calendar", "disk-full"):
        assert re.search(rf"PASSED tests/contract/.*\[.*{name}", told.stdout), f"nothing of the contract suite ran over {name}"
