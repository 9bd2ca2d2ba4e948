"""A page to drive the fake by hand, and the same as JSON under /_control/: commands, mentions, presses, modals."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from . import payloads
from .delivery import DeliveryResult
from .driving import NotThere
from .fake import FakeSlack
from .state import Json, Message, View

_STYLE = """body{font:15px system-ui;margin:1rem auto;max-width:52rem}
article{border-left:3px solid #888;padding:.2rem .8rem;margin:.8rem 0}.only{border-color:#b80}.view{border-color:#06c}
small{color:#777}pre{white-space:pre-wrap;margin:.2rem 0}form{display:inline}label{display:block}"""


def add_page(slack: FakeSlack) -> None:
    """Add the routes. Call before the server starts."""
    page = Page(slack)
    slack.server.app.router.add_get("/", page.show)
    slack.server.app.router.add_post("/_control/{verb}", page.control)
    slack.server.app.router.add_get("/_control/messages", page.messages)


class Page:
    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.last = ""

    async def control(self, request: web.Request) -> web.Response:
        """A verb with its arguments, from JSON (answers JSON) or from the page's forms (back to the page)."""
        as_json = request.content_type == "application/json"
        told: Json = await request.json() if as_json else {key: str(value) for key, value in (await request.post()).items()}
        try:
            verb = self._verbs()[request.match_info["verb"]]
            result = await verb(told)
            outcome: Json = {"outcome": result.outcome, "ack": result.ack_body, "latency_s": result.latency_s} if result else {}
        except (NotThere, LookupError) as refused:
            outcome = {"outcome": "refused", "why": str(refused)}
        self.last = json.dumps(outcome)
        if as_json:
            return web.json_response(outcome)
        raise web.HTTPSeeOther(f"/?user={told.get('user', '')}&channel={told.get('channel', '')}")

    def _verbs(self) -> dict[str, Callable[[Json], Awaitable[DeliveryResult | None]]]:
        slack = self.slack
        return {
            "command": lambda told: slack.command(told["user"], told["channel"], *_split(told["text"])),
            "mention": lambda told: slack.mention(told["user"], told["channel"], told["text"]),
            "press": lambda told: slack.press(
                told["user"], told["ts"], told["action"], value=told.get("value") or None, choose=told.get("choose")
            ),
            "press_in_view": lambda told: slack.press_in_view(
                told["user"], told["view"], told["action"], choose=told.get("choose")
            ),
            "submit": lambda told: slack.submit_view(told["user"], told["view"], told.get("values") or _values(told)),
            "close": lambda told: slack.close_view(told["user"], told["view"]),
            "home": lambda told: slack.open_home(told["user"]),
        }

    async def messages(self, request: web.Request) -> web.Response:
        shown = self.slack.messages(request.query.get("channel") or None)
        return web.json_response([{"channel": each.channel, **each.body} for each in shown])

    async def show(self, request: web.Request) -> web.Response:
        user, channel = request.query.get("user") or "U01ALICE", request.query.get("channel") or "C01GEN"
        if user not in self.slack.workspace.users or channel not in self.slack.workspace.channels:
            user, channel = "U01ALICE", "C01GEN"
        shown = [each for each in self.slack.workspace.messages.values() if each.channel == channel and not each.deleted]
        parts = [self._head(user, channel)]
        parts += [self._message(each, user, channel) for each in shown if each.seen_by in (None, user)]
        parts += [self._view(each, user, channel) for each in self.slack.views(user)]
        parts += [
            f"<p>never allowed: {html.escape(each.method)}: {html.escape(each.what)}</p>" for each in self.slack.violations[-5:]
        ]
        body = f"<!doctype html><meta charset=utf-8><title>Fake Slack</title><style>{_STYLE}</style>{''.join(parts)}"
        return web.Response(text=body, content_type="text/html")

    def _head(self, user: str, channel: str) -> str:
        people = " ".join(f"<a href='/?user={each}&channel={channel}'>{each}</a>" for each in self.slack.workspace.users)
        places = " ".join(
            f"<a href='/?user={user}&channel={each.id}'>#{html.escape(each.name or each.id)}</a>"
            for each in self.slack.workspace.channels.values()
        )
        where = self.slack.workspace.channels[channel]
        head = (
            f"<p>{people}<br>{places}</p><h2>{user} in #{html.escape(where.name or where.id)}</h2><p>{html.escape(where.topic)}</p>"
        )
        forms = "".join(
            _form(verb, user, channel, f"<input name=text size=40 placeholder='{hint}'><button>{verb}</button>")
            for verb, hint in (("command", "/incident declare ..."), ("mention", "status"))
        )
        home = _form("home", user, channel, "<button>open Home</button>")
        return f"{head}{forms} {home}<p><small>{html.escape(self.last)}</small></p>"

    def _message(self, message: Message, user: str, channel: str) -> str:
        shown = payloads.elements(message.blocks)
        buttons = "".join(_element(each, block, user, channel, "press", ts=message.ts) for block, each in shown)
        texts = _texts(message.blocks) or [f"<pre>{html.escape(message.text)}</pre>"]
        only = " class=only" if message.seen_by else ""
        author = html.escape(str(message.body.get("user", "")))
        thread = " (in a thread)" if message.thread_ts not in (None, message.ts) else ""
        return f"<article{only}><small>{author} {message.ts}{thread}</small>{''.join(texts)}{buttons}</article>"

    def _view(self, view: View, user: str, channel: str) -> str:
        title = html.escape(str((view.body.get("title") or {}).get("text", "Home")))
        blocks = view.body["blocks"]
        inputs = "".join(_input(block) for block in blocks if block["type"] == "input")
        buttons = "".join(
            _element(each, block, user, channel, "press_in_view", view=view.id)
            for block, each in payloads.elements([each for each in blocks if each["type"] != "input"])
        )
        submit = _form("submit", user, channel, f"{inputs}<button>submit</button>", view=view.id) if view.body.get("submit") else ""
        close = _form("close", user, channel, "<button>close</button>", view=view.id) if view.body["type"] == "modal" else ""
        return f"<article class=view><b>{title}</b>{''.join(_texts(blocks))}{buttons}{submit} {close}</article>"


def _split(text: str) -> tuple[str, str]:
    command, _, rest = text.strip().partition(" ")
    return command, rest


def _values(told: Json) -> dict[str, Any]:
    return {key.removeprefix("input."): value for key, value in told.items() if key.startswith("input.") and value}


def _form(verb: str, user: str, channel: str, inner: str, **hidden: str) -> str:
    fields = "".join(
        f"<input type=hidden name={name} value='{html.escape(value, quote=True)}'>"
        for name, value in {"user": user, "channel": channel, **hidden}.items()
    )
    return f"<form method=post action='/_control/{verb}'>{fields}{inner}</form> "


def _options(element: Json) -> list[Json]:
    return [*element.get("options", []), *(option for group in element.get("option_groups", []) for option in group["options"])]


def _element(element: Json, block_id: str, user: str, channel: str, verb: str, **hidden: str) -> str:
    name = html.escape(payloads.label(element) or element["action_id"])
    choices = "".join(
        f"<option value='{html.escape(each['value'], quote=True)}'>{html.escape(each['text']['text'])}"
        for each in _options(element)
    )
    pick = "" if element["type"] == "button" else f"<select name=choose>{choices}</select>" if choices else "<input name=choose>"
    return _form(verb, user, channel, f"{pick}<button>{name}</button>", action=element["action_id"], value=block_id, **hidden)


def _input(block: Json) -> str:
    key, label = html.escape(f"input.{block['block_id']}", quote=True), html.escape(block["label"]["text"])
    choices = "".join(
        f"<option value='{html.escape(each['value'], quote=True)}'>{html.escape(each['text']['text'])}"
        for each in _options(block["element"])
    )
    field = f"<select name='{key}'><option value=''>{choices}</select>" if choices else f"<input name='{key}' size=40>"
    return f"<label>{label} {field}</label>"


def _texts(blocks: list[Json]) -> list[str]:
    """The texts of blocks as written: this page shows what was sent, not how Slack draws it."""
    found: list[str] = []
    for block in blocks:
        texts = [
            block.get("text"),
            *block.get("fields", []),
            *(each for each in block.get("elements", []) if each.get("type") in ("mrkdwn", "plain_text")),
        ]
        for text in texts:
            said = text.get("text", "") if isinstance(text, dict) else text
            if said:
                found.append(f"<pre{' style=font-weight:bold' if block['type'] == 'header' else ''}>{html.escape(str(said))}</pre>")
        found += _texts([child for child in block.get("child_blocks", []) if isinstance(child, dict)])
    return found
