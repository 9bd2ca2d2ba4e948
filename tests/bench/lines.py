"""Log lines whose template is known: what a template miner is asked to find again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Formatter

import polars as pl

from app.domain.telemetry import LOG_SCHEMA

SERVICES = ("api", "basket", "ledger-writer", "mailer", "search", "stock", "tariff", "uploads")


@dataclass(frozen=True)
class Labelled:
    """`labels[i]` names the template that `messages[i]` was written from; `services[i]` who wrote it."""

    messages: list[str]
    labels: list[int]
    services: list[str]


TEMPLATES: tuple[tuple[str, str], ...] = (
    ("INFO", "accepted request {id} from {ip} in {ms}"),
    ("INFO", "{method} {path} {status} {ms}"),
    ("INFO", "user {user} signed in from {ip}:{port}"),
    ("INFO", "user {user} signed out"),
    ("WARN", "slow query took {ms}: {quoted}"),
    ("ERROR", "connect to {ip}:{port} failed: connection refused"),
    ("ERROR", "connect to {ip}:{port} failed: i/o timeout after {ms}"),
    ("INFO", 'published {{"topic": "{topic}", "partition": {small}, "offset": {number}}}'),
    ("INFO", 'consumed {{"topic": "{topic}", "lag": {number}, "took": "{ms}"}}'),
    ("INFO", "flushed {number} rows to {file}"),
    ("INFO", "opened {file} for writing"),
    ("WARN", "cannot open {file}: too many open files"),
    ("INFO", "cache hit for key {hex}"),
    ("INFO", "cache miss for key {hex}, loading"),
    ("INFO", "evicted {number} entries older than {seconds}"),
    ("INFO", "scheduled job {uuid} on worker-{small}"),
    ("INFO", "finished job {uuid} on worker-{small} after {seconds}"),
    ("ERROR", "job {uuid} failed on worker-{small}: {exception} at {place}"),
    ("INFO", "tags of {id}: {list}"),
    ("INFO", "shards rebalanced: {list} -> {list}"),
    ("INFO", "payment {id} of {money} authorised"),
    ("WARN", "payment {id} of {money} declined: insufficient funds"),
    ("WARN", "payment {id} of {money} declined: card expired"),
    ("INFO", "gc pause {ms}, heap {number}K->{number}K({number}K)"),
    ("INFO", "checkpoint {hex} written in {seconds}, {number} pages"),
    ("INFO", "lease renewed until {stamp} by {host}"),
    ("WARN", "lease lost at {stamp}, held by {host}"),
    ("INFO", "mail to {mail} queued as {hex}"),
    ("ERROR", "mail to {mail} bounced: mailbox full"),
    ("INFO", "retry {small} of {small} for {url} in {ms}"),
    ("ERROR", "gave up on {url} after {small} tries"),
    ("DEBUG", "span {hex} parent {hex} sampled"),
    ("DEBUG", "headers {{accept: {quoted}, id: {uuid}}}"),
    ("INFO", "thread pool size {small} active {small} queued {number}"),
    ("INFO", "config reloaded from {file}, {small} keys changed"),
    ("INFO", "listening on {ip}:{port}"),
    ("INFO", "health check ok"),
    ("WARN", "health check failed"),
    ("INFO", "index {name} refreshed in {ms}"),
)
"""Level and wording. Where two differ in their words alone, they are two."""


def labelled(count: int, *, seed: int = 7) -> Labelled:
    """`count` lines, some templates a hundred times as frequent as others, as in life."""
    dice = random.Random(seed)
    chosen = dice.choices(range(len(TEMPLATES)), weights=[1 / (1 + i % 20) for i in range(len(TEMPLATES))], k=count)
    makers = _makers(dice)
    pieces = [_compiled(wording, makers) for _, wording in TEMPLATES]
    messages = ["".join([piece if isinstance(piece, str) else piece() for piece in pieces[label]]) for label in chosen]
    return Labelled(messages, chosen, [SERVICES[label % len(SERVICES)] for label in chosen])


def frame_of(lines: Labelled, *, first: int = 0) -> pl.DataFrame:
    """The lines as an incident's telemetry, one every 10 ms; `first` is the number of the first of them."""
    count = len(lines.messages)
    values: dict[str, Sequence[object]] = {
        "incident": [True] * count,
        "time": [1.7e9 + (first + i) / 100 for i in range(count)],
        "service": lines.services,
        "level": [TEMPLATES[label][0] for label in lines.labels],
        "msg": lines.messages,
    }
    return _filled(values, count)


