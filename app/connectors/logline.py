"""One log line, told by shape: JSON, logfmt, or text that begins with a time. Pure.

No format is configured: key names and leading timestamps of the usual forms are recognised. What a line does not say stays
empty; nothing is made up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import re2

from app.connectors.outside import parse_json

MAX_LINE = 1 << 20
"""Bytes of one line that are looked at."""
MAX_MESSAGE = 8_192
"""Characters of one message that are kept, a joined stack trace included."""
LATEST_S = 1e11
"""Epoch seconds after which a number is no time, in the year 5138."""

_KEYS = {
    "time": ("time", "timestamp", "ts", "datetime", "eventtime", "asctime", "date", "t", "timeunixnano", "observedtime"),
    "level": ("level", "severity", "lvl", "loglevel", "levelname", "severitytext", "l"),
    "msg": ("msg", "message", "event", "log", "body", "text", "m"),
    "service": ("service", "servicename", "app", "application", "appname", "svc"),
    "trace": ("trace", "traceid", "oteltraceid", "ddtraceid"),
    "span": ("span", "spanid", "otelspanid", "ddspanid"),
    "pod": ("pod", "podname", "kubernetespodname", "k8spodname"),
}
_MEANING = {key: meaning for meaning, keys in _KEYS.items() for key in keys}
_RANK = {key: rank for keys in _KEYS.values() for rank, key in enumerate(keys)}

LEVELS = {
    "TRACE": "DEBUG",
    "DBG": "DEBUG",
    "NOTICE": "INFO",
    "INFORMATION": "INFO",
    "INF": "INFO",
    "WARNING": "WARN",
    "WRN": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "EXCEPTION": "ERROR",
    "CRITICAL": "FATAL",
    "CRIT": "FATAL",
    "ALERT": "FATAL",
    "EMERG": "FATAL",
    "PANIC": "FATAL",
    "I": "INFO",
    "W": "WARN",
    "E": "ERROR",
    "F": "FATAL",
    "D": "DEBUG",
}
_NUMBERED = ((60, "FATAL"), (50, "ERROR"), (40, "WARN"), (30, "INFO"), (10, "DEBUG"))  # pino and bunyan

_ISO = re2.compile(r"^\[?(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?)(?: ?(Z|UTC|[+-]\d{2}:?\d{2}))?\]?[ \t:|-]*")
_SLASHED = re2.compile(r"^\[?(\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2}(?:\.\d+)?)()\]?\s*")
_SYSLOG = re2.compile(r"^(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2})()\s+")
_KLOG = re2.compile(r"^([IWEF])(\d{4} \d{2}:\d{2}:\d{2}\.\d+)\s+")
_ACCESS = re2.compile(r"\[(\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\]")
_EPOCH = re2.compile(r"^\[?(\d{10}(?:\.\d+)?|\d{13})\]?\s+")
_STREAM = re2.compile(r"^(stdout|stderr) [FP] ")
_LEVEL = re2.compile(
    r"(?:^|[\s\[|(])(TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|SEVERE|CRITICAL|CRIT|FATAL|PANIC|ALERT|EMERG)(?:$|[\s\]|):,])"
)
_LEVEL_LOW = re2.compile(
    r"(?i)(?:\[|^)(trace|debug|info|notice|warning|warn|error|crit|critical|fatal|panic|alert|emerg)(?:\]|:\s)"
)
_PAIR = re2.compile(r'([A-Za-z_@][\w.@-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_LOGFMT = re2.compile(r"(?:^|\s)(?:level|lvl|msg|message|severity)=")


@dataclass(frozen=True, slots=True)
class Line:
    """What one line said. `time` is epoch seconds, None when it names none; texts are empty where it says nothing."""

    time: float | None
    msg: str
    level: str = ""
    service: str = ""
    trace: str = ""
    span: str = ""
    pod: str = ""
    fields: str = ""


def parse_line(text: str, *, zone: tzinfo = UTC, newest: datetime | None = None) -> Line | None:
    """The line's parts; None when it is meant to be JSON and is not readable.

    `zone` is for times that name none; `newest` (the file's last change) gives the year where a time names none.
    """
    if text.startswith("{"):
        return _structured(text)
    time, rest, level = _leading_time(text, zone, newest)
    rest = _STREAM.sub("", rest, count=1)
    if time is not None and rest.startswith("{"):  # a runtime's own time before the program's JSON
        inner = _structured(rest)
        if inner is not None:
            return (
                inner
                if inner.time is not None
                else Line(time, inner.msg, inner.level, inner.service, inner.trace, inner.span, inner.pod, inner.fields)
            )
    if _LOGFMT.search(rest):
        return _from_pairs(rest, time, zone)
    return Line(time, rest[:MAX_MESSAGE], level or level_in(rest))


def time_of(text: str, *, zone: tzinfo = UTC, newest: datetime | None = None) -> float | None:
    """Only the line's time, epoch seconds: the one it begins with, if it does, which costs less to find."""
    at_s = None if text.startswith("{") else _leading_time(text, zone, newest)[0]
    if at_s is not None or not (text.startswith("{") or _LOGFMT.search(text)):
        return at_s
    line = parse_line(text, zone=zone, newest=newest)
    return line.time if line else None


def level_word(value: object) -> str:
    """DEBUG, INFO, WARN, ERROR, FATAL or ""; numbers as pino and bunyan write them."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return next((word for least, word in _NUMBERED if value >= least), "")
    word = str(value or "").strip().upper()
    if word.isdecimal() and len(word) <= 3:
        return level_word(int(word))
    word = LEVELS.get(word, word)
    return word if word in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL") else ""


def level_in(text: str) -> str:
    """The level a text line states near its beginning."""
    head = text[:120]
    found = _LEVEL.search(head) or _LEVEL_LOW.search(head)
    return level_word(found.group(1)) if found else ""


def moment(value: object, *, zone: tzinfo = UTC) -> float | None:
    """Epoch seconds of a JSON time: ISO 8601, or a number of s, ms, µs or ns (told by its size)."""
    if isinstance(value, str):
        text = value.strip()
        try:
            number = float(text)
        except ValueError:
            return _iso(text, zone)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = value
    else:
        return None
    divisor = next((by for above, by in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)) if number > above), 1.0)
    return number / divisor if 1e8 * divisor < number <= LATEST_S * divisor else None


def _structured(text: str) -> Line | None:
    try:
        body = parse_json(text)
        return _from_object(body) if isinstance(body, dict) else None
    except (ValueError, RecursionError):  # what can just be parsed may be too deep to be written again
        return None


def _plain_key(key: str) -> str:
    return "".join(sign for sign in key.lower() if sign not in "@_-. ")


def _from_object(body: dict[str, Any]) -> Line:
    said: dict[str, Any] = {}
    rank: dict[str, int] = {}
    more: dict[str, Any] = {}
    for key, value in body.items():
        plain = _plain_key(key)
        meaning = _MEANING.get(plain)
        if isinstance(value, dict):
            inner = value.get("name") or value.get("id") if meaning else None
            if plain == "log" and "level" in value:
                said.setdefault("level", value["level"])
            if not isinstance(inner, str):
                more[key] = value
                continue
            value = inner
        if meaning is None or value is None:
            more[key] = value
        elif rank.get(meaning, 99) > _RANK[plain]:
            if meaning in rank:
                more[key] = said[meaning]
            said[meaning], rank[meaning] = value, _RANK[plain]
        else:
            more[key] = value
    message = _text(said.get("msg"))
    if "log" in body and message.lstrip().startswith("{"):  # a container runtime's wrapping
        inner_line = _structured(message.strip())
        if inner_line is not None and inner_line.msg:
            return inner_line
    level = level_word(said.get("level"))
    fields = json.dumps(more, ensure_ascii=False) if more else ""
    texts = {key: _text(said.get(key)) for key in ("service", "trace", "span", "pod")}
    return Line(moment(said.get("time")), message.rstrip("\n")[:MAX_MESSAGE], level or level_in(message), fields=fields, **texts)


def _from_pairs(text: str, time: float | None, zone: tzinfo) -> Line:
    body: dict[str, Any] = {key: _unquoted(value) for key, value in _PAIR.findall(text)}
    line = _from_object(body)
    at = line.time if line.time is not None else time
    if at is None and zone is not UTC:
        at = moment(body.get("time") or body.get("ts"), zone=zone)
    message = line.msg or text[:MAX_MESSAGE]
    return Line(at, message, line.level, line.service, line.trace, line.span, line.pod, line.fields)


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(parse_json(value))
    except ValueError:
        return value.strip('"')


def _leading_time(text: str, zone: tzinfo, newest: datetime | None) -> tuple[float | None, str, str]:
    """The time a text line begins with, what follows it, and the level where the time's form carries one."""
    if found := _ISO.search(text):
        return _iso(found.group(1) + (found.group(2) or "").replace("UTC", "Z"), zone), text[found.end() :], ""
    if found := _SLASHED.search(text):
        return _iso(found.group(1).replace("/", "-"), zone), text[found.end() :], ""
    if found := _SYSLOG.search(text):
        return _without_year(found.group(1), "%b %d %H:%M:%S", zone, newest), text[found.end() :], ""
    if found := _KLOG.search(text):
        return _without_year(found.group(2), "%m%d %H:%M:%S.%f", zone, newest), text[found.end() :], level_word(found.group(1))
    if found := _EPOCH.search(text):
        return moment(found.group(1)), text[found.end() :], ""
    if found := _ACCESS.search(text[:400]):
        return _parsed(found.group(1), "%d/%b/%Y:%H:%M:%S %z", zone), text, ""
    return None, text, ""


def _iso(text: str, zone: tzinfo) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def _parsed(text: str, form: str, zone: tzinfo) -> float | None:
    try:
        at = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is given below where the text names none
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def _without_year(text: str, form: str, zone: tzinfo, newest: datetime | None) -> float | None:
    """In the year that puts it before `newest`: a log of December read in January is last year's."""
    if newest is None:
        return None
    at = _parsed(f"{newest.year} {text}", f"%Y {form}", zone)
    if at is not None and at > (newest + timedelta(days=1)).timestamp():
        at = _parsed(f"{newest.year - 1} {text}", f"%Y {form}", zone)
    return at


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
