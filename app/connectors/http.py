"""How every connector that speaks HTTP is built: one pool, no redirects, bounded answers, errors by what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode, urlsplit

import httpx2

from app.domain.errors import Misconfigured, Rejected, Unreachable
from app.domain.plugin import checked_address

MAX_CONNECTIONS = 8


def make_client(
    *, base_url: str, timeout_s: float, headers: Mapping[str, str] | None = None, transport: httpx2.AsyncBaseTransport | None = None
) -> httpx2.AsyncClient:
    """A client for one origin. Redirects are not followed, so a bearer token never leaves for another one."""
    return httpx2.AsyncClient(
        base_url=base_url.rstrip("/") + "/",
        timeout=timeout_s,
        headers=dict(headers or {}),
        transport=transport,
        follow_redirects=False,
        trust_env=False,
        limits=httpx2.Limits(max_connections=MAX_CONNECTIONS),
    )


def checked_url(url: str, *, variable: str) -> str:
    """`url` when it is http(s) with a host and nothing behind its path. Raises Misconfigured, naming the variable."""
    parts = urlsplit(checked_address(url, variable=variable, example="http://127.0.0.1:9090"))
    if parts.username or parts.query or parts.fragment:
        raise Misconfigured(f"{variable} must be a bare address, without user, query or fragment")
    return url


async def ask(
    client: httpx2.AsyncClient,
    method: Literal["GET", "POST"],
    path: str,
    fields: list[tuple[str, str]],
    *,
    max_bytes: int,
    what: str,
    timeout_s: float,
) -> tuple[int, bytes]:
    """Status and body of one request; `what` names it in errors ("prometheus: query_range …").

    Raises Unreachable for no answer, a 5xx, or too many requests; Rejected for a redirect,
    a refused token, or an answer above `max_bytes`.
    """
    params = tuple(fields) if method == "GET" else None
    content = None if method == "GET" else urlencode(fields).encode()
    headers = {} if method == "GET" else {"Content-Type": "application/x-www-form-urlencoded"}
    body = bytearray()
    try:
        async with client.stream(method, path, content=content, headers=headers, params=params) as response:
            if response.is_redirect:
                raise Rejected(f"{what}: redirected to another address, which is not followed; set the final address")
            if response.status_code in (401, 403):
                raise Rejected(f"{what}: not allowed ({response.status_code}); check the token")
            async for part in response.aiter_bytes():
                body += part
                if len(body) > max_bytes:
                    raise Rejected(f"{what}: the answer is larger than {max_bytes // 2**20} MiB; ask for less")
            status = response.status_code
    except httpx2.TimeoutException as error:
        raise Unreachable(f"{what}: no answer within {timeout_s:g} s; try a shorter window") from error
    except httpx2.HTTPError as error:
        raise Unreachable(f"{what}: no answer ({type(error).__name__}); is it running at {client.base_url}?") from error
    if status == 429 or status >= 500:
        raise Unreachable(f"{what}: answered {status}; try again")
    return status, bytes(body)
