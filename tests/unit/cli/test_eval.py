from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

import app
from app.cli import evaltables
from app.cli.eval import VERB
from app.cli.evalreport import WIDEST
from app.domain.errors import BadInput
from app.evaluation.combinations import AblationRow, every
from app.evaluation.compare import compare, earlier
from app.evaluation.reliability import reliability
from app.evaluation.score import Marked, mark, table

LONG = "somewhere with a long name"


def line(case: str, target: str = "back", verdict: str = "conclusive", confidence: float = 0.9) -> dict[str, Any]:
    hypothesis = {"target": target, "label": "l", "change": None, "remediation": None, "confidence": confidence}
    return {"case": case, "verdict": verdict, "hypotheses": [hypothesis], "elapsed_s": 2.5}


def truths() -> dict[str, dict[str, Any]]:
    kinds: list[dict[str, Any]] = [
        {"source": LONG, "object": "back", "fault_type": "l"},
        {"source": "elsewhere", "change_id": "none", "level": "none", "remediation": "rollback"},
        {"source": "s"},
    ]
    return {f"{i}-{n}": {"service": ["back"], **kind} for i, kind in enumerate(kinds) for n in range(40)}


def marked(target: str = "back", **fields: Any) -> list[Marked]:
    return [mark(case, truth, line(case, target, **fields), candidates=7) for case, truth in truths().items()]


def tables() -> list[Any]:
    now = marked()
    before = [line(case, "x", verdict="likely", confidence=0.3) for case in truths()]
    rows = table(now)
    five = dict.fromkeys(("somewhere", "close", "another", "farther", "off"), rows[0])
    by_parts = [AblationRow(each.name, five, rows[0]) for each in every(("deploys", "logs", "metrics"))]
    trust = reliability([(n / 120, n % 3 == 0) for n in range(120)], draws=20)
    assert trust is not None
    return [
        evaltables.share_table(rows),
        evaltables.honest_table(rows),
        evaltables.comparison_table(compare(now, earlier(before, truths(), name="a-results-file.jsonl"))),
        evaltables.reliability_table(trust),
        evaltables.ablation_table(by_parts),
    ]


def written(width: int) -> str:
    file = io.StringIO()
    for each in tables():
        Console(width=width, file=file).print(each)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, WIDEST])
def test_no_heading_and_no_number_is_cut(width: int) -> None:
    shown = written(width)
    assert "…" not in shown
    for whole in (
        "measure",
        "@3",
        "avg@5",
        "blind",
        "p95 s",
        "remediation",
        "1.000 .91–1.00",
        ".143",
        "2.50",
        ".000→1.000",
        "120/120",
    ):
        assert whole in shown, whole


def test_eighty_columns_are_enough_and_a_file_takes_no_more_than_its_longest_row() -> None:
    assert max(map(len, written(80).splitlines())) <= 80
    assert max(map(len, written(WIDEST).splitlines())) < 110


# --- the command


def answer(folder: str) -> str:
    """What the case says it comes to; runs in a process of its own."""
    return (Path(folder) / "case.json").read_text()


def answer_in_parts(folder: str, **_: Any) -> str:
    return answer(folder)


class Composition:
    """Cases are folders that hold their own answer."""

    run_case_by_name = staticmethod(answer)
    run_combinations_by_name = staticmethod(answer_in_parts)

    def __init__(self, releases: Path) -> None:
        self._releases = releases

    def releases(self) -> Path:
        return self._releases

    def investigators(self) -> list[str]:
        return ["deploys", "logs", "metrics"]

    def find_cases(self, path: Path) -> list[Path]:
        return sorted(each.parent for each in path.rglob("case.json"))

    def candidates(self, path: Path) -> tuple[str, int]:
        return path.name, 4


