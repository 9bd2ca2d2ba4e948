from __future__ import annotations

import pytest

from app.domain.errors import BadInput
from app.slack.command import read, verbs
from app.slack.heard import plain, service_in


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("checkout is  down", "checkout is down"),
        ("<https://graph.example/d/1?a=1&amp;b=2|errors>", "https://graph.example/d/1?a=1&b=2"),
        ("<https://graph.example>", "https://graph.example"),
        ("ask <@U01ALICE|alice> or <@U02BOB>", "ask @alice or @U02BOB"),
        ("<!channel> <!here|here> <#C01GEN|general>", "@channel @here #general"),
        ("<mailto:a@example.com|a@example.com>", "a@example.com"),
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("&lt;!channel&gt;", "<!channel>"),
    ],
)
def test_markup_is_undone_and_what_was_meant_stays(typed: str, meant: str) -> None:
    assert plain(typed) == meant


def test_one_word_may_name_a_service_and_a_link_does_not() -> None:
    assert service_in("shop/checkout-v2") == "shop/checkout-v2"
    assert service_in("checkout is down") is None
    assert service_in("https://graph.example/checkout") is None
    assert service_in("") is None


def test_a_verb_is_read_whatever_its_case_and_nothing_is_help() -> None:
    assert (read("DECLARE it burns")[0].name, read("DECLARE it burns")[1]) == ("declare", "it burns")
    assert read("")[0].name == "help"
    assert read("   ")[0].name == "help"
    assert read("Status?")[0].name == "status"


def test_an_unknown_verb_names_the_right_form() -> None:
    for slip, form in [("stauts", "status"), ("tirage it", r"triage \[what"), ("hlep", "help"), ("Decalre", r"declare \[title")]:
        with pytest.raises(BadInput, match=rf"did you mean `/incident {form}"):
            read(slip)
    with pytest.raises(BadInput, match=r"there is: .*`/incident declare .*`/incident status`, `/incident stop .*`/incident triage"):
        read("frobnicate")


def test_every_verb_is_complete_and_answers_to_its_file() -> None:
    assert set(verbs()) >= {"declare", "help", "propose", "status", "triage"}
    for name, verb in verbs().items():
        assert verb.name == name
        assert verb.usage.startswith(name)
        assert verb.summary
