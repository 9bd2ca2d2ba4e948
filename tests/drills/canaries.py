"""Secrets of every form we know, made up from a seed: the line each stands in, and what must be read nowhere afterwards."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote

import re2

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
WORD, HEX = LOWER + UPPER + DIGITS, DIGITS + "abcdef"
MANY = 200


@dataclass(frozen=True)
class Canary:
    """`line`: what outsiders wrote. `needle`: the part of it that gives the secret away."""

    kind: str
    line: str
    needle: str


class Maker:
    """Random parts of secrets; the last one of a line that was asked for with `secret` is its needle."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.needle = ""

    def some(self, length: int, of: str = WORD) -> str:
        return "".join(self._random.choice(of) for _ in range(length))

    def secret(self, length: int, of: str = WORD, *, before: str = "") -> str:
        self.needle = before + self.some(length - 1, of) + self.some(1, "".join(set(of) & set(DIGITS)) or of)
        return self.needle

    def password(self) -> str:
        self.needle = f"{self.some(4, LOWER)}{self.some(2, DIGITS)}-{self.some(5, UPPER)}!{self.some(2, DIGITS)}"
        return self.needle

    def pem(self, what: str, end: str = "\n") -> str:
        body = [self.some(64, WORD + "+/") for _ in range(4)]
        self.needle = body[1]
        return end.join([f"-----BEGIN {what}-----", *body, f"-----END {what}-----"])

    def encoded(self, text: str) -> str:
        return base64.b64encode(text.encode()).decode()


FORMS: dict[str, Callable[[Maker], str]] = {
    "aws key": lambda m: f"assumed role with {m.secret(16, UPPER + DIGITS, before='AKIA')} in eu-west-1",
    "aws secret": lambda m: f"export AWS_SECRET_ACCESS_KEY={m.secret(40, WORD + '/+')}",
    "github": lambda m: f"cloning with {m.secret(36, before='ghp_')}",
    "github fine": lambda m: f"remote uses github_pat_{m.secret(22)}_{m.some(30)}",
    "gitlab": lambda m: f"runner registered by {m.secret(20, before='glpat-')}",
    "slack": lambda m: f"posting as {m.secret(24, before='xoxb-' + m.some(12, DIGITS) + '-')}",
    "slack webhook": lambda m: f"POST https://hooks.slack.com/services/T{m.some(8)}/B{m.some(8)}/{m.secret(24)} 200",
    "stripe": lambda m: f"charge refused for {m.secret(24, before='sk_live_')}",
    "google key": lambda m: f"maps key {m.secret(35, before='AIza')} is over quota",
    "google oauth": lambda m: f"refresh gave {m.secret(40, before='ya29.')}",
    "npm": lambda m: f"npm publish with {m.secret(36, before='npm_')}",
    "pypi": lambda m: f"twine upload {m.secret(60, before='pypi-')}",
    "vault": lambda m: f"vault login {m.secret(24, before='hvs.')}",
    "digitalocean": lambda m: f"doctl auth init {m.secret(64, HEX, before='dop_v1_')}",
    "sendgrid": lambda m: f"mail sent by SG.{m.some(22)}.{m.secret(43)}",
    "openai": lambda m: f"model call with {m.secret(40, before='sk-')} timed out",
    "jwt": lambda m: f"claims of eyJhbGciOiJIUzI1NiJ9.{m.secret(60)}.{m.some(43)} expired",
    "pem rsa": lambda m: f"wrote {m.pem('RSA PRIVATE KEY')} to disk",
    "pem ec": lambda m: m.pem("EC PRIVATE KEY"),
    "pgp": lambda m: m.pem("PGP PRIVATE KEY BLOCK"),
    "key file": lambda m: json.dumps({"type": "service_account", "private_key": m.pem("PRIVATE KEY")}),
    "env": lambda m: f"starting with DB_PASSWORD={m.password()} LOG=info",
    "json": lambda m: json.dumps({"user": "app", "password": m.password(), "ok": True}),
    "escaped json": lambda m: json.dumps({"body": json.dumps({"client_secret": m.secret(32)})}),
    "yaml": lambda m: f"smtp_password: {m.password()}",
    "quoted": lambda m: f"passphrase='{m.password()} {m.some(6)}'",
    "url": lambda m: f"connecting to postgres://app:{m.secret(14)}@db:5432/orders failed",
    "amqp": lambda m: f"amqps://worker:{m.secret(18)}@mq.internal/%2f refused",
    "token in url": lambda m: f"fetch https://{m.secret(30)}@git.internal/x.git",
    "query": lambda m: f"GET /callback?state=1&access_token={m.secret(32)}&x=1 302",
    "azure": lambda m: f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={m.secret(86, WORD + '+/')}==;EndpointSuffix=x",
    "sas": lambda m: f"https://a.blob.core.windows.net/c?sv=2024&sig={m.secret(43)}%3D&se=1",
    "presigned": lambda m: f"PUT https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature={m.secret(64, HEX)}",
    "bearer": lambda m: f"sent header Authorization: Bearer {m.secret(40)}",
    "basic": lambda m: f"Authorization: Basic {m.secret(28)}==",
    "api key header": lambda m: f"X-Api-Key: {m.secret(32, HEX)}",
    "set-cookie": lambda m: f"Set-Cookie: sid={m.secret(32, HEX)}; Path=/; HttpOnly",
    "cookie": lambda m: f"Cookie: theme=dark; session={m.secret(40)}",
    "php session": lambda m: f"GET /cart PHPSESSID={m.secret(26)} 200",
    "dsn": lambda m: f"dial shop:{m.password()}@tcp(mysql:3306)/shop: refused",
    "curl": lambda m: f"+ curl -sS -u deploy:{m.secret(20)} https://ci.internal/run",
    "argument": lambda m: f"exec: migrate --url x --db-password {m.password()} up",
    "environment": lambda m: json.dumps({"env": [{"name": "REDIS_PASSWORD", "value": m.password()}]}),
    "manifest": lambda m: f"- name: API_TOKEN\n  value: {m.secret(24)}\n- name: PORT",
    "secret object": lambda m: f"data:\n  password: {m.secret(24)}==\nkind: Secret",
    "sql": lambda m: f"CREATE USER app IDENTIFIED BY '{m.password()}'",
    "xml": lambda m: f"<server><password>{m.password()}</password></server>",
    "netrc": lambda m: f"machine git.internal login bot password {m.secret(20)}",
    "ado": lambda m: f"Server=db;Database=x;User Id=sa;Password={m.password()};Encrypt=true",
    "npmrc": lambda m: f"//packages.internal/:_authToken={m.secret(32)}",
}  # fmt: skip


