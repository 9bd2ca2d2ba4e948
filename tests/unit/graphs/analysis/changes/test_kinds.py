"""Kinds of edits that come in incidents: what is given back, waited for, chosen, always the same; and what only looks like it."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff

KINDS: dict[str, tuple[str, str]] = {
    # name: (diff, the kind of its effect)
    "leak py return before close": (
        (
            "@@ lib/feed.py @@\n"
            " def pull(session, url):\n"
            "     resp = session.get(url, stream=True)\n"
            "-    try:\n"
            "-        return parse(resp.content)\n"
            "-    finally:\n"
            "-        resp.close()\n"
            "+    if resp.status_code == 304:\n"
            "+        return None\n"
            "+    body = parse(resp.content)\n"
            "+    resp.close()\n"
            "+    return body\n"
        ),
        "leak",
    ),
    "leak java try-with-resources": (
        (
            "@@ src/main/java/dao/Rows.java @@\n"
            "-        try (Connection c = pool.getConnection(); PreparedStatement st = c.prepareStatement(SQL)) {\n"
            "-            return map(st.executeQuery());\n"
            "-        }\n"
            "+        Connection c = pool.getConnection();\n"
            "+        PreparedStatement st = c.prepareStatement(SQL);\n"
            "+        return map(st.executeQuery());\n"
        ),
        "leak",
    ),
    "leak csharp using": (
        (
            "@@ Data/Reader.cs @@\n"
            "-        using var stream = File.OpenRead(path);\n"
            "-        return Parse(stream);\n"
            "+        var stream = File.OpenRead(path);\n"
            "+        return Parse(stream);\n"
        ),
        "leak",
    ),
    "leak go rows close after loop only": (
        (
            "@@ store/list.go @@\n"
            " \trows, err := db.QueryContext(ctx, q)\n"
            " \tif err != nil {\n"
            " \t\treturn nil, err\n"
            " \t}\n"
            "-\tdefer rows.Close()\n"
            " \tfor rows.Next() {\n"
            " \t\tif err := rows.Scan(&r.ID); err != nil {\n"
            " \t\t\treturn nil, err\n"
            " \t\t}\n"
            " \t}\n"
            "+\trows.Close()\n"
            " \treturn out, nil\n"
        ),
        "leak",
    ),
    "leak ts finally release": (
        (
            "@@ src/tx.ts @@\n"
            "   const client = await pool.connect();\n"
            "-  try {\n"
            "-    return await fn(client);\n"
            "-  } finally {\n"
            "-    client.release();\n"
            "-  }\n"
            "+  const result = await fn(client);\n"
            "+  client.release();\n"
            "+  return result;\n"
        ),
        "leak",
    ),
    "leak ruby block form": (
        (
            "@@ lib/export.rb @@\n"
            "-    File.open(path) do |io|\n"
            "-      upload(io.read)\n"
            "-    end\n"
            "+    io = File.open(path)\n"
            "+    upload(io.read)\n"
        ),
        "leak",
    ),
    "sync py celery delay to direct": (
        (
            "@@ shop/orders.py @@\n"
            " def place(order):\n"
            "     order.save()\n"
            "-    send_receipt.delay(order.id)\n"
            "+    send_receipt(order.id)\n"
            "     return order\n"
        ),
        "blocking",
    ),
    "sync java executor": (
        (
            "@@ src/main/java/a/Audit.java @@\n"
            "     public void record(Event e) {\n"
            "-        executor.submit(() -> client.post(e));\n"
            "+        client.post(e);\n"
            "     }\n"
        ),
        "blocking",
    ),
    "sync ts outbox to fetch": (
        ("@@ src/notify.ts @@\n-  outbox.push({ to, body });\n+  await mailer.send({ to, body });\n   return ok();\n"),
        "blocking",
    ),
    "sync ruby perform_later": (
        (
            "@@ app/models/user.rb @@\n"
            "-    IndexUserJob.perform_later(id)\n"
            '+    Search.client.index(index: "users", id: id, body: as_json)\n'
        ),
        "blocking",
    ),
    "sync kotlin launch": (
        ("@@ src/Track.kt @@\n-        scope.launch { tracker.send(event) }\n+        tracker.send(event)\n"),
        "blocking",
    ),
    "sync rust spawn": (
        ("@@ src/api.rs @@\n-    tokio::spawn(async move { hooks.notify(order).await });\n+    hooks.notify(order).await?;\n"),
        "blocking",
    ),
    "sync csharp Task.Run": (
        (
            "@@ Api/Orders.cs @@\n"
            "-        _ = Task.Run(() => _webhooks.PublishAsync(order));\n"
            "+        await _webhooks.PublishAsync(order);\n"
        ),
        "blocking",
    ),
    "awaited now": (
        ("@@ src/login.ts @@\n-  void audit.write(entry);\n+  await audit.write(entry);\n"),
        "blocking",
    ),
    "shard py crc to md5": (
        (
            "@@ store/route.py @@\n"
            " def shard_for(user_id):\n"
            "-    return zlib.crc32(user_id.encode()) % SHARDS\n"
            "+    return int(hashlib.md5(user_id.encode()).hexdigest(), 16) % SHARDS\n"
        ),
        "identity",
    ),
    "shard java hashCode to murmur": (
        (
            "@@ src/main/java/q/Partitioner.java @@\n"
            "     int partition(String key) {\n"
            "-        return Math.abs(key.hashCode()) % partitions;\n"
            "+        return Math.abs(Murmur3.hash32(key.getBytes())) % partitions;\n"
            "     }\n"
        ),
        "identity",
    ),
    "go ring sha to xxhash": (
        (
            "@@ ring/ring.go @@\n"
            " func (r *Ring) Node(key string) string {\n"
            "-\th := fnv.New32a()\n"
            "-\th.Write([]byte(key))\n"
            "-\treturn r.nodes[h.Sum32()%uint32(len(r.nodes))]\n"
            "+\treturn r.nodes[xxhash.Sum64String(key)%uint64(len(r.nodes))]\n"
            " }\n"
        ),
        "identity",
    ),
    "fixed exponent js": (
        (
            "@@ src/money.js @@\n"
            "-  const digits = CURRENCY_DIGITS[currency];\n"
            "-  return amount / 10 ** digits;\n"
            "+  return amount / 100;\n"
        ),
        "fixed",
    ),
    "fixed timezone": (
        (
            "@@ billing/period.py @@\n"
            "-    zone = ZoneInfo(account.timezone)\n"
            "-    return datetime.now(zone).date()\n"
            "+    return datetime.now(UTC).date()\n"
        ),
        "fixed",
    ),
    "fixed timezone java": (
        (
            "@@ src/main/java/b/Cutoff.java @@\n"
            "-        return LocalDate.now(ZoneId.of(shop.zone()));\n"
            '+        return LocalDate.now(ZoneId.of("UTC"));\n'
        ),
        "fixed",
    ),
    "fixed currency ruby": (
        (
            "@@ app/pay.rb @@\n"
            "-    Gateway.charge(cents: cents, currency: order.currency)\n"
            '+    Gateway.charge(cents: cents, currency: "EUR")\n'
        ),
        "fixed",
    ),
    "fixed tax go": (
        ("@@ tax/tax.go @@\n-\trate := rates[order.Country]\n-\treturn order.Net * rate\n+\treturn order.Net * 0.19\n"),
        "fixed",
    ),
    "ttl unit redis ms": (
        ('@@ src/cache.ts @@\n-  await redis.set(key, value, "EX", 600);\n+  await redis.set(key, value, "PX", 600);\n'),
        "number",
    ),
    "retry on all statuses": (
        ("@@ src/http.ts @@\n-  retryOn: (status) => status === 503,\n+  retryOn: (status) => status >= 400,\n"),
        "condition",
    ),
    "n+1 go": (
        (
            "@@ api/list.go @@\n"
            "-\tusers, err := s.users.ByIDs(ctx, ids)\n"
            "+\tfor _, id := range ids {\n"
            "+\t\tu, err := s.users.ByID(ctx, id)\n"
            "+\t\tusers = append(users, u)\n"
            "+\t}\n"
        ),
        "loop_call",
    ),
    "ordering sql": (
        (
            "@@ db/latest.py @@\n"
            '-    row = db.fetch_one("SELECT price FROM prices WHERE sku = %s ORDER BY valid_from DESC LIMIT 1", sku)\n'
            '+    row = db.fetch_one("SELECT price FROM prices WHERE sku = %s LIMIT 1", sku)\n'
        ),
        "query",
    ),
    "keepalive off": (
        (
            "@@ net/client.go @@\n"
            "-\ttr := &http.Transport{MaxIdleConnsPerHost: 100}\n"
            "+\ttr := &http.Transport{MaxIdleConnsPerHost: 100, DisableKeepAlives: true}\n"
        ),
        "switch",
    ),
    "serialisation": (
        (
            "@@ src/main/java/d/Dto.java @@\n"
            '-    @JsonProperty("line_items")\n'
            "-    private List<Item> lineItems;\n"
            "+    private List<Item> lineItems;\n"
        ),
        "literal",
    ),
    "rate limit units": (
        ("@@ gw/limits.yaml @@\n limits:\n   - path: /search\n-    requests_per_second: 50\n+    requests_per_minute: 50\n"),
        "number",
    ),
    "read all": (
        ("@@ src/upload.go @@\n-\t_, err := io.Copy(dst, r.Body)\n+\traw, err := io.ReadAll(r.Body)\n"),
        "whole",
    ),
    "leak python contextmanager lock": (
        (
            "@@ a/w.py @@\n"
            "-    with pool.connection() as conn:\n"
            "-        return conn.fetch(q)\n"
            "+    conn = pool.connection()\n"
            "+    return conn.fetch(q)\n"
        ),
        "leak",
    ),
    "leak php": (
        (
            "@@ src/Repo.php @@\n"
            "-        try {\n"
            "-            return $conn->query($sql);\n"
            "-        } finally {\n"
            "-            $conn->close();\n"
            "-        }\n"
            "+        $rows = $conn->query($sql);\n"
            "+        $conn->close();\n"
            "+        return $rows;\n"
        ),
        "leak",
    ),
    "leak kotlin use": (
        ("@@ src/R.kt @@\n-    url.openStream().use { parse(it) }\n+    parse(url.openStream())\n"),
        "leak",
    ),
    "go early return before put": (
        (
            "@@ pool/use.go @@\n"
            " \tc := p.Acquire()\n"
            "-\tdefer p.Release(c)\n"
            "-\treturn c.Run(cmd)\n"
            "+\tout, err := c.Run(cmd)\n"
            "+\tif err != nil {\n"
            "+\t\treturn nil, err\n"
            "+\t}\n"
            "+\tp.Release(c)\n"
            "+\treturn out, nil\n"
        ),
        "leak",
    ),
    "spring async gone": (
        ("@@ src/M.java @@\n-    @Async\n     public void index(Doc d) {\n"),
        "blocking",
    ),
    "kafka send get": (
        ("@@ src/P.java @@\n-        producer.send(record);\n+        producer.send(record).get();\n"),
        "blocking",
    ),
    "go routine": (
        (
            "@@ a/n.go @@\n"
            "-\tgo n.hooks.Notify(ctx, order)\n"
            "+\tif err := n.hooks.Notify(ctx, order); err != nil {\n"
            "+\t\treturn err\n"
            "+\t}\n"
        ),
        "blocking",
    ),
    "py thread": (
        ("@@ a/n.py @@\n-    threading.Thread(target=push, args=(msg,)).start()\n+    push(msg)\n"),
        "blocking",
    ),
    "elixir cast to call": (
        ("@@ lib/a.ex @@\n-    GenServer.cast(pid, {:track, event})\n+    GenServer.call(pid, {:track, event})\n"),
        "blocking",
    ),
    "shard scala": (
        (
            "@@ src/R.scala @@\n"
            "-  def bucket(id: String): Int = MurmurHash3.stringHash(id) % buckets\n"
            "+  def bucket(id: String): Int = id.hashCode % buckets\n"
        ),
        "identity",
    ),
    "consistent to mod": (
        ("@@ lib/router.rb @@\n-    @ring.node_for(key)\n+    @nodes[Zlib.crc32(key) % @nodes.size]\n"),
        "identity",
    ),
    "fixed locale cs": (
        (
            "@@ F.cs @@\n"
            '-        return amount.ToString("C", customer.Culture);\n'
            '+        return amount.ToString("C", CultureInfo.InvariantCulture);\n'
        ),
        "fixed",
    ),
    "fixed country go": (
        ('@@ tax/t.go @@\n-\treturn calc(order.Lines, order.ShipTo.Country)\n+\treturn calc(order.Lines, "DE")\n'),
        "fixed",
    ),
    "inclusive end": (
        (
            "@@ a/q.sql.py @@\n"
            '-    cur.execute("SELECT sum(v) FROM t WHERE at >= %s AND at < %s", (a, b))\n'
            '+    cur.execute("SELECT sum(v) FROM t WHERE at >= %s AND at <= %s", (a, b))\n'
        ),
        "condition",
    ),
    "cache ttl seconds vs ms": (
        (
            "@@ C.java @@\n"
            "-        cache = Caffeine.newBuilder().expireAfterWrite(10, TimeUnit.MINUTES).build();\n"
            "+        cache = Caffeine.newBuilder().expireAfterWrite(10, TimeUnit.SECONDS).build();\n"
        ),
        "number",
    ),
    "whole node": (
        ("@@ up.ts @@\n-  fs.createReadStream(path).pipe(res);\n+  res.send(fs.readFileSync(path));\n"),
        "whole",
    ),
    "whole ruby": (
        ("@@ e.rb @@\n-    User.find_each { |u| export(u) }\n+    User.all.each { |u| export(u) }\n"),
        "whole",
    ),
    "whole csharp": (
        (
            "@@ e.cs @@\n"
            "-        await foreach (var r in db.Rows.AsAsyncEnumerable()) Write(r);\n"
            "+        foreach (var r in await db.Rows.ToListAsync()) Write(r);\n"
        ),
        "whole",
    ),
    "migration index": (
        ("@@ db/migrations/9.sql @@\n-CREATE INDEX CONCURRENTLY ix ON orders (at);\n+CREATE INDEX ix ON orders (at);\n"),
        "schema_lock",
    ),
    "role check": (
        ('@@ a/acl.py @@\n-    if user.role in ("admin", "ops"):\n+    if user.role == "admin":\n'),
        "condition",
    ),
    "cdn cache header": (
        (
            "@@ src/static.go @@\n"
            '-\tw.Header().Set("Cache-Control", "public, max-age=3600")\n'
            '+\tw.Header().Set("Cache-Control", "no-store")\n'
        ),
        "literal",
    ),
}
HARMLESS: dict[str, str] = {
    "log fields": (
        "@@ src/a.go @@\n"
        '-\tlog.Info("done", "id", id)\n'
        '+\tlog.Info("done", "id", id, "took", time.Since(start), "size", len(rows))\n'
    ),
    "metric": ("@@ a/b.py @@\n+REQUESTS.labels(route=route, status=status).inc()\n return response\n"),
    "rename local": (
        "@@ a/b.py @@\n-    res = compute(order)\n-    return res.total\n+    outcome = compute(order)\n+    return outcome.total\n"
    ),
    "extract helper": (
        "@@ a/Key.java @@\n"
        '-        String key = "user:" + tenant + ":" + id;\n'
        "+        String key = keyOf(tenant, id);\n"
        "@@ a/Key.java @@\n"
        "+    private static String keyOf(String tenant, String id) {\n"
        '+        return String.join(":", "user", tenant, id);\n'
        "+    }\n"
    ),
    "with instead of close": (
        "@@ a/r.py @@\n"
        "-    f = open(path)\n"
        "-    data = f.read()\n"
        "-    f.close()\n"
        "+    with open(path) as f:\n"
        "+        data = f.read()\n"
    ),
    "defer moved up": (
        "@@ a/r.go @@\n"
        " \trows, err := db.Query(q)\n"
        " \tif err != nil {\n"
        " \t\treturn err\n"
        " \t}\n"
        "-\tfor rows.Next() {\n"
        "-\t\tn++\n"
        "-\t}\n"
        "-\trows.Close()\n"
        "+\tdefer rows.Close()\n"
        "+\tfor rows.Next() {\n"
        "+\t\tn++\n"
        "+\t}\n"
    ),
    "early return before acquire": (
        "@@ a/r.go @@\n"
        "-\tconn := pool.Get()\n"
        "-\tdefer conn.Close()\n"
        "-\tif len(ids) == 0 {\n"
        "-\t\treturn nil\n"
        "-\t}\n"
        "+\tif len(ids) == 0 {\n"
        "+\t\treturn nil\n"
        "+\t}\n"
        "+\tconn := pool.Get()\n"
        "+\tdefer conn.Close()\n"
    ),
    "default given": ('@@ a/r.ts @@\n-  const name = user.name;\n+  const name = user.name ?? "guest";\n'),
    "fallback python": ('@@ a/r.py @@\n-    return d["x"]\n+    return d.get("x") or "none"\n'),
    "static map": ('@@ a/Codes.kt @@\n+    map["E17"] = "card.expired"\n+    map["E18"] = "card.stolen"\n'),
    "to async": ("@@ a/r.py @@\n-    mailer.send(msg)\n+    queue.enqueue(mailer.send, msg)\n"),
    "named constant": ("@@ a/r.py @@\n+PAGE = 50\n-    rows = repo.find(limit=50)\n+    rows = repo.find(limit=PAGE)\n"),
    "inlined var": ('@@ a/r.ts @@\n-  const base = "/v1";\n-  return get(base);\n+  return get("/v1");\n'),
    "docs string": ('@@ a/r.py @@\n-    raise ValueError("bad id")\n+    raise ValueError("bad id: must be a uuid")\n'),
    "optional prop": ("@@ api/types.ts @@\n export interface Order {\n+  note?: string;\n   id: string;\n }\n"),
    "bounded cache with ttl": ("@@ a/c.py @@\n+        self.misses.add(key, ttl=20)\n"),
    "gather": (
        "@@ a/f.ts @@\n"
        "-  const a = await loadA(id);\n"
        "-  const b = await loadB(id);\n"
        "+  const [a, b] = await Promise.all([loadA(id), loadB(id)]);\n"
    ),
    "env to settings class": (
        "@@ app/settings.py @@\n"
        "+class Settings(BaseSettings):\n"
        '+    log_level: str = "INFO"\n'
        "+    debug: bool = False\n"
        "@@ app/main.py @@\n"
        '-LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO")\n'
        '-DEBUG = os.environ.get("DEBUG", "0") == "1"\n'
        "+settings = Settings()\n"
    ),
    "strict eq": ('@@ a/f.ts @@\n-  if (kind == "a") {\n+  if (kind === "a") {\n'),
    "typed error": (
        '@@ a/x.rs @@\n-            None => Err(Status::not_found("x")),\n+            None => Err(Error::NotFound(id).into()),\n'
    ),
    "i18n": ('@@ locale/en.json @@\n-  "save": "Save"\n+  "save": "Save changes"\n'),
    "pretty handler validate loop": (
        "@@ a/x.go @@\n"
        "+\tfor _, id := range ids {\n"
        "+\t\tif err := validateOrderID(id); err != nil {\n"
        "+\t\t\treturn err\n"
        "+\t\t}\n"
        "+\t}\n"
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_an_edit_is_known_by_its_kind_in_any_language(name: str) -> None:
    diff, kind = KINDS[name]
    assert kind in {effect.kind for effect in read_diff(diff).effects if effect.weight >= 0.5}, read_diff(diff).effects


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_such_an_edit_weighs_little(name: str) -> None:
    assert read_diff(HARMLESS[name]).weight <= 0.3, read_diff(HARMLESS[name]).effects
