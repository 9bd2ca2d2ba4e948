"""Numbers that stand behind a name, or where nothing is said."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff

NUMBERS: dict[str, tuple[str, float, float]] = {
    "python constant of another file": (
        (
            "@@ jobs/consumer.py @@\n"
            "-    channel.qos(prefetch=20)\n"
            "-    channel.consume(queue, work)\n"
            "+    listen(channel, queue, work)\n"
            "@@ jobs/listen.py @@\n"
            "+AHEAD = 2000\n"
            "+\n"
            "+def listen(channel, queue, work):\n"
            "+    channel.qos(prefetch=AHEAD)\n"
            "+    channel.consume(queue, work)\n"
        ),
        20,
        2000,
    ),
    "go constant": (
        (
            "@@ db/open.go @@\n"
            "+const conns = 4\n"
            "+\n"
            " func Open(dsn string) *sql.DB {\n"
            "-\tdb.SetMaxOpenConns(40)\n"
            "+\tdb.SetMaxOpenConns(conns)\n"
        ),
        40,
        4,
    ),
    "java constant": (
        (
            "@@ Feed.java @@\n"
            "+    private static final int PAGE_SIZE = 5000;\n"
            "@@ Feed.java @@\n"
            "-        return repository.newest(PageRequest.of(0, 50));\n"
            "+        return repository.newest(PageRequest.of(0, PAGE_SIZE));\n"
        ),
        50,
        5000,
    ),
    "default of an argument that the diff shows": (
        (
            "@@ clients/stock.py @@\n"
            "-    return call(url, timeout=20)\n"
            "+    return call(url)\n"
            "@@ clients/base.py @@\n"
            " def call(url, timeout=2):\n"
            "+    count(url)\n"
            "     return session.get(url, timeout=timeout)\n"
        ),
        20,
        2,
    ),
    "default of a module": (
        (
            "@@ infra/jobs.tf @@\n"
            '-resource "aws_batch_queue" "import" {\n'
            '-  name                  = "import"\n'
            "-  lease_timeout_seconds = 900\n"
            "-  retention_hours       = 48\n"
            "-}\n"
            '+module "import" {\n'
            '+  source          = "../modules/batch"\n'
            '+  name            = "import"\n'
            "+  retention_hours = 48\n"
            "+}\n"
            "@@ infra/modules/batch/variables.tf @@\n"
            ' variable "lease_timeout" {\n'
            "   type    = number\n"
            "   default = 45\n"
            " }\n"
            "+\n"
            '+variable "retention_hours" {\n'
            "+  type = number\n"
            "+}\n"
        ),
        900,
        45,
    ),
    "base values of a chart": (
        (
            "@@ chart/values-live.yaml @@\n"
            " pool:\n"
            "-  size: 60\n"
            "   name: main\n"
            "@@ chart/values.yaml @@\n"
            " pool:\n"
            "+  name: main\n"
            "   size: 6\n"
        ),
        60,
        6,
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_stands_behind_a_name_or_a_default_is_read(name: str) -> None:
    diff, was, now = NUMBERS[name]
    heaviest = read_diff(diff).effects[0]
    assert [one.value for one in (heaviest.before, heaviest.after) if one is not None] == [was, now]