def canaries(seed: int, many: int = MANY) -> list[Canary]:
    maker, names = Maker(seed), sorted(FORMS)
    made = []
    for number in range(many):
        kind = names[number % len(names)]
        line = FORMS[kind](maker)
        made.append(Canary(kind, line, maker.needle))
    return made


def encodings(canary: Canary) -> dict[str, str]:
    """The same line as it also comes: encoded as a whole or in its place, or taken apart."""
    line, needle = canary.line, canary.needle
    half = len(needle) // 2
    in_base64 = base64.b64encode(needle.encode()).decode()
    return {
        "base64 line": f"payload {base64.b64encode(line.encode()).decode()} received",
        "base64 in place": line.replace(needle, in_base64),
        "url line": f"GET /log?m={quote(line, safe='')} 200",
        "url in place": line.replace(needle, quote(needle, safe="")),
        "split, continued": line.replace(needle, f"{needle[:half]}\\\n{needle[half:]}"),
        "split, put together": line.replace(needle, f'{needle[:half]}" + "{needle[half:]}'),
        "split, invisible": line.replace(needle, f"{needle[:half]}\u200b{needle[half:]}"),
    }


def gives_away(text: str, needle: str) -> bool:
    """Whether somebody who reads `text`, and decodes what is in it, has the secret."""
    readings = [text, unquote(text), *_decoded(text)]
    readings += [re2.sub("[\u200b\\s\"'+\\\\]", "", each) for each in readings]
    return any(needle in each or needle.replace("+", "") in each for each in readings)


def _decoded(text: str) -> list[str]:
    found = []
    for token in re2.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        for start in range(4):
            part = token[start:].replace("-", "+").replace("_", "/")
            found.append(base64.b64decode(part[: len(part) // 4 * 4]).decode("utf-8", "replace"))
            found.append(base64.b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace") if len(part) % 4 != 1 else "")
    return found


def harmless(seed: int, many: int = 20_000) -> list[str]:
    """Lines as services write them, full of ids, hashes and digests that are no secrets."""
    m = Maker(seed)

    def uuid() -> str:
        return "-".join(m.some(n, HEX) for n in (8, 4, 4, 4, 12))

    forms: list[Callable[[], str]] = [
        lambda: f"trace={m.some(32, HEX)} span={m.some(16, HEX)} GET /orders/{uuid()} 200 {m.some(2, DIGITS)} ms",
        lambda: f"pulled image registry/app@sha256:{m.some(64, HEX)} in {m.some(1, DIGITS)}.2 s",
        lambda: f"commit {m.some(40, HEX)} deployed to production by dana",
        lambda: m.some(64, HEX),
        lambda: f"etag \"{m.some(32, HEX)}\" cache_key=user:{m.some(6, DIGITS)}:cart hit",
        lambda: f"request_id: {uuid()} user_id: {m.some(8, DIGITS)} order {m.some(24, HEX)} paid",
        lambda: f"integrity sha512-{m.some(86, WORD + '+/')}== of left-pad verified",
        lambda: f"session {uuid()} closed after {m.some(3, DIGITS)} s",
        lambda: f"ERROR pool exhausted: waited {m.some(3, DIGITS)} ms for connection {m.some(8, HEX)}",
        lambda: f"token bucket {m.some(12, HEX)} refilled, max_tokens: {m.some(3, DIGITS)}",
        lambda: f"invalid token: expired; password check failed for user {m.some(8, LOWER)}",
        lambda: f"pod checkout-{m.some(10, HEX)}-{m.some(5, LOWER)} secretName: db-{m.some(4, LOWER)} mounted",
        lambda: f"PUT /blobs/{m.some(43, WORD + '-_')} 201 idempotency-key {uuid()}",
        lambda: f"serial {':'.join(m.some(2, HEX) for _ in range(20))} of the certificate ends in {m.some(2, DIGITS)} days",
        lambda: f"offset {m.some(12, DIGITS)} partition {m.some(2, DIGITS)} key={uuid()} checksum {m.some(8, HEX)}",
        lambda: f"at com.shop.auth.TokenFilter.check(TokenFilter.java:{m.some(3, DIGITS)}) ~[app-{m.some(7, HEX)}.jar]",
    ]  # fmt: skip
    return [forms[number % len(forms)]() for number in range(many)]
