"""Run the fake Slack by hand: `python -m tests.fake_slack --port 4400`, then open the page it prints."""

from __future__ import annotations

import argparse
import asyncio

from .fake import FakeSlack
from .page import add_page
from .plugin import seeded


async def serve(options: argparse.Namespace) -> None:
    slack = FakeSlack(rates="observe" if options.loose else "enforce")
    slack.rates.post_burst = options.burst
    if options.app_url:
        slack.deliver_to(options.app_url)
    add_page(slack)
    await slack.start(options.port)
    seeded(slack)
    slack.user("U03GUEST", "guest")
    slack.user("U04EVE", "external")
    slack.channel("shared-with-partner", "U01ALICE", "U04EVE", channel_id="C02EXT", ext_shared=True)
    print(f"A fake Slack on {slack.workspace.base_url}/  (open it to type commands and press buttons; nothing leaves this machine)")
    print(f"  Web API        {slack.api_url}")
    print(f"  bot token      {slack.bot_token}\n  app token      {slack.app_token}\n  signing secret {slack.signing_secret}")
    print(f"  delivers over  {'signed HTTP to ' + options.app_url if options.app_url else 'Socket Mode'}")
    try:
        await asyncio.Event().wait()
    finally:
        await slack.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_slack", description=__doc__)
    parser.add_argument("--port", type=int, default=4400)
    parser.add_argument("--app-url", default="", help="deliver signed HTTP there instead of Socket Mode")
    parser.add_argument("--loose", action="store_true", help="let calls beyond the rate limits pass")
    parser.add_argument("--burst", type=int, default=1, help="messages a channel takes at once (Slack: about one a second)")
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
