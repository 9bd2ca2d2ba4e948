from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.compare import MOVED, Comparison, compare, dump, earlier, newest, read, sign_p
from app.evaluation.score import Marked, mark

TRUTH = {"service": ["back"], "source": "s"}
TRUTHS = {name: {**TRUTH, "where": name} for name in ("a", "b", "c", "d")}


def line(case: str, target: str = "back", confidence: float = 0.5, verdict: str = "likely") -> dict[str, Any]:
    hypothesis = {"target": target, "label": None, "change": None, "remediation": None, "confidence": confidence}
    return {"case": case, "verdict": verdict, "hypotheses": [hypothesis], "elapsed_s": 1.0}


def marked(*lines: dict[str, Any]) -> list[Marked]:
    return [mark(each["case"], TRUTHS[each["case"]], each) for each in lines]


def compared(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Comparison:
    return compare(marked(*now), earlier(before, TRUTHS, name="before"))


def test_every_case_that_flipped_is_named_with_its_ranks() -> None:
    found = compared([line("a"), line("b", "x"), line("c")], [line("a", "x"), line("b"), line("c")])
    assert [(flip.case, flip.before, flip.after) for flip in found.lost] == [("a", 1.0, float("inf"))]
    assert [flip.case for flip in found.won] == ["b"]
    pooled = next(change for change in found.rows if change.after.name == "all")
    assert (pooled.won, pooled.lost) == ({"first": 1}, {"first": 1})
    assert pooled.before.at1 == pooled.after.at1


def test_only_cases_that_both_know_are_compared_and_the_others_are_counted() -> None:
    found = compared([line("a"), line("b")], [line("b"), line("c"), line("d")])
    assert (found.cases, found.not_run, found.new) == (1, 1, 2)


def test_a_case_whose_truth_was_mended_is_another_case() -> None:
    before = earlier([line("a")], TRUTHS, name="before")
    mended = mark("a", {**TRUTHS["a"], "service": ["front"]}, line("a"))
    assert compare([mended], before).cases == 0


def test_a_conclusive_word_that_is_new_gone_or_wrong_is_named() -> None:
    sure = "conclusive"
    found = compared(
        [line("a"), line("b", verdict=sure), line("c"), line("d", "x", verdict=sure)],
        [line("a", verdict=sure), line("b"), line("c", "x", verdict=sure), line("d", "x", verdict=sure)],
    )
    assert found.conclusive_won == ("a", "c")
    assert found.conclusive_lost == ("b",)
    assert found.conclusive_and_wrong == ("c",)


def test_a_confidence_that_moved_far_is_named() -> None:
    found = compared([line("a"), line("b")], [line("a", confidence=0.5 + MOVED + 0.01), line("b", confidence=0.5 - MOVED + 0.01)])
    assert [(moved.case, moved.before) for moved in found.moved] == [("a", 0.5)]


def test_a_broken_case_that_was_right_is_lost() -> None:
    found = compared([line("a")], [{"case": "a", "error": "it broke"}])
    assert [flip.case for flip in found.lost] == ["a"]


@pytest.mark.parametrize(
    ("won", "lost", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (8, 2, 0.109375), (3, 3, 1.0)]
)
def test_flips_are_held_against_fair_coins(won: int, lost: int, p: float) -> None:
    assert sign_p(won, lost) == pytest.approx(p)
    assert sign_p(lost, won) == pytest.approx(p)


def test_a_release_keeps_outcomes_by_key_and_nothing_that_names_a_case(tmp_path: Path) -> None:
    now = marked(line("a", confidence=0.91, verdict="conclusive"), line("b", "x"), {"case": "c", "error": "it broke"})
    path = tmp_path / "1.2.3.jsonl.gz"
    path.write_bytes(dump(now, version="1.2.3"))
    text = gzip.decompress(path.read_bytes()).decode()
    assert "back" not in text
    assert {name for each in text.splitlines() for name in json.loads(each)} == {
        *("schema", "version", "case", "ranks", "confidence", "verdict")
    }
    before = earlier(read(path), {}, name=path.name)
    assert before.name == "release 1.2.3"
    found = compare(now, before)
    assert found.cases == 3
    flips = (found.won, found.lost, found.conclusive_won, found.conclusive_lost, found.moved)
    assert flips == ((), (), (), (), ())


def test_the_same_results_make_the_same_file_and_it_stays_small() -> None:
    held = [mark(str(n), TRUTH, line(str(n), confidence=n / 300)) for n in range(300)]
    assert dump(held, version="1") == dump(reversed(held), version="1")
    assert len(dump(held, version="1")) < 20_000


def test_the_last_release_is_the_highest_version(tmp_path: Path) -> None:
    assert newest(tmp_path / "none") is None
    for name in ("0.9.0", "0.10.0", "0.2.0"):
        (tmp_path / f"{name}.jsonl.gz").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("x")
    found = newest(tmp_path)
    assert found is not None
    assert found.name == "0.10.0.jsonl.gz"


DAMAGED = gzip.compress(b"x" * 99)


@pytest.mark.parametrize(
    "body", [b"\x1f\x8b broken", b"{", b"[]\n", b'{"a": 1}\n', DAMAGED[:20], DAMAGED[:10] + b"\xff" * 20, b"[" * 100_000]
)
def test_a_file_that_holds_no_results_is_refused(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(body)
    with pytest.raises((OSError, ValueError)):
        read(path)


@pytest.mark.parametrize("schema", ["triage-result/9", "eval-ablation/1", 1])
def test_results_of_another_schema_are_refused(schema: object, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({"schema": "triage-result/1", **line("a")}) + "\n" + json.dumps({"schema": schema, **line("b")}))
    with pytest.raises(ValueError, match=f"schema '{schema}'; this version reads triage-result/1 and eval-release/1"):
        read(path)


def test_a_release_whose_confidence_is_no_probability_is_refused() -> None:
    lines = [{"schema": "eval-release/1", "version": "1"}, {"case": "k", "ranks": {}, "confidence": 2, "verdict": None}]
    with pytest.raises(ValueError, match="the confidence of k is 2"):
        earlier(lines, {}, name="x")


def test_a_release_that_lacks_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        earlier([{"schema": "eval-release/1", "version": "1"}, {"case": "k", "ranks": {}}], {}, name="x")


def test_what_was_lost_and_what_was_won_both_stand_against_chance() -> None:
    lost = compared([line("a"), line("b")], [line("a", "x"), line("b", "x")])
    assert lost.p == pytest.approx(sign_p(0, 2))
    even = compared([line("a"), line("b", "x")], [line("a", "x"), line("b")])
    assert even.p == pytest.approx(sign_p(1, 1))


def test_an_earlier_runs_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(line("a")) + "\n\n" + json.dumps(line("b", "x")) + "\n")
    before = earlier(read(path), TRUTHS, name=path.name)
    assert (before.name, sorted(min(each.ranks.values()) for each in before.outcomes.values())) == (path.name, [1.0, float("inf")])


def test_one_line_about_something_else_spoils_a_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(line("a")) + '\n{"a": 1}\n')
    with pytest.raises(ValueError, match="not every line"):
        read(path)
