from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from app.evaluation.thin import run_thinned, thin

N = 400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    case = {
        "alert": {"summary": "slow", "fired_at": "2026-03-01T12:00:00Z"},
        "window": {
            "start": "2026-03-01T11:00:00+00:00",
            "end": "2026-03-01T12:00:00+00:00",
            "onset_estimate": "2026-03-01T11:30:00+00:00",
        },
    }
    held = tmp_path / "held"
    held.mkdir()
    (held / "case.json").write_text(json.dumps(case))
    with gzip.open(held / "logs.jsonl.gz", "wt") as out:
        out.writelines(json.dumps({"msg": n}) + "\n" for n in range(N))
    (held / "changes.jsonl").write_text('{"id": "c0ffee1"}\n')
    rows = [["phase", "time", *(f"a|m{n}" for n in range(N))], ["incident", "1", *map(str, range(N))]]
    (held / "metrics.csv").write_text("\n".join(map(",".join, rows)) + "\n")
    spans = [f"incident,t{n // 2},s{n}" for n in range(2 * N)]
    (held / "spans.csv").write_text("\n".join(["phase,trace,span", *spans]) + "\n")
    (held / "topology.json").write_text(json.dumps({"edges": [["a", str(n)] for n in range(N)], "placement": {}}))
    return held


def test_about_that_share_of_each_kind_is_gone_and_whole_things_are(folder: Path, tmp_path: Path) -> None:
    out = thin(folder, tmp_path / "out", share=0.25, seed=1)
    names, values = list(csv.reader((out / "metrics.csv").read_text().splitlines()))
    assert [f"a|m{value}" for value in values[2:]] == names[2:]
    spans = [row["trace"] for row in csv.DictReader((out / "spans.csv").read_text().splitlines())]
    assert all(spans.count(trace) == 2 for trace in set(spans))
    left = [len(names) - 2, len(set(spans)), len((out / "logs.jsonl").read_text().splitlines())]
    left.append(len(json.loads((out / "topology.json").read_text())["edges"]))
    assert all(0.65 * N < count < 0.85 * N for count in left), left
    assert (out / "changes.jsonl").read_text() == (folder / "changes.jsonl").read_text()


def test_the_onset_moves_a_little_and_the_same_seed_takes_the_same_away(folder: Path, tmp_path: Path) -> None:
    texts = []
    for n, seed in enumerate((1, 1, 2)):
        out = thin(folder, tmp_path / f"another name {n}", share=0.2, seed=seed)
        texts.append({path.name: path.read_text() for path in out.iterdir()})
    assert texts[0] == texts[1] != texts[2]
    onset = json.loads(texts[0]["case.json"])["window"]["onset_estimate"]
    assert "2026-03-01T11:27:00" <= onset <= "2026-03-01T11:33:00"
    assert not onset.startswith("2026-03-01T11:30:00+")


def test_the_case_is_run_under_its_own_name(folder: Path) -> None:
    assert run_thinned(str(folder), run_case=lambda given: Path(given).name, share=0.2, seed=1) == "held"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("logs.jsonl.gz", b"not gzip"),
        ("logs.jsonl.gz", gzip.compress(b"x" * 5000)[:30]),
        ("metrics.csv", b"\xff\xfe,,"),
        ("topology.json", b"[[["),
        ("topology.json", b"[]"),
        ("topology.json", b"[" * 100_000),
        ("case.json", b"[]"),
        ("case.json", b'{"schema": '),
        ("case.json", b'{"alert": {}, "window": {"start": "2026-03-01T11:00:00", "end": "x", "onset_estimate": "soon"}}'),
    ],
)
def test_a_file_that_can_t_be_read_is_left_to_whoever_reads_the_case(name: str, body: bytes, folder: Path, tmp_path: Path) -> None:
    (folder / name).write_bytes(body)
    assert (thin(folder, tmp_path / "out", share=0.2, seed=1) / name).read_bytes() == body


def test_over_many_seeds_every_series_goes_and_the_onset_moves_by_minutes(folder: Path, tmp_path: Path) -> None:
    outs = [thin(folder, tmp_path / f"out{seed}", share=0.5, seed=seed) for seed in range(12)]
    named = [(out / "metrics.csv").read_text().splitlines()[0].split(",") for out in outs]
    assert all(names[:2] == ["phase", "time"] for names in named)
    assert all(any(f"a|m{n}" not in names for names in named) for n in range(4))
    onsets = [json.loads((out / "case.json").read_text())["window"]["onset_estimate"] for out in outs]
    assert min(onsets) < "2026-03-01T11:29" < "2026-03-01T11:31" < max(onsets)


def test_a_case_without_an_onset_keeps_its_window_and_rows_cut_short_are_left_out(folder: Path, tmp_path: Path) -> None:
    case = json.loads((folder / "case.json").read_text())
    case["window"]["onset_estimate"] = None
    (folder / "case.json").write_text(json.dumps(case))
    for name, cut in (("metrics.csv", "incident,2"), ("spans.csv", "incident")):
        (folder / name).write_text((folder / name).read_text() + cut + "\n")
    out = thin(folder, tmp_path / "out", share=0.2, seed=1)
    assert json.loads((out / "case.json").read_text()) == case
    assert all(
        cut not in (out / name).read_text().splitlines() for name, cut in (("metrics.csv", "incident,2"), ("spans.csv", "incident"))
    )
