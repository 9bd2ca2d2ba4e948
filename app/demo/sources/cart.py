"""What a visitor means to buy."""

from __future__ import annotations

from typing import Any

from app.demo.service import BadInput, Context, Service

CATALOGUE = "catalogue"


def lines_of(visitor: str) -> list[str]:
    """The item ids in a visitor's cart, eighteen to twenty-four of them."""
    seed = sum(map(ord, visitor))
    return [str(seed * 7 + number) for number in range(18 + seed % 7)]


async def view(service: Service, context: Context) -> dict[str, Any]:
    visitor = context.params.get("visitor", "0")
    async with service.connection() as run:
        await run("select item_id from cart_lines where visitor = $1", 8)
    ids = lines_of(visitor)
    prices = (await service.call(context, CATALOGUE, "GET /prices", ids=",".join(ids)))["prices"]
    total = sum(prices[number] for number in ids)
    return {"lines": len(ids), "total": total}


async def add(service: Service, context: Context) -> dict[str, Any]:
    line = context.json()
    if not isinstance(line, dict) or "item" not in line:
        raise BadInput("an item is needed")
    async with service.connection() as run:
        await run("insert into cart_lines values ($1, $2)", 10)
    return {"item": line["item"], "quantity": line.get("quantity", 1)}


ROUTES = {"GET /cart": view, "POST /add": add}
