"""Kinds of edits by what they are about, in several languages: the harm they do, and their harmless likes."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import Reading, read_diff

HARM: dict[str, tuple[str, str, str]] = {
    # name: (path, hunk, kind of effect)
    "pg table swap CTAS": (
        "db/migrations/9_swap.sql",
        (
            "+CREATE TABLE orders_new AS SELECT * FROM orders;\n"
            "+ALTER TABLE orders RENAME TO orders_old;\n"
            "+ALTER TABLE orders_new RENAME TO orders;\n"
        ),
        "index_gone",
    ),
    "retry on POST": ("src/http.ts", (" const policy = {\n-  retryOn: [503],\n+  retryOn: [503, 400, 404],\n };\n"), "members"),
    "ttl units": (
        "svc/cache.py",
        ("-cache.set(key, value, ttl=3600)\n+cache.set(key, value, ttl=timedelta(milliseconds=3600))\n"),
        "number",
    ),
    "ttl units go": ("cache.go", ("-\tc.Set(key, v, 300*time.Second)\n+\tc.Set(key, v, 300)\n"), "number"),
    "cron tz": ("k8s/cron.yaml", (' spec:\n-  schedule: "0 3 * * *"\n+  schedule: "0 3 * * * *"\n'), "number"),
    "cron every minute": ("k8s/cron.yaml", (' spec:\n-  schedule: "0 */6 * * *"\n+  schedule: "* */6 * * *"\n'), "number"),
    "tz": ("svc/t.py", ("-    now = datetime.now(timezone.utc)\n+    now = datetime.now()\n"), "zone"),
    "tz java": (
        "src/T.java",
        ("-    ZonedDateTime t = ZonedDateTime.now(ZoneOffset.UTC);\n+    LocalDateTime t = LocalDateTime.now();\n"),
        "zone",
    ),
    "currency": (
        "src/p.rb",
        ('-    amount = Money.new(cents, order.currency)\n+    amount = Money.new(cents, "EUR")\n'),
        "dropped",
    ),
    "health check deep": (
        "src/Health.java",
        (' @GetMapping("/healthz")\n String health() {\n+    db.query("SELECT 1");\n+    search.ping();\n     return "ok";\n }\n'),
        "strict",
    ),
    "sharding": ("src/s.go", ("-\treturn int(h.Sum32()) % 16\n+\treturn int(h.Sum32()) % len(nodes)\n"), "identity"),
    "serialisation naming": (
        "src/A.java",
        (
            "-    mapper.setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);\n"
            "     mapper.registerModule(new JavaTimeModule());\n"
        ),
        "schema",
    ),
    "serial date": (
        "src/A.cs",
        ("-    options.Converters.Add(new JsonStringEnumConverter());\n     options.WriteIndented = false;\n"),
        "schema",
    ),
    "ctx": (
        "c.go",
        ("-\trows, err := db.QueryContext(ctx, q)\n+\trows, err := db.QueryContext(context.Background(), q)\n"),
        "gone",
    ),
    "py requests session": ("c.py", ("-    r = session.get(url, timeout=3)\n+    r = requests.get(url, timeout=3)\n"), "renewed"),
    "scope": ("src/o.ts", ("-  scope: 'openid profile offline_access',\n+  scope: 'openid profile',\n"), "members"),
    "order": (
        "svc/q.py",
        (
            "-    rows = db.query(\"SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 100\")\n"
            "+    rows = db.query(\"SELECT id FROM jobs WHERE state = 'new' LIMIT 100\")\n"
        ),
        "query",
    ),
    "cron code": (
        "svc/q.py",
        (
            '-    scheduler.add_job(sweep, CronTrigger.from_crontab("0 * * * *"))\n'
            '+    scheduler.add_job(sweep, CronTrigger.from_crontab("* * * * *"))\n'
        ),
        "number",
    ),
    "cron spring": ("src/J.java", ('-    @Scheduled(cron = "0 0 3 * * *")\n+    @Scheduled(cron = "0 * 3 * * *")\n'), "number"),
    "cors": (
        "src/a.ts",
        (
            " app.use(cors({\n"
            "-  origin: ['https://shop.example', 'https://m.shop.example'],\n"
            "+  origin: ['https://shop.example'],\n"
            " }));\n"
        ),
        "members",
    ),
    "graphql batch": (
        "src/r.ts",
        (
            "-    author: (post, _, { loaders }) => loaders.users.load(post.authorId),\n"
            "+    author: (post, _, { db }) => db.users.findById(post.authorId),\n"
        ),
        "loop_query",
    ),
    "stream": (
        "src/r.py",
        ("-    for row in cursor:\n-        yield row\n+    rows = cursor.fetchall()\n+    return rows\n"),
        "growth",
    ),
    "json vs number": ("src/R.java", ("-    private long id;\n+    private int id;\n"), "conversion"),
    "overflow go": ("src/r.go", ("-\tTotal int64\n+\tTotal int32\n"), "conversion"),
    "thundering ttl jitter": ("src/c.go", ("-\tttl := base + time.Duration(rand.Intn(60))*time.Second\n+\tttl := base\n"), "gone"),
    "singleflight": (
        "src/c.go",
        ("-\tv, err, _ := g.Do(key, func() (any, error) { return load(ctx, key) })\n+\tv, err := load(ctx, key)\n"),
        "gone",
    ),
    "rust narrower": ("src/lib.rs", ("-    pub total: i64,\n+    pub total: i32,\n"), "conversion"),
    "sql narrower": (
        "src/Row.cs",
        ("-    public decimal Price { get; set; }\n+    public double Price { get; set; }\n"),
        "conversion",
    ),
    "python ttl": ("svc/c.py", ("-    r.expire(key, 900)\n+    r.expire(key, ms(900))\n"), "number"),
    "php shard": (
        "src/Shard.php",
        ("-        return crc32($key) % 64;\n+        return crc32($key) % count($this->nodes);\n"),
        "identity",
    ),
    "java shard": (
        "src/Route.java",
        (
            "-    int partition = Math.abs(key.hashCode()) % partitions;\n"
            "+    int partition = Math.abs(key.hashCode()) % brokers.size();\n"
        ),
        "identity",
    ),
    "ruby fixed": (
        "app/bill.rb",
        ('-    Invoice.create(total: sum, locale: customer.locale)\n+    Invoice.create(total: sum, locale: "en")\n'),
        "dropped",
    ),
    "go fixed": (
        "pay/pay.go",
        ('-\treturn p.Charge(ctx, amount, order.Currency)\n+\treturn p.Charge(ctx, amount, "USD")\n'),
        "dropped",
    ),
    "js zone": (
        "src/day.js",
        ('-  const day = dayjs.utc(at).format("YYYY-MM-DD");\n+  const day = dayjs(at).format("YYYY-MM-DD");\n'),
        "zone",
    ),
    "csharp detached": (
        "src/Api.cs",
        (
            "-        var rows = await db.QueryAsync(sql, cancellationToken);\n"
            "+        var rows = await db.QueryAsync(sql, CancellationToken.None);\n"
        ),
        "gone",
    ),
    "ruby probe": (
        "app/health_controller.rb",
        (" class HealthController\n   def show\n+    Search.client.ping()\n     head :ok\n   end\n"),
        "strict",
    ),
    "ts probe": (
        "src/health.ts",
        (" router.get('/healthz', async (req, res) => {\n+  await db.query('select 1');\n   res.send('ok');\n });\n"),
        "strict",
    ),
    "ruby retry around": (
        "app/pay.rb",
        ("-    Retriable.retriable(tries: 3) { gateway.charge(card) }\n+    gateway.charge(card)\n"),
        "gone",
    ),
    "java breaker around": (
        "src/Pay.java",
        ("-    return breaker.executeSupplier(() -> gateway.charge(card));\n+    return gateway.charge(card);\n"),
        "gone",
    ),
    "ts limit around": ("src/all.ts", ("-  return limit(() => fetchOne(id));\n+  return fetchOne(id);\n"), "gone"),
    "java all at once": (
        "src/Exp.java",
        (
            "-    try (Stream<Row> rows = repo.streamAll()) {\n"
            "-      rows.forEach(out::write);\n"
            "-    }\n"
            "+    List<Row> rows = repo.findAll().stream().toList();\n"
            "+    out.writeAll(rows);\n"
        ),
        "growth",
    ),
    "go all at once": (
        "exp.go",
        ("-\t_, err := io.Copy(dst, src)\n+\tdata, err := io.ReadAll(src)\n+\t_, err = dst.Write(data)\n"),
        "growth",
    ),
    "py many": ("svc/u.py", ("-    users = cache.get_many(keys)\n+    users = [cache.get(key) for key in keys]\n"), "loop_query"),
    "redis pipeline": ("src/c.rb", ("-    redis.mget(*keys)\n+    keys.map { |key| redis.get(key) }\n"), "loop_query"),
    "mysql swap": (
        "db/2.sql",
        (
            "+CREATE TABLE visits_new (LIKE visits INCLUDING DEFAULTS);\n"
            "+INSERT INTO visits_new SELECT * FROM visits;\n"
            "+ALTER TABLE visits RENAME TO visits_old;\n"
            "+ALTER TABLE visits_new RENAME TO visits;\n"
        ),
        "index_gone",
    ),
    "sql server swap": (
        "db/3.sql",
        (
            "+create table public_jobs as select * from jobs where state <> 9;\n"
            "+alter table jobs rename to jobs_2025;\n"
            "+alter table public_jobs rename to jobs;\n"
        ),
        "index_gone",
    ),
    "vary": ("conf/app.toml", ('-methods = ["GET", "POST", "PATCH"]\n+methods = ["GET", "POST"]\n'), "members"),
    "quartz": ("src/J.kt", ('-    val cron = "0 0/30 * * * ?"\n+    val cron = "0/30 * * * * ?"\n'), "number"),
    "cache key SpEL": (
        "src/c.kt",
        ('-    @Cacheable(value = ["rates"], key = "#tenant + #code")\n+    @Cacheable(value = ["rates"], key = "#code")\n'),
        "identity",
    ),
    "fn on column": (
        "src/m.py",
        (
            "-    q = q.filter(Order.created_at >= start, Order.created_at < end)\n"
            "+    q = q.filter(func.date(Order.created_at) == day)\n"
        ),
        "query",
    ),
    "date format": ("src/p.ts", ("-  at: order.at.toISOString(),\n+  at: order.at.toLocaleString(),\n"), "zone"),
    "int division": ("src/p.rb", ("-    share = total.to_f / count\n+    share = total / count\n"), "rounding"),
    "minor units": ("src/p.ts", ("-  amount: order.totalCents,\n+  amount: order.total,\n"), "conversion"),
    "sort unstable": ("src/p.go", ("-\tsort.SliceStable(xs, less)\n+\tsort.Slice(xs, less)\n"), "swapped"),
    "map iteration": (
        "src/p.go",
        ("-\tfor _, k := range sortedKeys(m) {\n-\t\tapply(m[k])\n-\t}\n+\tfor _, v := range m {\n+\t\tapply(v)\n+\t}\n"),
        "swapped",
    ),
    "label cardinality": (
        "src/m.go",
        ("-\treqs.WithLabelValues(route, status).Inc()\n+\treqs.WithLabelValues(r.URL.Path, status).Inc()\n"),
        "growth",
    ),
    "unit in a name of ruby": (
        "app/wait.rb",
        ("-    sleep(config.timeout_seconds)\n+    sleep(config.timeout_ms)\n"),
        "conversion",
    ),
    "unit in a name of go": ("pay/fee.go", ("-\tAmount: o.TotalMinor,\n+\tAmount: o.Total,\n"), "conversion"),
    "kotlin order": ("src/Feed.kt", ("-    return rows.sortedBy { it.at }.take(10)\n+    return rows.take(10)\n"), "swapped"),
    "go time": ("api/at.go", ("-\tout.At = t.Format(time.RFC3339)\n+\tout.At = t.Format(layout)\n"), "zone"),
    "knex column": (
        "src/find.ts",
        (
            "-  return db('people').where('email', email).first();\n"
            "+  return db('people').where(lower('email'), email.toLowerCase()).first();\n"
        ),
        "query",
    ),
    "java quotient": (
        "src/Share.java",
        ("-        return part.doubleValue() / whole;\n+        return part / whole;\n"),
        "rounding",
    ),
    "tls go": (
        "net/tls.go",
        (" cfg := &tls.Config{\n-\tMinVersion: tls.VersionTLS12,\n+\tMinVersion: tls.VersionTLS13,\n }\n"),
        "tightened",
    ),
    "tls nginx": (
        "conf/site.conf",
        (" server {\n-    ssl_protocols TLSv1.2 TLSv1.3;\n+    ssl_protocols TLSv1.3;\n }\n"),
        "tightened",
    ),
    "tls py": (
        "svc/client.py",
        (
            " ctx = ssl.create_default_context()\n"
            "-ctx.minimum_version = ssl.TLSVersion.TLSv1_2\n"
            "+ctx.minimum_version = ssl.TLSVersion.TLSv1_3\n"
        ),
        "tightened",
    ),
    "tls yaml": ("k8s/gw.yaml", (" tls:\n-  minProtocolVersion: TLSV1_2\n+  minProtocolVersion: TLSV1_3\n"), "tightened"),
    "tls java": (
        "src/Http.java",
        (
            " class Http {\n"
            "-  ConnectionSpec spec = new Builder(base).tlsVersions(TlsVersion.TLS_1_2, TlsVersion.TLS_1_3).build();\n"
            "+  ConnectionSpec spec = new Builder(base).tlsVersions(TlsVersion.TLS_1_3).build();\n"
            " }\n"
        ),
        "tightened",
    ),
    "tls prop": (
        "app/application.properties",
        ("-server.ssl.enabled-protocols=TLSv1.2,TLSv1.3\n+server.ssl.enabled-protocols=TLSv1.3\n"),
        "tightened",
    ),
    "taken over nginx add_header": (
        "conf/site.conf",
        (
            " server {\n"
            '     add_header Strict-Transport-Security "max-age=63072000" always;\n'
            "     add_header X-Frame-Options DENY always;\n"
            "     location /app/ {\n"
            '+        add_header Cache-Control "public";\n'
            "         proxy_pass http://app;\n"
            "     }\n"
            " }\n"
        ),
        "dropped",
    ),
    "taken over yaml": (
        "compose/stack.yml",
        (
            " x-base: &base\n"
            "   restart: always\n"
            "   environment:\n"
            "     DATABASE_URL: postgres://db/app\n"
            "     REGION: eu\n"
            " services:\n"
            "   worker:\n"
            "     <<: *base\n"
            "     image: app\n"
            "+    environment:\n"
            "+      LOG_FORMAT: json\n"
        ),
        "dropped",
    ),
    "taken over ts": (
        "src/http.ts",
        (
            " const defaults = {\n"
            "   timeout: 2000,\n"
            "   headers: {\n"
            "     Authorization: token(),\n"
            "     'X-Tenant': tenant,\n"
            "   },\n"
            " };\n"
            " export const search = {\n"
            "   ...defaults,\n"
            "+  headers: {\n"
            "+    Accept: 'application/json',\n"
            "+  },\n"
            " };\n"
        ),
        "dropped",
    ),
    "taken over py": (
        "svc/http.py",
        (
            " BASE = {\n"
            '     "timeout": 2,\n'
            '     "headers": {\n'
            '         "Authorization": TOKEN,\n'
            "     },\n"
            " }\n"
            " SEARCH = {\n"
            "     **BASE,\n"
            '+    "headers": {\n'
            '+        "Accept": "application/json",\n'
            "+    },\n"
            " }\n"
        ),
        "dropped",
    ),
    "key of py": (
        "svc/pay.py",
        (
            " def charge(order, attempt):\n"
            '-    headers = {"Idempotency-Key": f"charge-{order.id}"}\n'
            '+    headers = {"Idempotency-Key": f"charge-{order.id}-{attempt}"}\n'
            '     return post("/charges", headers=headers)\n'
        ),
        "identity",
    ),
    "key of ts": (
        "src/cache.ts",
        (
            " export function get(req: Req) {\n"
            "-  const cacheKey = `${req.tenant}:${req.path}`;\n"
            "+  const cacheKey = `${req.tenant}:${req.path}:${req.requestId}`;\n"
            "   return cache.get(cacheKey);\n"
            " }\n"
        ),
        "identity",
    ),
    "key of java2": (
        "src/Idem.java",
        (
            " void pay(Order o) {\n"
            "-    String idempotencyKey = o.getId();\n"
            "+    String idempotencyKey = UUID.randomUUID().toString();\n"
            "     client.charge(idempotencyKey, o);\n"
            " }\n"
        ),
        "identity",
    ),
    "key of ruby": (
        "app/jobs/x.rb",
        (' def lock_key(order)\n-  "ship:#{order.id}"\n+  "ship:#{order.id}:#{Time.now.to_i}"\n end\n'),
        "identity",
    ),
    "key of nginx": (
        "conf/a.conf",
        (" location / {\n-    proxy_cache_key $host$request_uri;\n+    proxy_cache_key $host$request_uri$http_cookie;\n }\n"),
        "identity",
    ),
    "key of a go helper": (
        "pkg/key.go",
        (
            " func (m *Mail) DedupeKey() string {\n"
            '-\treturn m.Box + ":" + m.Number\n'
            "+\treturn joined(m.Box, m.Number, m.SentAt)\n"
            " }\n"
            "+\n"
            "+func joined(box, number string, at time.Time) string {\n"
            "+\tvar b strings.Builder\n"
            "+\tb.WriteString(box)\n"
            "+\treturn b.String()\n"
            "+}\n"
        ),
        "identity",
    ),
    "asked py": (
        "svc/client.py",
        (
            " def send(req):\n"
            "     for attempt in range(5):\n"
            "         res = once(req)\n"
            "-        if res.status not in (502, 503, 504):\n"
            "+        if not worth_retry(res):\n"
            "             return res\n"
            "         sleep(2 ** attempt)\n"
            "     return res\n"
            "+\n"
            "+\n"
            "+def worth_retry(res):\n"
            "+    return not res.ok\n"
        ),
        "condition",
    ),
    "asked go": (
        "pkg/auth/auth.go",
        (
            " func Allow(u User) bool {\n"
            '-\tif u.Role == "admin" && u.Age >= 18 {\n'
            "+\tif permitted(u) {\n"
            " \t\treturn true\n"
            " \t}\n"
            " \treturn false\n"
            " }\n"
            "+\n"
            "+func permitted(u User) bool {\n"
            "+\treturn u.Age >= 18\n"
            "+}\n"
        ),
        "condition",
    ),
    "asked java": (
        "src/Fee.java",
        (
            " class Fee {\n"
            "   Money fee(Order o) {\n"
            "-    if (o.total() >= 5000) {\n"
            "+    if (isFree(o)) {\n"
            "       return Money.ZERO;\n"
            "     }\n"
            "   }\n"
            "+\n"
            "+  private boolean isFree(Order o) {\n"
            "+    return o.total() > 5000;\n"
            "+  }\n"
            " }\n"
        ),
        "condition",
    ),
}

HARMLESS: dict[str, tuple[str, str]] = {
    "rename": (
        "src/a.py",
        (
            "-    total_amount = sum(line.amount for line in lines)\n"
            "-    return total_amount\n"
            "+    total = sum(line.amount for line in lines)\n"
            "+    return total\n"
        ),
    ),
    "log field": ("src/a.go", ('-\tlog.Info("done", "id", id)\n+\tlog.Info("done", "id", id, "took", time.Since(start))\n')),
    "metric": ("src/a.go", ('+\tdefer metrics.Timer("handler.duration").Stop()\n \treturn h.next(w, r)\n')),
    "problem detail": (
        "src/A.java",
        (
            '-    return ResponseEntity.status(404).body(new Error("not found"));\n'
            '+    return ResponseEntity.of(ProblemDetail.forStatusAndDetail(NOT_FOUND, "not found")).build();\n'
        ),
    ),
    "optional prop": ("api/openapi.yaml", (" Order:\n   properties:\n+    note:\n+      type: string\n+      nullable: true\n")),
    "label": ("k8s/d.yaml", (" metadata:\n   labels:\n     app: api\n+    team: payments\n")),
    "dashboards": ("grafana/dash.json", (' {\n-  "refresh": "30s",\n+  "refresh": "1m",\n')),
    "alert rule": (
        "alerts/rules.yaml",
        (" groups:\n   - name: api\n     rules:\n-      - expr: rate(errors[5m]) > 0.05\n+      - expr: rate(errors[5m]) > 0.03\n"),
    ),
    "const extract": (
        "src/a.ts",
        (
            "-  const t = setTimeout(fail, 5000);\n"
            "+  const t = setTimeout(fail, FAIL_AFTER_MS);\n"
            " }\n"
            "+\n"
            "+const FAIL_AFTER_MS = 5000;\n"
        ),
    ),
    "feature copy": (
        "src/Button.tsx",
        (
            "-      <Button variant=\"primary\">{t('save')}</Button>\n"
            '+      <Button variant="secondary" size="lg">{t(\'save\')}</Button>\n'
        ),
    ),
    "text": ("src/msg.py", ('-    flash("Order saved")\n+    flash("Your order was saved")\n')),
    "types": ("src/a.ts", ("-export type Id = string;\n+export type Id = string & { readonly brand: unique symbol };\n")),
    "null check": ("src/a.ts", ("-  const name = user && user.name;\n+  const name = user?.name;\n")),
    "async await style": (
        "src/a.ts",
        ("-  return fetchOrder(id).then((o) => o.total);\n+  const o = await fetchOrder(id);\n+  return o.total;\n"),
    ),
    "f-string": ("src/a.py", ('-    key = "user:%s:%s" % (tenant, uid)\n+    key = f"user:{tenant}:{uid}"\n')),
    "record": (
        "src/A.java",
        ('-    return cache.get(tenant + ":" + id);\n+    return cache.get("%s:%s".formatted(tenant, id));\n'),
    ),
    "patch bump": ("package.json", ('-    "express": "4.18.1",\n+    "express": "4.18.2",\n')),
    "errors wrap": ("src/a.go", ('-\t\treturn nil, err\n+\t\treturn nil, fmt.Errorf("load order: %w", err)\n')),
    "slog": (
        "src/a.go",
        ('-\tlog.Printf("could not load %s: %v", id, err)\n+\tslog.Error("could not load", "id", id, "err", err)\n'),
    ),
    "list comp": (
        "src/a.py",
        ("-    out = []\n-    for x in rows:\n-        out.append(x.id)\n-    return out\n+    return [x.id for x in rows]\n"),
    ),
    "guard clause": (
        "src/a.java",
        (
            "-    if (order != null) {\n"
            "-      process(order);\n"
            "-    }\n"
            "+    if (order == null) {\n"
            "+      return;\n"
            "+    }\n"
            "+    process(order);\n"
        ),
    ),
    "datetime aware": ("src/a.py", ("-    now = datetime.utcnow()\n+    now = datetime.now(timezone.utc)\n")),
    "go1.22 loop": ("src/a.go", ("-\tfor i := 0; i < n; i++ {\n+\tfor i := range n {\n \t\twork(i)\n \t}\n")),
    "docker comment": ("Dockerfile", ("+# build stage\n FROM golang:1.22\n+LABEL team=payments\n")),
    "css": ("web/a.tsx", ('-  <p className="hint">{text}</p>\n+  <p className="hint hint--muted">{text}</p>\n')),
    "runbook annot": ("k8s/d.yaml", (" metadata:\n   annotations:\n-    runbook: https://wiki/a\n+    runbook: https://wiki/b\n")),
    "owner": ("svc.yaml", ("-owner: team-a\n+owner: team-b\n")),
    "switch expr": (
        "src/A.java",
        (
            "-    switch (s) { case A: return 1; case B: return 2; default: return 0; }\n"
            "+    return switch (s) { case A -> 1; case B -> 2; default -> 0; };\n"
        ),
    ),
    "sort import": ("src/a.py", ("-import os, sys\n+import os\n+import sys\n")),
    "debug endpoint": ("src/a.go", ('+\tmux.HandleFunc("/debug/build", buildInfo)\n')),
    "graceful log": ("src/a.py", ('+    logger.info("cache warmed", extra={"entries": len(cache)})\n')),
    "histogram buckets": ("src/a.go", ("-\tBuckets: []float64{0.1, 0.5, 1},\n+\tBuckets: []float64{0.05, 0.1, 0.5, 1, 2},\n")),
    "trace attr": ("src/a.ts", ("-  span.setAttribute('tenant', t);\n+  span.setAttribute('app.tenant', t);\n")),
    "inh innocent: keeps": (
        "src/http.ts",
        (
            " const defaults = {\n"
            "   headers: {\n"
            "     Authorization: token(),\n"
            "   },\n"
            " };\n"
            " export const search = {\n"
            "   ...defaults,\n"
            "+  headers: {\n"
            "+    ...defaults.headers,\n"
            "+    Accept: 'application/json',\n"
            "+  },\n"
            " };\n"
        ),
    ),
    "inh innocent nginx": (
        "conf/site.conf",
        (
            " server {\n"
            "     proxy_set_header Host $host;\n"
            "     location /app/ {\n"
            "         proxy_set_header Host $host;\n"
            "+        proxy_set_header X-Real-IP $remote_addr;\n"
            "         proxy_pass http://app;\n"
            "     }\n"
            " }\n"
        ),
    ),
    "ask innocent": (
        "src/Fee.java",
        (
            " class Fee {\n"
            "   Money fee(Order o) {\n"
            "-    if (o.total() >= 5000) {\n"
            "+    if (isFree(o)) {\n"
            "       return Money.ZERO;\n"
            "     }\n"
            "   }\n"
            "+\n"
            "+  private boolean isFree(Order o) {\n"
            "+    return o.total() >= 5000;\n"
            "+  }\n"
            " }\n"
        ),
    ),
    "ask innocent2": (
        "src/fee.ts",
        (
            " function fee(o) {\n"
            "-  if (o.country === 'CH' || o.country === 'NO') {\n"
            "+  if (isAbroad(o)) {\n"
            "     return 0;\n"
            "   }\n"
            " }\n"
            "+\n"
            "+const ABROAD = new Set(['CH', 'NO']);\n"
            "+\n"
            "+function isAbroad(o) {\n"
            "+  return ABROAD.has(o.country);\n"
            "+}\n"
        ),
    ),
    "header read elsewhere": (
        "app/who.py",
        (
            "-    who = request.headers.get('X-Caller')\n"
            "+    who = scope.get('caller')\n"
            "+\n"
            "+class Caller:\n"
            "+    def __call__(self, scope):\n"
            "+        scope['caller'] = Headers(scope).get('x-caller')\n"
        ),
    ),
    "certificate by a function": (
        "net/tls.go",
        (
            "-\tpair, err := tls.LoadX509KeyPair(c.Cert, c.Key)\n"
            "+\tkeeper := &keeper{cert: c.Cert, key: c.Key}\n"
            " \treturn &tls.Config{\n"
            "-\t\tCertificates: []tls.Certificate{pair},\n"
            "+\t\tGetCertificate: keeper.Get,\n"
            " \t}\n"
            "+\n"
            "+func (k *keeper) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {\n"
            "+\tpair, err := tls.LoadX509KeyPair(k.cert, k.key)\n"
            "+\treturn &pair, err\n"
            "+}\n"
        ),
    ),
    "stream in a loop head": (
        "src/read.ts",
        (
            "-  const rows = parse(await file.text());\n"
            "-  for (const row of rows) {\n"
            "+  for await (const row of file.stream().pipeThrough(parser({ header: true }))) {\n"
            "     await save(row);\n"
            "   }\n"
        ),
    ),
    "comment on a table": ("db/migrations/5.sql", ("+BEGIN;\n+COMMENT ON TABLE visits IS 'one row per visit';\n+COMMIT;\n")),
    "a zone in a helper": (
        "src/Read.java",
        (
            '-        Instant at = OffsetDateTime.parse(row.get("at")).toInstant();\n'
            '+        Instant at = Clocks.instant(row, "at");\n'
            "     }\n"
            "+\n"
            "+    static Instant instant(Row row, String name) {\n"
            "+        return OffsetDateTime.parse(row.get(name)).toInstant();\n"
            "+    }\n"
        ),
    ),
    "order in a helper": (
        "src/feed.ts",
        (
            "-  return rows.sort(byTime).slice(0, 9);\n"
            "+  return newest(rows).slice(0, 9);\n"
            " }\n"
            "+\n"
            "+const newest = (rows) => rows.sort(byTime);\n"
        ),
    ),
    "a renamed limit": (
        "src/a.go",
        ("-\twaitSeconds := 30\n-\treturn wait(waitSeconds)\n+\tpauseSeconds := 30\n+\treturn wait(pauseSeconds)\n"),
    ),
    "all of the indexes": ("db/migrations/6.sql", ("+CREATE TABLE visits_new (LIKE visits INCLUDING ALL);\n")),
}


def read(path: str, hunk: str) -> Reading:
    return read_diff(f"--- a/{path}\n+++ b/{path}\n@@ -1,9 +1,9 @@\n{hunk}")


@pytest.mark.parametrize("name", HARM)
def test_a_kind_of_edit_is_known_in_several_languages(name: str) -> None:
    path, hunk, kind = HARM[name]
    assert any(one.kind == kind and one.weight >= 0.5 for one in read(path, hunk).effects)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_such_an_edit_weighs_little(name: str) -> None:
    assert read(*HARMLESS[name]).weight <= 0.36


@pytest.mark.parametrize(("text", "heard"), [("TLSv1.2,TLSv1.3", "1.2 -> 1.3"), ("policy-TLS13-1-2-2021", "1.2 -> 1.3")])
def test_a_default_of_a_module_that_raises_the_oldest_tls_is_told_where_the_setting_went(text: str, heard: str) -> None:
    made = f'@@ edge/a.tf @@\n-resource "listener" "a" {{\n-  tls_policy = "{text}"\n-}}\n+module "a" {{\n+  source = "../m"\n+}}\n'
    newer = text.replace("TLSv1.2,", "").replace("1-2", "1-3")
    made += f'@@ m/variables.tf @@\n+variable "policy" {{\n+  type = string\n+  default = "{newer}"\n+}}\n'
    assert any(one.kind == "tightened" and heard in one.note for one in read_diff(made).effects)
