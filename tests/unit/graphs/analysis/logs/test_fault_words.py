"""What a program says as it gives up names the fault, and common talk names none."""

from __future__ import annotations

import pytest

from graphs.analysis.logs.fault_words import fault_of, first_fault, refused_account


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('panic: environment variable "LEDGER_ADDR" not set', "missing_env_variable"),
        ("KeyError: 'LEDGER_ADDR'", "missing_env_variable"),
        ("Could not resolve placeholder 'ledger.url' in value", "missing_env_variable"),
        ('strconv.ParseBool: parsing "yess": invalid syntax', "env_variable_value_incorrect"),
        ('listen: invalid port "eighty"', "env_variable_value_incorrect"),
        ("flag provided but not defined: -lisen", "container_args_incorrect"),
        ("Unrecognized option: -Xmxx2g", "container_args_incorrect"),
        ('secrets is forbidden: User "system:serviceaccount:shop:web" cannot list', "rbac_permission_denied"),
        ("OSError: [Errno 30] Read-only file system: '/cache'", "read_only_file_system"),
        ("The MySQL server is running with the --read-only option", "mysql_read_only"),
        ("Unknown database 'ledgr'", "db_unknown_database"),
        ('FATAL: password authentication failed for user "web" (PostgreSQL)', "postgres_invalid_credentials"),
        ("WRONGPASS invalid username-password pair", "redis_invalid_credentials"),
        ("listen tcp :8080: bind: address already in use", "port_conflict"),
        ("write /data/a.log: no space left on device", "disk_full"),
        ("ERROR 1114 (HY000): The table 'orders' is full", "disk_full"),
        ("memory resource limit alarm set on node broker@b1", "broker_blocked"),
        ("publishers are blocked until it clears", "broker_blocked"),
        ("Can't open the log file: Permission denied", "volume_mount_permission_denied"),
        ("exec /bin/ledger: exec format error", "image_architecture_mismatch"),
    ],
)
def test_a_line_names_the_fault(line: str, fault: str) -> None:
    assert fault_of(line) == fault


@pytest.mark.parametrize(
    "line", ["KeyError: 'price'", "GET /orders 500", "permission denied", "loaded environment", "connection refused", ""]
)
def test_a_line_that_only_fails_names_none(line: str) -> None:
    assert fault_of(line) is None


def test_the_first_telling_line_counts() -> None:
    assert first_fault(["Traceback (most recent call last):", "bind: address already in use"]) == "port_conflict"


SPELLED = {
    "missing_env_variable": (
        "env var LEDGER is missing",
        "environment variable LEDGER not defined",
        "environment_variable LEDGER was not provided",
        "env variable LEDGER not found",
        "env var LEDGER is unset",
        "env var LEDGER is required",
        "env var LEDGER is undefined",
        "env var LEDGER is empty",
        "missing environment variable LEDGER",
        "required env var LEDGER",
        "undefined env variable LEDGER",
        "unset env var: LEDGER",
        "no such environment variable",
        "  port = int(os.environ['LEDGER'])",
        "getenv(LEDGER) returned nothing",
        "TypeError at process.env",
    ),
    "env_variable_value_incorrect": (
        "invalid integer in LEDGER",
        "invalid number in LEDGER",
        "invalid boolean in LEDGER",
        "invalid duration in LEDGER",
        "ValueError: invalid literal for int() with base 10: 'x'",
        "java.lang.NumberFormatException: x",
        "failed to convert value of property ledger.port",
        "failed to bind properties under the environment",
        "failed to parse LEDGER as integer",
        "failed to parse LEDGER as boolean",
        "failed to parse LEDGER from env",
        "port number out of range: 99999",
        "port out of range: 99999",
    ),
    "container_args_incorrect": (
        "unknown flag: --lisen",
        "invalid option -- x",
        "illegal option -- x",
        "bad flag --lisen",
        "unexpected argument '--lisen' found",
        "invalid command-line argument --lisen",
        "unknown command line switch /x",
        "no such option: --lisen",
        'unknown command "srve" for "ledger"',
        "unknown shorthand flag: 'x' in -x",
    ),
    "rbac_permission_denied": (
        'pods is forbidden: User "system:node:n1" cannot',
        'pods is forbidden: User "system:anonymous" cannot',
    ),
    "read_only_file_system": (
        "open /a: read-only filesystem",
        "open /a: readonly file system",
        "Error: EROFS, open '/a'",
        "[Errno 30] /a",
    ),
    "db_read_only": (
        "running with --super-read-only",
        "the server is in read only mode",
        "cannot execute INSERT in a read-only transaction",
        "this is a read-only replica",
        "attempt to write a read-only database",
        "You can't write against a read only slave.",
    ),
    "db_unknown_database": ('database "ledgr" does not exist', 'schema "ledgr" does not exist', "invalid catalog name: ledgr"),
    "db_invalid_credentials": (
        "Access denied for user 'web'@'10.0.0.1'",
        "authentication required",
        "invalid user name or password",
        "invalid username or password",
        "Login failed for user 'web'",
        "SASL authentication failed",
    ),
    "db_connection_exhaustion": (
        "FATAL: sorry, too many clients already",
        "too many connections",
        "remaining connection slots are reserved",
        "max number of clients reached",
        "maximum number of clients reached",
    ),
    "image_architecture_mismatch": ("wrong ELF class: ELFCLASS32", "cannot execute binary file"),
    "port_conflict": (
        "Error: listen EADDRINUSE :::80",
        "Port 8080 was already in use.",
        "port 8080 is already in use",
        "bind: address taken",
    ),
    "disk_full": ("write failed: ENOSPC",),
    "volume_mount_permission_denied": (
        "mkdir /data: permission denied",
        "chown /data: operation not permitted",
        "failed to create /data/a: permission denied",
        "could not write /data/a: permission denied",
        "append to wal: permission denied",
        "cannot access wal: permission denied",
        "logfile app.log: permission denied",
        "permission denied: /data/a.log",
        "EACCES: /data/a.log",
        "java.nio.file.AccessDeniedException: /data",
    ),
}


@pytest.mark.parametrize(("fault", "line"), [(fault, line) for fault, lines in SPELLED.items() for line in lines])
def test_a_fault_is_known_however_programs_spell_it(fault: str, line: str) -> None:
    assert fault_of(line) == fault


@pytest.mark.parametrize(
    ("word", "make"),
    [
        ("MySQL", "mysql"),
        ("MariaDB", "mariadb"),
        ("PostgreSQL", "postgres"),
        ("Postgres", "postgres"),
        ("psql", "postgres"),
        ("MongoDB", "mongodb"),
        ("redis", "redis"),
        ("Cassandra", "cassandra"),
    ],
)
def test_a_store_that_is_named_is_the_faults_first_word(word: str, make: str) -> None:
    assert fault_of(f"{word}: too many connections") == f"{make}_connection_exhaustion"
    assert fault_of("NOAUTH Authentication required.") == "redis_invalid_credentials"


def test_of_two_faults_that_a_line_names_the_more_specific_is_meant() -> None:
    assert fault_of('environment variable PORT not set: invalid port "", bind: address') == "missing_env_variable"


def test_an_api_that_refuses_an_account_names_it() -> None:
    assert refused_account('secrets is forbidden: User "system:serviceaccount:shop:web" cannot list resource') == "web"
    assert refused_account('{"message":"pods \\"a\\" is forbidden: User \\"system:serviceaccount:shop:web\\" cannot"}') == "web"
    assert refused_account('pods "a" is forbidden: exceeded quota') is None
