"""What every connector that reads outsiders' records promises: one hostile record never costs the others, and how many were left
out is said."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.connectors.case import open_case
from app.connectors.git import Git, GitSettings
from app.connectors.logfile import Logfiles, LogfileSettings
from app.connectors.prometheus import Prometheus, PrometheusSettings
from app.domain.incident import Alert, Scope
from app.domain.telemetry import LogTable, MetricTable, NoData, SpanTable
from app.domain.window import Window

T = 1_790_000_000
WINDOW = Window.of_epoch(T, T + 600)
SCOPE = Scope(alert=Alert(fired_at=datetime.fromtimestamp(T + 600, UTC), summary="s"), window=WINDOW)

VALUES = {
    "half a character": r'"\ud800"',
    "the other half": r'"x\uDFFF"',
    "a digit that is none": '"²"',
    "400 digits": "1" + "0" * 400,
    "5000 digits": "1" * 5000,
    "5000 digits in words": f'"{"1" * 5000}"',
    "not finite": "1e400",
    "no number": "NaN",
    "after all times": "1e300",
    "nothing": "null",
    "yes": "true",
    "an empty list": "[]",
    "deep": "[" * 300 + "]" * 300,
    "too deep": "[" * 100_000,
    "as deep as can just be read": '{"a":' * 985 + "1" + "}" * 985,
    "a mark of direction": r'"\u202e\u0000<!channel>"',
    "long": f'"{"x" * 300_000}"',
}
"""JSON texts, each of which stands once in every field of a record."""


@dataclass(frozen=True)
class Answer:
    """Names of the records that came through, how many did, and what the source says of the rest."""

    names: frozenset[str]
    records: int
    said: str


def kept(answer: Answer, *, honest: set[str], sent: int) -> None:
    """The promise."""
    assert honest <= answer.names
    missing = sent - answer.records
    counts = [
        int(count) for count in re.findall(r"(?:^|; )(\d+) (?!cells? of)\w+[^;]* (?:could not be read|left out)", answer.said)
    ]
    assert sum(counts) == missing, f"{missing} are missing; {answer.said!r} is said"


def hostile(record: dict[str, Any]) -> Iterator[str]:
    """The record as JSON, with each of VALUES in each of its fields."""
    for field in record:
        for value in VALUES.values():
            body = {key: "@" if key == field else said for key, said in record.items()}
            yield json.dumps(body).replace('"@"', value, 1)


def log_lines(record: dict[str, Any]) -> tuple[str, int]:
    lines = [json.dumps({**record, "msg": "first"}), *hostile(record), "{", "[]", json.dumps({**record, "msg": "last"})]
    return "\n".join(lines) + "\n", len(lines)


def of_logs(table: LogTable | NoData) -> Answer:
    assert isinstance(table, LogTable), table
    return Answer(frozenset(table.frame["msg"]), table.frame.height, table.truncated or "")


async def logfile(folder: Path) -> None:
    body, sent = log_lines({"ts": T + 5, "level": "error", "msg": "m", "service": "pay", "trace": "t", "pod": "p", "user": "u"})
    body = body.replace("\n[]\n", "\n{]\n")  # a line that is no object is text, and belongs to the one before it
    (folder / "pay.log").write_text(body)
    source = Logfiles(LogfileSettings(paths=f"{folder}/*.log"))
    kept(of_logs(await source.logs(SCOPE)), honest={"first", "last"}, sent=sent)


def write_case(folder: Path, **files: str) -> Path:
    window = {"start": WINDOW.start.isoformat(), "end": WINDOW.end.isoformat()}
    (folder / "case.json").write_text(json.dumps({"alert": {"summary": "s"}, "window": window}))
    for name, body in files.items():
        (folder / name.replace("__", ".")).write_text(body)
    return folder


async def case_logs(folder: Path) -> None:
    record = {"phase": "incident", "time": T + 5, "service": "pay", "level": "ERROR", "msg": "m", "trace": "t", "fields": {"a": 1}}
    body, sent = log_lines(record)
    case = open_case(write_case(folder, logs__jsonl=body))
    kept(of_logs(await case.logs(case.scope)), honest={"first", "last"}, sent=sent)


CELLS = ("²", "1e400", "-inf", "nan", "x" * 200_000, "1" * 5000, "\u202e", '"a""b"', '"', "")


async def case_metrics(folder: Path) -> None:
    rows = [
        f"incident,{T + 1},1,5",
        *(f"incident,{T + 2},{cell},5" for cell in CELLS),
        f"incident,{T + 3},1,5,6",
        f"incident,{T + 4},2,5",
    ]
    rows += [f"incident,{cell},1,5" for cell in CELLS if cell != '"']
    rows = [row for row in rows if '"' not in row.replace('""', "")] + [f"incident,{T + 9},3,5"]
    case = open_case(write_case(folder, metrics__csv="phase,time,pay|cpu,pay|mem\n" + "\n".join(rows) + "\n"))
    table = await case.metrics(case.scope)
    assert isinstance(table, MetricTable), table
    names = frozenset(str(int(at)) for at in table.times)
    honest = {str(T + n) for n in (1, 2, 4, 9)}  # at 2 s a cell is hostile, and its row keeps the others
    kept(Answer(names, len(table.times), table.truncated or ""), honest=honest, sent=len(rows))
    assert set(table.values[table.times == T + 2, 1]) == {5.0}
    assert "2 cells of metrics.csv could not be read" in (table.truncated or "")


async def case_spans(folder: Path) -> None:
    starts = [cell for cell in CELLS if '"' not in cell and cell]
    rows = [
        f"incident,t,first,,pay,op,{T},5",
        *(f"incident,t,s,,pay,op,{cell},5" for cell in starts),
        f"incident,t,last,,pay,op,{T},5",
    ]
    head = "phase,trace,span,parent,service,op,start,dur_ms"
    case = open_case(write_case(folder, spans__csv="\n".join([head, *rows]) + "\n"))
    table = await case.spans(case.scope)
    assert isinstance(table, SpanTable), table
    kept(
        Answer(frozenset(table.frame["span"]), table.frame.height, table.truncated or ""), honest={"first", "last"}, sent=len(rows)
    )


async def git(folder: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git program here")

    def run(*arguments: str, at: int = T, author: str = "Ann") -> None:
        who = {
            f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", author), ("EMAIL", "a@x"))
        }
        when = {"GIT_AUTHOR_DATE": f"@{at} +0000", "GIT_COMMITTER_DATE": f"@{at} +0000"}
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who, **when}
        subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, check=True)

    run("init", "-q", "-b", "main")
    titles = ["first", "a\ufffd \u202e", "x" * 100_000, "diff --git a/x b/x\n\n@@ -1 +1 @@\n-a\n+b", "last"]
    for number, title in enumerate(titles):
        name = os.fsdecode(b"a\xff\n%d" % number)
        (folder / name).write_bytes(b"\xff\x00\xed\xa0\x80" * 10 if number % 2 else b"text\n" * 200_000)
        run("add", "-A")
        run("commit", "-q", "-m", title, at=T + number, author="A\u202e" * 200)
    run("commit", "-q", "--allow-empty", "-m", "backdated", at=1)
    found = await Git(GitSettings(path=folder)).changes(WINDOW)
    assert not isinstance(found, NoData)
    kept(Answer(frozenset(change.title for change in found), len(found), ""), honest={"first", "last"}, sent=len(titles))


READABLE = {"labels": 15, "values": 1, "time": 3, "value": 3}
"""What means something all the same: any label, no samples at all, and for a number `true`, 1e300 and a text of 5000 digits."""


async def prometheus(folder: Path) -> None:
    """There is one metric and one stretch, so that one answer holds all rows."""
    honest = {"metric": {"service": "honest"}, "values": [[T + 15, "1"], [T + 30, "2"]]}
    rows = [json.dumps(honest)]
    told = [value for name, value in VALUES.items() if "deep as" not in name and name != "too deep"]  # of those not even the answer
    for value in told:
        rows += [
            f'{{"metric": {{"service": {value}}}, "values": [[{T + 15}, "1"]]}}',
            f'{{"metric": {{"service": "v"}}, "values": {value}}}',
            f'{{"metric": {{"service": "t"}}, "values": [[{value}, "1"]]}}',
            f'{{"metric": {{"service": "s"}}, "values": [[{T + 15}, {value}]]}}',
            f'{{"metric": {value}, "values": [[{T + 15}, "1"]]}}',
            value,
        ]

    def answer(request: httpx2.Request) -> httpx2.Response:
        data = {
            "series": '[{"__name__": "queue_depth", "service": "honest"}]',
            "metadata": "{}",
            "query_range": f'{{"resultType": "matrix", "result": [{", ".join(rows)}]}}',
        }[request.url.path.rsplit("/", 1)[-1]]
        return httpx2.Response(200, content=f'{{"status": "success", "data": {data}}}'.encode())

    source = Prometheus(PrometheusSettings(url="http://prometheus:9090"), transport=httpx2.MockTransport(answer))
    table = await source.metrics(SCOPE)
    assert isinstance(table, MetricTable), table
    names = frozenset(name.entity for name in table.names)
    records = 1 + sum(READABLE.values())
    kept(Answer(names, records, table.truncated or ""), honest={"honest"}, sent=len(rows))
    await source.close()


WORLDS: list[Callable[[Path], Awaitable[None]]] = [logfile, case_logs, case_metrics, case_spans, git, prometheus]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.__name__)
async def test_one_hostile_record_never_costs_the_others_and_what_is_left_out_is_counted(
    world: Callable[[Path], Awaitable[None]], tmp_path: Path
) -> None:
    await world(tmp_path)


@pytest.mark.parametrize(
    "bad",
    [
        Answer(frozenset({"first"}), 3, ""),  # loses an honest one
        Answer(frozenset({"first", "last"}), 2, ""),  # says nothing of the third
        Answer(frozenset({"first", "last"}), 2, "2 lines could not be read"),  # miscounts
        Answer(frozenset({"first", "last"}), 3, "1 line could not be read"),  # complains of nothing
    ],
)
def test_a_source_that_breaks_the_promise_is_found_out(bad: Answer) -> None:
    with pytest.raises(AssertionError):
        kept(bad, honest={"first", "last"}, sent=3)
    kept(Answer(frozenset({"first", "last"}), 2, "x; 1 line could not be read"), honest={"first", "last"}, sent=3)
