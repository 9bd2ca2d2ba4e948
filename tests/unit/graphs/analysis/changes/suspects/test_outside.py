"""What speaks for all changes: an end that was written down, one of many who asks more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.agent import Agent
from app.domain.change import Change
from app.domain.finding import Finding
from app.domain.incident import Alert, Scope
from app.domain.telemetry import Topology
from app.domain.window import Window
from graphs.analysis.changes.suspects.blame import explain
from graphs.analysis.changes.suspects.innocence import innocence
from graphs.analysis.changes.suspects.outside import broken, counted_out, of_one_customer, of_one_part, ran_out

ONSET = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WINDOW = Window(start=ONSET - timedelta(hours=1), end=ONSET + timedelta(minutes=20))
SCOPE = Scope(
    alert=Alert(fired_at=ONSET + timedelta(minutes=3), summary="gate refuses", service="gate"), window=WINDOW, candidates=("gate",)
)
DATED = "x509: certificate has expired: current time 2026-03-02T09:04:11Z is after 2026-03-02T09:00:00Z"


def finding(signal: str, query: str, excerpt: str | None = None, **numbers: float) -> Finding:
    return Finding.of(
        agent=Agent(name=signal, version="1"),
        signal=signal,  # type: ignore[arg-type]
        source="s",
        query=query,
        window=WINDOW,
        as_of=WINDOW.end,
        statement="new since the onset",
        entity="gate",
        excerpt=excerpt,
        numbers=numbers,
    )


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        (DATED, True),
        ("certificate expired: NotAfter: Mon Mar 02 08:58:30 UTC 2026", True),
        ("token expired at 2026-03-02 08:55:00", True),
        ("x509: certificate has expired: current time 2026-03-02T09:04:11Z is after 2026-01-04T00:00:00Z", False),
        ("licence expired", False),
        ("2026-03-02T09:00:00Z connection refused", False),
        ("certificate expired on 2026-19-77 09:00:00", False),
    ],
)
def test_an_end_that_was_written_down_is_when_it_began(text: str, is_it: bool) -> None:
    assert ran_out([text], ONSET) is is_it


@pytest.mark.parametrize(
    ("diff", "cleared"),
    [
        ("@@ gate/tls.go @@\n-\tMinVersion: tls.VersionTLS12,\n+\tMinVersion: tls.VersionTLS13,\n", True),
        ("@@ gate/keeper.go @@\n-\tcertificates.renewAll(ctx)\n", False),
    ],
)
def test_a_dated_end_clears_what_is_about_the_same_thing_but_not_what_stopped_its_renewal(diff: str, cleared: bool) -> None:
    change = Change(id="c" * 12, kind="deploy", at=ONSET - timedelta(minutes=30), service="gate", version="1", diff=diff)
    symptoms = [finding("logs", "x509", DATED)]
    suspects = explain([change], SCOPE, ONSET, symptoms, Topology(source="t"))
    assert (innocence(suspects, SCOPE, symptoms, Topology(source="t"), ONSET).weight > suspects[0].weight) is cleared


def test_one_of_many_who_asks_more_is_told_from_all_who_do() -> None:
    whole = finding("metrics", "gate|uploads_per_sec", base=500.0, level=3500.0)
    one = finding("metrics", "gate|uploads_per_sec_customer_blue", base=20.0, level=3010.0)
    part = finding("metrics", "gate|uploads_per_sec_customer_red", base=20.0, level=60.0)
    most = finding("metrics", "gate|uploads_per_sec_http", base=490.0, level=3480.0)
    assert of_one_part([whole, one, part])
    assert not of_one_part([whole, part])
    assert not of_one_part([whole, most])


def test_one_of_those_who_are_served_is_nobody_s_change_unless_a_change_names_him() -> None:
    whole = finding("metrics", "gate|rows_written_per_sec", base=900.0, level=18000.0)
    one = finding("metrics", "gate|rows_written_per_sec_tenant_t_4711", base=3.0, level=17100.0)
    route = finding("metrics", "gate|rows_written_per_sec_imports", base=3.0, level=17100.0)
    assert of_one_customer([whole, one], ["+ pool = 5"])
    assert not of_one_customer([whole, one], ["+ batch[4711] = 1"])
    assert not of_one_customer([whole, route], [])  # what a change may have made more of
    calm = [scoped(one, CHANGE) for one in ([whole, one], [whole, route])]
    assert calm[0] > 1.0 > calm[1]


CHANGE = "@@ gate/repo.py @@\n-    with primary() as conn:\n+    with replica() as conn:\n"
TYPE = "@@ db/0007.sql @@\n-CREATE SEQUENCE entry_id AS bigint;\n+CREATE SEQUENCE entry_id AS integer;\n"
FULL = 'ERROR: nextval: reached maximum value of sequence "entry_id" (2147483647)'


def scoped(symptoms: list[Finding], diff: str) -> float:
    """How much clears a change that altered this."""
    change = Change(id="c" * 12, kind="deploy", at=ONSET - timedelta(minutes=6), service="gate", version="1", diff=diff)
    moved = [one.model_copy(update={"numbers": {**one.numbers, "z": 9.0}}) for one in symptoms]
    suspects = explain([change], SCOPE, ONSET, moved, Topology(source="t"))
    return innocence(suspects, SCOPE, moved, Topology(source="t"), ONSET).weight


def test_a_counter_at_the_end_of_its_type_clears_who_does_not_touch_counters() -> None:
    full = [finding("logs", "full", FULL)]
    assert scoped(full, CHANGE) > 2.0 > scoped(full, TYPE)


@pytest.mark.parametrize(
    ("line", "full"),
    [
        (FULL, True),
        ("Duplicate entry '4294967295' for key 'orders.PRIMARY' (auto_increment)", True),
        ("database is not accepting commands to avoid wraparound data loss in database app", True),
        ("Arithmetic overflow error converting IDENTITY to data type int.", True),
        ("listening on port 65535", False),
        ("value 2147483647 is out of range for discount", False),
        ("sequence entry_id is at 81244", False),
    ],
)
def test_a_counter_that_came_to_its_end_says_by_which_number(line: str, full: bool) -> None:
    assert counted_out([line], ()) is full
    assert not counted_out([line], ("sequenc",))


@pytest.mark.parametrize(
    ("line", "fails"),
    [
        ("kernel: blk_update_request: critical medium error, dev sdb, sector 1187", True),
        ("kernel: nvme nvme1: I/O 115 QID 7 timeout, aborting", True),
        ("mce: [Hardware Error]: CPU 4: Machine Check Exception", True),
        ("EDAC MC0: 1 uncorrected ECC error on DIMM_B2", True),
        ("Buffer I/O error on dev dm-2, logical block 99", True),
        ("upload failed: unsupported media type", False),
        ("disk usage 97 % on /var/lib/data", False),
        ("connection timeout, aborting the request", False),
        ("node: eno1 rx_crc_errors +8012 in 60s", True),
        ("kernel: i40e eno1: Port module event: Cable error", True),
        ("snappy: crc error in block 12", False),
    ],
)
def test_a_machine_whose_own_parts_fail_says_so_in_its_kernel_s_words(line: str, fails: bool) -> None:
    assert broken([line]) is fails
