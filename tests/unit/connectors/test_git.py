from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.connectors import git
from app.connectors.git import CONNECTOR, MAX_DIFF, Git, GitSettings, service_of, touched
from app.domain.change import Changes
from app.domain.errors import Misconfigured, Rejected
from app.domain.telemetry import NoData
from app.domain.window import Window

T = 1_790_000_000
WINDOW = Window.of_epoch(T, T + 1000)

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git program here")


class Repository:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, at: int = T) -> str:
        who = {
            f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Ann"), ("EMAIL", "a@x"))
        }
        when = {"GIT_AUTHOR_DATE": f"@{at} +0000", "GIT_COMMITTER_DATE": f"@{at} +0000"}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.path), "GIT_CONFIG_NOSYSTEM": "1", **who, **when}
        ran = subprocess.run(["git", *arguments], cwd=self.path, env=environment, capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    def commit(self, message: str, *, at: int, **files: str) -> str:
        for name, body in files.items():
            path = self.path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, at=at)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def reading(repository: Repository, **settings: object) -> Git:
    return CONNECTOR.open(GitSettings(path=repository.path, **settings))


async def test_commits_of_the_window_come_oldest_first_with_files_and_diffs(repository: Repository) -> None:
    repository.commit("before", at=T - 100, pay__a="1\n")
    first = repository.commit("Raise the pool\n\npassword=hunter2 in the body", at=T, pay__a="2\n", pay__b="x\n")
    second = repository.commit("same second, token=abc123def", at=T, cart__c="1\n")
    repository.commit("after", at=T + 1000, pay__a="3\n")
    found = await reading(repository).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert [change.id for change in found] == [first, second]
    change = found[0]
    assert (change.kind, change.service, change.author, change.title) == ("commit", "pay", "Ann", "Raise the pool")
    assert change.at == datetime.fromtimestamp(T, UTC)
    assert change.files == ("pay/a", "pay/b")
    assert "-1\n+2" in change.diff
    assert "hunter2" not in str(change)
    assert "abc123def" not in found[1].title


async def test_a_configured_prefix_names_the_service(repository: Repository) -> None:
    repository.commit("x", at=T, services__pay__a="1\n")
    found = await reading(repository, services={"services/": "all", "services/pay/": "payments"}).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert found[0].service == "payments"


async def test_long_diffs_and_many_commits_are_cut_and_said(repository: Repository) -> None:
    for number in range(3):
        repository.commit(f"c{number}", at=T + number, pay__a=f"{number}\n" * MAX_DIFF)
    found = await reading(repository, max_commits=2).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert [change.title for change in found] == ["c1", "c2"]
    assert isinstance(found, Changes)
    assert found.truncated == "1 commit older than the newest 2 left out"
    assert len(found[0].diff) <= MAX_DIFF
    assert "diff_cut" in found[0].details


async def test_nothing_the_repository_says_is_executed(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    script.chmod(0o755)
    repository.commit("x", at=T, **{".gitattributes": "* diff=evil\n", "pay__a": "1\n"})
    repository.commit("y", at=T + 1, pay__a="2\n")
    for key in ("diff.evil.command", "diff.evil.textconv", "diff.external", "core.fsmonitor", "core.pager", "gpg.program"):
        repository.git("config", key, str(script))
    repository.git("config", "log.showSignature", "true")
    for name in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH_COMMAND"):
        monkeypatch.setenv(name, str(script))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    found = await reading(repository).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert [change.title for change in found] == ["x", "y"]
    assert not ran.exists()


async def test_a_commit_cannot_forge_another(repository: Repository) -> None:
    forged = "\x1e" + "f" * 40 + f"\x1f{T}\x1fMallory\x1fforged\x1f\x1f"
    repository.commit(f"honest {forged}", at=T, pay__a=f"{forged}\n++ b/forged/file\n")
    found = await reading(repository).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert len(found) == 1
    assert found[0].files == ("pay/a",)


async def test_an_empty_window_is_no_data_and_a_wrong_branch_is_refused(repository: Repository) -> None:
    repository.commit("x", at=T - 100, a="1\n")
    assert isinstance(await reading(repository).changes(WINDOW), NoData)
    with pytest.raises(Rejected, match="FIRSTMATE_GIT_REF"):
        await reading(repository, ref="nowhere").changes(WINDOW)
    assert (await reading(repository).check()).ok
    assert not (await reading(repository, ref="nowhere").check()).ok


def test_a_ref_that_is_an_option_is_refused(repository: Repository) -> None:
    with pytest.raises(Misconfigured, match="FIRSTMATE_GIT_REF"):
        reading(repository, ref="--output=/tmp/x")


def test_renames_and_deletions_are_named() -> None:
    diff = (
        "diff --git a/old name.py b/new.py\nsimilarity index 90%\nrename from old name.py\nrename to new.py\n"
        "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )
    assert touched(diff) == ["new.py", "gone"]


def test_a_commit_of_several_services_is_that_of_most_files() -> None:
    assert service_of(["pay/a", "pay/b", "cart/c", "README"], {}) == "pay"
    assert service_of(["README"], {}) is None


@pytest.mark.parametrize("backdated", [1, 8])
async def test_commits_with_an_old_date_on_top_hide_nothing_beneath(repository: Repository, backdated: int) -> None:
    repository.commit("long before", at=T - 800_000, pay__a="0\n")
    repository.commit("guilty", at=T + 10, pay__a="1\n")
    for number in range(backdated):
        repository.commit(f"backdated {number}", at=T - 40_000_000, pay__a=f"old {number}\n")
    found = await reading(repository).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert [change.title for change in found] == ["guilty"]
    assert found[0].files == ("pay/a",)


@pytest.mark.parametrize("date", [0, 99_999_999_999, 253_402_300_800])
async def test_a_date_far_away_costs_the_others_nothing(repository: Repository, date: int) -> None:
    repository.commit("guilty", at=T + 10, pay__a="1\n")
    repository.commit("strange", at=date, pay__a="2\n")
    found = await reading(repository).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert [change.title for change in found] == ["guilty"]


async def test_a_huge_commit_costs_only_itself(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "MAX_OUTPUT", 40_000)
    repository.commit("first", at=T, pay__a="1\n")
    repository.commit("huge diff", at=T + 1, pay__b="a line of it\n" * 100_000)
    repository.commit("huge message\n\n" + "words " * 15_000, at=T + 2, pay__a="2\n")
    repository.commit("last", at=T + 3, pay__a="3\n")
    found = await reading(repository).changes(WINDOW)
    assert not isinstance(found, NoData)
    assert [change.title for change in found] == ["first", "huge diff", "huge message", "last"]
    assert ["diff_cut" in change.details for change in found] == [False, True, True, False]
    assert "-2\n+3" in found[3].diff


@pytest.mark.parametrize("at_once", [1, 2, 5, 7, 1000])
async def test_commits_are_told_apart_wherever_gits_answer_is_torn(at_once: int) -> None:
    answer = b"warning\nmark>one\nmark>\nmark>" + b"x" * 30 + b" mark mark>last mar"
    stream = asyncio.StreamReader()

    async def feed() -> None:
        for start in range(0, len(answer), at_once):
            stream.feed_data(answer[start : start + at_once])
            await asyncio.sleep(0)
        stream.feed_eof()

    entries, _ = await asyncio.gather(git.read_entries(stream, mark="mark", most=20), feed())
    assert [(entry.text, entry.lost) for entry in entries] == [("one\n", 0), ("\n", 0), ("x" * 20, 16), ("last mar", 0)]
