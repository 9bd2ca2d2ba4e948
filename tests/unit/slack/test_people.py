from __future__ import annotations

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.domain.errors import Misconfigured, Unreachable
from app.slack.connection import sign_in, try_app_token
from app.slack.people import SlackChannels, SlackGroups, SlackPeople
from tests.fake_slack import HOME_TEAM, FakeSlack


def client(slack: FakeSlack, token: str = "") -> AsyncWebClient:
    return AsyncWebClient(token=token or slack.bot_token, base_url=slack.api_url)


@pytest.fixture
def known(slack: FakeSlack) -> SlackPeople:
    return SlackPeople(client(slack), HOME_TEAM)


async def test_a_member_is_nothing_but_a_member(slack: FakeSlack, known: SlackPeople) -> None:
    person = await known("U01ALICE")
    assert person is not None
    assert (person.id, person.team, person.name) == ("U01ALICE", HOME_TEAM, "alice")
    assert not any((person.deleted, person.bot, person.guest, person.stranger, person.local_operator))


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("deleted", "deleted"),
        ("bot", "bot"),
        ("workflow_bot", "bot"),
        ("guest", "guest"),
        ("ultra_restricted", "guest"),
        ("invited", "guest"),
        ("stranger", "stranger"),
        ("external", "stranger"),
    ],
)
async def test_everybody_else_is_told_apart(slack: FakeSlack, known: SlackPeople, kind: str, what: str) -> None:
    slack.user("U09ZED", kind)
    person = await known("U09ZED")
    assert person is not None
    assert {flag for flag in ("deleted", "bot", "guest", "stranger") if getattr(person, flag)} == {what}


async def test_nobody_is_made_up(slack: FakeSlack, known: SlackPeople) -> None:
    assert await known("U0NOBODY") is None
    assert await known("proposer@1.0.0") is None
    assert await known("operator") is None
    assert len(slack.calls_of("users.info")) == 1


async def test_every_answer_is_of_this_moment_and_a_failure_is_no_answer(slack: FakeSlack, known: SlackPeople) -> None:
    slack.fail_next("users.info", "fatal_error")
    with pytest.raises(Unreachable, match="Slack did not say who U01ALICE is"):
        await known("U01ALICE")
    before = await known("U01ALICE")
    slack.user("U01ALICE", "guest")
    after = await known("U01ALICE")
    assert before is not None
    assert after is not None
    assert (before.guest, after.guest) == (False, True)


async def test_a_channel_shared_or_about_to_be_is_not_ours_alone(slack: FakeSlack) -> None:
    slack.channel("partner", "U01ALICE", channel_id="C0A", ext_shared=True)
    slack.channel("soon", "U01ALICE", channel_id="C0B", pending_ext_shared=True)
    channels = SlackChannels(client(slack))
    assert [await channels.shared(each) for each in ("C01GEN", "C0A", "C0B")] == [False, True, True]
    with pytest.raises(Unreachable):
        await channels.shared("C0NOWHERE")


async def test_a_wrong_token_is_named_at_once(slack: FakeSlack) -> None:
    with pytest.raises(Misconfigured, match=r"SLACK_BOT_TOKEN: Slack refuses it: invalid_auth"):
        await sign_in(client(slack, "xoxb-wrong"))
    with pytest.raises(Misconfigured, match=r"SLACK_APP_TOKEN: Slack refuses it: invalid_auth"):
        await try_app_token(client(slack, "xapp-wrong"))
    with pytest.raises(Misconfigured, match=r"SLACK_APP_TOKEN: Slack refuses it: not_allowed_token_type"):
        await try_app_token(client(slack))


async def test_slack_being_down_is_no_wrong_token(slack: FakeSlack) -> None:
    slack.fail_next("auth.test", 503)
    with pytest.raises(Unreachable, match="can't answer now"):
        await sign_in(client(slack))


async def test_a_missing_scope_is_named(slack: FakeSlack) -> None:
    slack.grant("chat:write")
    with pytest.raises(Misconfigured, match=r"missing_scope \(needs users:read"):
        await sign_in(client(slack))


async def test_signing_in_says_who_we_are(slack: FakeSlack) -> None:
    home = await sign_in(client(slack))
    assert (home.team, home.bot_user) == (HOME_TEAM, slack.bot_user)
    assert home.app == slack.workspace.app_id


async def test_who_is_in_a_group_is_asked_every_time_and_a_failure_is_no_answer(slack: FakeSlack) -> None:
    slack.usergroup("S01SRE", ["U01ALICE"])
    groups = SlackGroups(client(slack))
    assert await groups("S01SRE") == {"U01ALICE"}
    slack.fail_next("usergroups.users.list", "ratelimited")
    with pytest.raises(Unreachable, match="Slack did not say who is in the group S01SRE"):
        await groups("S01SRE")
    with pytest.raises(Unreachable, match="no_such_subteam"):
        await groups("SNOPE")
    assert await groups("S01SRE") == {"U01ALICE"}
