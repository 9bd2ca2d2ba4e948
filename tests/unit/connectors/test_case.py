from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.connectors.case import CONNECTOR, CaseSettings, RecordedCase, find_cases, open_case
from app.domain.change import Changes
from app.domain.errors import BadInput, NotFound
from app.domain.telemetry import LogTable, MetricTable, NoData, SeriesName, SpanTable, Topology

RECORDED = Path(__file__).resolve().parents[3] / ".." / "shared" / "cases"
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
CASE: dict[str, Any] = {
    "schema": "incident-case/1",
    "id": "sample-1",
    "alert": {
        "fired_at": "2026-01-01T00:30:00Z",
        "service": "pay",
        "summary": "errors; password=hunter2",
        "severity": "major",
        "observed": {"worst": [1, None]},
        "threshold": 5,
        "region": "eu",
    },
    "window": {
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-01-01T01:00:00Z",
        "onset_estimate": None,
        "reference": ["2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z"],
    },
    "candidates": ["app/pay", "app/cart"],
    "answers": {"label": ["cpu"]},
    "notes": ["a note"],
}
SPANS = "trace,span,parent,service,op,start,dur_ms\n"
METRICS = f"phase,time,pay|cpu,pay>cart|errors,app/cart|mem\nincident,{START + 60},1,,inf\nreference,{START},0.5,2,3\n"

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A case's folder with the given files; `case` replaces parts of case.json."""

    def build(*, case: dict[str, Any] | None = None, folder: str = "c1", **files: str | bytes) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True)
        (path / "case.json").write_text(json.dumps({**CASE, **(case or {})}))
        for name, body in files.items():
            (path / name.replace("__", ".")).write_bytes(body.encode() if isinstance(body, str) else body)
        return path

    return build


async def everything(case: RecordedCase) -> list[Any]:
    scope = case.scope
    return [
        await case.metrics(scope),
        await case.logs(scope),
        await case.spans(scope),
        await case.changes(scope.window),
        await case.topology(scope),
        await case.objects(scope),
        await case.statuses(scope),
    ]


def test_the_scope_says_what_the_case_says(make: Make) -> None:
    case = open_case(make())
    assert case.name == "sample-1"
    assert case.scope.alert.observed == {"worst": [1, None]}
    assert case.scope.alert.labels == {"region": "eu"}
    assert "hunter2" not in case.scope.alert.summary
    assert case.scope.reference is not None
    assert case.scope.candidates == ("app/pay", "app/cart")
    assert case.scope.labels == ("cpu",)
    assert case.scope.onset is None


def test_a_case_without_id_is_called_like_its_folder_and_answers_the_same(make: Make) -> None:
    case = open_case(make(folder="elsewhere", case={"id": None}))
    assert case.name == "elsewhere"
    assert case.scope == open_case(make(folder="here")).scope


async def test_files_that_were_not_recorded_are_no_data(make: Make) -> None:
    assert all(isinstance(answer, NoData) for answer in await everything(open_case(make())))


@pytest.mark.parametrize("packed", [False, True])
async def test_metrics_are_in_time_order_with_gaps_as_nan(make: Make, packed: bool) -> None:
    path = make(metrics__csv__gz=gzip.compress(METRICS.encode())) if packed else make(metrics__csv=METRICS)
    table = await open_case(path).metrics(open_case(path).scope)
    assert isinstance(table, MetricTable)
    assert table.names == (SeriesName("pay", "cpu"), SeriesName("pay>cart", "errors"), SeriesName("app/cart", "mem"))
    assert table.incident.tolist() == [False, True]
    np.testing.assert_array_equal(table.values, [[0.5, 2, 3], [1, np.nan, np.nan]])
    assert table.as_of_s == START + 60


async def test_a_cell_that_is_no_number_costs_only_itself(make: Make) -> None:
    case = open_case(make(metrics__csv="time,a|b,c|d\n1,n/a,10\n2,n/a,11\n3,n/a,12 ms\n4,5,13,14\n"))
    table = await case.metrics(case.scope)
    assert isinstance(table, MetricTable)
    np.testing.assert_array_equal(table.values, [[np.nan, 10], [np.nan, 11], [np.nan, np.nan]])
    assert table.truncated == (
        "1 line of metrics.csv could not be read (line 5: 4 cells where the header has 3); "
        "4 cells of metrics.csv could not be read (line 2: 'n/a' in column 'a|b' is not a number)"
    )


