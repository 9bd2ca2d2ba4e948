"""Addresses of the settings, looked at before anything is sent to one. Not an action: what those that speak HTTP share."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx2

from app.domain.errors import Misconfigured


def checked_address(url: str, *, variable: str, example: str) -> str:
    """`url` when it is http(s) with a host. Raises Misconfigured, naming the variable."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname and parts.port != 0 and httpx2.URL(url).host)
    except (ValueError, httpx2.InvalidURL):  # each refuses what the other takes: a port of 99999, a line end
        usable = False
    if not usable:
        raise Misconfigured(f"{variable} must be an http or https address, such as {example}")
    return url
