"""`firstmate demo` as a newcomer runs it: the real command, real processes, every fault; and what it leaves behind: nothing."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAULTS = ("pool", "n-plus-one", "leak", "route-crash", "upstream-outage", "timeout-cut")
RENAMED = {
    "storefront": "front",
    "catalogue": "wares",
    "cart": "basket",
    "checkout": "till",
    "payments": "cash-desk",
    "recommender": "oracle",
    "personal-picks": "for-you",
    "delivery-banner": "ribbon",
}
AT_ONCE = 2
PATIENCE_S = 170.0

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see which processes are left"),
]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str

    def says(self, text: str) -> bool:
        """Whether it was written, wherever the terminal broke the line."""
        return _flat(text) in _flat(self.out)


def _flat(text: str) -> str:
    return re.sub(r"[\s│]+", " ", text)


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "TERM": "xterm"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app.main", "demo", *arguments]


def demo(*arguments: str) -> Ended:
    return firstmate("demo", *arguments)


def firstmate(*arguments: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "app.main", *arguments],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if arguments[0] == "demo" else None,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode())


def tree(pid: int) -> dict[int, str]:
    """Every process below and including `pid`: its number and when it began, which together name it."""
    children: dict[int, list[int]] = {}
    began: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(entry.name))
                began[int(entry.name)] = fields[19]
    found, waiting = {}, [pid]
    while waiting:
        one = waiting.pop()
        if one in began:
            found[one] = began[one]
        waiting += children.get(one, [])
    return found


def alive(processes: dict[int, str]) -> list[int]:
    return [pid for pid, when in processes.items() if tree(pid).get(pid) == when]


def gone(processes: dict[int, str], *, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while alive(processes) and time.monotonic() < end:
        time.sleep(0.1)
    return not alive(processes)


class Terminal:
    """A terminal with the demo in it, in a process group of its own, as a shell starts it."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command(*arguments), cwd=ROOT, env=environment(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.seen = ""

    def until(self, text: str) -> str:
        """Read until `text` was written; everything so far."""
        end = time.monotonic() + PATIENCE_S
        start = len(self.seen)
        while text not in self.seen[start:] and time.monotonic() < end and self._read():
            pass
        assert text in self.seen[start:], self.seen[-3000:]
        return self.seen

    def type(self, text: str) -> None:
        os.write(self.master, text.encode() + b"\n")

    def end(self) -> Ended:
        while self._read():
            pass
        code = self.process.wait(timeout=PATIENCE_S)
        return Ended(code, self.seen)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], PATIENCE_S)
        try:
            piece = os.read(self.master, 65536) if ready else b""
        except OSError:  # how a terminal says that nobody holds its other end
            piece = b""
        self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", piece.decode(errors="replace")).replace("\r\n", "\n")
        return bool(piece)

    def close(self) -> None:
        for pid in alive(tree(self.process.pid)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=10)
        os.close(self.master)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs are kept, by fault."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def runs(kept: Path) -> Iterator[dict[str, Future[Ended]]]:
    """All faults, two at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {fault: pool.submit(demo, "--yes", "--fault", fault, "--keep", str(kept / fault)) for fault in FAULTS}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found_repaired_and_verified(runs: dict[str, Future[Ended]], fault: str) -> None:
    ended = runs[fault].result()
    assert ended.code == 0, ended.out[-6000:]
    assert "✗" not in ended.out
    assert "Traceback" not in ended.out
    assert ended.says("Recovered, the criterion is met")
    assert ended.says("Not known") or ended.says("a source is missing") or "Gap" not in ended.out


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_kept_is_a_case_with_the_same_answer(runs: dict[str, Future[Ended]], kept: Path, fault: str) -> None:
    ended = runs[fault].result()
    case = kept / fault / "case"
    assert ended.says(f"firstmate triage --case {case}")
    (truth,) = (kept / fault / "truth").iterdir()
    known = json.loads(truth.read_text())
    triaged = json.loads(firstmate("triage", "--case", str(case), "--json").out)
    top = triaged["hypotheses"][0]
    assert (top["target"], top["change"]) == (known["service"][0], known["change_id"])
    assert triaged["case"] == truth.stem
    assert not [path for path in case.iterdir() if '"decoys"' in path.read_text()]
    assert firstmate("triage", "--case", str(case), "--why", "1").says("Behind hypothesis 1")
    assert not firstmate("triage", "--case", str(case), "--all").says("in the run's record")


def test_an_outage_outside_is_answered_by_its_features_flag_and_no_rollback(runs: dict[str, Future[Ended]]) -> None:
    ended = runs["upstream-outage"].result()
    assert ended.says("Switch flag personal-picks off")
    assert "shop_rollout_undo" not in ended.out


def test_other_names_and_another_order_give_the_same_answer_renamed() -> None:
    renamed = [word for old, new in RENAMED.items() for word in ("--rename", f"{old}={new}")]
    ended = demo("--yes", "--fault", "upstream-outage", "--shuffle-deploys", *renamed)
    assert ended.code == 0, ended.out[-6000:]
    assert ended.says("Switch flag for-you off")
    assert ended.says("the top hypothesis is right: oracle, and no change is guilty")
    assert not [old for old in RENAMED if re.search(rf"(?<![\w-]){old}(?![\w-])", ended.out) and old != "cart"]


def test_a_killed_scraper_is_a_gap_and_a_rejected_proposal_runs_nothing() -> None:
    terminal = Terminal("--fault", "pool", "--kill-scraper")
    try:
        terminal.until("visitors")
        terminal.type("a")  # before there is anything to approve: it must not count
        terminal.until("[a]pprove / [r]eject / [d]etails?")
        terminal.type("abort")
        terminal.until("nothing has been decided\n[a]pprove / [r]eject / [d]etails?")
        terminal.type("d")
        terminal.until("[a]pprove / [r]eject / [d]etails?")
        terminal.type("r")
        terminal.until("Why not?")
        terminal.type("the database is being moved")
        ended = terminal.end()
    finally:
        terminal.close()
    assert ended.code == 1
    assert ended.says("no answer (ConnectError)")
    assert ended.says("Details of p-")
    assert ended.says("rejected by operator")
    assert ended.says("the database is being moved")
    assert not ended.says("the deploy tool reports success")
    assert "– the shop is still broken, because you rejected its repair" in ended.out
    assert "✗ the shop recovered" not in ended.out


def test_what_is_decided_about_stands_on_one_screen_and_can_be_undone_at_the_prompt() -> None:
    terminal = Terminal("--fault", "route-crash")
    try:
        seen = terminal.until("[a]pprove / [r]eject / [d]etails?")
        assert any("] INC-0001 ·" in line for line in seen.splitlines()[-50:])
        terminal.type("a")
        terminal.until("[u]ndo it / [f]inish?")
        terminal.type("u")
        ended = terminal.end()
    finally:
        terminal.close()
    assert ended.code == 1, ended.out[-6000:]  # what was wrong is wrong again
    assert ended.says("– the shop recovered, then you undid the repair: the fault is back, as you asked")
    assert "✓ the shop recovered" not in ended.out
    assert "✗" not in ended.out
    assert len(re.findall(r"deploy +checkout .*, by operator", ended.out)) == 2


def test_ctrl_c_ends_everything_and_says_so() -> None:
    terminal = Terminal("--yes", "--fault", "pool")
    try:
        terminal.until("visitors")
        processes = tree(terminal.process.pid)
        assert len(processes) > 8
        os.killpg(terminal.process.pid, signal.SIGINT)  # what a terminal does
        ended = terminal.end()
        assert gone(processes, within_s=10)
    finally:
        terminal.close()
    assert ended.code == 130
    assert "Traceback" not in ended.out
    assert "Nothing is left running." in ended.out


@pytest.mark.parametrize("when", ["starts on this machine", "are up and serve", "visitors"])
def test_a_killed_parent_leaves_nobody_behind(when: str) -> None:
    terminal = Terminal("--yes", "--fault", "pool")
    try:
        terminal.until(when)
        processes = tree(terminal.process.pid)
        terminal.process.kill()
        assert gone(processes, within_s=10)
    finally:
        terminal.close()


def test_without_a_terminal_it_says_what_to_do() -> None:
    ended = demo()
    assert ended.code == 2
    assert ended.says("--yes")
    assert len(ended.out.splitlines()) == 1


def test_an_unknown_fault_is_refused_with_the_list_of_those_there_are() -> None:
    ended = demo("--yes", "--fault", "gremlins")
    assert ended.code == 2
    assert all(fault in ended.out for fault in FAULTS)


def test_the_list_has_the_name_in_the_first_column() -> None:
    ended = demo("--list")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == list(FAULTS)


def test_a_name_that_cannot_be_used_is_refused_before_anything_happens() -> None:
    for renamed, said in (("storefront=cart", "two things would have the same name"), ("zzz=foo", "it has storefront, catalogue")):
        ended = demo("--yes", "--rename", renamed)
        assert ended.code == 2
        assert len(ended.out.splitlines()) == 1
        assert ended.says(said)
