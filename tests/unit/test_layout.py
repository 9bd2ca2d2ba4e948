"""The tree as it is laid out: what lies at the top, how long a file is, what a plug-in folder holds, what no file may name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.plugins import discover

ROOT = Path(__file__).resolve().parents[2]
TOP = {
    *("pyproject.toml", "README.md", "app", "graphs", "runbooks", "tests", "Dockerfile", "manifest.yml"),
    *("Makefile", "requirements.lock", "LICENSE", "CHANGELOG.md"),  # what tools demand
}
LONG = {
    "graphs/analysis/label_words.py": "one vocabulary",
    "tests/unit/graphs/analysis/objects/test_examine.py": "one test per kind of misconfiguration, over one table of manifests",
    "tests/unit/graphs/analysis/objects/test_fault_kinds.py": "one table of faults, each as Kubernetes would report it",
}
"""Files over 500 lines, and the reason."""

PLUGIN_FOLDERS = {
    "app.connectors": (
        "CONNECTOR",
        {"casefiles", "caselines", "folder", "http", "logline", "logseek", "outside", "promql", "promshape"},
    ),
    "app.actions": ("ACTION", {"shop_client"}),
    "app.cli": (
        "VERB",
        {"children", "clash", "composition", "evalreport", "evaltables", "lines", "presses", "scene", "steps", "terminal"},
    ),
    "app.slack.commands": ("COMMAND", set()),
    "graphs.investigators": ("INVESTIGATOR", set()),
    "graphs.analysis.changes.kinds": ("KINDS", set()),
}
"""What each file of the folder exposes, and the files that only help others there."""

# Written in pieces, so that this file does not name them either.
HOSTS = ("pypi" + r"\.org/simple", "files" + r"\.pythonhosted", "registry" + r"\.npmjs", "registry" + r"\.yarnpkg")
PLACES = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + r"me/[a-z]", "/Us" + "ers/[a-z]", "/op" + "t/(?:wheels|pypi)", r"\.pye" + "nv")


def ours() -> list[Path]:
    """Every file that is, or is about to be, kept: what git tracks or would; without git, what a release's archive holds."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
        told = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()
        return [path for name in told.split("\0") if name and (path := ROOT / name).is_file()]
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name != "__pycache__" and (not name.startswith(".") or name in (".ci", ".github"))]
        found += [Path(folder) / name for name in names]
    return found


OURS = ours()


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return "" if b"\0" in data[:8192] else data.decode("utf-8", "replace")


def test_the_top_level_holds_only_what_it_may() -> None:
    shown = {named(path).split("/")[0] for path in OURS}
    assert {name for name in shown if not name.startswith(".")} - TOP == set()
    assert TOP - shown == set()


def test_no_file_is_longer_than_500_lines_without_a_reason() -> None:
    long = {named(path) for path in OURS if path.suffix == ".py" and len(text_of(path).splitlines()) > 500}
    assert long - set(LONG) == set(), "split it, or state the reason in LONG"
    assert set(LONG) - long == set(), "no longer that long: take it out of LONG"


@pytest.mark.parametrize("pattern", [*HOSTS, *PLACES])
def test_no_file_names_a_registry_or_a_place_on_one_machine(pattern: str) -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()[:120]}"
        for path in OURS
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == []


@pytest.mark.parametrize("package", PLUGIN_FOLDERS)
def test_every_file_of_a_plugin_folder_exposes_its_object_or_is_a_known_helper(package: str) -> None:
    attribute, helpers = PLUGIN_FOLDERS[package]
    files = {path.stem for path in (ROOT / package.replace(".", "/")).glob("*.py")} - {"__init__"}
    assert set(discover(package, attribute)) == files - helpers
    assert helpers - files == set(), "gone: take it out of the list"


def test_the_lock_pins_everything_by_hash_and_names_no_index() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert len(pins) > 50
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9._-]+==\S+( ; .+)? \\", line)] == []
    assert lines.count("") == 0
    assert not any(word in line for line in lines for word in ("--index-url", "--find-links", "--extra-index-url", "://"))


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert text.rstrip().endswith("limitations under the License.")
