from __future__ import annotations

import pytest

from tests.fake_slack.mrkdwn import live_in, live_tokens


@pytest.mark.parametrize(
    "text",
    [
        "<!channel>", "<!here>", "<!everyone>", "<!here|@here>", "<@U01ALICE>", "<@W012|alice>", "<!subteam^S01>",
        "<!subteam^S1|@sre>",
        "<#C01GEN>", "<https://evil.example|click>", "<mailto:a@b.c|x>", "<!date^1^{date}^https://evil.example|x>", "`<!channel>`",
        "https://evil.example/x", "<!CHANNEL>",
    ],
)  # fmt: skip
def test_live_token_is_seen(text: str) -> None:
    assert len(live_tokens(f"before {text} after")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "&lt;!channel&gt;",
        "@channel @here",
        "a < b > c",
        "<!date^1^{date}|now>",
        "1 &lt;@U01ALICE&gt;",
        "error at x.go:12",
        "< !channel>",
    ],
)
def test_inert_text_has_no_live_tokens(text: str) -> None:
    assert live_tokens(text) == []


def test_parsing_names_brings_them_to_life() -> None:
    assert live_tokens("ask @channel", parse="full") == ["@channel"]
    assert live_tokens("ask @bob", link_names=True) == ["@bob"]


def test_verbatim_switches_bare_links_off_but_not_mentions() -> None:
    assert live_tokens("https://a.example <!here>", verbatim=True) == ["<!here>"]


def test_whole_message_is_searched_but_plain_text_is_inert() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "<!channel>"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "<!here>"},
            "accessory": {"type": "button", "url": "https://a.example"},
        },
        {"type": "markdown", "text": "[x](javascript:1) <!everyone>"},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "broadcast", "range": "channel"}]}]},
    ]
    found = live_in({"text": "<@U01ALICE>", "blocks": blocks})
    assert found == ["<@U01ALICE>", "<!here>", "https://a.example", "<!everyone>", "javascript:1", "<!channel>"]
