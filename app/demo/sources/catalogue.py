"""Items, prices and search; knows the outside provider of personal picks."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from app.demo.service import Context, Service

RECOMMENDER = "recommender"


class ResultPages:
    """Search results as rendered, by query; the oldest makes room for the newest."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.pages: OrderedDict[str, str] = OrderedDict()

    def get(self, query: str) -> str | None:
        return self.pages.get(query)

    def put(self, query: str, page: str) -> None:
        self.pages[query] = page
        while len(self.pages) > self.entries:
            self.pages.popitem(last=False)


RESULTS = ResultPages(entries=0)


def start(service: Service) -> None:
    RESULTS.entries = service.config["search_cache"]["entries"]
    service.gauge("cache_entries", lambda: len(RESULTS.pages), cache="search")


def price_of(item: str) -> int:
    return 199 + sum(map(ord, item)) * 37 % 4000


def rendered(query: str, count: int) -> str:
    row = f"<li class='result'><a href='/product?q={query}'>{query}</a></li>"
    return "".join(f"{row}<!-- {number:06d} -->" for number in range(count))


async def featured(service: Service, context: Context) -> dict[str, Any]:
    async with service.connection() as run:
        await run("select id, title from items where featured", 12)
    picks: list[str] = []
    if service.flag("personal-picks"):
        picks = (await service.call(context, RECOMMENDER, "GET /picks"))["picks"]
    return {"items": [str(number) for number in range(12)], "picks": picks}


async def item(service: Service, context: Context) -> dict[str, Any]:
    async with service.connection() as run:
        await run("select * from items where id = $1", 10)
    number = context.params.get("id", "1")
    return {"id": number, "price": price_of(number)}


async def prices(service: Service, context: Context) -> dict[str, Any]:
    ids = [number for number in context.params.get("ids", "").split(",") if number]
    async with service.connection() as run:
        await run("select id, price from prices where id = any($1)", 22)
    return {"prices": {number: price_of(number) for number in ids}}


async def search(service: Service, context: Context) -> dict[str, Any]:
    query = context.params.get("q", "")
    page = RESULTS.get(query)
    if page is None:
        async with service.connection() as run:
            await run("select id from items where words @@ $1", 25)
        page = rendered(query, 1200)
        RESULTS.put(query, page)
    return {"count": 1200, "bytes": len(page)}


ROUTES = {
    "GET /featured": featured,
    "GET /item": item,
    "GET /prices": prices,
    "GET /search": search,
}
