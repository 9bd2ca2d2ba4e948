"""The deploy tool's HTTP door: what runs, roll a service, flip a flag; and, for whoever runs the demo, what was true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from app.demo.alerts import zulu
from app.demo.deploytool import Conflict, DeployTool, NotUp, Unknown
from app.demo.wire import Reply, Request

AUTHOR = "operator"


class Control:
    """`truth` and `kill_scraper` belong to the shop, not to the tool; the product asks for neither."""

    def __init__(
        self, tool: DeployTool, *, truth: Callable[[], Awaitable[dict[str, Any]]], kill_scraper: Callable[[], Awaitable[bool]]
    ) -> None:
        self._tool = tool
        self._truth = truth
        self._kill_scraper = kill_scraper
        self._answers: dict[str, tuple[str, asyncio.Task[Reply]]] = {}

    async def answer(self, request: Request) -> Reply:
        try:
            return await self._route(request.method, request.path.strip("/").split("/"), request)
        except Unknown as unknown:
            return Reply.of({"error": str(unknown)}, 404)
        except ValueError as wrong:
            return Reply.of({"error": str(wrong)}, 400)

    async def _route(self, method: str, parts: list[str], request: Request) -> Reply:
        match (method, *parts):
            case ("GET", "services"):
                return Reply.of({"services": [running.document() for running in self._tool.services.values()]})
            case ("GET", "services", name):
                return Reply.of(self._tool.running(name).document())
            case ("POST", "services", name, "rollout"):
                return await self._once(request, lambda fields: self._rollout(name, fields))
            case ("POST", "services", name, "discard"):
                return await self._once(request, lambda fields: self._discard(name, fields))
            case ("GET", "flags"):
                return Reply.of({"flags": [self._flag(name) for name in self._tool.flags]})
            case ("GET", "flags", name):
                return Reply.of(self._flag(name))
            case ("POST", "flags", name):
                return await self._once(request, lambda fields: self._flip(name, fields))
            case ("GET", "truth"):
                return Reply.of(await self._truth())
            case ("POST", "scraper", "kill"):
                return Reply.of({"killed": await self._kill_scraper()})
            case ("GET", "healthz"):
                return Reply.of({"ok": True})
        return Reply.of({"error": f"no such thing: {method} {request.path}"}, 404)

    def _flag(self, name: str) -> dict[str, Any]:
        flag = self._tool.flag(name)
        shown = {"flag": name, "value": flag.value, "service": flag.service, "guards": list(flag.guards)}
        return {**shown, "changed_at": zulu(flag.changed_at_s)}

    async def _once(self, request: Request, act: Callable[[dict[str, str]], Awaitable[Reply]]) -> Reply:
        """A key is acted on once; the same request again gets the first answer, another request with that key a refusal."""
        fields = request.json()
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise ValueError("the body is a JSON object whose values are strings")
        key = fields.get("idempotency_key")
        if not key:
            raise ValueError("idempotency_key is missing; choose one per intended effect")
        meant = request.path + json.dumps(fields, sort_keys=True)
        if key not in self._answers:
            self._answers[key] = (meant, asyncio.ensure_future(self._acted(act, fields)))
        known, answer = self._answers[key]
        if known != meant:
            return Reply.of({"error": f"idempotency_key {key!r} was used for another request; nothing was done"}, 409)
        return await asyncio.shield(answer)

    async def _acted(self, act: Callable[[dict[str, str]], Awaitable[Reply]], fields: dict[str, str]) -> Reply:
        try:
            return await act(fields)
        except Conflict as conflict:
            return Reply.of({"error": str(conflict)}, 409)
        except Unknown as unknown:
            return Reply.of({"error": str(unknown)}, 404)
        except ValueError as wrong:
            return Reply.of({"error": str(wrong)}, 400)
        except NotUp as failed:
            return Reply.of({"error": str(failed)}, 500)

    async def _rollout(self, service: str, fields: dict[str, str]) -> Reply:
        for name in ("to_version", "expected_version"):
            if name not in fields:
                raise ValueError(f"{name} is missing")
        change = await self._tool.rollout(
            service, to_version=fields["to_version"], expected_version=fields["expected_version"], author=AUTHOR
        )
        return Reply.of({**self._tool.running(service).document(), "change_id": change["id"], "at": change["at"]})

    async def _discard(self, service: str, fields: dict[str, str]) -> Reply:
        if "version" not in fields:
            raise ValueError("version is missing")
        await self._tool.discard(service, version=fields["version"])
        return Reply.of(self._tool.running(service).document())

    async def _flip(self, name: str, fields: dict[str, str]) -> Reply:
        if "to" not in fields or "expected" not in fields:
            raise ValueError("`to` and `expected` are needed, each on or off")
        change = self._tool.flip(name, to=fields["to"], expected=fields["expected"], author=AUTHOR)
        return Reply.of({**self._flag(name), "change_id": change["id"]})