def plain_frame(messages: Sequence[str]) -> pl.DataFrame:
    """The messages and nothing else: of one service, without levels."""
    count = len(messages)
    return _filled({"incident": [True] * count, "time": [1.7e9 + i / 100 for i in range(count)], "msg": messages}, count)


def _filled(values: dict[str, Sequence[object]], count: int) -> pl.DataFrame:
    return pl.DataFrame({name: values.get(name, [""] * count) for name in LOG_SCHEMA}, schema=LOG_SCHEMA)


def grouping_accuracy(truth: Sequence[object], found: Sequence[object]) -> float:
    """Share of the lines whose group holds exactly the lines of their true template: one line too many or too few, and the
    whole group is wrong (the measure of the log parsing literature)."""
    of_truth: dict[object, int] = {}
    of_found: dict[object, int] = {}
    both: dict[tuple[object, object], int] = {}
    for pair in zip(truth, found, strict=True):
        of_truth[pair[0]] = of_truth.get(pair[0], 0) + 1
        of_found[pair[1]] = of_found.get(pair[1], 0) + 1
        both[pair] = both.get(pair, 0) + 1
    right = sum(n for (t, f), n in both.items() if n == of_truth[t] == of_found[f])
    return right / len(truth) if truth else 0.0


Piece = str | Callable[[], str]


def _compiled(wording: str, makers: dict[str, Callable[[], str]]) -> list[Piece]:
    pieces: list[Piece] = []
    for said, name, _, _ in Formatter().parse(wording):
        pieces += [piece for piece in (said, makers[name] if name else "") if piece != ""]
    return pieces


_WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet"),
    *("jetty", "knoll", "lagoon", "mesa", "north", "ocean", "prairie", "quarry", "ridge"),
)


def _makers(dice: random.Random) -> dict[str, Callable[[], str]]:
    """What stands where data stands: by kind, a new one at each call."""
    number, bits, word = dice.randrange, dice.getrandbits, _WORDS.__getitem__

    def one() -> str:
        return word(number(len(_WORDS)))

    def spaced() -> str:
        return " ".join(one() for _ in range(1 + number(3)))

    def uuid() -> str:
        text = f"{bits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def path() -> str:
        return "/" + "/".join(("v2", ("orders", "users", "items")[number(3)], str(number(10**7))))

    return {
        "id": lambda: f"req-{bits(40):x}{number(10)}",
        "ip": lambda: f"10.{number(256)}.{number(256)}.{number(256)}",
        "port": lambda: str(1024 + number(60_000)),
        "ms": lambda: f"{number(90_000) / 10:.1f}ms",
        "seconds": lambda: f"{number(9000) / 100:.2f} s",
        "number": lambda: str(number(10**6)),
        "small": lambda: str(number(64)),
        "hex": lambda: f"0x{bits(64):016x}",
        "uuid": uuid,
        "path": path,
        "file": lambda: f"/var/lib/data/{one()}/segment-{number(10**6)}.log",
        "url": lambda: f"http://{one()}.internal:8080/v1/{number(10**6)}",
        "quoted": lambda: f'"{spaced()}"',
        "list": lambda: "[" + ", ".join(str(number(1000)) for _ in range(1 + number(6))) + "]",
        "money": lambda: f"{number(10**5) / 100:.2f} EUR",
        "stamp": lambda: f"2024-03-{1 + number(28):02d}T{number(24):02d}:{number(60):02d}:{number(60):02d}.{number(1000):03d}Z",
        "host": lambda: f"node-{number(400)}",
        "user": lambda: f"u{number(10**6)}",
        "mail": lambda: f"{one()}{number(1000)}@example.org",
        "topic": lambda: f"events-{number(40)}",
        "name": lambda: f"{one()}-{number(100)}",
        "exception": lambda: "IllegalStateException",
        "place": lambda: f"Worker.java:{number(900)}",
        "method": lambda: "GET",
        "status": lambda: str((200, 201, 204, 500, 503)[number(5)]),
    }
