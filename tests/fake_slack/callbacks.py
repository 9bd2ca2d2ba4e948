"""Slack's signed HTTP requests to the app: form for commands and interactivity, JSON for events."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import aiohttp

from .delivery import Attempt, DeliveryKind
from .state import Json, Workspace


@dataclass(frozen=True)
class SignedRequest:
    kind: DeliveryKind
    body: bytes
    headers: dict[str, str]


def sign(secret: str, timestamp: str, body: bytes) -> str:
    return "v0=" + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()


class Callbacks:
    """Delivers to `urls` (by kind). The app must answer 2xx within `ack_deadline_s`; then the connection is closed."""

    def __init__(self, workspace: Workspace, *, signing_secret: str, ack_deadline_s: float) -> None:
        self.workspace, self.signing_secret, self.ack_deadline_s = workspace, signing_secret, ack_deadline_s
        self.urls: dict[str, str] = {}
        self.no_retry: set[bytes] = set()
        self._session: aiohttp.ClientSession | None = None

    def seal(self, kind: DeliveryKind, payload: Json) -> SignedRequest:
        if kind == "events_api":
            body, content_type = json.dumps(payload).encode(), "application/json"
        else:
            form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content_type = urlencode(form).encode(), "application/x-www-form-urlencoded"
        timestamp = str(int(self.workspace.now()))
        headers = {"Content-Type": content_type, "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"}
        headers |= {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": sign(self.signing_secret, timestamp, body)}
        return SignedRequest(kind, body, headers)

    async def send(self, sealed: SignedRequest, *, number: int = 0, reason: str | None = None) -> Attempt:
        if number:
            sealed = replace(
                sealed, headers=sealed.headers | {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason or ""}
            )
        loop = asyncio.get_running_loop()
        started = loop.time()
        attempt = Attempt(number, "unreachable", reason)
        try:
            async with (
                asyncio.timeout(self.ack_deadline_s),
                self._client().post(
                    self.urls[sealed.kind], data=sealed.body, headers=sealed.headers, allow_redirects=False
                ) as response,
            ):
                text = await response.text()
                attempt.status, attempt.ack_body = response.status, _answer(text, response.headers.get("Content-Type", ""))
                attempt.outcome = "acked" if 200 <= response.status < 300 else "refused"
                if response.headers.get("X-Slack-No-Retry") == "1":
                    self.no_retry.add(sealed.body)
        except TimeoutError:
            attempt.outcome = "late"
            return attempt
        except aiohttp.ClientConnectorError:
            return attempt
        except aiohttp.ClientError:
            attempt.outcome = "dropped"
            return attempt
        attempt.latency_s = loop.time() - started
        return attempt

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _answer(text: str, content_type: str) -> Any:
    if not text:
        return None
    if content_type.startswith("application/json"):
        try:
            return json.loads(text)
        except ValueError:
            return {"text": text}
    return {"text": text}
