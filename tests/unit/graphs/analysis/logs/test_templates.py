from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.redaction import redact, use_key
from app.domain.telemetry import LOG_SCHEMA
from graphs.analysis.logs import templates
from graphs.analysis.logs.templates import Stretches, mask, merge, mine, squeeze


def table(*rows: tuple[bool, float | None, str, str, str]) -> pl.DataFrame:
    """(incident, time, service, level, msg)"""
    filled = [(*row, "", "", "", "") for row in rows]
    return pl.DataFrame(filled, schema=LOG_SCHEMA, orient="row")


def test_every_piece_with_a_digit_is_masked() -> None:
    masked = pl.select(templates.mask(pl.lit("user a1b2-c3 from 10.0.0.7:8080 took 35ms at /v1/carts/99?x=y"))).item()
    assert masked == "user <*> from <*> took <*> at /<*>/carts/<*>=y"


def test_status_class_keeps_lines_apart_that_the_mask_would_join() -> None:
    rows = [(True, float(i), "a", "INFO", f"GET /pay status={status} in {i}ms") for i, status in enumerate([200, 200, 503])]
    found = mine(table(*rows)).templates
    assert sorted(found.select("status", "n_after").rows()) == [("2", 2), ("5", 1)]


def test_levels_are_read_in_any_spelling() -> None:
    rows = [(True, float(i), "a", word, "hello") for i, word in enumerate(("warning", "ERR", "critical", "notice", "odd"))]
    assert templates.keyed(table(*rows).lazy()).collect()["level"].to_list() == ["WARN", "ERROR", "FATAL", "INFO", ""]


def test_levels_and_services_keep_lines_apart() -> None:
    found = mine(
        table((True, 1.0, "a", "WARNING", "x 1"), (True, 2.0, "a", "error", "x 2"), (True, 3.0, "b", "error", "x 3"))
    ).templates
    assert sorted(found.select("service", "level").rows()) == [("a", "ERROR"), ("a", "WARN"), ("b", "ERROR")]


def test_lines_are_counted_per_stretch() -> None:
    rows = [(False, 10.0, "a", "INFO", "tick 1"), (True, 90.0, "a", "INFO", "tick 2"), (True, 105.0, "a", "INFO", "tick 3")]
    rows += [(True, 120.0, "a", "INFO", "tick 4"), (True, 121.0, "a", "INFO", "tick 5")]
    [row] = mine(table(*rows), stretches=Stretches(start_s=100.0, onset_s=110.0)).templates.rows(named=True)
    assert (row["n_reference"], row["n_history"], row["n_before"], row["n_after"]) == (1, 1, 1, 2)
    assert (row["first_s"], row["last_s"]) == (120.0, 121.0)


def test_a_line_delivered_twice_is_one_moment() -> None:
    rows = [(True, 1.0, "a", "ERROR", "failed 1")] * 3 + [(True, 2.0, "a", "ERROR", "failed 2")]
    [row] = mine(table(*rows)).templates.rows(named=True)
    assert (row["n_after"], row["e_after"]) == (4, 2)


def test_lines_without_a_time_all_count() -> None:
    [row] = mine(table(*[(True, None, "a", "ERROR", "failed 1")] * 3)).templates.rows(named=True)
    assert (row["e_after"], row["first_s"]) == (3, None)


def test_stack_frames_are_no_templates() -> None:
    frames = ["\tat com.acme.Cart.add(Cart.java:17)", '  File "cart.py", line 3, in add', "... 17 more"]
    frames.append("Caused by: java.net.UnknownHostException: db")
    found = mine(table(*[(True, float(i), "a", "", text) for i, text in enumerate(frames)])).templates
    assert found["exemplar"].to_list() == [frames[-1]]


def test_lists_of_any_length_look_alike() -> None:
    assert squeeze("ids [<*>, <*>,  <*>] done") == squeeze("ids [<*>] done") == "ids [<*>] done"


def test_a_place_with_many_words_holds_data() -> None:
    names = [f"{a}{b}" for a in ("be", "ka", "lo", "mi") for b in ("rn", "lt", "ss", "nd")]
    assert set(merge([f"user {name} logged in from <*>" for name in names])) == {"user <*> logged in from <*>"}


def test_a_few_wordings_stay_apart() -> None:
    texts = ["cache opened for <*>", "cache closed for <*>", "cache polled for <*>", "lease closed for <*>"]
    assert merge(texts) == texts


def test_services_and_failures_are_never_merged_away() -> None:
    services = [f"shop-{chr(97 + i)}{chr(97 + j)}" for i in range(4) for j in range(4)]
    texts = [f"calling {name} now" for name in services]
    assert merge(texts, protected=lambda token: token in services) == texts


def test_grouping_agrees_with_the_labels_of_a_synthetic_sample() -> None:
    wordings = [
        f"{a} {b} {c}"
        for a in ("reader", "writer", "broker")
        for b in ("opened", "flushed", "synced")
        for c in ("segment", "page", "queue")
    ]
    rows = [
        (True, float(i), "a", "INFO", f"{wording} id={i * 7919} peer=10.0.{i % 200}.3:{1000 + i} after {i}ms")
        for i in range(900)
        for wording in [wordings[i % len(wordings)]]
    ]
    found = mine(table(*rows)).templates
    assert found.height == len(wordings)
    assert set(found["n_after"]) == {33, 34}


line = st.tuples(
    st.booleans(),
    st.one_of(st.none(), st.floats(0, 1000)),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["INFO", "ERROR", ""]),
    st.sampled_from(
        ["took 3ms", "took 4ms", "failed for 12", "failed for user", "", "status=500 x", "status=200 x", "x" * 2000 + " end 1"]
    ),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(line, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(rows: list[tuple[bool, float | None, str, str, str]], chance: object) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    stretches = Stretches(start_s=100.0, onset_s=500.0)
    assert mine(table(*rows), stretches=stretches).templates.equals(mine(table(*shuffled), stretches=stretches).templates)


def test_no_lines_give_no_templates() -> None:
    assert mine(table()).templates.is_empty()


def test_lines_of_wanted_templates_come_oldest_first() -> None:
    frame = table((True, 2.0, "a", "ERROR", "failed 2"), (True, 1.0, "a", "ERROR", "failed 1"), (True, 3.0, "a", "INFO", "fine 3"))
    mined = mine(frame)
    wanted = mined.templates.filter(pl.col("level") == "ERROR")
    assert templates.lines_of(frame, mined, wanted)["time"].to_list() == [1.0, 2.0]


def test_lines_that_differ_in_a_secret_are_one_template_whatever_the_key_of_its_placeholder() -> None:
    for key in (b"one", b"other", b"third"):
        use_key(key)
        texts = [redact(f"login with password=hunter{n} failed") for n in range(40)]
        assert len({squeeze(pl.select(mask(pl.lit(text))).item()) for text in texts}) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(line, min_size=1, max_size=30), st.integers(1, 8))
def test_lines_that_come_in_parts_are_counted_as_if_they_came_at_once(
    rows: list[tuple[bool, float | None, str, str, str]], size: int
) -> None:
    whole = table(*[(now, at if at is None else round(at / 200), *rest) for now, at, *rest in rows]).sort("time", nulls_last=True)
    stretches = Stretches(start_s=1.0, onset_s=3.0)
    parts = templates.mine_all(whole.iter_slices(size), stretches=stretches)
    assert parts.templates.equals(mine(whole, stretches=stretches).templates)
