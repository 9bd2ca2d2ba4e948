"""What every request of a browser's client carries: a header of one's own is asked for beforehand, and may be refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import ANOTHER_VALUE, Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import extension
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_IN_BROWSERS = frozenset(("ts", "tsx", "js", "jsx", "mjs", "vue", "svelte", "dart", "elm"))
_HEADER = re2.compile(r"[\"'`]((?i:X)-[A-Za-z][\w-]+|[A-Z][a-z]+(?:-[A-Z][a-z]+)+|[a-z]+(?:-[a-z]+)+)[\"'`]\s*[\]:,]")
_SENT = re2.compile(r"(?i)headers\b|\.setRequestHeader\(|\bsetHeader\(|\bheader\(|\.set\(|\.append\(")
_SAFE = listed("accept accept-language content-language content-type range user-agent")
"""Headers that a page may send anywhere without asking."""
_SERVES = re2.compile(r"(?i)\bres(?:ponse)?\.|\breply\.|\bctx\.set\(|\bnext\(|addHeader\(|\bexpress\b|\bkoa\b|\bfastify\b|@Header")
_FROM_PAGES = re2.compile(
    r"(?i)\bfetch\(|\baxios|\bky\.|\bXMLHttpRequest|\bsetRequestHeader\(|\bApolloClient|\bcreateHttpLink|\bcredentials\b|\bHttpInterceptor"
)
_ALLOWED = re2.compile(r"(?i)allow(?:ed)?[_-]?headers|cors")


def asked_beforehand(sides: Sides) -> Iterator[Effect]:
    """A header that no request had carried, where the diff allows it nowhere."""
    old = "\n".join(one.text for one in sides.olds).lower()
    allowed = "\n".join(one.text for one in sides.shown.standing if _ALLOWED.search(" ".join([one.text, *one.parents]))).lower()
    for one in sides.news:
        if extension(one.path) not in _IN_BROWSERS or _SERVES.search(one.text):
            continue
        if not _SENT.search(" ".join([one.text, *one.parents[-1:]])) or not _FROM_PAGES.search(f"{one.nearby} {one.text}"):
            continue
        for name in _HEADER.findall(one.text):
            known = name.lower() in old or name.lower() in allowed
            if name.lower() in _SAFE or known:
                continue
            note = f"{clean(name)} is sent along now"
            yield effect_of("sent", 0.55, note, one, resource=RESOURCE["crossing"], direction="gone")
            return


_AS_SOMEBODY = re2.compile(r"\bwithCredentials\b\W+true\b|\bcredentials\b\W+[\"']include[\"']")


def as_somebody(sides: Sides) -> Iterator[Effect]:
    """Cookies are sent along to another origin, which has to say that it takes them, and from whom."""
    come = next((one for one in sides.news if _AS_SOMEBODY.search(one.text)), None)
    if come is not None and not any(_AS_SOMEBODY.search(one.text) for one in sides.olds):
        note = "the browser sends along who it is"
        yield effect_of("sent", 0.5, note, come, resource=RESOURCE["crossing"], direction="gone")


_ALLOWS = re2.compile(
    r"(?i)\b(?:access-control-)?allow(?:ed)?[_-]?(?:headers|methods|origins?)\b|\bcors[_-]?(?:allow(?:ed)?[_-]?)?(?:headers|methods|origins?)\b"
)
_SAID = re2.compile(r"[A-Za-z*][\w.*:/-]+|\*")


def allowed_less(before: Statement, after: Statement) -> Effect | None:
    """A header, method or origin that a browser was let use, and is no longer."""
    if not (_ALLOWS.search(before.text) and _ALLOWS.search(after.text)):
        return None
    was, now = ({found.lower() for found in _SAID.findall(one.text)} for one in (before, after))
    lost = was - now
    if not lost or "*" in now or not (lost == {"*"} or now - {"*"} < was):
        return None
    crossing = RESOURCE["crossing"]
    note = f"{clean(min(lost)) or 'any other'} is no longer allowed across origins"
    made = effect_of("literal", 0.65, note, after, resource=crossing, direction="gone", other=before)
    return replace(made, words=made.words | stem_set(lost))


KINDS = (
    Throughout(asked_beforehand),
    Throughout(as_somebody),
    Altered(allowed_less, instead_of=ANOTHER_VALUE | {"members"}),
)
