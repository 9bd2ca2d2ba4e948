"""The fake against the real slack_sdk and slack_bolt, over Socket Mode and over signed HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.fake_slack import OTHER_TEAM, FakeSlack, NotThere
from tests.unit.fake_slack.echo_app import echo_app, over_http, over_sockets

Make = Callable[..., Awaitable[FakeSlack]]


@pytest_asyncio.fixture(params=["socket", "http"])
async def served(request: Any, make_slack: Make) -> AsyncIterator[FakeSlack]:
    slack = await make_slack()
    async with over_sockets(slack) if request.param == "socket" else over_http(slack):
        yield slack


async def test_command_is_acknowledged_posted_and_answered(served: FakeSlack) -> None:
    result = await served.command("U01ALICE", "general", "/incident", "checkout is down")
    assert result.acked
    assert result.latency_s is not None
    assert result.ack_body == {"text": "heard checkout is down"}
    assert [each.text for each in served.ephemerals("U01ALICE")] == ["heard checkout is down"]
    await served.wait_for(lambda: served.messages("general"))
    assert served.messages("general")[0].text == "asked: checkout is down"


async def test_press_updates_the_message_and_the_button_is_gone(served: FakeSlack) -> None:
    await served.command("U01ALICE", "general", "/incident", "x")
    message = await served.wait_for(lambda: served.messages("general")[0:1])
    result = await served.press("U02BOB", message[0].ts, "Approve")
    assert result.acked
    assert result.payload["actions"][0]["value"] == "p1"
    assert result.payload["message"]["blocks"][1]["block_id"] == "decide"
    await served.wait_for(lambda: [each.text for each in served.ephemerals("U02BOB")] == ["thank you"])
    assert served.messages("general")[0].text == "approved by U02BOB of T01HOME"
    with pytest.raises(NotThere, match="nothing called 'approve' is shown"):
        await served.press("U02BOB", message[0].ts, "approve")
    assert (await served.press("U02BOB", message[0].ts, "approve", stale=True)).acked


async def test_modal_shows_errors_then_closes(served: FakeSlack) -> None:
    await served.command("U01ALICE", "general", "/incident", "form")
    view = (await served.wait_for(lambda: served.views("U01ALICE")))[0]
    with pytest.raises(NotThere, match="must be filled in"):
        await served.submit_view("U01ALICE", view.id, {})
    refused = await served.submit_view("U01ALICE", view.id, {"title": "abc"})
    assert refused.ack_body == {"response_action": "errors", "errors": {"title": "too short"}}
    assert served.views("U01ALICE") == [view]
    assert (await served.submit_view("U01ALICE", view.id, {"title": "checkout is down"})).acked
    assert served.views("U01ALICE") == []


async def test_mention_is_answered_in_a_thread(served: FakeSlack) -> None:
    assert (await served.mention("U01ALICE", "general", "status")).acked
    asked, answer = await served.wait_for(lambda: len(served.messages("general")) == 2 and served.messages("general"))
    assert answer.thread_ts == asked.ts


async def test_a_press_from_another_workspace_shows_only_in_the_users_team(served: FakeSlack) -> None:
    served.user("U04EVE", "external")
    served.channel("shared", "U01ALICE", "U04EVE", ext_shared=True)
    await served.command("U01ALICE", "shared", "/incident", "x")
    message = (await served.wait_for(lambda: served.messages("shared")))[0]
    result = await served.press("U04EVE", message.ts, "approve")
    assert (result.payload["team"]["id"], result.payload["user"]["team_id"]) == ("T01HOME", OTHER_TEAM)
    with pytest.raises(NotThere, match="not a valid command"):
        await served.command("U04EVE", "shared", "/incident", "x")


async def test_the_same_bytes_can_be_delivered_twice(served: FakeSlack) -> None:
    first = await served.mention("U01ALICE", "general", "status")
    again = await served.redeliver(first)
    assert again.acked
    assert again.payload["event_id"] == first.payload["event_id"]
    await served.wait_for(lambda: len(served.calls_of("chat.postMessage")) == 2)


async def test_held_deliveries_arrive_in_the_order_asked_for(served: FakeSlack) -> None:
    served.hold()
    waiting = [asyncio.create_task(served.command("U01ALICE", "general", "/incident", text)) for text in ("one", "two")]
    await asyncio.sleep(0)
    await served.release("reversed")
    await asyncio.gather(*waiting)
    assert [each.text for each in served.ephemerals("U01ALICE")] == ["heard two", "heard one"]
    await served.wait_for(lambda: [each.text for each in served.messages("general")] == ["asked: two", "asked: one"])


async def test_careful_app_leaves_no_violations(served: FakeSlack) -> None:
    await served.command("U01ALICE", "general", "/incident", "x")
    await served.wait_for(lambda: served.messages("general"))
    assert served.violations == []


async def test_answers_to_the_challenge_of_url_verification(make_slack: Make) -> None:
    slack = await make_slack()
    async with over_http(slack):
        assert await slack.verify_url()


async def test_wrong_signing_secret_is_refused_by_bolt(make_slack: Make) -> None:
    slack = await make_slack()
    async with over_http(slack):
        slack.callbacks.signing_secret = "another"
        result = await slack.command("U01ALICE", "general", "/incident", "x")
    assert (result.acked, result.outcome, result.attempts[0].status) == (False, "refused", 401)


async def test_each_envelope_goes_to_one_of_the_sockets(make_slack: Make) -> None:
    slack = await make_slack()
    async with over_sockets(slack), over_sockets(slack):
        for text in ("one", "two", "three", "four"):
            assert (await slack.command("U01ALICE", "general", "/incident", text)).acked
        assert sorted(number for number, _ in slack.sockets.sent) == [1, 1, 2, 2]
        await slack.wait_for(lambda: len(slack.messages("general")) == 4)


async def test_client_comes_back_after_a_disconnect_frame(make_slack: Make) -> None:
    slack = await make_slack()
    async with over_sockets(slack):
        await slack.disconnect_sockets("refresh_requested")
        await slack.wait_for(lambda: any(socket.number == 2 for socket in slack.sockets.sockets))
        assert (await slack.command("U01ALICE", "general", "/incident", "x")).acked
        await slack.wait_for(lambda: slack.messages("general"))


async def test_lost_acknowledgement_brings_the_event_again(make_slack: Make) -> None:
    slack = await make_slack(ack_deadline_s=0.3, retry_delays_s=(0.0, 0.0, 0.0))
    async with over_sockets(slack):
        slack.lose_acks()
        result = await slack.mention("U01ALICE", "general", "status")
        assert result.outcome == "late"
        await slack.settled()
    assert [(each.number, each.reason, each.outcome) for each in result.attempts] == [(0, None, "late"), (1, "timeout", "acked")]
    assert [envelope["retry_attempt"] for _, envelope in slack.sockets.sent] == [0, 1]


async def test_late_acknowledgement_is_told_from_none(make_slack: Make) -> None:
    slack = await make_slack(ack_deadline_s=0.05, retry_delays_s=())
    app = echo_app(slack)

    @app.command("/slow")
    async def slow(ack: Any) -> None:
        await asyncio.sleep(0.2)
        await ack("done at last")

    async with over_sockets(slack, app):
        result = await slack.command("U01ALICE", "general", "/slow")
        assert (result.acked, result.outcome, result.latency_s) == (False, "late", None)
        await slack.wait_for(lambda: result.latency_s)
    assert result.ack_body == {"text": "done at last"}
    assert slack.ephemerals("U01ALICE") == []


async def test_events_over_http_are_retried_with_slacks_headers(make_slack: Make) -> None:
    slack = await make_slack(retry_delays_s=(0.0, 0.0, 0.0))
    async with over_http(slack):
        slack.callbacks.signing_secret = "another"
        result = await slack.mention("U01ALICE", "general", "status")
        slack.callbacks.signing_secret = slack.signing_secret
        await slack.settled()
    assert [(each.number, each.reason, each.outcome) for each in result.attempts] == [
        (0, None, "refused"),
        (1, "http_error", "acked"),
    ]


async def test_nobody_listening_is_unreachable(slack: FakeSlack) -> None:
    result = await slack.command("U01ALICE", "general", "/incident", "x")
    assert (result.acked, result.outcome) == (False, "unreachable")


async def test_dropped_socket_loses_what_was_under_way(make_slack: Make) -> None:
    slack = await make_slack(retry_delays_s=())
    app = echo_app(slack)

    @app.command("/slow")
    async def slow(ack: Any) -> None:
        await asyncio.sleep(0.2)
        await ack()

    async with over_sockets(slack, app):
        under_way = asyncio.create_task(slack.command("U01ALICE", "general", "/slow"))
        await slack.wait_for(lambda: slack.sockets.sent)
        slack.drop_sockets()
        assert (await under_way).outcome == "dropped"


async def test_home_is_opened_and_unsubscribed_events_are_not_sent(slack: FakeSlack) -> None:
    async with over_sockets(slack):
        assert (await slack.open_home("U01ALICE")).attempts
        assert "doesn't subscribe" in (await slack.event({"type": "reaction_added"})).outcome
