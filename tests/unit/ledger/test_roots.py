"""The signed roots: one file that only grows, a key that nobody else can read, and a no where neither can be."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from sqlalchemy import update

from app.domain.errors import Misconfigured
from app.ledger import audit
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots, own_key, read_key
from app.ledger.tables import audit_heads
from app.verify_alone import Check, Log, read_roots

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def append(ledger: Ledger, *, incident: str = "INC-0001", times: int = 1) -> None:
    async with ledger.write() as tx:
        for n in range(times):
            at = NOON + timedelta(seconds=n)
            await audit.append(tx, audit.Action.NOTED, incident=incident, at=at, actor="U1", surface="test", subject=incident)


def roots_of(ledger: Ledger, folder: Path, *, key: str = "audit.key") -> Roots:
    return Roots(ledger, folder / "audit", key=own_key(folder / key), clock=lambda: NOON)


async def test_a_root_lists_what_moved_since_the_one_before_it(ledger: Ledger, tmp_path: Path) -> None:
    roots = roots_of(ledger, tmp_path)
    assert await roots.seal() is None  # nothing was ever written
    await append(ledger)
    await append(ledger, incident="", times=3)
    first = await roots.seal()
    assert first is not None
    assert [(name, seq) for name, seq, _ in first.heads] == [("", 3), ("INC-0001", 1)]
    assert await roots.seal() == first  # nothing moved
    await append(ledger)
    second = await roots.seal()
    assert second is not None
    assert [(name, seq) for name, seq, _ in second.heads] == [("INC-0001", 2)]
    assert [roots.covers(name) for name in ("", "INC-0001", "INC-0002")] == [3, 2, 0]
    log = read_roots(roots.path.read_text(), keys=[roots.key])
    assert (log.roots, log.problems) == ([first, second], [])


async def test_a_new_process_goes_on_where_the_last_one_ended(ledger: Ledger, tmp_path: Path) -> None:
    await append(ledger)
    await roots_of(ledger, tmp_path).seal()
    assert (await _sealed(roots_of(ledger, tmp_path))).seq == 1
    await append(ledger)
    again = roots_of(ledger, tmp_path)
    assert (await _sealed(again)).seq == 2
    assert read_roots(again.path.read_text(), keys=[again.key]).problems == []


async def test_many_that_seal_at_once_make_one_line_of_roots(ledger: Ledger, tmp_path: Path) -> None:
    several = [roots_of(ledger, tmp_path) for _ in range(6)]

    async def work(roots: Roots) -> None:
        for _ in range(5):
            await append(ledger)
            await roots.seal()

    await asyncio.gather(*(work(each) for each in several))
    log = read_roots(several[0].path.read_text(), keys=[several[0].key])
    assert log.problems == []
    assert [root.seq for root in log.roots] == list(range(1, len(log.roots) + 1))
    assert log.roots[-1].heads[0][1] == 30


async def test_what_a_dying_process_left_unfinished_is_cut_off(ledger: Ledger, tmp_path: Path) -> None:
    roots = roots_of(ledger, tmp_path)
    await append(ledger)
    await roots.seal()
    with roots.path.open("ab") as file:
        file.write(b'{"format":"audit-root/1","seq":2')
    await append(ledger)
    assert (await _sealed(roots_of(ledger, tmp_path))).seq == 2
    assert read_roots(roots.path.read_text(), keys=[roots.key]).problems == []


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda text: "", "shorter than it was"),
        (lambda text: text[:-1], "shorter than it was"),
        (lambda text: text + "nonsense\n", r"no root \(JSONDecodeError\)"),
        (lambda text: text + "{}\n", r"no root \(KeyError\)"),
        (lambda text: text + "[]\n", r"no root \(TypeError\)"),
        (lambda text: text + "[" * 100_000 + "\n", r"no root \(RecursionError\)"),
        (lambda text: text + text, "does not follow"),
    ],
)
async def test_a_file_that_somebody_changed_is_not_added_to(ledger: Ledger, tmp_path: Path, how, told: str) -> None:  # type: ignore[no-untyped-def]
    roots = roots_of(ledger, tmp_path)
    await append(ledger)
    await roots.seal()
    before = how(roots.path.read_text())
    roots.path.write_text(before)
    await append(ledger)
    with pytest.raises(Misconfigured, match=told):
        await roots.seal()
    assert roots.path.read_text() == before


async def test_a_root_that_somebody_else_signed_as_ours_is_not_built_upon(ledger: Ledger, tmp_path: Path) -> None:
    roots = roots_of(ledger, tmp_path)
    await append(ledger)
    first = await _sealed(roots)
    forged = {**json.loads(roots.path.read_text()), "seq": 2, "prev": first.hash, "heads": [["INC-0001", 1, "0" * 64]]}
    roots.path.write_text(roots.path.read_text() + json.dumps(forged) + "\n")
    await append(ledger)
    with pytest.raises(Misconfigured, match="root 2 is not signed by its key"):
        await roots.seal()


async def test_a_folder_that_is_a_file_is_told_with_what_to_do(ledger: Ledger, tmp_path: Path) -> None:
    roots = roots_of(ledger, tmp_path)
    (tmp_path / "audit").write_text("")
    await append(ledger)
    with pytest.raises(Misconfigured, match=r"nothing is approved or run until it can be.*FIRSTMATE_AUDIT_DIR"):
        await roots.seal()


async def test_a_chain_set_back_is_not_signed_and_one_written_anew_is_signed_as_it_stands(ledger: Ledger, tmp_path: Path) -> None:
    await append(ledger, times=2)
    first = await _sealed(roots_of(ledger, tmp_path))
    async with ledger.write() as tx:
        await tx.execute(update(audit_heads).values(seq=1, hash="0" * 64))
    assert await _sealed(roots_of(ledger, tmp_path)) == first
    async with ledger.write() as tx:
        await tx.execute(update(audit_heads).values(seq=2))
    second = await _sealed(roots_of(ledger, tmp_path))
    assert second.heads == (("INC-0001", 2, "0" * 64),)
    (told,) = Check(Log(roots=[first, second])).end([("INC-0001", 2, first.heads[0][2])]).whole
    assert "signed different rows 2 of INC-0001" in told


def test_the_key_is_its_owners_alone_and_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    public = own_key(path).public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (own_key(path).public, len(public)) == (public, 64)
    assert [each.name for each in tmp_path.iterdir()] == ["audit.key"]
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        read_key(path)


def test_a_key_of_another_kind_or_behind_a_password_is_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    for private, locked, told in (
        (X25519PrivateKey.generate(), NoEncryption(), "is no Ed25519 key"),
        (Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret"), "holds no key"),
    ):
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        path.chmod(0o600)
        with pytest.raises(Misconfigured, match=told):
            read_key(path)


def test_a_key_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    path.write_text("nonsense")
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="holds no key"):
        own_key(path)


async def test_the_key_is_never_in_the_database(ledger: Ledger, tmp_path: Path) -> None:
    roots = roots_of(ledger, tmp_path)
    await append(ledger)
    await roots.seal()
    secret = (tmp_path / "audit.key").read_text().splitlines()[1].encode()
    held = {path.name: path.read_bytes() for path in sorted(tmp_path.glob("ledger.db*"))}  # noqa: ASYNC240 - small and local
    assert [name for name, content in held.items() if secret in content] == []


async def _sealed(roots: Roots):  # type: ignore[no-untyped-def]
    root = await roots.seal()
    assert root is not None
    return root
