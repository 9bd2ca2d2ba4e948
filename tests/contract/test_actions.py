"""What every action promises, asked of every action there is; and of the shipped ones, what they do over a real port."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from pydantic import ValidationError

from app.actions import flag_switch, shop_release_delete, shop_rollout_undo, webhook
from app.domain.change import Change
from app.domain.errors import FirstmateError, Misconfigured, NotFound, Rejected, Unreachable
from app.domain.hypothesis import Hypothesis
from app.domain.plugin import Checkable, Plugin
from app.domain.ports import ActionPort
from app.domain.value import canonical
from app.plugins import discover
from app.policy.tiers import tier_of
from tests.contract.given import example, settings_of
from tests.unit.graphs.said import NOON

SECRET = webhook.Settings.model_fields["secret"].examples[0]
ROLLOUT = {"service": "checkout", "from_version": "1.8.0", "to_version": "1.7.2"}
SWITCH = {"flag": "recommendations", "to": "off"}
EVENT = {"event": "drain.start", "payload": {"zone": "b"}, "undo_event": "drain.stop"}
DELETE = {"service": "checkout", "version": "1.6.0"}
SHIPPED: dict[str, dict[str, Any]] = {
    "shop_rollout_undo": ROLLOUT,
    "shop_release_delete": DELETE,
    "flag_switch": SWITCH,
    "webhook": EVENT,
}
"""What `Far` below plays the other side of: only these are run here. Of any other, nothing but what reads is asked."""


class Far:
    """What the four act on. `ending`: how the next write ends for the caller."""

    def __init__(self) -> None:
        self.ending = "ok"
        self.state: dict[str, Any] = {"service": "checkout", "version": "1.8.0", "flag": "recommendations", "value": "on"}
        self.state["known_versions"] = ["1.6.0", "1.7.2", "1.8.0"]
        self.effects = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            if self.ending == "gone":
                return web.Response(status=404)
            if self.ending == "garbage":
                return web.Response(text="<html>", content_type="text/html")
            if request.path == "/flags":
                return web.json_response({"flags": [{"flag": "recommendations", "value": "on", "guards": ["provider"]}]})
            return web.json_response(self.state)
        self.requests.append((request.path, dict(request.headers), await request.read()))
        if self.ending == "refuse":
            return web.Response(status=409, text="another version runs")
        if self.ending == "break":
            return web.Response(status=503)
        if self.ending == "redirect":
            raise web.HTTPFound("/elsewhere")
        self.effects += 1
        if self.ending == "lose":
            assert request.transport is not None
            request.transport.close()
        if self.ending == "garbage":
            return web.Response(text="<html>", content_type="text/html")
        if request.path.endswith("/discard"):
            self.state["known_versions"] = ["1.7.2", "1.8.0"]
        else:
            self.state.update(version="1.7.2", value="off")
        return web.json_response(self.state)


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    held = Far()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", held.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    held.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield held
    await runner.cleanup()


@pytest.fixture
async def open_(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    monkeypatch.chdir(tmp_path)  # where relative paths of examples lead
    opened: list[Any] = []

    def build(name: str, **settings: Any) -> Any:
        plugin: Plugin[Any, Any] = discover("app.actions", "ACTION")[name]
        given = settings_of(plugin, url=far.url, **settings)
        assert plugin.configured(given), f"the examples of {name}'s settings don't configure it"
        opened.append(plugin.open(given))
        return opened[-1]

    yield build
    for each in opened:
        await each.close()


NAMES = sorted(discover("app.actions", "ACTION"))


@pytest.mark.parametrize("name", NAMES)
async def test_an_action_is_what_the_port_says(name: str, open_: Callable[..., Any]) -> None:
    plugin = discover("app.actions", "ACTION")[name]
    assert isinstance(plugin, Plugin)
    assert plugin.name == name
    assert not plugin.configured(plugin.settings())
    action: ActionPort = open_(name)
    assert action.name == name
    assert action.summary
    assert isinstance(action, Checkable)


@pytest.mark.parametrize("name", NAMES)
async def test_its_arguments_are_closed(name: str, open_: Callable[..., Any]) -> None:
    action: ActionPort = open_(name)
    given = example(action.arguments)
    action.arguments.model_validate(given)
    for extra in ("tier", "url", "force"):
        with pytest.raises(ValidationError):
            action.arguments.model_validate({**given, extra: "1"})
    for key, value in given.items():
        if isinstance(value, str):
            for hostile in ("", "../../etc", "a b", "a;b", "$(id)", "a\n", "--force", "x" * 300, "a/../b", "a%0ab"):
                with pytest.raises(ValidationError):
                    action.arguments.model_validate({**given, key: hostile})


@pytest.mark.parametrize("name", NAMES)
async def test_its_effects_are_pure_and_its_undo_is_a_call_it_takes_itself(name: str, far: Far, open_: Callable[..., Any]) -> None:
    action: ActionPort = open_(name)
    arguments = action.arguments.model_validate(example(action.arguments))
    first, second = action.effects(arguments), action.effects(arguments)
    assert first == second
    assert far.requests == []
    assert first.target
    assert first.sentence
    assert "\n" not in first.sentence
    if first.undo is None:
        assert name == "shop_release_delete" or name not in SHIPPED  # one without is tier 3, which policy says
        return
    assert first.undo.action == name
    back = action.effects(action.arguments.model_validate(first.undo.arguments))
    assert back.undo is not None
    assert action.arguments.model_validate(back.undo.arguments) == arguments


@pytest.mark.parametrize(
    ("name", "arguments", "settings", "tier"),
    [
        ("shop_rollout_undo", ROLLOUT, {}, 1),
        ("shop_release_delete", DELETE, {}, 3),
        ("flag_switch", SWITCH, {}, 1),
        ("webhook", EVENT, {}, 3),
        ("webhook", EVENT, {"state_url": "state"}, 2),
        ("webhook", {"event": "drain.start"}, {"state_url": "state"}, 3),
    ],
)
async def test_its_tier_follows_from_what_it_declares(
    name: str, arguments: Any, settings: Any, tier: int, far: Far, open_: Callable[..., Any]
) -> None:
    action = open_(name, **{key: f"{far.url}/{value}" for key, value in settings.items()})
    wanted = action.arguments.model_validate(arguments)
    assert tier_of(action.effects(wanted), await action.read_back(wanted)) == tier


@pytest.mark.parametrize("name", NAMES)
async def test_what_only_reads_changes_nothing_and_fails_in_a_way_that_can_be_told(
    name: str, far: Far, open_: Callable[..., Any]
) -> None:
    action: ActionPort = open_(name)
    wanted = action.arguments.model_validate(example(action.arguments))
    before: Any = None
    with suppress(FirstmateError):  # anything else that it raises is a defect
        before = await action.read_back(wanted)
    with suppress(FirstmateError):
        await action.preview(wanted)
    with suppress(FirstmateError):
        assert await action.took_effect(wanted, precondition=before or {}) in (True, False, None)
    with suppress(FirstmateError):
        for arguments in await action.suggest(cause(), None):
            action.arguments.model_validate(arguments)
    with suppress(FirstmateError):
        assert await action.read_back(wanted) == before
    assert far.requests == []


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(("ending", "ok"), [("ok", True), ("refuse", False), ("break", None), ("lose", None), ("redirect", None)])
async def test_how_a_write_ended_is_said_and_what_is_not_known_is_not_guessed(
    name: str, ending: str, ok: bool | None, far: Far, open_: Callable[..., Any]
) -> None:
    action: ActionPort = open_(name)
    far.ending = ending
    outcome = await action.run(action.arguments.model_validate(SHIPPED[name]), idempotency_key="x-1")
    assert outcome.ok is ok
    assert outcome.detail
    assert len(far.requests) == 1  # no retry of its own: that would be a second run
    _, headers, body = far.requests[0]
    assert "x-1" in body.decode() or headers.get("Idempotency-Key") == "x-1"


@pytest.mark.parametrize("name", SHIPPED)
async def test_an_answer_that_never_comes_is_not_known(name: str) -> None:
    def late(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("too late", request=request)

    def nobody(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    for answer, ok in ((late, None), (nobody, False)):
        transport = httpx2.MockTransport(answer)
        action: Any
        if name == "webhook":
            action = webhook.SignedWebhook("http://far", SECRET, state_url="http://far/state", transport=transport)
        else:
            kind = {
                "shop_rollout_undo": shop_rollout_undo.ShopRolloutUndo,
                "shop_release_delete": shop_release_delete.ShopReleaseDelete,
                "flag_switch": flag_switch.FlagSwitch,
            }[name]
            from app.actions.shop_client import ShopClient

            action = kind(ShopClient("http://far", transport=transport))
        wanted = action.arguments.model_validate(SHIPPED[name])
        assert (await action.run(wanted, idempotency_key="x-1")).ok is ok
        with pytest.raises(Unreachable):
            await action.read_back(wanted)
        await action.close()


@pytest.mark.parametrize("name", ["shop_rollout_undo", "shop_release_delete", "flag_switch"])
async def test_what_can_be_read_back_is_and_tells_whether_a_run_took_effect(name: str, far: Far, open_: Callable[..., Any]) -> None:
    action: ActionPort = open_(name)
    wanted = action.arguments.model_validate(SHIPPED[name])
    before = await action.read_back(wanted)
    assert await action.took_effect(wanted, precondition=before) is False
    assert (await action.preview(wanted)).ok
    await action.run(wanted, idempotency_key="x-1")
    assert await action.took_effect(wanted, precondition=before) is True
    assert not (await action.preview(wanted)).ok
    far.state.update(version="3.0.0", value="half", known_versions=["1.6.0"])
    assert await action.took_effect(wanted, precondition=before) is None
    far.ending = "gone"
    with pytest.raises(NotFound):
        await action.read_back(wanted)
    far.ending = "garbage"
    with pytest.raises(Rejected):
        await action.read_back(wanted)
    assert (await action.run(wanted, idempotency_key="x-2")).ok is None


def cause(target: str = "checkout", change: str | None = None) -> Hypothesis:
    return Hypothesis(target=target, change=change, confidence=0.7, verdict="supported", statement="x", supporting=("f",))


async def test_a_rollout_is_undone_only_for_the_deploy_that_still_runs(far: Far, open_: Callable[..., Any]) -> None:
    action: ActionPort = open_("shop_rollout_undo")
    deploy = Change(id="c", kind="deploy", at=NOON, service="checkout", version="1.8.0", previous_version="1.7.2")
    assert await action.suggest(cause(change="c"), deploy) == [ROLLOUT]
    assert await action.suggest(cause(), None) == []
    assert await action.suggest(cause(change="c"), deploy.model_copy(update={"previous_version": None})) == []
    far.state["version"] = "1.9.0"
    assert await action.suggest(cause(change="c"), deploy) == []


async def test_a_flag_goes_back_to_what_it_was_or_off_where_it_guards_what_is_down(open_: Callable[..., Any]) -> None:
    action: ActionPort = open_("flag_switch")
    flip = Change(id="f", kind="flag", at=NOON, details={"flag": "fast-path", "from": "off", "to": "on"})
    assert await action.suggest(cause(change="f"), flip) == [{"flag": "fast-path", "to": "off"}]
    assert await action.suggest(cause("provider"), None) == [{"flag": "recommendations", "to": "off"}]
    assert await action.suggest(cause("checkout"), None) == []
    deploy = Change(id="c", kind="deploy", at=NOON, service="checkout", version="1.8.0")
    assert await action.suggest(cause("provider", change="c"), deploy) == []


async def test_a_webhook_is_signed_so_that_its_receiver_can_tell(far: Far, open_: Callable[..., Any]) -> None:
    action: ActionPort = open_("webhook")
    await action.run(action.arguments.model_validate(EVENT), idempotency_key="x-1")
    ((_, headers, body),) = far.requests
    stamp = headers["X-Firstmate-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["X-Firstmate-Signature"], f"v1={expected}")
    assert body == canonical({"event": "drain.start", "id": "x-1", "payload": {"zone": "b"}})
    assert SECRET not in str(headers)
    for other in (webhook.signature("another secret of its length", stamp, body), webhook.signature(SECRET, "0", body)):
        assert other != headers["X-Firstmate-Signature"]


async def test_a_webhook_s_receiver_is_configured_and_never_an_argument(far: Far, open_: Callable[..., Any]) -> None:
    action: ActionPort = open_("webhook")
    assert far.url in action.effects(action.arguments.model_validate(EVENT)).sentence
    with pytest.raises(Misconfigured, match="FIRSTMATE_WEBHOOK_ACTION_SECRET"):
        open_("webhook", secret="short")


async def test_a_state_that_is_no_object_is_no_precondition(far: Far, open_: Callable[..., Any]) -> None:
    action: ActionPort = open_("webhook", state_url=f"{far.url}/state")
    far.ending = "garbage"
    with pytest.raises(FirstmateError):
        await action.read_back(action.arguments.model_validate(EVENT))


@pytest.mark.parametrize("name", NAMES)
async def test_asked_how_it_is_it_changes_nothing(name: str, far: Far, open_: Callable[..., Any]) -> None:
    action = open_(name)
    assert (await asyncio.wait_for(action.check(), 20)).line
    assert far.requests == []
