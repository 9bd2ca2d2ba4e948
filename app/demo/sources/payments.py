"""Takes the money, and writes down that it did."""

from __future__ import annotations

from typing import Any

from app.demo.service import BadInput, Context, Service


def receipt_for(visitor: str, amount: int) -> str:
    return f"R{sum(map(ord, visitor)) % 1000:03d}-{amount}"


async def charge(service: Service, context: Context) -> dict[str, Any]:
    payment = context.json()
    amount = int(payment["amount"])
    if amount <= 0:
        raise BadInput("there is nothing to pay")
    async with service.connection() as run:
        await run("insert into charges values ($1, $2)", 60)
        await run("update ledger set balance = balance + $1", 60)
        await run("insert into outbox values ($1)", 40)
    return {"receipt": receipt_for(str(payment["visitor"]), amount)}


ROUTES = {"POST /charge": charge}
