from __future__ import annotations

import asyncio

import httpx2
import pytest

from tests.e2e.conftest import Rig, Start
from tests.fake_slack import Message, live_in


async def told(rig: Rig, user: str) -> list[str]:
    """What one person alone was shown, after everything came to rest."""
    await rig.quiet()
    return [each.text for each in rig.slack.ephemerals(user)]


def words(message: Message) -> str:
    return str(message.body)


def word_count(message: Message) -> int:
    """Of everything above the buttons."""
    shown = []
    for block in message.blocks:
        if block["type"] == "actions":
            break
        texts = [block["text"]] if "text" in block else block.get("fields") or block["elements"]
        shown += [text["text"] for text in texts]
    return len(" ".join(shown).split())


async def test_declaring_makes_a_channel_whose_pinned_card_follows_the_triage(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    result = await rig.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
    assert result.acked
    assert await told(rig, "U01ALICE") == [
        "Declaring. Its channel follows.",
        "INC-0001 is declared. Its channel: #inc-0001-checkout-requests-fail",
    ]
    incident = await rig.incident()
    channel = rig.slack.channel_named("inc-0001")
    card = await rig.card()
    assert (incident.commander, incident.channel) == ("U01ALICE", channel.id)
    assert channel.pins == [card.ts]
    assert channel.topic == "SEV3 | checkout requests fail"
    assert {"U01ALICE", "U02BOB"} <= set(channel.members)
    assert "max_connections 40 -&gt; 4" in words(card)
    assert card.text.startswith("SEV3 INC-0001 checkout requests fail: conclusive")
    assert word_count(card) <= 120
    below = [each for each in rig.slack.messages(channel) if each.thread_ts == card.ts]
    findings = [each for each in below if not each.text.startswith("Audit root")]
    assert [each.blocks[0]["text"]["text"] for each in findings] == ["Findings"]
    proposal = [each for each in rig.slack.messages(channel) if each.text.startswith("Approval needed")]
    assert [e["action_id"] for e in proposal[0].blocks[3]["elements"]] == ["approve", "reject", "details"]
    assert rig.slack.violations == []


async def test_the_card_stands_while_triage_runs_and_is_then_changed_in_place(start: Start) -> None:
    rig = await start(held=True)
    await rig.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
    card = await rig.card()
    assert "Investigating: logs, metrics and changes" in words(card)
    rig.gate.set()
    await rig.quiet()
    assert "max_connections 40 -&gt; 4" in words(card)
    assert "Investigating: logs" not in words(card)


async def test_bare_declare_opens_a_dialog_that_declares(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await rig.slack.command("U01ALICE", "general", "/incident", "declare")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U01ALICE")))[0]
    sent = await rig.slack.submit_view("U01ALICE", view.id, {"title": "it burns", "severity": "SEV1", "service": "checkout"})
    assert sent.acked
    assert rig.slack.views("U01ALICE") == []
    assert await told(rig, "U01ALICE") == ["INC-0001 is declared. Its channel: #inc-0001-it-burns"]
    incident = await rig.incident()
    assert (incident.severity, incident.service, incident.title) == ("SEV1", "checkout", "it burns")
    await rig.slack.redeliver(sent)
    await rig.quiet()
    with pytest.raises(Exception, match="no incident"):
        await rig.incident(2)
    assert rig.slack.violations == []


async def test_one_command_delivered_twice_declares_once(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    first = await rig.slack.command("U01ALICE", "general", "/incident", "declare it burns")
    again = await rig.slack.redeliver(first)
    assert again.acked
    await rig.quiet()
    with pytest.raises(Exception, match="no incident"):
        await rig.incident(2)


async def test_where_we_are_not_in_the_channel_the_answer_comes_as_a_direct_message(start: Start) -> None:
    rig = await start()
    rig.slack.channel("elsewhere", "U01ALICE", bot=False)
    await rig.slack.command("U01ALICE", "elsewhere", "/incident", "declare")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U01ALICE")))[0]
    await rig.slack.submit_view("U01ALICE", view.id, {"title": "it burns", "severity": "SEV2"})
    await rig.quiet()
    assert [m.text for m in rig.slack.direct_messages("U01ALICE")] == ["INC-0001 is declared. Its channel: #inc-0001-it-burns"]
    assert rig.slack.violations == []


async def test_a_mention_in_a_thread_is_answered_in_it(start: Start) -> None:
    rig = await start()
    await rig.slack.say("U01ALICE", "general", "something is odd")
    root = rig.slack.messages("general")[0]
    await rig.slack.mention("U01ALICE", "general", "status", thread_ts=root.ts)
    await rig.quiet()
    assert [(e.text, e.thread_ts) for e in rig.slack.ephemerals("U01ALICE")] == [("No incident is open.", root.ts)]


async def test_what_is_not_signed_by_slack_or_too_large_is_refused(start: Start) -> None:
    rig = await start(mode="http")
    url = f"{rig.url}/slack/events"
    async with httpx2.AsyncClient() as http:
        assert (await http.post(url, json={"type": "event_callback"})).status_code == 401
        assert (await http.post(url, content=b"x" * 1_100_000)).status_code == 413
        assert (await http.post(url, content=b"\xff\xfe")).status_code in (400, 401)
        assert (await http.post(url, content=b"{", headers={"content-type": "application/json"})).status_code in (400, 401)
    rig.slack.callbacks.signing_secret = "another"
    refused = await rig.slack.command("U01ALICE", "general", "/incident", "declare it burns")
    assert refused.attempts[0].status == 401
    assert await rig.inbox.waiting() == 0


async def test_over_socket_mode_the_http_door_is_not_there(start: Start) -> None:
    rig = await start(mode="socket")
    async with httpx2.AsyncClient() as http:
        assert (await http.post(f"{rig.url}/slack/events", json={})).status_code == 404


async def test_a_mention_declares_like_the_command(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    first = await rig.slack.mention("U01ALICE", "general", "declare the <https://status.example/1|status page> is red")
    await rig.slack.redeliver(first)
    assert await told(rig, "U01ALICE") == ["INC-0001 is declared. Its channel: #inc-0001-the-https-status-example-1-is-red"]
    assert (await rig.incident()).title == "the https://status.example/1 is red"
    assert live_in((await rig.card()).body) == ["<@U01ALICE>", "<@U01ALICE>"]
    assert rig.slack.violations == []


async def test_triage_with_a_service_declares_an_incident_about_it(start: Start) -> None:
    rig = await start()
    await rig.slack.command("U01ALICE", "general", "/incident", "triage checkout")
    await rig.quiet()
    incident = await rig.incident()
    assert (incident.title, incident.service) == ("checkout is unwell", "checkout")


async def test_triage_in_the_incidents_channel_looks_again(start: Start) -> None:
    rig = await start()
    await rig.slack.command("U01ALICE", "general", "/incident", "declare it is slow")
    await rig.quiet()
    await rig.slack.command("U01ALICE", "inc-0001-it-is-slow", "/incident", "triage storefront")
    assert (await told(rig, "U01ALICE"))[-1] == "Looking again, beginning at storefront; the card follows."
    asked = [row for row in await rig.audit_of() if row.action == "firstmate:run:queue"]
    assert [row.actor for row in asked] == ["U01ALICE", "U01ALICE"]
    with pytest.raises(Exception, match="no incident"):
        await rig.incident(2)
    assert rig.slack.violations == []


async def test_status_and_help_fit_where_they_are_asked(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await rig.slack.command("U01ALICE", "general", "/incident", "status")
    assert (await told(rig, "U01ALICE"))[-1] == "No incident is open."
    await rig.slack.command("U01ALICE", "general", "/incident", "declare it is slow")
    await rig.quiet()
    await rig.slack.command("U01ALICE", "general", "/incident", "status")
    assert (await told(rig, "U01ALICE"))[-1] == "1 open incident: SEV3 INC-0001 it is slow"
    await rig.slack.command("U02BOB", "inc-0001-it-is-slow", "/incident", "status")
    await rig.quiet()
    shown = rig.slack.ephemerals("U02BOB")[-1]
    assert shown.text.startswith("SEV3 INC-0001 it is slow: conclusive")
    assert "actions" not in {block["type"] for block in shown.blocks}
    await rig.slack.command("U02BOB", "general", "/incident", "")
    await rig.quiet()
    assert "/incident declare [title]" in words(rig.slack.ephemerals("U02BOB")[-1])
    await rig.slack.mention("U02BOB", "inc-0001-it-is-slow", "help")
    await rig.quiet()
    here = words(rig.slack.ephemerals("U02BOB")[-1])
    assert "/incident propose" in here
    assert "/incident declare" not in here
    assert rig.slack.violations == []


async def test_an_unknown_verb_is_answered_with_the_right_form_at_once(start: Start) -> None:
    rig = await start()
    result = await rig.slack.command("U01ALICE", "general", "/incident", "declar <!channel> now")
    assert result.ack_body == {
        "text": "`/incident` has no verb `declar`; did you mean `/incident declare [title]`? `/incident help` says what each does."
    }
    assert await rig.inbox.waiting() == 0
    far = await rig.slack.command("U01ALICE", "general", "/incident", "checkout is broken")
    assert "`/incident triage [what is wrong | service | alert link]`" in far.ack_body["text"]
    assert rig.slack.violations == []


async def test_whoever_is_no_full_member_declares_nothing(start: Start) -> None:
    rig = await start()
    rig.slack.user("U09GUEST", "guest")
    rig.slack.join("U09GUEST", "general")
    await rig.slack.command("U09GUEST", "general", "/incident", "declare let me in")
    assert (await told(rig, "U09GUEST"))[-1].startswith("That did not work: only full members")
    with pytest.raises(Exception, match="no incident"):
        await rig.incident()


async def test_what_could_not_be_kept_is_not_acknowledged_as_kept(start: Start) -> None:
    rig = await start()
    await rig.inbox.close()
    result = await rig.slack.command("U01ALICE", "general", "/incident", "declare it burns")
    assert "is closed" in result.ack_body["text"]
    lost = await rig.slack.mention("U01ALICE", "general", "declare it burns")
    assert not lost.acked


async def test_one_mention_arriving_three_times_declares_once(start: Start) -> None:
    rig = await start(retry_delays_s=(0.0, 0.0, 0.0), ack_deadline_s=0.5)
    rig.slack.lose_acks(2)
    await rig.slack.mention("U01ALICE", "general", "declare it burns")
    await rig.slack.settled()
    await rig.quiet()
    assert len([c for c in rig.slack.workspace.channels.values() if c.name.startswith("inc-")]) == 1


async def test_an_alert_declares_and_triages(start: Start) -> None:
    rig = await start()
    answer = await rig.alert(alertname="CheckoutErrors", service="checkout", severity="critical", summary="checkout errors > 5%")
    assert answer.status_code == 202
    await rig.quiet()
    incident = await rig.incident()
    assert (incident.commander, incident.severity) == (None, "SEV1")
    card = await rig.card()
    assert "conclusive" in card.text
    await rig.slack.press("U02BOB", card.ts, "Take command")
    assert (await told(rig, "U02BOB"))[-1] == "You command INC-0001 until you hand over."
    assert (await rig.incident()).commander == "U02BOB"
    assert rig.slack.violations == []


HOSTILE = "<!channel> *boom* `x` <@U02BOB> https://evil.example/x <https://evil.example|click> _a_ :fire:"


async def test_hostile_text_is_inert_wherever_it_is_shown(start: Start) -> None:
    rig = await start()
    await rig.slack.command("U01ALICE", "general", "/incident", f"declare {HOSTILE}")
    await rig.alert(alertname="<!here>", service="catalogue", summary=HOSTILE)
    await rig.quiet()
    await rig.slack.command("U01ALICE", "general", "/incident", "status")
    await rig.slack.command("U01ALICE", "general", "/incident", HOSTILE)
    await rig.quiet()
    shown = [*rig.slack.messages(), *rig.slack.ephemerals("U01ALICE")]
    ours = [each for each in shown if each.mine]
    assert len(ours) >= 8
    rooms = {f"<#{each.id}>" for each in rig.slack.workspace.channels.values()}
    live = {token for each in ours for body in (each.body, *each.renditions) for token in live_in(body)}
    assert live - rooms == {"<@U01ALICE>"}  # the commander, and the incidents' own channels, named by us
    assert rig.slack.violations == []


async def test_the_card_arrives_once_through_every_kind_of_trouble(start: Start) -> None:
    rig = await start()
    rig.slack.rate_limit("chat.postMessage", retry_after=1)
    rig.slack.fail_next("chat.postMessage", 503)
    rig.slack.fail_next("chat.postMessage", "drop_after_commit")
    rig.slack.fail_next("conversations.create", "internal_error")
    rig.slack.fail_next("chat.update", "drop_after_commit")
    await rig.slack.command("U01ALICE", "general", "/incident", "declare it burns")
    await asyncio.wait_for(rig.quiet(), 30)
    channel = rig.slack.channel_named("inc-0001")
    cards = [each for each in rig.slack.messages(channel) if each.text.startswith("SEV3 INC-0001")]
    assert len(cards) == 1
    assert channel.pins == [cards[0].ts]
    assert "conclusive" in cards[0].text
    assert len(rig.slack.messages(channel)) == 3
    assert rig.slack.violations == []
