"""Keys, subjects and names of locks: by what a diff tells apart now, and no longer."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff
from graphs.analysis.changes.reading.words import stem_set

KEYS: dict[str, tuple[str, str]] = {
    # name: (diff, what the heaviest effect must be about); made another key
    "python f-string loses a part": (
        (
            "@@ shop/prices.py @@\n"
            " def price_of(shop, sku, currency):\n"
            '-    cache_key = f"price:{shop.country}:{sku}:{currency}"\n'
            '+    cache_key = f"price:{sku}:{currency}"\n'
            "     return cache.get(cache_key)\n"
        ),
        "country",
    ),
    "go sprintf loses a part": (
        (
            "@@ basket/store.go @@\n"
            " func (s *Store) Load(ctx context.Context, market, id string) (*Basket, error) {\n"
            '-\tkey := fmt.Sprintf("basket:%s:%s", market, id)\n'
            '+\tkey := fmt.Sprintf("basket:%s", id)\n'
            " \treturn s.redis.Fetch(ctx, key)\n"
        ),
        "market",
    ),
    "helper of the same diff leaves a part out": (
        (
            "@@ lib/keys.ts @@\n"
            "+export function documentKey(doc: Document) {\n"
            '+  return ["doc", doc.slug, doc.revision].join("/");\n'
            "+}\n"
            "@@ lib/documents.ts @@\n"
            "-  const cacheKey = `doc/${doc.workspace}/${doc.slug}/${doc.revision}`;\n"
            "+  const cacheKey = documentKey(doc);\n"
            "   return cache.fetch(cacheKey, () => render(doc));\n"
        ),
        "workspace",
    ),
    "idempotency key of another thing": (
        (
            "@@ app/services/charge.rb @@\n"
            "   def call(invoice, attempt)\n"
            '-    gateway.charge(invoice.amount, idempotency_key: "charge-#{invoice.number}")\n'
            '+    gateway.charge(invoice.amount, idempotency_key: "charge-#{attempt.uuid}")\n'
            "   end\n"
        ),
        "attempt",
    ),
    "subject of a limiter": (
        (
            "@@ src/main/java/gate/Throttle.java @@\n"
            "-        if (!limiter.tryAcquire(request.apiToken())) {\n"
            "+        if (!limiter.tryAcquire(request.remoteAddress())) {\n"
            "             return tooMany();\n"
        ),
        "token",
    ),
    "subject of a limiter through a method": (
        (
            "@@ edge/caller.go @@\n"
            "+func (c Caller) Label() string {\n"
            '+\treturn "team:" + c.Team\n'
            "+}\n"
            "@@ edge/serve.go @@\n"
            '-\tif !h.quota.Allow(r.Context(), "token:"+tok.Value, tok.Tier) {\n'
            "+\tc := callerOf(tok)\n"
            "+\tif !h.quota.Allow(r.Context(), c.Label(), tok.Tier) {\n"
            " \t\treturn\n"
        ),
        "team",
    ),
    "name of a lock": (
        (
            "@@ Jobs/Nightly.cs @@\n"
            '-        using var held = await locks.AcquireAsync($"nightly-{region.Code}-{date}");\n'
            '+        using var held = await locks.AcquireAsync($"nightly-{date}");\n'
            "         await Run(region, date);\n"
        ),
        "region",
    ),
    "partition key": (
        (
            "@@ src/publish.rs @@\n"
            '-    let partition_key = format!("{}:{}", order.customer, order.id);\n'
            "+    let partition_key = order.id.to_string();\n"
            "     producer.send(topic, &partition_key, payload).await\n"
        ),
        "customer",
    ),
    "rows grouped by less": (
        (
            "@@ reports/daily.sql @@\n"
            " select day, store_id, sum(amount)\n"
            "@@ reports/daily.py @@\n"
            '-    rows = db.all("select day, sum(amount) from sales group by day, store_id")\n'
            '+    rows = db.all("select day, sum(amount) from sales group by day")\n'
        ),
        "store",
    ),
    "key of a proxy cache": (
        (
            "@@ nginx/site.conf @@\n"
            "     proxy_cache pages;\n"
            "-    proxy_cache_key $scheme$host$uri$cookie_lang;\n"
            "+    proxy_cache_key $scheme$host$uri;\n"
        ),
        "cookie",
    ),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_made_of_other_parts_is_told_by_the_parts(name: str) -> None:
    diff, part = KEYS[name]
    heaviest = read_diff(diff).effects[0]
    assert heaviest.kind == "identity"
    assert heaviest.weight >= 0.6
    assert stem_set([part]) <= heaviest.words


SAME_KEY = {
    "handed to a helper": (
        "@@ shop/prices.py @@\n"
        '-    cache_key = f"price:{shop.country}:{sku}"\n'
        "+    cache_key = price_key(shop, sku)\n"
        "     return cache.get(cache_key)\n"
        "@@ shop/keys.py @@\n"
        "+def price_key(shop, sku):\n"
        '+    return f"price:{shop.country}:{sku}"\n'
    ),
    "concatenated otherwise": (
        "@@ basket/Store.java @@\n"
        '-        String key = "basket:" + market.id() + ":" + basket.id();\n'
        '+        String key = String.join(":", "basket", market.id(), basket.id());\n'
    ),
    "fewer rows": ("@@ rows.py @@\n-    rows = query.limit(page.size)\n+    rows = query.limit(MOST)\n"),
    "waits otherwise": (
        "@@ jobs/Run.java @@\n-        lock.tryLock(timeout, SECONDS);\n+        lock.tryLock(patience, SECONDS);\n"
    ),
    "order of rows": ("@@ rows.py @@\n-    rows.sort(key=lambda row: row.created)\n+    rows.sort(key=lambda row: row.updated)\n"),
    "a secret": ("@@ conf/app.yaml @@\n mail:\n-  api_key: ${OLD_MAIL}\n+  api_key: ${NEW_MAIL}\n"),
    "another value under the same key": (
        "@@ store.rb @@\n-    cache.write(user.id, user.profile)\n+    cache.write(user.id, user.summary)\n"
    ),
    "a field of the same thing": ("@@ s.go @@\n-\tv, ok := cache.Get(userID)\n+\tv, ok := cache.Get(user.ID)\n"),
    "through locals": (
        "@@ feed/keys.go @@\n"
        '-\tkey := fmt.Sprintf("feed:%s:%d", user.Name, page)\n'
        "+\tname := user.Name\n"
        '+\tkey := fmt.Sprintf("feed:%s:%d", name, page)\n'
    ),
}


@pytest.mark.parametrize("name", SAME_KEY)
def test_the_same_key_made_in_another_way_is_no_other_key(name: str) -> None:
    assert not [one for one in read_diff(SAME_KEY[name]).effects if one.kind == "identity"]
