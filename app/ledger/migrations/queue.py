"""Procrastinate's tables, in the ledger's own database: its schema as it ships it, and the index that keeps our keys apart."""

from __future__ import annotations

from importlib import resources

from app.domain.errors import Misconfigured

KEYS_INDEX = "firstmate_unfinished_keys"
TABLES = "procrastinate_"
"""What the names of its tables begin with."""

_KEYS = f"CREATE UNIQUE INDEX {KEYS_INDEX} ON procrastinate_jobs ((args ->> 'key')) WHERE status IN ('todo', 'doing')"


def schema() -> str:
    """All of it, as one script. Raises `Misconfigured` where Procrastinate is not installed."""
    try:
        shipped = (resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8")
    except ModuleNotFoundError as error:
        raise Misconfigured("a ledger on PostgreSQL needs the extra `postgres`: pip install 'firstmate[postgres]'") from error
    return f"{shipped}\n{_KEYS};\n"
