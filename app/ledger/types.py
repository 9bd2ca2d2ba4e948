"""How values are kept in columns: the same on SQLite and PostgreSQL, and nothing that only one of them would take."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.domain.errors import BadInput
from app.domain.value import JsonValue, canonical


def storable(text: str) -> str:
    """`text` as both databases and canonical JSON can hold it: NUL and lone surrogates become U+FFFD."""
    return text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def storable_json(value: JsonValue) -> JsonValue:
    """`value` with every string in it storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [storable_json(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable_json(item) for key, item in value.items()}
    return value


class Words(TypeDecorator[str]):
    """Text, possibly an outsider's: see `storable`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment, in and out; a naive one is refused.

    PostgreSQL keeps `timestamptz`, SQLite ISO 8601 text of fixed width, so that text order is time order.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise BadInput(f"the time {value.isoformat()} names no zone; the ledger keeps aware UTC times only")
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value kept as ASCII text.

    Text rather than `jsonb`: it takes `\\u0000` and keeps every number as it was written.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return json.dumps(value, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise BadInput(f"this cannot be kept as JSON: {error}; replace NaN, infinities and objects before storing") from error

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Canonical(Json):
    """A JSON value kept as its RFC 8785 text: a hash of it is one over exactly what is stored."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return canonical(value).decode()
        except (TypeError, ValueError) as error:
            raise BadInput(f"this cannot be kept as canonical JSON: {error}; replace NaN, infinities and huge numbers") from error
