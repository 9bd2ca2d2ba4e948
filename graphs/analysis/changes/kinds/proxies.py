"""Who asks, behind a proxy: whose word about the client is taken, and what of the client's request is passed on."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_TRUSTED = re2.compile(
    r"(?i)\bknown(?:ip)?(?:networks|proxies)\b|\bset_real_ip_from\b|\btrust(?:ed)?[ _-]?prox(?:y|ies)\b|\bset_?trusted_?proxies\b"
    r"|\bforwarded[_-]allow[_-]ips\b|\bxff_num_trusted_hops\b|\bRemoteIP(?:Internal|Trusted)Proxy\b|\binternal-?proxies\b"
    r"|\bProxyFix\(|\bforwardedHeaders\.trustedIPs\b|\bnumber_of_trusted_hops\b"
)
_TOLD = re2.compile(
    r"(?i)\breal_ip_header\b|\bforward-?headers-?strategy\b|\buse-?forward(?:ed)?-?headers\b|\bRemoteIP(?:Header|Filter|Valve)\b"
    r"|\bremote-?ip-?header\b|\buse_remote_address\b|\bmiddleware\.(?:RealIP|ProxyHeaders)\b|\bhandlers\.ProxyHeaders\b"
    r"|\buse-?proxy-?protocol\b|\bproxy_protocol(?:_v2)?\b(?:[\"'.]*\s*[=:]\s*[\"']?(?:true|on|enabled))?"
    r"|\bsend-proxy(?:-v2)?\b|\baccept-proxy\b"
    r"|\bexternalTrafficPolicy[\"']?\s*[:=]\s*[\"']?Local\b|\bpreserve_client_ip(?:\.enabled)?[\"']?\s*[=:]\s*[\"']?true\b"
    r"|--proxy-headers\b|\bproxy_headers[\"']?\s*[=:]\s*True\b|\$proxy_add_x_forwarded_for\b|\bX-?Forwarded-?For\b|\bX-Real-IP\b"
)
_AS_ASKED = re2.compile(
    r"(?i)\bX-?Forwarded-?(?:Proto|Host)\b|\bSECURE_PROXY_SSL_HEADER\b|\bproxy_set_header\s+Host\b|\bProxyPreserveHost\s+On\b"
    r"|\bpreserve_?host(?:_header)?[\"']?\s*[:=]\s*[\"']?true\b|\bpassHostHeader[\"']?\s*[:=]\s*true\b|\bUSE_X_FORWARDED_HOST\b"
)


def clients(sides: Sides) -> Iterator[Effect]:
    """All who ask seem to come from the proxy itself: they share one limit, one ban, one list of who may."""
    for known, note in (
        (_TRUSTED, "no proxy is trusted to name the client any more"),
        (_TOLD, "the client's address is no longer told"),
    ):
        went = next((one for one in sides.olds if known.search(one.text)), None)
        if went is not None and not any(known.search(one.text) for one in sides.shown.standing):
            yield effect_of("identity", 0.7, note, went, resource=RESOURCE["rate_limit"], direction="down")
            return


def as_asked(sides: Sides) -> Iterator[Effect]:
    """By which scheme and name the client asked is not passed on: redirects lead elsewhere, origins do not match."""
    went = next((one for one in sides.olds if _AS_ASKED.search(one.text)), None)
    if went is not None and not any(_AS_ASKED.search(one.text) for one in sides.shown.standing):
        note = "by which scheme or name was asked is no longer told"
        yield effect_of("dropped", 0.6, note, went, resource=RESOURCE["crossing"], direction="gone")


KINDS = (Throughout(clients), Throughout(as_asked))
