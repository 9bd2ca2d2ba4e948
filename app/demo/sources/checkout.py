"""Turns a cart into an order: prices it, quotes delivery, has it paid."""

from __future__ import annotations

from typing import Any

from app.demo.service import Context, Service

CART = "cart"
PAYMENTS = "payments"
BASE_FEE = {"GB": 390, "NL": 450, "DE": 450, "FR": 490}


def zone_of(country: str, postcode: str) -> str:
    """The delivery zone: the country and the first characters of the postcode."""
    district = postcode[:2].strip()
    return f"{country}-{district}"


async def order(service: Service, context: Context) -> dict[str, Any]:
    wanted = context.json()
    cart = await service.call(context, CART, "GET /cart", visitor=str(wanted["visitor"]))
    paid = await service.call(context, PAYMENTS, "POST /charge", {"amount": cart["total"], "visitor": wanted["visitor"]})
    return {"lines": cart["lines"], "receipt": paid["receipt"]}


async def quote(service: Service, context: Context) -> dict[str, Any]:
    country = context.params.get("country", "GB")
    zone = zone_of(country, context.params.get("postcode", ""))
    fee = BASE_FEE.get(country, 900)
    return {"zone": zone, "fee": fee}


ROUTES = {"POST /order": order, "GET /quote": quote}
