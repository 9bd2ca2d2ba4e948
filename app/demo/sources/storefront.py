"""What a visitor sees: pages put together from the services behind."""

from __future__ import annotations

from typing import Any

from app.demo.service import Context, Service

CATALOGUE = "catalogue"
CART = "cart"
CHECKOUT = "checkout"


async def home(service: Service, context: Context) -> dict[str, Any]:
    featured = await service.call(context, CATALOGUE, "GET /featured")
    banner = "Free delivery from 30" if service.flag("delivery-banner") else ""
    return {"banner": banner, "items": featured["items"], "picks": featured["picks"]}


async def product(service: Service, context: Context) -> dict[str, Any]:
    item = await service.call(context, CATALOGUE, "GET /item", id=context.params.get("id", "1"))
    return {"item": item}


async def search(service: Service, context: Context) -> dict[str, Any]:
    found = await service.call(context, CATALOGUE, "GET /search", q=context.params.get("q", ""))
    return {"results": found["count"]}


async def view_cart(service: Service, context: Context) -> dict[str, Any]:
    cart = await service.call(context, CART, "GET /cart", visitor=context.params.get("visitor", "0"))
    return {"lines": cart["lines"], "total": cart["total"]}


async def add_to_cart(service: Service, context: Context) -> dict[str, Any]:
    return {"added": await service.call(context, CART, "POST /add", context.json())}


async def place_order(service: Service, context: Context) -> dict[str, Any]:
    return {"order": await service.call(context, CHECKOUT, "POST /order", context.json())}


async def delivery_quote(service: Service, context: Context) -> dict[str, Any]:
    country = context.params.get("country", "")
    postcode = context.params.get("postcode", "")
    return {"quote": await service.call(context, CHECKOUT, "GET /quote", country=country, postcode=postcode)}


ROUTES = {
    "GET /": home,
    "GET /product": product,
    "GET /search": search,
    "GET /cart": view_cart,
    "POST /cart/items": add_to_cart,
    "POST /orders": place_order,
    "GET /delivery": delivery_quote,
}
