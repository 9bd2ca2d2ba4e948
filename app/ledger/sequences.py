"""Numbers that people say aloud: given out once, in order."""

from __future__ import annotations

from app.ledger.ledger import Tx
from app.ledger.tables import sequences


async def next_number(tx: Tx, name: str) -> int:
    """The next number of the sequence `name`, from 1. A rolled-back transaction gives its number back."""
    first = tx.insert(sequences).values(name=name, value=1)
    after = first.on_conflict_do_update(index_elements=["name"], set_={"value": sequences.c.value + 1})
    return int((await tx.execute(after.returning(sequences.c.value))).scalar_one())
