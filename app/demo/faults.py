"""What can go wrong in the shop, and the innocent changes that land near it. Each is an edit the deploy tool really applies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from app.demo.names import BANNER_FLAG, CART, CATALOGUE, CHECKOUT, PAYMENTS, PICKS_FLAG, STOREFRONT
from app.demo.releases import Edit

GAP_S = 1.1
"""Between one change and the next."""


@dataclass(frozen=True)
class Deploy:
    service: str
    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Fault:
    """`guilty` None: `outside` did it. The provider fails, and `repair_flag` switches off the feature that needs it; or visitors
    rush in, and nothing in the shop is to be repaired.

    `before` lands on the guilty (or the dependent) service first; `around` lands on others, at least one of it afterwards.
    """

    name: str
    summary: str
    guilty: Deploy | None
    before: Deploy
    around: tuple[Deploy, ...]
    repair_flag: str | None = None
    outside: Literal["outage", "rush"] = "outage"
    slow: bool = False  # shows itself a quarter of a minute after its deploy; the others follow it at leisure


@dataclass(frozen=True)
class Step:
    """What the deploy tool does `at_s` seconds after the baseline."""

    at_s: float
    kind: Literal["innocent", "guilty", "flag", "outage", "rush"]
    deploy: Deploy | None = None


def _deploy(service: str, title: str, path: str, *pairs: tuple[str, str]) -> Deploy:
    return Deploy(service, title, tuple(Edit(path, old, new) for old, new in pairs))


STOREFRONT_LOG = _deploy(STOREFRONT, "Log fewer page views", "config.json", ('"sample_every": 5', '"sample_every": 8'))
STOREFRONT_RENAME = _deploy(
    STOREFRONT,
    "Name the search results what they are",
    "handlers.py",
    ("    found = await service.call(", "    results = await service.call("),
    ('{"results": found["count"]}', '{"results": results["count"]}'),
)
STOREFRONT_BUMP = _deploy(STOREFRONT, "Update httpkit to 2.4.2", "requirements.txt", ("httpkit==2.4.1", "httpkit==2.4.2"))
CATALOGUE_DOCS = _deploy(
    CATALOGUE,
    "Say where the dashboards are",
    "README.md",
    ("On call: see the team's page.", "Dashboards and on call: the team's page."),
)
CATALOGUE_BUMP = _deploy(CATALOGUE, "Update pgclient to 3.2.1", "requirements.txt", ("pgclient==3.2.0", "pgclient==3.2.1"))
CATALOGUE_RENAME = _deploy(
    CATALOGUE,
    "Call an item's id an id",
    "handlers.py",
    ('    number = context.params.get("id", "1")\n', '    item_id = context.params.get("id", "1")\n'),
    ('{"id": number, "price": price_of(number)}', '{"id": item_id, "price": price_of(item_id)}'),
)
CATALOGUE_CACHE = _deploy(CATALOGUE, "Keep a few more result pages", "config.json", ('"entries": 10', '"entries": 12'))
CART_LOG = _deploy(CART, "Log more of the cart's requests", "config.json", ('"sample_every": 10', '"sample_every": 6'))
CART_DOCS = _deploy(
    CART,
    "Explain the limits of a cart",
    "handlers.py",
    ('"""What a visitor means to buy."""', '"""What a visitor means to buy: two dozen lines at most."""'),
)
CART_BUMP = _deploy(CART, "Update httpkit to 2.4.2", "requirements.txt", ("httpkit==2.4.1", "httpkit==2.4.2"))
CHECKOUT_BUMP = _deploy(CHECKOUT, "Update money to 1.9.3", "requirements.txt", ("money==1.9.2", "money==1.9.3"))
CHECKOUT_FEES = _deploy(CHECKOUT, "Delivery fees for autumn", "handlers.py", ('"FR": 490', '"FR": 520'))
CHECKOUT_PATIENCE = _deploy(CHECKOUT, "Give the slowest carts more time", "config.json", ("2500", "3000"))
PAYMENTS_LOG = _deploy(PAYMENTS, "Log more payments", "config.json", ('"sample_every": 5', '"sample_every": 4'))
PAYMENTS_RECEIPT = _deploy(PAYMENTS, "Longer receipt numbers", "handlers.py", ("% 1000:03d}", "% 10000:04d}"))
PAYMENTS_BUMP = _deploy(PAYMENTS, "Update pgclient to 3.2.1", "requirements.txt", ("pgclient==3.2.0", "pgclient==3.2.1"))

POOL = _deploy(PAYMENTS, "Fit the pool to the smaller database plan", "config.json", ('"size": 12', '"size": 1'))
N_PLUS_ONE = _deploy(
    CART,
    "Look prices up line by line",
    "handlers.py",
    (
        '    prices = (await service.call(context, CATALOGUE, "GET /prices", ids=",".join(ids)))["prices"]\n',
        (
            "    prices: dict[str, int] = {}\n"
            "    for number in ids:\n"
            '        prices |= (await service.call(context, CATALOGUE, "GET /prices", ids=number))["prices"]\n'
        ),
    ),
)
LEAK = _deploy(
    CATALOGUE,
    "Keep result pages for an hour",
    "handlers.py",
    ("from collections import OrderedDict\n", "import time\nfrom collections import OrderedDict\n"),
    (
        "        self.pages: OrderedDict[str, str] = OrderedDict()\n",
        "        self.pages: OrderedDict[str, str] = OrderedDict()\n        self.stored_at: dict[str, float] = {}\n",
    ),
    (
        "        while len(self.pages) > self.entries:\n            self.pages.popitem(last=False)\n",
        (
            "        self.stored_at[query] = time.monotonic()\n"
            "        oldest = next(iter(self.pages))\n"
            "        if time.monotonic() - self.stored_at[oldest] > 3600:\n"
            "            del self.pages[oldest], self.stored_at[oldest]\n"
        ),
    ),
)
ROUTE_CRASH = _deploy(
    CHECKOUT,
    "Delivery districts are numbers",
    "handlers.py",
    ("    district = postcode[:2].strip()\n", "    district = int(postcode[:2])\n"),
    ('{country}-{district}"', '{country}-{district:02d}"'),
)
TIMEOUT_CUT = _deploy(CHECKOUT, "Fail faster", "config.json", ("2000", "120"))

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "pool",
            "a connection pool is shrunk by a config change; requests queue for a connection",
            POOL,
            PAYMENTS_RECEIPT,
            (CHECKOUT_FEES, CATALOGUE_CACHE, CHECKOUT_PATIENCE, CART_BUMP),
        ),
        Fault(
            "n-plus-one",
            "a batched call becomes one call per line",
            N_PLUS_ONE,
            CART_LOG,
            (CATALOGUE_RENAME, STOREFRONT_LOG, CATALOGUE_BUMP, PAYMENTS_LOG),
        ),
        Fault(
            "leak",
            "a cache is never emptied; memory climbs until the service crawls",
            LEAK,
            CATALOGUE_DOCS,
            (STOREFRONT_RENAME, CART_LOG, STOREFRONT_BUMP, PAYMENTS_RECEIPT),
            slow=True,
        ),
        Fault(
            "route-crash",
            "one route raises for some inputs while the averages look healthy",
            ROUTE_CRASH,
            CHECKOUT_BUMP,
            (PAYMENTS_RECEIPT, CART_DOCS, STOREFRONT_RENAME, CATALOGUE_BUMP),
        ),
        Fault(
            "upstream-outage",
            "a provider outside is slow and failing; no change did it, its feature can be switched off",
            None,
            CATALOGUE_RENAME,
            (STOREFRONT_RENAME, CATALOGUE_CACHE, STOREFRONT_BUMP, CART_LOG),
            repair_flag=PICKS_FLAG,
        ),
        Fault(
            "timeout-cut",
            "a caller gives up sooner than its upstream can answer",
            TIMEOUT_CUT,
            CHECKOUT_FEES,
            (PAYMENTS_LOG, CART_DOCS, PAYMENTS_BUMP, STOREFRONT_LOG),
        ),
    )
}

RUSH = Fault(
    "rush",
    "visitors order ten times as much as usual; no change did it, and no service does anything it should not",
    None,
    STOREFRONT_RENAME,
    (PAYMENTS_RECEIPT, CATALOGUE_CACHE, CART_DOCS, CHECKOUT_BUMP),
    outside="rush",
)
"""No fault, and in no list of them: the shop is as it should be, and has more to do than it can."""


def plan(fault: Fault, *, seed: int, shuffle: bool) -> list[Step]:
    """The steps in time order. Every seed puts an innocent deploy after the cause; `shuffle` also mixes and moves the others."""
    chance = random.Random(f"plan {seed}")
    around = list(fault.around)
    following = 2
    if shuffle:
        chance.shuffle(around)
        following = chance.randint(1, len(around) - 1)
    cause = Step(0, fault.outside) if fault.guilty is None else Step(0, "guilty", fault.guilty)
    leading = [Step(0, "innocent", deploy) for deploy in around[:-following]]
    trailing = [Step(0, "innocent", deploy) for deploy in around[-following:]]
    if fault.slow:
        ordered = [Step(0, "innocent", fault.before), cause, *leading, Step(0, "flag"), *trailing]
        return [_at(step, GAP_S * min(number, 1) + 2.4 * max(0, number - 1)) for number, step in enumerate(ordered)]
    first = [Step(0, "innocent", fault.before), *leading]
    first.insert(chance.randint(1, len(first)), Step(0, "flag"))
    return [_at(step, GAP_S * number) for number, step in enumerate([*first, cause, *trailing])]


def _at(step: Step, at_s: float) -> Step:
    return Step(at_s, step.kind, step.deploy)


INNOCENT_FLAG = BANNER_FLAG