class Bench:
    """A folder of cases with their truth, and the command over them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.releases = folder, folder / "releases"
        (folder / "truth").mkdir()

    def holds(self, **targets: str) -> None:
        for case, target in targets.items():
            (self.folder / "cases" / case).mkdir(parents=True, exist_ok=True)
            body = {"case": case, "error": "it broke"} if target == "broken" else line(case, target)
            (self.folder / "cases" / case / "case.json").write_text(json.dumps(body))
            (self.folder / "truth" / f"{case}.json").write_text(json.dumps({"service": ["back"], "source": "s"}))

    def run(self, *options: str, truth: bool = True) -> Result:
        command = typer.Typer()
        command.command()(VERB)
        asked = [str(self.folder / "cases"), "--out", str(self.folder / "out.jsonl"), "--workers", "1", *options]
        if truth:
            asked += ["--truth", str(self.folder / "truth")]
        return CliRunner().invoke(command, asked, obj=Composition(self.releases))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_release_is_kept_and_the_next_evaluation_names_what_flipped_since(bench: Bench) -> None:
    bench.holds(a="back", b="back", c="x")
    kept = bench.run("--save-release")
    assert kept.exit_code == 0, kept.output
    assert (bench.releases / f"{app.__version__}.jsonl.gz").is_file()

    bench.holds(a="x", c="back")
    ran = bench.run("--fail-on-regression")
    assert ran.exit_code == 3, ran.output
    assert f"against release {app.__version__}, on the 3 cases of both" in ran.output
    assert "right → wrong (1): a (target 1→–)" in ran.output
    assert "wrong → right (1): c (target –→1)" in ran.output
    assert "CONCLUSIVE AND WRONG now (1): a" in ran.output
    assert "that may be chance (p = 1, exact sign test, two-sided)" in ran.output
    assert bench.run().exit_code == 0  # told, and not asked to fail


def test_figures_are_one_json_object_and_nothing_else_is_printed(bench: Bench) -> None:
    bench.holds(a="back", b="x")
    assert bench.run("--json", "--reliability").exit_code == 0
    (bench.folder / "before.jsonl").write_text(json.dumps(line("a", "x")) + "\n")
    told = json.loads(bench.run("--json", "--reliability", "--against", str(bench.folder / "before.jsonl")).stdout)
    pooled = next(row for row in told["rows"] if row["row"] == "all")
    assert pooled["n"] == 2
    assert pooled["first@1"][0] == 0.5
    assert pooled["random@1"] == 0.25
    assert told["against"]["won"] == [{"case": "a", "measure": "target", "before": None, "after": 1}]
    assert told["against"]["new"] == 1
    assert told["reliability"]["cases"] == 2


def test_earlier_results_may_lie_where_todays_go(bench: Bench) -> None:
    bench.holds(a="back")
    (bench.folder / "out.jsonl").write_text(json.dumps(line("a", "x")) + "\n")
    assert "wrong → right (1): a" in bench.run("--against", str(bench.folder / "out.jsonl")).output


def test_a_broken_case_is_exit_code_1_counts_as_wrong_and_is_no_release(bench: Bench) -> None:
    bench.holds(a="back", b="broken")
    ran = bench.run("--save-release")
    assert ran.exit_code == 1
    assert "not kept: a case broke" in ran.output
    assert not bench.releases.exists()
    assert ".500" in ran.output


def test_a_full_disk_is_one_sentence(bench: Bench) -> None:
    bench.holds(a="back")
    with pytest.raises(BadInput, match="--out /dev/full can't be written"):
        raise bench.run("--out", "/dev/full").exception or AssertionError("it was written")


@pytest.mark.parametrize("before", [None, "earlier results"])
def test_an_evaluation_that_is_stopped_leaves_results_as_they_were(
    bench: Bench, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    bench.holds(a="back")
    out = bench.folder / "out.jsonl"
    if before is not None:
        out.write_text(before)
    monkeypatch.setattr("app.evaluation.runner.run_all", stopped)
    assert bench.run().exit_code != 0
    assert (out.read_text() if out.exists() else None) == before


@pytest.mark.parametrize("options", [(), ("--save-release",), ("--json",), ("--ablation",)])
def test_a_truth_of_other_cases_is_refused_and_overwrites_no_release(bench: Bench, options: tuple[str, ...]) -> None:
    bench.holds(a="back")
    assert bench.run("--save-release").exit_code == 0
    kept = (bench.releases / f"{app.__version__}.jsonl.gz").read_bytes()

    (bench.folder / "truth" / "a.json").rename(bench.folder / "truth" / "z.json")
    with pytest.raises(BadInput, match="knows none of these cases; name the folder of their truth"):
        raise bench.run(*options).exception or AssertionError("it went well")
    assert (bench.releases / f"{app.__version__}.jsonl.gz").read_bytes() == kept


def test_a_release_is_not_replaced_by_fewer_cases(bench: Bench) -> None:
    bench.holds(a="back", b="back")
    assert bench.run("--save-release").exit_code == 0
    kept = bench.releases / f"{app.__version__}.jsonl.gz"
    of_both = kept.read_bytes()
    for other in ("b", "c"):  # one of its cases, then none of them
        for folder in (bench.folder / "cases").iterdir():
            (folder / "case.json").unlink(missing_ok=True)
        bench.holds(**{other: "back"})
        with pytest.raises(
            BadInput, match=r"not kept: .*\.jsonl\.gz knows [12] cases? that .* lack.*; run them all, or remove that file"
        ):
            raise bench.run("--save-release").exception or AssertionError("it was replaced")
        assert kept.read_bytes() == of_both
    bench.holds(a="x", b="back", c="back")
    assert bench.run("--save-release").exit_code == 0
    assert kept.read_bytes() != of_both


@pytest.mark.parametrize("said", ["NaN", "1e9", "-0.1", '"0.9"', "true", "null"])
def test_a_confidence_that_is_no_probability_is_one_sentence(said: str, bench: Bench) -> None:
    bench.holds(a="back")
    earlier_run = bench.folder / "before.jsonl"
    earlier_run.write_text(json.dumps(line("a", confidence=0.125)).replace("0.125", said) + "\n")
    with pytest.raises(BadInput, match=r"the confidence of a is .*, and must be a number from 0 to 1"):
        raise bench.run("--against", str(earlier_run)).exception or AssertionError("it was compared")


@pytest.mark.parametrize("options", [("--lose", "0.1"), ("--without", "judge")])
def test_part_of_the_engine_or_of_the_telemetry_is_compared_only_when_asked(options: tuple[str, ...], bench: Bench) -> None:
    bench.holds(a="back")
    assert bench.run("--save-release").exit_code == 0
    kept = bench.releases / f"{app.__version__}.jsonl.gz"
    assert "against release" in bench.run().output
    assert "against release" not in bench.run(*options).output
    assert "against release" in bench.run(*options, "--against", str(kept)).output


def test_a_few_of_a_release_s_cases_are_compared_only_when_asked(bench: Bench) -> None:
    bench.holds(a="back", b="back")
    assert bench.run("--save-release").exit_code == 0
    (bench.folder / "cases" / "a" / "case.json").unlink()
    assert "against release" not in bench.run().output
    assert "against release" in bench.run("--fail-on-regression").output


@pytest.mark.parametrize("body", ["[]", "{}"])
def test_a_case_whose_truth_names_nobody_is_one_sentence(body: str, bench: Bench) -> None:
    bench.holds(a="back", b="back")
    (bench.folder / "truth" / "a.json").write_text(body)
    with pytest.raises(BadInput, match=r"a\.json: it names no `service`, .*; mend it: the results stand in"):
        raise bench.run().exception or AssertionError("it was passed over")


def test_a_release_about_other_cases_is_not_mentioned_unless_it_was_named(bench: Bench) -> None:
    bench.holds(a="back")
    other = bench.folder / "other.jsonl"
    other.write_text(json.dumps(line("z")) + "\n")
    assert isinstance(bench.run("--against", str(other)).exception, BadInput)
    assert "against" not in bench.run().output


@pytest.mark.parametrize(
    "options",
    [
        ("--ablation", "--only", "logs"),
        ("--ablation", "--save-release"),
        ("--save-release", "--without", "judge"),
        ("--fail-on-regression",),
        ("--only", "nobody"),
    ],
)
def test_what_makes_no_sense_together_is_refused_before_anything_runs(bench: Bench, options: tuple[str, ...]) -> None:
    bench.holds(a="back")
    assert isinstance(bench.run(*options).exception, BadInput)
    assert not (bench.folder / "out.jsonl").exists()


@pytest.mark.parametrize("option", ["--json", "--reliability", "--ablation", "--save-release"])
def test_figures_need_a_truth(bench: Bench, option: str) -> None:
    bench.holds(a="back")
    assert isinstance(bench.run(option, truth=False).exception, BadInput)