async def test_metrics_of_an_entity_are_its_own_and_its_edges_whether_bare_or_not(make: Make) -> None:
    case = open_case(make(metrics__csv=METRICS))
    table = await case.metrics(case.scope, entities=["app/cart"])
    assert isinstance(table, MetricTable)
    assert [name.entity for name in table.names] == ["pay>cart", "app/cart"]
    assert isinstance(await case.metrics(case.scope, entities=["nobody"]), NoData)


async def test_a_value_is_the_last_sample_at_or_before_the_moment(make: Make) -> None:
    case = open_case(make(metrics__csv=METRICS))
    assert await case.value("pay|cpu", at=datetime.fromtimestamp(START + 59, UTC)) == 0.5
    assert await case.value("pay|cpu", at=datetime.fromtimestamp(START + 60, UTC)) == 1.0
    assert isinstance(await case.value("pay|cpu", at=datetime.fromtimestamp(START - 1, UTC)), NoData)
    assert isinstance(await case.value("pay|nothing", at=datetime.fromtimestamp(START, UTC)), NoData)


async def test_what_a_plugged_in_case_measured_can_be_asked_of_it_again_by_name(make: Make) -> None:
    case = CONNECTOR.open(CaseSettings(path=make(metrics__csv=METRICS)))
    table = await case.metrics(case.scope)
    assert isinstance(table, MetricTable)
    assert table.source.partition(":")[0] == case.name == "case"
    column = table.names.index(SeriesName("pay", "cpu"))
    assert await case.value(table.query(table.names[column]), at=case.scope.window.end) == table.values[-1, column]


async def test_logs_are_sorted_levelled_redacted_and_timeless_lines_come_last(make: Make) -> None:
    rows = [
        {"phase": "incident", "time": None, "service": "pay", "level": "warning", "msg": "no time"},
        {"phase": "incident", "time": 20.5, "service": "pay", "level": "ERROR", "msg": "token=abc123 x", "fields": {"a": [1]}},
        {"phase": "reference", "time": 10, "service": "cart", "level": "INFO", "msg": "fine", "trace": "t1"},
    ]
    case = open_case(make(logs__jsonl="\n".join(map(json.dumps, rows)) + "\n\n"))
    table = await case.logs(case.scope)
    assert isinstance(table, LogTable)
    assert table.frame["time"].to_list() == [10.0, 20.5, None]
    assert table.frame["level"].to_list() == ["INFO", "ERROR", "WARN"]
    assert table.frame["incident"].to_list() == [False, True, True]
    assert table.frame["fields"].to_list() == ["", '{"a": [1]}', ""]
    assert "abc123" not in table.frame["msg"][1]
    assert table.as_of_s == 20.5
    of_cart = await case.logs(case.scope, entities=["app/cart"])
    assert isinstance(of_cart, LogTable)
    assert of_cart.frame["msg"].to_list() == ["fine"]


async def test_a_case_without_phases_is_all_incident(make: Make) -> None:
    spans = "trace,span,parent,service,op,start,dur_ms\nt1,a,,pay,GET /,1.5,20\nt1,b,a,cart,GET /c,1.6,\n"
    logs = '{"time": 1, "service": "pay", "level": "INFO", "msg": "m"}\n'
    case = open_case(make(metrics__csv="time,pay|cpu\n1,2\n", spans__csv=spans, logs__jsonl=logs))
    metrics, log_lines, traces, *_ = await everything(case)
    assert isinstance(traces, SpanTable)
    assert metrics.incident.all()
    assert log_lines.frame["incident"].all()
    assert traces.frame["incident"].all()
    assert traces.frame["parent"].to_list() == ["", "a"]
    assert traces.frame["dur_ms"].to_list() == [20.0, None]


