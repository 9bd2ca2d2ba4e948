"""What a program says as it gives up names the fault, and common talk names none."""

from __future__ import annotations

import pytest

from graphs.analysis.logs.fault_words import fault_of, first_fault


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
