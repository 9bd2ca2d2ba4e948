from __future__ import annotations

from app.cards.card import Card, Code, Labelled, Link, Quote, Strong, line, note, paragraph
from app.cards.card import Facts as FactsPart
from app.cards.card import Note as NotePart
from app.slack import blocks
from tests.fake_slack import live_in, problems

HOSTILE = "<!channel> <@U02BOB> https://evil.example/a <https://evil.example|x> ＜!here＞ *b* `c` ~d~ &lt;!here&gt; \u202e"


def hostile_card() -> Card:
    quoted = line(Quote(text=HOSTILE), " ", Strong(text=HOSTILE), " ", Code(text=HOSTILE), HOSTILE)
    return Card(
        kind="incident",
        gist=HOSTILE,
        title=HOSTILE,
        parts=(
            paragraph(quoted),
            FactsPart(items=(Labelled(label=HOSTILE, line=quoted),)),
            NotePart(line=quoted),
        ),
    )


def test_text_of_outsiders_is_inert_in_every_part() -> None:
    message = blocks.message(hostile_card())
    assert live_in(message) == []
    assert problems(message) == []
    assert live_in(blocks.modal(hostile_card())) == []


def test_a_link_is_live_only_where_we_wrote_one() -> None:
    card = Card(kind="note", gist="see", parts=(paragraph(line(Link(text="trace", url="https://own.example/t|<!here>"))),))
    assert live_in(blocks.message(card)) == ["<https://own.example/t%7C&lt;!here&gt;|trace>"]


def test_blanks_stay_outside_of_bold() -> None:
    assert blocks.mrkdwn(line(Strong(text="Gap "), "x")) == "*Gap* x"
    assert blocks.mrkdwn(line(Strong(text=" a b"), Strong(text=" "))) == " *a b* "


def test_the_whole_gist_travels_as_text_for_those_who_hear_the_message() -> None:
    assert blocks.message(note("It is done."))["text"] == "It is done."


def test_more_evidence_than_a_message_takes_is_shortened_at_its_end_and_says_so() -> None:
    long = Card(kind="findings", gist="much", title="Findings", parts=(paragraph(line(Quote(text="<" * 500))),) * 60)
    message = blocks.message(long)
    assert problems(message) == []
    assert message["blocks"][-1]["elements"][0]["text"].startswith("55 more blocks did not fit")
    many = blocks.message(Card(kind="findings", gist="many", parts=(paragraph(line("a")),) * 60))
    assert len(many["blocks"]) == 50
    assert problems(many) == []


def test_what_is_decided_on_is_never_shortened() -> None:
    long = Card(kind="proposal", gist="much", parts=(paragraph(line("x" * 900)),) * 20)
    assert len(blocks.message(long)["blocks"]) == 20
