"""The Web API as slack_sdk sees it: documented refusals, limits, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fake_slack import FakeSlack, ManualClock, NotThere
from tests.fake_slack.access import Manifest, read_manifest
from tests.fake_slack.catalogue import methods
from tests.fake_slack.server import HANDLERS

Make = Callable[..., Awaitable[FakeSlack]]
QUIET: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hi"}}
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [SECTION]}


def client(slack: FakeSlack, token: str | None = None) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token if token is None else token, base_url=slack.api_url, timeout=5, retry_handlers=[])


async def refusal(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_tokens_are_told_apart(slack: FakeSlack) -> None:
    assert await refusal(client(slack, "xoxb-other").auth_test()) == "invalid_auth"
    assert await refusal(client(slack, "").auth_test()) == "not_authed"
    assert await refusal(client(slack, slack.app_token).auth_test()) == "not_allowed_token_type"
    assert await refusal(client(slack).apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"
    slack.tokens.app_scopes = ()
    assert await refusal(client(slack).apps_connections_open(app_token=slack.app_token)) == "missing_scope"
    slack.tokens.revoked.add(slack.bot_token)
    assert await refusal(client(slack).auth_test()) == "token_revoked"


async def test_token_may_come_as_a_field(slack: FakeSlack) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{slack.api_url}auth.test", data={"token": slack.bot_token})
        assert (await answer.json())["bot_id"] == "B01FAKE"


async def test_missing_scope_says_what_is_needed_and_provided(slack: FakeSlack) -> None:
    slack.grant("chat:write")
    with pytest.raises(SlackApiError) as caught:
        await client(slack).conversations_create(name="inc-1")
    assert caught.value.response["needed"] == "channels:manage,channels:write"
    assert caught.value.response["provided"] == "chat:write"
    slack.grant("channels:manage")
    assert await refusal(client(slack).conversations_create(name="inc-1", is_private=True)) == "missing_scope"
    await client(slack).conversations_create(name="inc-1")


async def test_unknown_method(slack: FakeSlack) -> None:
    assert await refusal(client(slack).api_call("chat.shout")) == "unknown_method"


async def test_channel_names(slack: FakeSlack) -> None:
    web = client(slack)
    await web.conversations_create(name="inc-1")
    refused = {
        "inc-1": "name_taken", "Bad Name!!": "invalid_name_specials", "a" * 81: "invalid_name_maxlength",
        "--": "invalid_name_punctuation", "": "invalid_name_required",
    }  # fmt: skip
    assert {name: await refusal(web.conversations_create(name=name)) for name in refused} == refused
    await web.conversations_archive(channel=slack.channel_named("inc-1").id)
    assert await refusal(web.conversations_create(name="inc-1")) == "name_taken"


async def test_invitations(slack: FakeSlack) -> None:
    web, channel = client(slack), slack.channel("inc-1")
    slack.user("U05GONE", "deleted")
    slack.user("U06FAR", "stranger")
    await web.conversations_invite(channel=channel.id, users=["U02BOB"])
    for user, error in {
        "U02BOB": "already_in_channel", "UNOPE": "user_not_found", slack.bot_user: "cant_invite_self", "U05GONE": "cant_invite",
        "U06FAR": "no_external_invite_permission",
    }.items():  # fmt: skip
        assert await refusal(web.conversations_invite(channel=channel.id, users=[user])) == error
    assert (await web.conversations_members(channel=channel.id))["members"] == [slack.bot_user, "U02BOB"]


async def test_channels_that_cannot_be_written_to(slack: FakeSlack) -> None:
    web = client(slack)
    slack.channel("elsewhere", channel_id="C0ELSE", bot=False)
    slack.channel("hidden", channel_id="C0HIDE", bot=False, private=True)
    slack.channel("old", channel_id="C0OLD").archived = True
    for channel, error in {
        "C0ELSE": "not_in_channel",
        "C0HIDE": "channel_not_found",
        "C0OLD": "is_archived",
        "CX": "channel_not_found",
    }.items():
        assert await refusal(web.chat_postMessage(channel=channel, text="x", **QUIET)) == error
    assert await refusal(web.conversations_setTopic(channel="C01GEN", topic="x" * 251)) == "too_long"


async def test_bad_blocks_come_with_their_messages(slack: FakeSlack) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client(slack).chat_postMessage(channel="C01GEN", text="x", blocks=[{"type": "nonsense"}], **QUIET)
    assert caught.value.response["error"] == "invalid_blocks"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] unknown block type 'nonsense' [json-pointer:/blocks/0]"
    ]
    assert slack.messages("general") == []


async def test_messages_that_are_refused(slack: FakeSlack) -> None:
    web = client(slack)
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2700}}

    async def post(**content: Any) -> str:
        return await refusal(web.api_call("chat.postMessage", json={"channel": "C01GEN", **QUIET, **content}))

    assert await post() == "no_text"
    assert await post(text="x" * 4001) == "msg_too_long"
    assert await post(text="x", blocks=[long] * 5) == "msg_blocks_too_long"
    assert await post(text="x", markdown_text="y") == "markdown_text_conflict"
    assert await post(text="x", blocks="[{") == "invalid_blocks_format"
    assert await post(text="x", thread_ts="1.1") == "cannot_reply_to_message"


async def test_updates(slack: FakeSlack) -> None:
    web = client(slack)
    sent = await web.chat_postMessage(channel="C01GEN", text="one", blocks=[SECTION], **QUIET)
    await web.chat_update(channel="C01GEN", ts=sent["ts"], text="two")
    message = slack.messages("general")[0]
    assert (message.text, len(message.blocks), [each["text"] for each in message.renditions]) == ("two", 1, ["one"])
    await web.chat_update(channel="C01GEN", ts=sent["ts"], text="three", blocks=[])
    assert slack.messages("general")[0].blocks == []
    assert await refusal(web.chat_update(channel="C01GEN", ts="1.1", text="x")) == "message_not_found"
    theirs = slack.workspace.post(slack.place("general"), {"user": "U02BOB", "text": "mine"}, mine=False)
    assert await refusal(web.chat_update(channel="C01GEN", ts=theirs.ts, text="x")) == "cant_update_message"
    assert await refusal(web.chat_delete(channel="C01GEN", ts=theirs.ts)) == "cant_delete_message"
    slack.place("general").archived = True
    assert await refusal(web.chat_update(channel="C01GEN", ts=sent["ts"], text="x")) == "is_inactive"


async def test_ephemeral_reaches_members_only_and_is_no_message(slack: FakeSlack) -> None:
    web = client(slack)
    sent = await web.chat_postEphemeral(channel="C01GEN", user="U02BOB", text="psst")
    assert [each.text for each in slack.ephemerals("U02BOB")] == ["psst"]
    assert slack.ephemerals("U01ALICE") == slack.messages("general") == []
    assert await refusal(web.chat_postEphemeral(channel="C01GEN", user="UNOPE", text="x")) == "user_not_in_channel"
    assert await refusal(web.chat_update(channel="C01GEN", ts=sent["message_ts"], text="x")) == "message_not_found"


async def test_careless_posts_are_violations(slack: FakeSlack) -> None:
    await client(slack).chat_postMessage(channel="C01GEN", text="x")
    await client(slack).api_call("chat.postMessage", json={"channel": "C01GEN", "blocks": [SECTION], "text": "", **QUIET})
    await client(slack).api_call("chat.postMessage", json={"channel": "C01GEN", "text": "x", **QUIET, "colour": "red"})
    what = [each.what for each in slack.violations]
    assert what[:2] == ["unfurl_links is not false", "unfurl_media is not false"]
    assert "/text: is empty" in what
    assert what[-1] == "argument 'colour' is not documented"


async def test_history_threads_and_metadata(slack: FakeSlack) -> None:
    web = client(slack)
    slack.grant(*slack.workspace.scopes, "channels:history")
    metadata = {"event_type": "inc", "event_payload": {"id": "1"}}
    top = await web.chat_postMessage(channel="C01GEN", text="top", metadata=metadata, **QUIET)
    await web.chat_postMessage(channel="C01GEN", text="reply", thread_ts=top["ts"], **QUIET)
    plain = (await web.conversations_history(channel="C01GEN"))["messages"]
    assert [(each["text"], each["reply_count"], "metadata" in each) for each in plain] == [("top", 1, False)]
    full = (await web.conversations_history(channel="C01GEN", include_all_metadata=True))["messages"]
    assert full[0]["metadata"] == metadata
    replies = (await web.conversations_replies(channel="C01GEN", ts=top["ts"]))["messages"]
    assert [each["text"] for each in replies] == ["top", "reply"]
    assert await refusal(web.conversations_replies(channel="C01GEN", ts="1.1")) == "thread_not_found"


async def test_pins_bookmarks_and_reactions(slack: FakeSlack) -> None:
    web = client(slack)
    slack.grant(*slack.workspace.scopes, "reactions:write", "pins:read", "bookmarks:read")
    ts = (await web.chat_postMessage(channel="C01GEN", text="x", **QUIET))["ts"]
    await web.pins_add(channel="C01GEN", timestamp=ts)
    assert await refusal(web.pins_add(channel="C01GEN", timestamp=ts)) == "already_pinned"
    assert [each["message"]["ts"] for each in (await web.pins_list(channel="C01GEN"))["items"]] == [ts]
    await web.pins_remove(channel="C01GEN", timestamp=ts)
    assert await refusal(web.pins_remove(channel="C01GEN", timestamp=ts)) == "no_pin"
    made = await web.bookmarks_add(channel_id="C01GEN", title="Runbook", type="link", link="https://example.com")
    await web.bookmarks_edit(channel_id="C01GEN", bookmark_id=made["bookmark"]["id"], title="Runbook 2")
    assert [each["title"] for each in (await web.bookmarks_list(channel_id="C01GEN"))["bookmarks"]] == ["Runbook 2"]
    assert await refusal(web.bookmarks_add(channel_id="C01GEN", title="x", type="link", link="ftp://x")) == "invalid_link"
    await web.reactions_add(channel="C01GEN", timestamp=ts, name="eyes")
    assert await refusal(web.reactions_add(channel="C01GEN", timestamp=ts, name="eyes")) == "already_reacted"


async def test_kinds_of_people(slack: FakeSlack) -> None:
    web = client(slack)
    for user, kind in {
        "U1A": "guest",
        "U1B": "ultra_restricted",
        "U1C": "deleted",
        "U1D": "stranger",
        "U1E": "bot",
        "U1F": "external",
    }.items():
        slack.user(user, kind)
    shapes = {each: (await web.users_info(user=each))["user"] for each in ("U1A", "U1B", "U1C", "U1D", "U1E", "U1F", "U02BOB")}
    flags = ("is_restricted", "is_ultra_restricted", "deleted", "is_stranger", "is_bot")
    marked = {user: [flag for flag in flags if shape.get(flag)] for user, shape in shapes.items()}
    assert marked == {
        "U1A": ["is_restricted"], "U1B": ["is_restricted", "is_ultra_restricted"], "U1C": ["deleted"], "U1D": ["is_stranger"],
        "U1E": ["is_bot"], "U1F": [], "U02BOB": [],
    }  # fmt: skip
    assert shapes["U1F"]["team_id"] != shapes["U02BOB"]["team_id"]
    assert await refusal(web.users_info(user="UNOPE")) == "user_not_found"
    assert await refusal(web.users_lookupByEmail(email="bob@example.com")) == "missing_scope"


async def test_user_groups_and_the_free_plan(slack: FakeSlack) -> None:
    web = client(slack)
    slack.usergroup("S01SRE", ["U01ALICE"])
    assert (await web.usergroups_users_list(usergroup="S01SRE"))["users"] == ["U01ALICE"]
    assert await refusal(web.usergroups_users_list(usergroup="SNOPE")) == "no_such_subteam"
    slack.workspace.plan = "free"
    assert await refusal(web.usergroups_users_list(usergroup="S01SRE")) == "plan_upgrade_required"


async def test_triggers_are_single_use_and_last_three_seconds(make_slack: Make) -> None:
    clock = ManualClock()
    slack = await make_slack(now=clock)
    web = client(slack)
    first, second = slack.workspace.new_trigger("U01ALICE"), slack.workspace.new_trigger("U01ALICE")
    opened = await web.views_open(trigger_id=first, view=MODAL)
    assert await refusal(web.views_open(trigger_id=first, view=MODAL)) == "exchanged_trigger_id"
    assert await refusal(web.views_open(trigger_id="1.2.x", view=MODAL)) == "invalid_trigger_id"
    clock.advance(3.1)
    assert await refusal(web.views_open(trigger_id=second, view=MODAL)) == "expired_trigger_id"
    view_id, old_hash = opened["view"]["id"], opened["view"]["hash"]
    await web.views_update(view_id=view_id, hash=old_hash, view=MODAL)
    assert await refusal(web.views_update(view_id=view_id, hash=old_hash, view=MODAL)) == "hash_conflict"
    assert await refusal(web.views_update(view_id="VNOPE", view=MODAL)) == "not_found"


async def test_modals_stack_three_high(slack: FakeSlack) -> None:
    web = client(slack)
    view = (await web.views_open(trigger_id=slack.workspace.new_trigger("U01ALICE"), view=MODAL))["view"]
    for _ in range(2):
        trigger = slack.workspace.new_trigger("U01ALICE", view_id=view["id"])
        view = (await web.views_push(trigger_id=trigger, view=MODAL))["view"]
    trigger = slack.workspace.new_trigger("U01ALICE", view_id=view["id"])
    assert await refusal(web.views_push(trigger_id=trigger, view=MODAL)) == "push_limit_reached"


async def test_views_are_checked(slack: FakeSlack) -> None:
    web = client(slack)
    trigger = slack.workspace.new_trigger("U01ALICE")
    long = {**MODAL, "title": {"type": "plain_text", "text": "x" * 25}}
    assert await refusal(web.views_open(trigger_id=trigger, view=long)) == "invalid_arguments"
    huge = {**MODAL, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}] * 90}
    assert await refusal(web.views_open(trigger_id=trigger, view=huge)) == "view_too_large"
    await web.views_publish(user_id="U01ALICE", view={"type": "home", "blocks": [SECTION]})
    assert [each.body["type"] for each in slack.views("U01ALICE")] == ["home"]


async def test_rates_of_posting_and_of_a_tier(make_slack: Make) -> None:
    clock = ManualClock()
    slack = await make_slack(now=clock, rates="enforce")
    web = client(slack)
    await web.chat_postMessage(channel="C01GEN", text="x", **QUIET)
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel="C01GEN", text="x", **QUIET)
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")
    clock.advance(1)
    await web.chat_postMessage(channel="C01GEN", text="x", **QUIET)
    for number in range(20):
        await web.conversations_setTopic(channel="C01GEN", topic=str(number))
    assert await refusal(web.conversations_setTopic(channel="C01GEN", topic="x")) == "ratelimited"
    slack.rates.mode = "observe"
    await web.conversations_setTopic(channel="C01GEN", topic="x")
    assert slack.rates.excess[-1] == ("conversations.setTopic", "C01GEN")


async def test_faults_on_order(slack: FakeSlack) -> None:
    web = client(slack)
    slack.rate_limit("chat.postMessage", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel="C01GEN", text="x", **QUIET)
    assert caught.value.response.headers["Retry-After"] == "7"
    slack.fail_next("chat.postMessage", "restricted_action")
    assert await refusal(web.chat_postMessage(channel="C01GEN", text="x", **QUIET)) == "restricted_action"
    slack.fail_next("chat.postMessage", 503)
    with pytest.raises(SlackApiError):
        await web.chat_postMessage(channel="C01GEN", text="x", **QUIET)
    slack.fail_next("*", "drop_before_commit")
    with pytest.raises(aiohttp.ClientError):
        await web.chat_postMessage(channel="C01GEN", text="x", **QUIET)
    assert slack.messages("general") == []
    slack.fail_next("chat.postMessage", "drop_after_commit")
    with pytest.raises(aiohttp.ClientError):
        await web.chat_postMessage(channel="C01GEN", text="done all the same", **QUIET)
    assert [each.text for each in slack.messages("general")] == ["done all the same"]
    assert [call.status for call in slack.calls] == [429, 200, 503, 0, 0]


async def test_hanging_call_ends_with_the_clients_patience(slack: FakeSlack) -> None:
    slack.fail_next("chat.postMessage", "hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client(slack).chat_postMessage(channel="C01GEN", text="x", **QUIET)
    assert slack.messages("general") == []


def test_faults_slack_would_never_show_are_refused() -> None:
    async def order() -> None:
        slack = FakeSlack()
        with pytest.raises(ValueError, match="never answers"):
            slack.fail_next("chat.update", "name_taken")
        with pytest.raises(ValueError, match="no method"):
            slack.fail_next("chat.shout", 500)

    asyncio.run(order())


async def test_response_url_serves_five_times_and_thirty_minutes(make_slack: Make) -> None:
    clock = ManualClock()
    slack = await make_slack(now=clock)
    url, other = (slack.workspace.new_response_url("C01GEN", "U01ALICE") for _ in range(2))
    async with aiohttp.ClientSession() as session:
        answers = [(await session.post(url, json={"text": "x"})).status for _ in range(6)]
        clock.advance(30 * 60 + 1)
        late = await session.post(other, json={"text": "x"})
        assert (await late.json())["error"] == "expired_url"
    assert answers == [200] * 5 + [404]
    assert len(slack.ephemerals("U01ALICE")) == 5


async def test_files_v2(slack: FakeSlack) -> None:
    web = client(slack)
    slack.grant(*slack.workspace.scopes, "files:write")
    sent = await web.files_upload_v2(channel="C01GEN", content="line\n" * 10, filename="log.txt", title="Log")
    assert sent["file"]["title"] == "Log"
    assert slack.messages("general")[0].body["files"][0]["name"] == "log.txt"
    assert slack.workspace.files[sent["file"]["id"]]["content"] == b"line\n" * 10


async def test_direct_messages_and_lists(slack: FakeSlack) -> None:
    web = client(slack)
    opened = (await web.conversations_open(users=["U02BOB"]))["channel"]["id"]
    await web.chat_postMessage(channel="U02BOB", text="hello", **QUIET)
    assert [each.channel for each in slack.direct_messages("U02BOB")] == [opened]
    for number in range(3):
        slack.channel(f"inc-{number}")
    page = await web.conversations_list(limit=2)
    names = [each["name"] async for part in page for each in part["channels"]]
    assert names == ["general", "inc-0", "inc-1", "inc-2"]


async def test_refused_block_types_play_an_older_workspace(slack: FakeSlack) -> None:
    slack.refuse_blocks("table")
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
    assert await refusal(client(slack).chat_postMessage(channel="C01GEN", text="x", blocks=[table], **QUIET)) == "invalid_blocks"


async def test_dump_is_what_the_preview_takes(slack: FakeSlack, tmp_path: Path) -> None:
    await client(slack).chat_postMessage(channel="C01GEN", text="gist", blocks=[SECTION], **QUIET)
    slack.dump(tmp_path / "messages.json")
    shown = json.loads((tmp_path / "messages.json").read_text())
    assert [(each["text"], each["blocks"][0]["type"]) for each in shown] == [("gist", "section")]


async def test_waiting_in_vain_names_the_last_calls(slack: FakeSlack) -> None:
    await client(slack).auth_test()
    with pytest.raises(TimeoutError, match=r"auth\.test -> ok"):
        await slack.wait_for(lambda: False, timeout_s=0.05)


async def test_only_declared_commands_and_present_people_act(make_slack: Make) -> None:
    slack = await make_slack(manifest=Manifest(commands=("/incident",)))
    slack.user("U05GONE", "deleted")
    slack.user("U03GUEST", "guest")
    for user, command, why in (
        ("U01ALICE", "/other", "not a valid command"),
        ("U05GONE", "/incident", "deactivated"),
        ("U03GUEST", "/incident", "is not in"),
    ):
        with pytest.raises(NotThere, match=why):
            await slack.command(user, "general", command)


def test_manifest_gives_scopes_commands_and_events(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_text(
        "oauth_config: {scopes: {bot: [chat:write]}}\nfeatures: {slash_commands: [{command: /incident}]}\n"
        "settings: {event_subscriptions: {bot_events: [app_mention]}}\n"
    )
    assert read_manifest(tmp_path / "manifest.yml") == Manifest(("chat:write",), ("/incident",), ("app_mention",))


def test_every_answered_method_is_documented() -> None:
    assert set(HANDLERS) <= set(methods())


async def test_ids_and_timestamps_are_the_same_in_every_run(make_slack: Make) -> None:
    async def story() -> list[str]:
        slack = await make_slack(now=ManualClock())
        sent = await client(slack).chat_postMessage(channel="C01GEN", text="x", blocks=[SECTION], **QUIET)
        made = await client(slack).conversations_create(name="inc-1")
        return [
            sent["ts"],
            sent["message"]["blocks"][0]["block_id"],
            made["channel"]["id"],
            slack.workspace.new_trigger("U01ALICE"),
        ]

    assert await story() == await story()
