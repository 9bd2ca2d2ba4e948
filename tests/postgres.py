"""A PostgreSQL server of our own, in a directory of its own: started once, gone at the end."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from app.ledger.ledger import Ledger
from app.ledger.roles import grant


def _binaries() -> Path | None:
    """Where this machine keeps the server's programs: on the path, or where Debian puts them."""
    found = shutil.which("pg_ctl")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _as_owner(command: list[str]) -> None:
    """Run it as somebody whom initdb accepts: root it refuses."""
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A DSN of a server where databases may be made: FIRSTMATE_TEST_POSTGRES, or one started here."""
    given = os.environ.get("FIRSTMATE_TEST_POSTGRES")
    if given:
        yield given
        return
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL here: install it, or name a server in FIRSTMATE_TEST_POSTGRES")
    directory = Path(tempfile.mkdtemp(prefix="firstmate-postgres-"))
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            shutil.rmtree(directory)
            pytest.skip("root may not run PostgreSQL, and there is no user postgres")
        os.chown(directory, owner.pw_uid, owner.pw_gid)
    data, port = directory / "data", _free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory} -c max_connections=200 -c fsync=off"
    try:
        _as_owner([str(binaries / "initdb"), "-D", str(data), "-U", "firstmate", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
        _as_owner([str(binaries / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(directory / "log"), "-w", "start"])
        try:
            yield f"postgresql://firstmate@127.0.0.1:{port}/postgres"
        finally:
            _as_owner([str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A new, empty database."""
    name = f"firstmate_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield postgres_server.rsplit("/", 1)[0] + "/" + name
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def _running(postgres_server: str) -> Iterator[tuple[str, str]]:
    """(a database with the schema, for others to be copied from; its URL for the role that the processes connect as)."""
    name = f"firstmate_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    owner = postgres_server.rsplit("/", 1)[0] + "/" + name
    with role_in(owner) as (role, url):
        with ThreadPoolExecutor(1) as elsewhere:  # where it is asked for, a loop may be running
            elsewhere.submit(asyncio.run, granted(owner, role)).result()
        yield name, url
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def running_url(postgres_server: str, _running: tuple[str, str]) -> Iterator[str]:
    """A new database whose owner made the schema, for the role that the processes connect as."""
    (template, url), name = _running, f"firstmate_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    yield url.rsplit("/", 1)[0] + "/" + name
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def owner_url(postgres_server: str, running_url: str) -> str:
    """The same database for its owner."""
    return postgres_server.rsplit("/", 1)[0] + "/" + running_url.rsplit("/", 1)[1]


@contextmanager
def role_in(url: str) -> Iterator[tuple[str, str]]:
    """A new role that may do nothing yet: (its name, the database's URL for it)."""
    role, (scheme, rest) = f"running_{uuid.uuid4().hex[:8]}", url.split("://")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'running'".encode())
    try:
        yield role, f"{scheme}://{role}:running@{rest.split('@')[-1]}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
            connection.execute(ours.encode(), (role,))
            connection.execute(f"DROP OWNED BY {role}".encode())
            connection.execute(f"DROP ROLE {role}".encode())


async def granted(url: str, role: str) -> None:
    """The schema by its owner, and to `role` what running takes."""
    ledger = await Ledger.open(url)
    try:
        await grant(ledger, role)
    finally:
        await ledger.close()