async def test_changes_keep_what_we_have_no_field_for(make: Make) -> None:
    rows = [
        {"time": 30, "kind": "deploy", "service": "pay", "id": "c1", "version": "v2"},
        {"time": 10, "kind": "commit", "id": "c1", "title": "Tidy", "files": ["a.py"], "diff": None, "author": "ann"},
        {"time": 20, "kind": "flag", "service": "pay", "flag": "fast", "change": "off->on"},
        {"time": 40, "kind": "rollout", "service": "pay", "title": "revision 3", "revision": "3"},
        {"time": 50, "kind": "migration", "id": "m1"},
    ]
    case = open_case(make(changes__jsonl="\n".join(map(json.dumps, rows))))
    found = await case.changes(case.scope.window)
    assert not isinstance(found, NoData)
    assert [change.kind for change in found] == ["commit", "flag", "deploy", "rollout", "infrastructure"]
    assert found[0].id == found[2].id == "c1"
    assert found[1].details == {"flag": "fast", "change": "off->on", "from": "off", "to": "on"}
    assert found[1].id == "flag:pay:fast"
    assert found[3].details == {"revision": "3"}
    assert found[4].details == {"kind": "migration"}


async def test_topology_objects_and_documents_are_as_recorded(make: Make) -> None:
    case = open_case(
        make(
            topology__json='{"edges": [["a", "b"]], "placement": {"a": "node-1"}}',
            k8s__jsonl='{"cmd": "kubectl get pods", "out": "a Running"}\n',
            extra__jsonl='{"doc": "status_feed", "region": "eu"}\n',
        )
    )
    *_, topology, objects, statuses = await everything(case)
    assert topology == Topology("case:topology.json", (("a", "b"),), {"a": "node-1"})
    assert objects.recorded[0].output == "a Running"
    assert statuses.documents == ({"doc": "status_feed", "region": "eu"},)


async def test_each_file_is_read_once(make: Make) -> None:
    path = make(metrics__csv=METRICS)
    case = open_case(path)
    first = await case.metrics(case.scope)
    (path / "metrics.csv").unlink()
    assert await case.metrics(case.scope) is first


@pytest.mark.parametrize(
    ("file", "body", "told"),
    [
        ("logs__jsonl", "\n{broken\n", "logs.jsonl, line 2"),
        ("logs__jsonl", '{"time": "noon"}\n', "logs.jsonl, line 1: time 'noon'"),
        ("logs__jsonl", "[1]\n", "logs.jsonl, line 1: a JSON object"),
        ("logs__jsonl", b'{"msg": "\xff"}\n', "logs.jsonl, line 1"),
        ("logs__jsonl", "[" * 100_000, "logs.jsonl, line 1"),
        ("metrics__csv", "phase,time,a|b\nincident,2,x\n", "metrics.csv, line 2: 'x' in column 'a|b'"),
        ("metrics__csv", "phase,time,a|b\nincident,1,2,3\n", "metrics.csv, line 2: 4 cells"),
        ("metrics__csv", "phase,time,ab\nincident,1,2\n", "metrics.csv, line 1: column 'ab'"),
        ("metrics__csv", "phase,a|b\nincident,1\n", "no column `time`"),
        ("metrics__csv", "time,a|b,a|b\n1,1,2\n", "appears twice"),
        ("spans__csv", "trace,span\nt,s\n", "spans.csv, line 1: there is no column `parent`"),
        ("changes__jsonl", '{"kind": "deploy", "id": "x"}\n', "changes.jsonl, line 1: time"),
        ("topology__json", '{"edges": [["a"]]}', "topology.json: edges"),
        ("k8s__jsonl__gz", b"not gzip", "k8s.jsonl.gz is not readable gzip"),
        ("k8s__jsonl__gz", gzip.compress(b'{"cmd": "x"}\n' * 100, mtime=0)[:-12], "ends in the middle"),
        ("extra__jsonl__gz", gzip.compress(b"\0" * (64 << 20), mtime=0), "inflates to more"),
    ],
)
async def test_a_broken_file_is_named_with_its_line(make: Make, file: str, body: str | bytes, told: str) -> None:
    case = open_case(make(**{file: body}))
    with pytest.raises(BadInput) as caught:
        await everything(case)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("file", "body", "rows", "told"),
    [
        (
            "logs__jsonl",
            '{"time": 1}\n{broken\n{"time": 2}\n',
            2,
            "1 line of logs.jsonl could not be read (line 2: not readable JSON",
        ),
        ("logs__jsonl", '{"time": 1}\n{"time": 1e300}\n[]\n', 1, "2 lines of logs.jsonl could not be read (line 2: time '1e+300'"),
        ("logs__jsonl", '{"time": 1}\n{"a": %s}\n' % ("[" * 100_000), 1, "1 line of logs.jsonl could not be read (line 2"),
        ("metrics__csv", "time,a|b\n1,2\nx,3\n3,4\n", 2, "1 line of metrics.csv could not be read (line 3: 'x' in column 'time'"),
        ("metrics__csv", "time,a|b\n1,2\n2,x\n3,n/a\n", 3, "2 cells of metrics.csv could not be read (line 3: 'x' in column 'a|b'"),
        ("metrics__csv", "time,a|b\n1,2\n2,3,4\n", 1, "1 line of metrics.csv could not be read (line 3: 3 cells where"),
        ("metrics__csv", "time,a|b\n1,2\ninf,3\n,3\n", 1, "2 lines of metrics.csv without a time left out"),
        ("metrics__csv", f"time,a|b\n1,2\n2,{'x' * 200_000}\n", 1, "1 line of metrics.csv could not be read (line 3"),
        ("spans__csv", f"{SPANS}t,a,,s,o,1,2\nt,b,,s,o,1e300,2\nt,c,,s,o,,inf\n", 2, "1 span of spans.csv without a time left out"),
        ("spans__csv", f"{SPANS}t,a,,s,o,1,2\nt,b,,s,o,x,2\n", 1, "1 line of spans.csv could not be read (line 3: 'x' in column"),
    ],
)
async def test_a_record_that_cannot_be_read_costs_only_itself_and_is_counted(
    make: Make, file: str, body: str, rows: int, told: str
) -> None:
    case = open_case(make(**{file: body}))
    (table,) = (answer for answer in await everything(case) if not isinstance(answer, NoData))
    assert (len(table.times) if isinstance(table, MetricTable) else table.frame.height) == rows
    assert table.truncated is not None
    assert table.truncated.startswith(told)


