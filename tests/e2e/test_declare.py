from __future__ import annotations

from tests.e2e.conftest import Start


async def test_declaring_makes_a_channel_with_a_pinned_card_and_triages(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    result = await rig.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
    assert result.acked
    assert result.ack_body == {"text": "Declaring. Its channel follows."}
    await rig.quiet()
    for m in rig.slack.messages():
        print(m.channel, m.thread_ts, m.text, "\n")
    for e in rig.slack.ephemerals("U01ALICE"):
        print("EPH", e.text)
    print(rig.slack.violations)
    rig.slack.dump("/tmp/dump.json", rig.slack.channel_named("inc-"))
    assert 0
