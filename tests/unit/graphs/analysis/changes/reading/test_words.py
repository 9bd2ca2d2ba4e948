"""Identifiers and texts as stemmed words."""

from __future__ import annotations

from graphs.analysis.changes.reading.words import listed, stem_set, stemmed, stems


def test_retries_retry_and_retried_share_a_stem() -> None:
    assert len(set(stems("retries retry retried"))) == 1
    assert stems("maxPoolSize") == stems("max_pool_size") == stems("max-pool-size")


def test_a_table_of_words_is_what_its_words_are_one_by_one() -> None:
    assert stemmed("maxRetries evicted sha256") == stem_set(["maxRetries", "evicted", "sha256"])
    assert listed("maxRetries evicted") == {"maxRetries", "evicted"}


def test_a_long_text_has_the_words_of_its_parts() -> None:
    parts = [f"fetchOrder{n}Items" for n in ("Paid", "Open", "Lost", "Held", "Sent")]
    assert stems(" ".join(parts)) == [word for part in parts for word in stems(part)]