async def test_what_is_said_of_a_line_that_cannot_be_read_holds_no_secret(make: Make) -> None:
    case = open_case(make(logs__jsonl='{"time": "password=hunter2"}\n', metrics__csv="time,a|b\n1,2\n2,password=hunter2\n"))
    table = await case.metrics(case.scope)
    assert isinstance(table, MetricTable)
    with pytest.raises(BadInput) as caught:
        await case.logs(case.scope)
    assert "hunter2" not in f"{table.truncated} {caught.value}"
    assert "[redacted:" in (table.truncated or "")


async def test_text_that_is_half_a_character_is_whole_in_every_file(make: Make) -> None:
    half = r"a\ud800b"
    case = open_case(
        make(
            logs__jsonl=f'{{"time": 1, "msg": "{half}", "service": "{half}", "fields": {{"{half}": "{half}"}}}}\n',
            changes__jsonl=f'{{"time": 1, "kind": "deploy", "service": "{half}", "title": "{half}", "diff": "{half}"}}\n',
            topology__json=f'{{"edges": [["a", "{half}"]], "placement": {{"{half}": "{half}"}}}}',
            k8s__jsonl=f'{{"cmd": "{half}", "out": "{half}"}}\n',
            extra__jsonl=f'{{"doc": "{half}"}}\n',
        )
    )
    _, logs, _, changes, topology, objects, statuses = await everything(case)
    assert logs.frame["msg"].to_list() == logs.frame["service"].to_list() == ["a\ufffdb"]
    assert changes[0].service == changes[0].title == changes[0].diff == "a\ufffdb"
    assert topology.edges == (("a", "a\ufffdb"),)
    assert objects.recorded[0].output == statuses.documents[0]["doc"] == "a\ufffdb"


@pytest.mark.parametrize("time", ["1e400", "NaN", "2e11", "1" + "0" * 400, "1" * 5000, '"noon"', "true"])
async def test_a_change_at_no_time_costs_only_itself_and_is_counted(make: Make, time: str) -> None:
    case = open_case(make(changes__jsonl=f'{{"time": 1, "kind": "deploy"}}\n{{"kind": "deploy", "time": {time}}}\n'))
    found = await case.changes(case.scope.window)
    assert isinstance(found, Changes)
    assert len(found) == 1
    assert found.truncated is not None
    assert found.truncated.startswith("1 line of changes.jsonl could not be read (line 2: time ")


