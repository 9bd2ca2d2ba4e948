"""What the verifier says, word for word, of trails made by hand: every branch of it is somebody's way out if it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.verify_alone import Check, Log, Report, read_roots, said, signed
from tests.unit.handmade import AT, FOREIGN, OTHER, PUBLIC, Trail, edited


@pytest.fixture
def trail() -> Trail:
    """Five rows and two under two roots, one row more under none."""
    return Trail().add("").add("INC-1", 3).seal().add("INC-1", 2).seal().add("")


# --- a trail that holds


def test_of_a_sound_trail_everything_is_told(trail: Trail) -> None:
    report = trail.check()
    last = trail.log().roots[-1]
    assert report == Report(chains=2, rows=7, uncovered=1, roots=2, last=last, problems={}, whole=[])
    assert report.holds
    assert said(report) == [
        f"the last of 2 roots is 2:{last.hash[:12]} of 2026-03-01T12:00:00Z,",
        f"signed by {PUBLIC}; 1 row came after it, on the chains alone",
        "2 chains, 7 rows: they hold",
    ]
    assert (last.seq, last.at, last.key, last.name) == (2, AT, PUBLIC, "root 2 (2026-03-01T12:00:00Z)")
    assert last.heads == (("INC-1", 5, trail.chains["INC-1"][-1][-2]),)
    assert said(Trail().add("").seal().check())[1:] == [
        f"signed by {PUBLIC}; 0 rows came after it, on the chains alone",
        "1 chain, 1 row: they hold",
    ]


def test_of_an_empty_database_there_is_nothing_to_say() -> None:
    assert said(Check(Log()).end([])) == ["0 chains, 0 rows: they hold"]
    assert Check().end([]).holds


def test_rows_without_roots_are_vouched_for_by_nobody() -> None:
    report = Trail().add("").check(Log())
    nobody = "there are no roots: nothing outside the database vouches for it, so a chain that was written anew, "
    assert report.whole == [f"{nobody}or cut short, is not found"]
    assert (report.problems, report.uncovered, report.last, report.holds) == ({}, 1, None, False)
    assert said(report) == [*report.whole, "1 chain, 1 row: BROKEN"]


# --- chains


@pytest.mark.parametrize(
    ("seq", "columns", "told"),
    [
        (2, {"actor": "UEVIL"}, ["row 2 was changed: its content has another hash"]),
        (2, {"payload": '{"n":9}'}, ["the payload of row 2 was changed"]),
        (2, {"payload": 7}, ["the payload of row 2 was changed"]),
        (2, {"payload": b'{"n":2}'}, ["the payload of row 2 was changed"]),
        (2, {"payload": "\ud800"}, ["the payload of row 2 was changed"]),
        (2, {"payload": None}, ["the payload of row 2 is gone, and nobody recorded erasing it"]),
        (2, {"prev": ""}, ["row 2 does not follow from the row before it", "row 2 was changed: its content has another hash"]),
        (1, {"prev": "0"}, ["row 1 does not follow from the row before it", "row 1 was changed: its content has another hash"]),
        (
            3,
            {"hash": "0"},
            [
                "row 3 was changed: its content has another hash",
                "rows 1 to 3 are not what root 1 (2026-03-01T12:00:00Z) signed: somebody wrote the chain anew",
                "row 4 does not follow from the row before it",
            ],
        ),
        (
            2,
            {"seq": "2"},
            [
                "the row after row 1 can't be read: its number is no number",
                "row 2 is missing: after row 1 comes row 3",
                "row 3 does not follow from the row before it",
            ],
        ),
        (
            5,
            {"actor": None},
            [
                "the row after row 4 can't be read: first argument must be a string, not NoneType",
                "the head names row 5 as the last one, and the chain ends with row 4",
                "row 5 are gone: root 2 (2026-03-01T12:00:00Z) signed row 5, and the chain ends with row 4",
            ],
        ),
    ],
)  # fmt: skip
def test_one_row_that_somebody_altered_is_told_for_what_it_is(
    trail: Trail, seq: int, columns: dict[str, Any], told: list[str]
) -> None:
    rows = trail.chains["INC-1"]
    heads = trail.heads()
    rows[seq - 1] = edited(rows[seq - 1], **columns)
    report = trail.check(heads=heads)
    assert report.problems == {"INC-1": told}
    assert (report.whole, report.rows, report.holds) == ([], 7, False)


def test_a_row_taken_out_and_a_tail_cut_off_are_told(trail: Trail) -> None:
    heads, rows = trail.heads(), trail.chains["INC-1"]
    trail.chains["INC-1"] = [rows[0], *rows[2:]]
    told = ["row 2 is missing: after row 1 comes row 3", "row 3 does not follow from the row before it"]
    assert trail.check(heads=heads).problems == {"INC-1": told}
    trail.chains["INC-1"] = rows[:3]
    gone = "rows 4 to 5 are gone: root 2 (2026-03-01T12:00:00Z) signed row 5, and the chain ends with row 3"
    assert trail.check(heads=heads).problems == {
        "INC-1": ["the head names row 5 as the last one, and the chain ends with row 3", gone]
    }
    assert trail.check().problems == {"INC-1": [gone]}  # the head set back too
    trail.chains["INC-1"] = [*rows, rows[4]]
    assert "row 6 is missing: after row 5 comes row 5" in trail.check(heads=heads).problems["INC-1"]


def test_a_head_that_is_gone_or_another_one_is_told(trail: Trail) -> None:
    heads = trail.heads()
    assert trail.check(heads={"": heads[""]}).problems == {"INC-1": ["the chain's head is missing"]}
    ends = "and the chain ends with row 5"
    assert trail.check(heads={**heads, "INC-1": (5, "0")}).problems == {"INC-1": [f"the head names row 5 as the last one, {ends}"]}
    assert trail.check(heads={**heads, "INC-1": (4, heads["INC-1"][1])}).problems == {
        "INC-1": [f"the head names row 4 as the last one, {ends}"]
    }


def test_a_chain_of_which_nothing_is_left_but_its_head_or_its_root_is_told(trail: Trail) -> None:
    heads = trail.heads()
    del trail.chains["INC-1"]
    gone = "rows 1 to 5 are gone: root 2 (2026-03-01T12:00:00Z) signed row 5, and the chain ends with row 0"
    report = trail.check(heads={"": heads[""]})
    assert (report.problems, report.chains) == ({"INC-1": [gone]}, 2)
    assert trail.check(heads=heads).problems == {
        "INC-1": ["the head names row 5 as the last one, and the chain ends with row 0", gone]
    }
    assert trail.check(heads={"": heads[""], "INC-1": (0, "")}).problems == {"INC-1": [gone]}
    told = trail.check(Trail().add("").seal().log(), heads={"": heads[""], "INC-2": (1, "x")})
    assert told.problems == {"INC-2": ["the head names row 1 as the last one, and the chain ends with row 0"]}


def test_a_chain_written_anew_is_told_once_from_where_no_root_vouches_for_it(trail: Trail) -> None:
    anew = "signed: somebody wrote the chain anew"
    log = trail.log()
    first = list(trail.chains["INC-1"][:3])
    report = trail.rewritten("INC-1", 5).check(log)
    assert report.problems == {"INC-1": [f"rows 1 to 3 are not what root 1 (2026-03-01T12:00:00Z) {anew}"]}
    trail.chains["INC-1"] = first
    trail.add("INC-1", 2, action="person:timeline:other")
    assert trail.check(log).problems == {"INC-1": [f"rows 4 to 5 are not what root 2 (2026-03-01T12:00:00Z) {anew}"]}
    single = Trail().add("").seal().add("").seal()
    log, rows = single.log(), single.chains[""]
    single.chains[""] = rows[:1]
    assert single.add("", action="x:y:z").check(log).problems == {"": [f"row 2 is not what root 2 (2026-03-01T12:00:00Z) {anew}"]}
    assert said(single.check(log))[0].startswith("what belongs to no incident: row 2 is not")


def test_two_roots_that_signed_different_rows_are_told(trail: Trail) -> None:
    head = trail.chains["INC-1"][2][-2]
    trail.seal(heads=[["INC-1", 3, "0" * 64], ["", 1, trail.chains[""][0][-2]]])
    report = trail.check()
    assert report.whole == ["root 1 (2026-03-01T12:00:00Z) and root 3 (2026-03-01T12:00:00Z) signed different rows 3 of INC-1"]
    assert (report.problems, report.holds, len(head)) == ({}, False, 64)


# --- what was erased


@pytest.mark.parametrize("action", ["person:audit:erase", "firstmate:audit:erase"])
def test_a_payload_that_is_gone_is_sound_where_its_erasing_stands_in_the_common_chain(trail: Trail, action: str) -> None:
    rows = trail.chains["INC-1"]
    rows[1], rows[3] = edited(rows[1], payload=None), edited(rows[3], payload=None)
    trail.add("", payload='{"incident":"INC-1","seqs":[2]}', action=action)
    gone = "the payload of row {} is gone, and nobody recorded erasing it"
    assert trail.check().problems == {"INC-1": [gone.format(4)]}
    trail.add("", payload='{"incident":"INC-1","seqs":[4]}', action=action)
    assert trail.check().holds


@pytest.mark.parametrize(
    ("chain", "payload", "action"),
    [
        ("INC-1", '{"incident":"INC-1","seqs":[2]}', "person:audit:erase"),
        ("", '{"incident":"INC-1","seqs":[2]}', "person:timeline:note"),
        ("", '{"incident":"INC-2","seqs":[2]}', "person:audit:erase"),
        ("", '{"incident":"INC-1","seqs":[3]}', "person:audit:erase"),
        ("", '{"seqs":[2]}', "person:audit:erase"),
        ("", '{"incident":"INC-1"}', "person:audit:erase"),
        ("", '{"incident":"INC-1","seqs":["x"]}', "person:audit:erase"),
        ("", '{"incident":"INC-1","seqs":2}', "person:audit:erase"),
        ("", "[]", "person:audit:erase"),
        ("", "{", "person:audit:erase"),
        ("", "[" * 100_000, "person:audit:erase"),
    ],
)
def test_what_is_no_record_of_erasing_excuses_nothing(trail: Trail, chain: str, payload: str, action: str) -> None:
    rows = trail.chains["INC-1"]
    rows[1] = edited(rows[1], payload=None)
    trail.add(chain, payload=payload, action=action)
    assert trail.check().problems == {"INC-1": ["the payload of row 2 is gone, and nobody recorded erasing it"]}


# --- roots


def test_a_root_that_does_not_follow_is_told_by_its_line(trail: Trail) -> None:
    trail.seal(prev="0" * 64)
    assert trail.log().problems == ["root 3 on line 3 does not follow from the root before it"]
    trail.lines[-1:] = []
    trail.seal(seq=4)
    assert trail.log().problems == ["root 4 on line 3 does not follow from the root before it"]
    assert Trail().add("").seal(seq=2).log().problems == ["root 2 on line 1 does not follow from the root before it"]
    assert Trail().add("").seal(prev="0").log().problems == ["root 1 on line 1 does not follow from the root before it"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{}", "KeyError: 'format'"),
        ("[]", "TypeError: list indices must be integers or slices, not str"),
        ('{"format": "audit-root/2"}', "ValueError: format 'audit-root/2'"),
        ("[" * 100_000, "RecursionError: maximum recursion depth exceeded while decoding a JSON array from a unicode string"),
    ],
)
def test_a_line_that_is_no_root_ends_the_reading_there(trail: Trail, line: str, why: str) -> None:
    text = trail.text()
    log = read_roots(f"{text}{line}\n{text}", keys=[PUBLIC])
    assert (log.problems, len(log.roots)) == ([f"line 3 of the roots is no root ({why})"], 2)


def test_what_is_told_of_such_a_line_is_short_and_what_is_being_written_is_no_root_yet(trail: Trail) -> None:
    (told,) = read_roots(json.dumps({"format": "x" * 999}) + "\n", keys=[]).problems
    assert len(told) == 300
    log = read_roots(trail.text() + '{"format"', keys=[PUBLIC])
    assert (log.problems, len(log.roots)) == ([], 2)
    assert read_roots("", keys=[PUBLIC]) == Log()


def test_each_run_of_roots_by_one_key_must_end_signed_by_it(trail: Trail) -> None:
    trail.seal(OTHER).seal(OTHER)
    assert trail.log(PUBLIC, FOREIGN).problems == []
    trail.lines[0]["signature"] = "00"  # what comes after it vouches for it
    trail.lines[2]["signature"] = "00"
    assert trail.log(PUBLIC, FOREIGN).problems == []
    trail.lines[1]["signature"] = "00"
    trail.lines[3]["signature"] = "00"
    assert trail.log(PUBLIC, FOREIGN).problems == [
        f"root 2 (2026-03-01T12:00:00Z) is not signed by its key {PUBLIC[:8]}",
        f"root 4 (2026-03-01T12:00:00Z) is not signed by its key {FOREIGN[:8]}",
    ]


def test_the_last_root_is_told_with_its_own_key(trail: Trail) -> None:
    trail.seal(OTHER)
    trail.lines[2]["signature"] = "00"
    assert trail.log(PUBLIC, FOREIGN).problems == [f"root 3 (2026-03-01T12:00:00Z) is not signed by its key {FOREIGN[:8]}"]


def test_of_each_key_that_is_not_known_the_first_root_is_told(trail: Trail) -> None:
    third = Ed25519PrivateKey.from_private_bytes(b"3" * 32)
    stranger = third.public_key().public_bytes_raw().hex()
    trail.seal(third).seal(OTHER).seal(OTHER)
    told = (
        "root {} (2026-03-01T12:00:00Z) is signed by the key {}, which is not the one you know: if yours was lost and replaced, "
        "name both with --key; otherwise somebody else wrote these roots"
    )
    assert trail.log(PUBLIC).problems == [told.format(3, stranger), told.format(4, FOREIGN)]
    assert trail.log(stranger, FOREIGN).problems == [told.format(1, PUBLIC)]
    assert read_roots(trail.text(), keys=[]).problems == []


@pytest.mark.parametrize("field", ["key", "signature"])
def test_whatever_a_signature_may_be_instead_it_is_none(trail: Trail, field: str) -> None:
    body = trail.lines[0]
    assert signed(body)
    for instead in ("", "00", "zz", 7, None, body[field][:-2], f"{body[field]}00", FOREIGN, FOREIGN * 2):
        assert not signed({**body, field: instead})
    assert not signed({name: value for name, value in body.items() if name != field})
    assert not signed({**body, "at": "later"})
    assert not signed({**body, "at": float("nan")})
    assert not signed({**body, "more": 1})


def test_a_root_told_of_elsewhere_is_held_against_the_file(trail: Trail) -> None:
    log = trail.log()
    hash = log.roots[1].hash
    for told in (f"2:{hash}", f"2:{hash[:8]}", f"2:{hash[:12].upper()}"):
        check = Check(log)
        check.expect(told)
        assert check.end([]).whole == []
    for told, why in (
        (f"3:{hash[:12]}", "root 3 is told of elsewhere, and this file ends with root 2: it was cut"),
        (f"1:{hash[:12]}", f"root 1 is told of elsewhere as {hash[:12]}, and here it is {log.roots[0].hash[:12]}"),
        (f"2:{hash[1:12]}", f"root 2 is told of elsewhere as {hash[1:12]}, and here it is {hash[:12]}"),
    ):
        check = Check(log)
        check.expect(told)
        assert check.end([]).whole == [why]
    for none in (f"2:{hash[:7]}", "2", "two:" + hash, f"-2:{hash}", ""):
        with pytest.raises(ValueError, match="names no root; write it as the channel has it: 42:3f9a1c2b90de"):
            Check(log).expect(none)


# --- what a person reads


def test_of_many_problems_the_first_twenty_are_told_and_how_many_more_there_are() -> None:
    for count, more in ((20, []), (21, ["INC-1: and 1 more"]), (25, ["INC-1: and 5 more"])):
        report = Report(
            chains=1, rows=1, uncovered=0, roots=0, last=None, problems={"INC-1": [f"p{n}" for n in range(count)]}, whole=["w"]
        )
        assert said(report) == ["w", *(f"INC-1: p{n}" for n in range(20)), *more, "1 chain, 1 row: BROKEN"]
    both = Report(chains=2, rows=2, uncovered=0, roots=0, last=None, problems={"b": ["2"], "a": ["1"]}, whole=[])
    assert said(both)[:2] == ["a: 1", "b: 2"]
