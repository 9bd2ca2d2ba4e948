"""What will run, where whole words of it look like others: consent is given to what is read."""

from __future__ import annotations

import pytest

from app.cards.wording import to_the_letter
from app.slack.blocks import cleaned


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\u0430", "\\u0430"),
        ("\u0440\u0430\u0443-\u0441\u043e\u0441\u043e", "\\u0440\\u0430\\u0443-\\u0441\\u043e\\u0441\\u043e"),
        ("\u0391\u0392\u03951", "\\u0391\\u0392\\u03951"),
        ("\u0445\u043e\u0437\u044f\u0438\u043d", "\u0445\u043e\u0437\u044f\u0438\u043d"),
        ("p\u0251y \u0131d \u1ea1", "p\\u0251y \\u0131d \\u1ea1"),
        ("a\u2215b\u2044c\u2010d\u2013e", "a\\u2215b\\u2044c\\u2010d\\u2013e"),
        ("a\u2800\u115fb", "a\\u2800\\u115fb"),
        ("\u13a1\u0561\u0966", "\\u13a1\\u0561\\u0966"),
    ],
)
def test_a_word_that_could_be_read_as_another_is_written_out(text: str, told: str) -> None:
    assert to_the_letter(text) == told
    assert cleaned(told) == told  # Slack's rendering changes nothing of it