async def test_objects_documents_and_edges_that_cannot_be_read_are_counted(make: Make) -> None:
    case = open_case(
        make(
            k8s__jsonl='{"cmd": "x"}\n[]\n', extra__jsonl='{\n{"doc": "x"}\n{\n', topology__json='{"edges": [["a", "b"], ["c"], 1]}'
        )
    )
    *_, topology, objects, statuses = await everything(case)
    assert topology.truncated == "2 edges of topology.json could not be read"
    assert objects.truncated.startswith("1 line of k8s.jsonl could not be read (line 2: ")
    assert statuses.truncated.startswith("2 lines of extra.jsonl could not be read (line 1: ")


@pytest.mark.parametrize("key", ["start", "end", "onset_estimate"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00", 1e11, -6.1e10])
def test_a_time_no_incident_can_have_is_refused(make: Make, key: str, time: str | float) -> None:
    with pytest.raises(BadInput, match=f"window.{key} is too far away"):
        open_case(make(case={"window": {**CASE["window"], key: time}}))


@pytest.mark.parametrize("part", [{"id": "\ud800"}, {"alert": {"summary": "\ud800"}}, {"candidates": ["\udfff"]}])
def test_a_case_json_with_half_a_character_is_refused(make: Make, part: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"case\.json: not readable JSON \(a text in it holds half a character"):
        open_case(make(case=part))


async def test_a_folder_that_is_gone_is_unwell(make: Make) -> None:
    path = make()
    case = open_case(path)
    (path / os.fsdecode(b"a\xff\n")).write_text("")
    assert (await case.check()).line == "case sample-1: a\ufffd\ufffd, case.json"
    shutil.rmtree(path)
    health = await case.check()
    assert not health.ok
    assert "FIRSTMATE_CASE_PATH" in health.line


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"window": None}, "case.json: window"),
        ({"window": {"start": "yesterday", "end": "2026-01-01T01:00:00Z"}}, "window.start is not a time"),
        ({"window": {"start": "2026-01-01T02:00:00Z", "end": "2026-01-01T01:00:00Z"}}, "window ends"),
        ({"alert": [1]}, "case.json: alert"),
        ({"alert": {"summary": "s", "threshold": "high"}}, "threshold"),
        ({"candidates": "pay"}, "candidates must be a list"),
        ({"schema": "incident-case/9"}, "incident-case/9"),
    ],
)
def test_a_broken_case_json_says_which_part_of_which_folder_and_what_to_do(make: Make, part: dict[str, Any], told: str) -> None:
    path = make(case=part)
    with pytest.raises(BadInput) as caught:
        open_case(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{path}: case.json")
    assert str(caught.value).endswith("; mend it there: the README says under “A case” what it holds")


async def test_a_link_that_leads_out_of_the_folder_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text(METRICS)
    path = make()
    (path / "metrics.csv").symlink_to(tmp_path / "outside.csv")
    case = open_case(path)
    with pytest.raises(BadInput, match="leads out"):
        await case.metrics(case.scope)


def test_cases_are_found_below_a_folder_in_order(make: Make, tmp_path: Path) -> None:
    made = [make(folder=f"set/{name}") for name in ("b", "a")]
    assert find_cases(tmp_path) == sorted(made)
    assert find_cases(made[0]) == [made[0]]
    with pytest.raises(NotFound):
        find_cases(tmp_path / "nothing")
    with pytest.raises(NotFound):
        open_case(tmp_path / "nothing")
    with pytest.raises(BadInput, match=r"no case\.json"):
        open_case(tmp_path)


@pytest.mark.shared
async def test_every_recorded_case_can_be_read() -> None:
    if not RECORDED.is_dir():
        pytest.skip("the recorded cases are not beside the project")
    found = find_cases(RECORDED)
    assert found
    for path in found:
        case = open_case(path)
        answers = await everything(case)
        assert not all(isinstance(answer, NoData) for answer in answers), path
        assert case.scope.candidates
