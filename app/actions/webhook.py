"""Call a webhook of yours, signed: for whatever has an HTTP door and no action of its own yet.

It is a tier-2 action where the receiver can be asked how things stand (`state_url`) and the arguments name the event that undoes
this one; else policy must treat it as irreversible. The body is canonical JSON; `X-Firstmate-Signature` is `v1=` + HMAC-SHA256 over
`timestamp.body` with the shared secret, so that the receiver can tell ours from anybody's and old from new.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence

import httpx2
from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.action import Arguments, Call, Effects, Outcome, Preview
from app.domain.change import Change
from app.domain.errors import Misconfigured, Unreachable
from app.domain.hypothesis import Hypothesis
from app.domain.plugin import Health, Plugin, checked_address
from app.domain.value import JsonObject, canonical

TIMEOUT_S = 10.0


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_WEBHOOK_ACTION_")

    url: str = Field(
        default="", examples=["https://automation.example.com/hook"], description="Where the signed webhook goes; empty: not used."
    )
    secret: SecretStr = Field(
        default=SecretStr(""),
        examples=["sixteen characters and more"],
        description="The shared secret the signature is made with, 16 characters or more.",
    )
    state_url: str = Field(default="", description="Where the receiver says, as a JSON object, how things stand; empty: it can't.")


class EventArguments(Arguments):
    """The origin is configured; an argument never chooses where it goes."""

    event: str = Field(pattern=r"^[a-z][a-z0-9_.-]{0,62}$", examples=["drain.start"])
    payload: dict[str, str] = Field(default_factory=dict, max_length=20, examples=[{"zone": "b"}])
    undo_event: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_.-]{0,62}$", examples=["drain.stop"])


class SignedWebhook:
    name = "webhook"
    summary = "Call your own automation over a signed webhook"
    arguments: type[BaseModel] = EventArguments

    def __init__(self, url: str, secret: str, *, state_url: str = "", transport: httpx2.AsyncBaseTransport | None = None) -> None:
        if len(secret) < 16:
            raise Misconfigured(
                "FIRSTMATE_WEBHOOK_ACTION_SECRET must be at least 16 characters; make one with: openssl rand -hex 32"
            )
        for variable, given in (("URL", url), ("STATE_URL", state_url)):
            if given:
                checked_address(
                    given, variable=f"FIRSTMATE_WEBHOOK_ACTION_{variable}", example="https://automation.example.com/hook"
                )
        self._url, self._secret, self._state_url = url, secret, state_url
        self._http = httpx2.AsyncClient(timeout=TIMEOUT_S, transport=transport, follow_redirects=False)

    async def suggest(self, hypothesis: Hypothesis, change: Change | None) -> Sequence[JsonObject]:
        """Nothing by itself: a runbook or a person names the event."""
        return []

    def effects(self, arguments: BaseModel) -> Effects:
        wanted = EventArguments.read(arguments)
        back: JsonObject = {}
        if wanted.undo_event:
            back = {"event": wanted.undo_event, "payload": dict(wanted.payload), "undo_event": wanted.event}
        return Effects(
            target=f"webhook/{wanted.event}",
            sentence=f"POST event {wanted.event} with {canonical(wanted.payload).decode()} to {_origin(self._url)}",
            blast_radius="whatever the receiver does with it",
            undo=Call(action=self.name, arguments=back) if back else None,
            undo_sentence=f"POST event {wanted.undo_event} with the same payload" if back else "",
            outside=True,
        )

    async def read_back(self, arguments: BaseModel) -> JsonObject:
        if not self._state_url:
            return {}
        try:
            answer = await self._http.get(self._state_url)
            held = answer.json() if answer.status_code == 200 else None
        except (httpx2.HTTPError, ValueError) as error:
            raise Unreachable(
                f"{_origin(self._state_url)} did not say how things stand: {str(error) or type(error).__name__}"
            ) from error
        if not isinstance(held, dict):
            raise Unreachable(
                f"{_origin(self._state_url)} answered {answer.status_code} without a JSON object; nothing can be compared"
            )
        return held

    async def preview(self, arguments: BaseModel) -> Preview:
        return Preview(ok=True, lines=(f"nothing is sent before approval; the receiver is {_origin(self._url)}",))

    async def run(self, arguments: BaseModel, *, idempotency_key: str) -> Outcome:
        wanted = EventArguments.read(arguments)
        body = canonical({"event": wanted.event, "payload": wanted.payload, "id": idempotency_key})
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key,
            "X-Firstmate-Timestamp": stamp,
            "X-Firstmate-Signature": signature(self._secret, stamp, body),
        }
        try:
            answer = await self._http.post(self._url, content=body, headers=headers)
        except httpx2.ConnectError as error:
            return Outcome(ok=False, detail=f"{_origin(self._url)} could not be reached, nothing was sent: {error}")
        except httpx2.HTTPError as error:
            return Outcome(ok=None, detail=f"no answer from {_origin(self._url)} ({str(error) or type(error).__name__})")
        if answer.is_success:
            return Outcome(ok=True, detail=f"{_origin(self._url)} answered {answer.status_code}")
        # Only 4xx says that it was not taken: behind a redirect, as behind a 5xx, it may have been.
        ok = False if 400 <= answer.status_code < 500 else None
        return Outcome(ok=ok, detail=f"{_origin(self._url)} answered {answer.status_code}")

    async def took_effect(self, arguments: BaseModel, *, precondition: JsonObject) -> bool | None:
        return None

    async def check(self) -> Health:
        return Health(ok=True, line=f"signed webhook to {_origin(self._url)} (not called by this check)")

    async def close(self) -> None:
        await self._http.aclose()


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=` and 64 hex digits; what the receiver computes and compares."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _origin(url: str) -> str:
    parsed = httpx2.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode()}"


ACTION = Plugin(
    name="webhook",
    summary=SignedWebhook.summary,
    settings=Settings,
    configured=lambda settings: bool(settings.url),
    open=lambda settings: SignedWebhook(settings.url, settings.secret.get_secret_value(), state_url=settings.state_url),
)
