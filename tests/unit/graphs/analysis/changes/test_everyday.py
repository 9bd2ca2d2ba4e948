"""Edits as they are made every day, in the languages they are made in: what does harm, and what does not."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff
from graphs.analysis.changes.reading.words import stem_set

HEAVY: dict[str, tuple[str, str]] = {
    # name: (diff, a word of what it is about)
    "ts call per item": (
        (
            "@@ src/cart.ts @@\n"
            "-  const stock = await api.fetchStock(items.map((i) => i.sku));\n"
            "-  return items.map((i) => ({ ...i, stock: stock[i.sku] }));\n"
            "+  return Promise.all(items.map(async (i) => ({ ...i, stock: await api.fetchStock(i.sku) })));\n"
        ),
        "fetch",
    ),
    "ruby each query": (
        (
            "@@ app/models/list.rb @@\n"
            "-    authors = Author.where(id: books.map(&:author_id)).index_by(&:id)\n"
            "-    books.each { |b| b.label = authors[b.author_id].name }\n"
            "+    books.each { |b| b.label = Author.find(b.author_id).name }\n"
        ),
        "find",
    ),
    "csharp lazy load": (
        (
            "@@ Data/Orders.cs @@\n"
            "-        return await db.Orders.Include(o => o.Lines).ToListAsync();\n"
            "+        return await db.Orders.ToListAsync();\n"
        ),
        "include",
    ),
    "java stream loads": (
        (
            "@@ svc/Report.java @@\n"
            "-        Map<Long, Owner> owners = ownerRepo.findAllById(ids);\n"
            "-        rows.forEach(r -> r.setOwner(owners.get(r.ownerId())));\n"
            "+        rows.forEach(r -> r.setOwner(ownerRepo.findById(r.ownerId()).orElse(null)));\n"
        ),
        "find",
    ),
    "py regex backtracks": (
        ('@@ lib/names.py @@\n-NAME = re.compile(r"^[a-z]+(-[a-z]+)*$")\n+NAME = re.compile(r"^([a-z]+-?)+$")\n'),
        "",
    ),
    "ts regex backtracks": (("@@ src/mail.ts @@\n-const MAIL = /^[^@]+@[^@]+$/;\n+const MAIL = /^([\\w.]+)+@([\\w.]+)+$/;\n"), ""),
    "java unbounded map": (
        (
            "@@ svc/Rates.java @@\n"
            "-    private final Cache<String, Rate> rates = Caffeine.newBuilder().maximumSize(10_000).build();\n"
            "+    private final Map<String, Rate> rates = new ConcurrentHashMap<>();\n"
        ),
        "",
    ),
    "py lru unbounded": (("@@ lib/geo.py @@\n-@lru_cache(maxsize=4096)\n+@lru_cache(maxsize=None)\n def locate(address):\n"), ""),
    "rust unbounded channel": (
        ("@@ src/work.rs @@\n-    let (tx, rx) = mpsc::channel(256);\n+    let (tx, rx) = mpsc::unbounded_channel();\n"),
        "",
    ),
    "go client per call": (
        (
            "@@ api/call.go @@\n"
            "-\tresp, err := c.http.Do(req)\n"
            "+\tclient := &http.Client{Timeout: c.timeout}\n"
            "+\tresp, err := client.Do(req)\n"
        ),
        "client",
    ),
    "py session lost": (
        ("@@ lib/api.py @@\n-        return self.session.get(url, timeout=5)\n+        return requests.get(url, timeout=5)\n"),
        "session",
    ),
    "csharp client per call": (
        (
            "@@ Api/Rates.cs @@\n"
            "-        var answer = await _client.GetAsync(url);\n"
            "+        using var client = new HttpClient();\n"
            "+        var answer = await client.GetAsync(url);\n"
        ),
        "client",
    ),
    "nginx keepalive gone": (("@@ nginx/up.conf @@\n upstream api {\n   server api1:8080;\n-  keepalive 64;\n }\n"), "keepalive"),
    "sync call in request path": (
        (
            "@@ app/controllers/orders.rb @@\n"
            "   def create\n"
            "     order.save!\n"
            "-    ReceiptJob.perform_later(order.id)\n"
            "+    ReceiptMailer.receipt(order).deliver_now\n"
            "   end\n"
        ),
        "",
    ),
    "py sync in async": (
        ("@@ app/views.py @@\n async def show(request):\n-    body = await client.get(url)\n+    body = requests.get(url)\n"),
        "",
    ),
    "page limit dropped sql": (
        (
            "@@ q/list.sql.py @@\n"
            '-    return db.all("select * from notes where owner = %s order by id limit 100", owner)\n'
            '+    return db.all("select * from notes where owner = %s order by id", owner)\n'
        ),
        "limit",
    ),
    "page limit dropped ts": (
        (
            "@@ src/notes.ts @@\n"
            "-  return prisma.note.findMany({ where: { owner }, take: 100 });\n"
            "+  return prisma.note.findMany({ where: { owner } });\n"
        ),
        "take",
    ),
    "validation tightened ts": (
        ("@@ src/schema.ts @@\n-  phone: z.string().optional(),\n+  phone: z.string().regex(/^\\+\\d{10,14}$/),\n"),
        "",
    ),
    "validation tightened java": (
        ("@@ dto/Signup.java @@\n-    private String company;\n+    @NotBlank\n+    private String company;\n"),
        "",
    ),
    "yaml probe gone": (
        (
            "@@ deploy/app.yaml @@\n"
            "       containers:\n"
            "         - name: app\n"
            "-          readinessProbe:\n"
            "-            httpGet: { path: /ready, port: 8080 }\n"
            "           ports: [8080]\n"
        ),
        "",
    ),
    "hcl deletion": (
        (
            "@@ infra/sg.tf @@\n"
            ' resource "aws_security_group" "db" {\n'
            '   name = "db"\n'
            "-  ingress {\n"
            "-    from_port   = 5432\n"
            "-    to_port     = 5432\n"
            '-    cidr_blocks = ["10.2.0.0/16"]\n'
            "-  }\n"
            " }\n"
        ),
        "",
    ),
    "rust timeout gone": (
        (
            "@@ src/up.rs @@\n"
            "-    let client = Client::builder().timeout(Duration::from_secs(5)).build()?;\n"
            "+    let client = Client::builder().build()?;\n"
        ),
        "timeout",
    ),
    "go ctx lost": (
        (
            "@@ svc/find.go @@\n"
            "-\trows, err := db.QueryContext(ctx, q, id)\n"
            "+\trows, err := db.QueryContext(context.Background(), q, id)\n"
        ),
        "",
    ),
    "java published enum": (
        ("@@ ev/State.java @@\n-    @JsonValue\n-    public String wire() { return name().toLowerCase(); }\n"),
        "",
    ),
    "rust serde rename": (
        (
            "@@ src/ev.rs @@\n"
            " #[derive(Serialize)]\n"
            " struct Placed {\n"
            '-    #[serde(rename = "order_no")]\n'
            "     number: String,\n"
            " }\n"
        ),
        "order_no",
    ),
    "header renamed": (
        ('@@ src/mw.ts @@\n-  req.headers.set("X-Tenant-Id", tenant);\n+  req.headers.set("X-Workspace-Id", tenant);\n'),
        "tenant",
    ),
    "env renamed": (('@@ app/db.py @@\n-URL = os.environ["DATABASE_URL"]\n+URL = os.environ["DB_DSN"]\n'), ""),
    "column renamed reading": (
        (
            "@@ repo/user.go @@\n"
            '-\trow := db.QueryRow("select id, mail from users where id = $1", id)\n'
            '+\trow := db.QueryRow("select id, email_address from users where id = $1", id)\n'
        ),
        "",
    ),
    "unique gone from dedupe": (
        (
            "@@ jobs/send.rb @@\n"
            '-    return if Sent.exists?(token: "#{user.id}-#{campaign.id}")\n'
            '+    return if Sent.exists?(token: "#{user.id}")\n'
        ),
        "",
    ),
    "yaml env value": (
        (
            "@@ helm/values-prod.yaml @@\n"
            " env:\n"
            "-  QUEUE: mails-prod\n"
            "   REGION: eu\n"
            "@@ helm/values.yaml @@\n"
            " env:\n"
            "   QUEUE: mails\n"
            "+  TZ: UTC\n"
        ),
        "",
    ),
    "unit mistake in move": (
        (
            "@@ lib/lease.py @@\n"
            "-        ok = self.redis.set(self.name, self.token, nx=True, ex=self.ttl)\n"
            "+        ok = self.redis.set(self.name, self.token, nx=True, px=self.ttl)\n"
        ),
        "",
    ),
    "refactor drops await": (
        (
            "@@ src/pay.ts @@\n"
            "-  await ledger.book(entry);\n"
            "-  await mail.receipt(entry);\n"
            "+  await finish(entry);\n"
            "+\n"
            "+async function finish(entry: Entry) {\n"
            "+  ledger.book(entry);\n"
            "+  await mail.receipt(entry);\n"
            "+}\n"
        ),
        "",
    ),
    "refactor drops condition": (
        (
            "@@ svc/ship.py @@\n"
            "-    if order.paid and not order.held:\n"
            "-        carrier.book(order)\n"
            "+    book_if_ready(order)\n"
            "+\n"
            "+def book_if_ready(order):\n"
            "+    if order.paid:\n"
            "+        carrier.book(order)\n"
        ),
        "",
    ),
    "refactor drops close": (
        (
            "@@ svc/Export.java @@\n"
            "-        Connection c = pool.take();\n"
            "-        try {\n"
            "-            write(c, rows);\n"
            "-        } finally {\n"
            "-            c.close();\n"
            "-        }\n"
            "+        writeAll(rows);\n"
            "@@ svc/Export.java @@\n"
            "+    private void writeAll(List<Row> rows) {\n"
            "+        Connection c = pool.take();\n"
            "+        write(c, rows);\n"
            "+    }\n"
        ),
        "close",
    ),
    "limiter key zone": (
        (
            "@@ nginx/lim.conf @@\n"
            "-limit_req_zone $http_x_api_client zone=api:10m rate=50r/s;\n"
            "+limit_req_zone $binary_remote_addr zone=api:10m rate=50r/s;\n"
        ),
        "",
    ),
    "mem key py": (
        (
            "@@ lib/c.py @@\n"
            '-    return cached(("rates", base, day), lambda: load(base, day))\n'
            '+    return cached(("rates", base), lambda: load(base, day))\n'
        ),
        "",
    ),
    "shard modulo": (
        ("@@ lib/shard.go @@\n-\treturn shards[hash(tenantID)%len(shards)]\n+\treturn shards[hash(requestID)%len(shards)]\n"),
        "",
    ),
    "py work no longer put off": (
        ("@@ app/tasks.py @@\n def created(user):\n-    welcome.apply_async(user.id)\n+    welcome(user.id)\n"),
        "",
    ),
    "go unbounded": (("@@ work/pool.go @@\n-\tq := queue.NewBounded(512)\n+\tq := queue.NewUnbounded()\n"), ""),
    "zod minimum": (("@@ src/form.ts @@\n-  city: z.string(),\n+  city: z.string().min(3),\n"), ""),
    "csharp required": (("@@ Dto/Signup.cs @@\n+    [Required]\n     public string Company { get; set; }\n"), ""),
    "another argument name ts": (("@@ lib/hold.py @@\n-    seat.hold(seconds=span)\n+    seat.hold(minutes=span)\n"), ""),
    "ruby connection passed by": (("@@ lib/api.rb @@\n-    body = self.connection.get(path)\n+    body = Faraday.get(path)\n"), ""),
    "tz lost": (("@@ lib/bill.py @@\n-    day = datetime.now(timezone.utc).date()\n+    day = datetime.now().date()\n"), "utc"),
    "region default": (
        ("@@ lib/store.ts @@\n-const s3 = new S3Client({ region: config.region });\n+const s3 = new S3Client({});\n"),
        "",
    ),
    "jitter lost": (("@@ lib/retry.go @@\n-\t\ttime.Sleep(base<<n + rand.N(base))\n+\t\ttime.Sleep(base << n)\n"), ""),
    "off by one page": (("@@ src/page.rb @@\n-    offset = (page - 1) * size\n+    offset = page * size\n"), ""),
    "tls min": (("@@ nginx/tls.conf @@\n-    ssl_protocols TLSv1.2 TLSv1.3;\n+    ssl_protocols TLSv1.3;\n"), ""),
    "cors origin": (
        ('@@ src/cors.ts @@\n-  origin: [/\\.shop\\.example$/, "https://admin.example"],\n+  origin: ["https://admin.example"],\n'),
        "origin",
    ),
    "jwt audience": (('@@ auth/check.go @@\n-\t\tjwt.WithAudience("orders"),\n+\t\tjwt.WithAudience("order-api"),\n'), "audience"),
    "kafka acks": (("@@ kafka/producer.properties @@\n-acks=all\n+acks=1\n"), "acks"),
    "autocommit": (
        (
            "@@ in/Consumer.java @@\n"
            "-        props.put(ENABLE_AUTO_COMMIT_CONFIG, false);\n"
            "+        props.put(ENABLE_AUTO_COMMIT_CONFIG, true);\n"
        ),
        "",
    ),
    "isolation": (
        (
            "@@ db/Tx.cs @@\n"
            "-        using var tx = db.BeginTransaction(IsolationLevel.Serializable);\n"
            "+        using var tx = db.BeginTransaction(IsolationLevel.ReadUncommitted);\n"
        ),
        "",
    ),
    "stampede": (
        (
            "@@ lib/rates.py @@\n"
            '-    with lock("rates"):\n'
            '-        value = cache.get("rates") or load()\n'
            '+    value = cache.get("rates") or load()\n'
            '     cache.set("rates", value, 60)\n'
        ),
        "",
    ),
    "jvm heap": (
        (
            "@@ deploy/app.yaml @@\n"
            "           env:\n"
            "             - name: JAVA_OPTS\n"
            '-              value: "-Xmx2g -XX:+UseG1GC"\n'
            '+              value: "-Xmx512m -XX:+UseG1GC"\n'
        ),
        "",
    ),
    "health path": (
        (
            "@@ deploy/app.yaml @@\n"
            "           livenessProbe:\n"
            "             httpGet:\n"
            "-              path: /healthz\n"
            "+              path: /health/deep\n"
        ),
        "",
    ),
    "cron": (('@@ deploy/cron.yaml @@\n spec:\n-  schedule: "15 3 * * *"\n+  schedule: "*/15 * * * *"\n'), ""),
    "rounding": (
        (
            "@@ src/vat.ts @@\n"
            "-  const vat = Math.round(net * rate * 100) / 100;\n"
            "+  const vat = Math.floor(net * rate * 100) / 100;\n"
        ),
        "",
    ),
    "encoding": (('@@ lib/csv.rb @@\n-    CSV.read(path, encoding: "UTF-8")\n+    CSV.read(path, encoding: "ISO-8859-1")\n'), ""),
    "sort order": (
        (
            "@@ lib/feed.py @@\n"
            "-    rows = sorted(rows, key=lambda row: row.at, reverse=True)\n"
            "+    rows = sorted(rows, key=lambda row: row.at)\n"
        ),
        "",
    ),
    "not null": (("@@ migrations/007.sql @@\n+ALTER TABLE orders ALTER COLUMN note SET NOT NULL;\n"), ""),
    "proto number": (("@@ api/order.proto @@\n message Order {\n-  string note = 4;\n+  string note = 5;\n }\n"), ""),
    "cookie": (
        (
            "@@ src/session.ts @@\n"
            '-  cookie: { sameSite: "lax", domain: ".shop.example", secure: true },\n'
            '+  cookie: { sameSite: "strict", domain: "www.shop.example", secure: true },\n'
        ),
        "",
    ),
    "egress": (
        (
            "@@ k8s/netpol.yaml @@\n"
            "   egress:\n"
            "     - to:\n"
            "         - namespaceSelector: { matchLabels: { name: db } }\n"
            "-    - to:\n"
            "-        - ipBlock: { cidr: 10.9.0.0/16 }\n"
        ),
        "",
    ),
    "proxy timeout": (("@@ nginx/a.conf @@\n-    proxy_read_timeout 60s;\n+    proxy_read_timeout 6s;\n"), ""),
    "replica read": (
        ("@@ repo/stock.go @@\n-\trow := s.primary.QueryRow(ctx, q, id)\n+\trow := s.replica.QueryRow(ctx, q, id)\n"),
        "",
    ),
    "json casing": (
        (
            "@@ Startup.cs @@\n"
            "-        options.JsonSerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;\n"
            "+        options.JsonSerializerOptions.PropertyNamingPolicy = null;\n"
        ),
        "",
    ),
    "hpa": (("@@ k8s/hpa.yaml @@\n spec:\n-  maxReplicas: 20\n+  maxReplicas: 4\n"), ""),
    "builder moved to options py": (
        (
            "@@ lib/db.py @@\n"
            '-    return connect(host=h, port=p, sslmode="require", connect_timeout=5)\n'
            "+    options = Options(host=h, port=p, connect_timeout=5)\n"
            "+    return connect(**options.dict())\n"
        ),
        "sslmode",
    ),
    "record go options": (
        (
            "@@ lib/cli.go @@\n"
            "-\tc := api.New(addr, api.WithTimeout(3*time.Second), api.WithRetries(4), api.WithGzip())\n"
            "+\tc := api.NewFrom(api.Config{\n"
            "+\t\tAddr:    addr,\n"
            "+\t\tTimeout: 3 * time.Second,\n"
            "+\t\tGzip:    true,\n"
            "+\t})\n"
        ),
        "retries",
    ),
    "yaml to helm values": (
        (
            "@@ deploy/app.yaml @@\n"
            "-        resources:\n"
            "-          requests:\n"
            "-            memory: 512Mi\n"
            "-          limits:\n"
            "-            memory: 2Gi\n"
            "+        resources: {{ toYaml .Values.resources }}\n"
            "@@ deploy/values.yaml @@\n"
            "+resources:\n"
            "+  requests:\n"
            "+    memory: 512Mi\n"
            "+  limits:\n"
            "+    memory: 768Mi\n"
        ),
        "memory",
    ),
    "rust builder": (
        (
            "@@ src/pool.rs @@\n"
            "-    let pool = PgPoolOptions::new()\n"
            "-        .max_connections(40)\n"
            "-        .acquire_timeout(Duration::from_secs(3))\n"
            "-        .connect(&url).await?;\n"
            "+    let pool = PgPool::connect(&url).await?;\n"
        ),
        "",
    ),
    "spring props to yaml": (
        (
            "@@ res/application.properties @@\n"
            "-server.port=8080\n"
            "-spring.datasource.hikari.maximum-pool-size=30\n"
            "-spring.jpa.open-in-view=false\n"
            "@@ res/application.yml @@\n"
            "+server:\n"
            "+  port: 8080\n"
            "+spring:\n"
            "+  datasource:\n"
            "+    hikari:\n"
            "+      maximum-pool-size: 3\n"
            "+  jpa:\n"
            "+    open-in-view: false\n"
        ),
        "",
    ),
    "event field py": (
        (
            "@@ ev/out.py @@\n"
            '-    publish("paid", {"id": p.id, "amount": p.amount, "currency_code": p.currency})\n'
            '+    publish("paid", PaidEvent(id=p.id, amount=p.amount, currency=p.currency).model_dump())\n'
        ),
        "currency",
    ),
    "group by ruby": (
        ("@@ app/report.rb @@\n-    orders.group_by { |o| [o.shop_id, o.day] }\n+    orders.group_by { |o| o.day }\n"),
        "",
    ),
    "redis key ts": (
        (
            "@@ src/menu.ts @@\n"
            "-  const menu = await redis.get(`menu:${shop}:${locale}`);\n"
            "+  const menu = await redis.get(`menu:${shop}`);\n"
        ),
        "locale",
    ),
    "go singleflight": (
        (
            "@@ src/load.go @@\n"
            '-\tv, err, _ := g.Do(user+":"+lang, func() (any, error) { return load(user, lang) })\n'
            "+\tv, err, _ := g.Do(user, func() (any, error) { return load(user, lang) })\n"
        ),
        "",
    ),
    "memcache java": (
        (
            "@@ svc/Menu.java @@\n"
            '-        String key = shop + ":" + locale.getLanguage();\n'
            "+        String key = shop;\n"
            "         return cache.computeIfAbsent(key, k -> load(shop, locale));\n"
        ),
        "",
    ),
    "cacheable annotation": (
        (
            "@@ svc/Menu.java @@\n"
            '-    @Cacheable(value = "menus", key = "#shop + \'-\' + #locale")\n'
            '+    @Cacheable(value = "menus", key = "#shop")\n'
            "     public Menu menu(String shop, Locale locale) {\n"
        ),
        "",
    ),
    "transaction around http": (
        (
            "@@ app/pay.rb @@\n"
            '-    charge = Http.post("/charges", body)\n'
            "     Order.transaction do\n"
            '+      charge = Http.post("/charges", body)\n'
            "       order.update!(charge: charge)\n"
        ),
        "",
    ),
    "const min": (("@@ src/limit.rs @@\n-const MAX_BODY: usize = 8 * 1024 * 1024;\n+const MAX_BODY: usize = 8 * 1024;\n"), ""),
    "flag of a runtime": (
        ('@@ deploy/Procfile.yaml @@\n-command: "java -Xmx4g -jar app.jar"\n+command: "java -Xmx256m -jar app.jar"\n'),
        "",
    ),
    "workers on a command line": (
        ('@@ deploy/app.yaml @@\n-command: "gunicorn --workers=8 app:main"\n+command: "gunicorn --workers=1 app:main"\n'),
        "",
    ),
    "rust constant of a type": (
        ("@@ src/tx.rs @@\n-    let level = Isolation::Serializable;\n+    let level = Isolation::ReadCommitted;\n"),
        "",
    ),
    "nginx list": (("@@ nginx/m.conf @@\n-    proxy_next_upstream error timeout http_502;\n+    proxy_next_upstream error;\n"), ""),
    "setter with a text": (
        ('@@ src/Mail.java @@\n-        mail.withCharset("utf-8").send(text);\n+        mail.send(text);\n'),
        "",
    ),
    "tf into module lost": (
        (
            "@@ infra/a.tf @@\n"
            '-resource "aws_sqs_queue" "mails" {\n'
            '-  name                        = "mails.fifo"\n'
            "-  fifo_queue                  = true\n"
            "-  content_based_deduplication = true\n"
            "-}\n"
            '+module "mails" {\n'
            '+  source     = "../modules/queue"\n'
            '+  name       = "mails.fifo"\n'
            "+  deduplicate = true\n"
            "+}\n"
        ),
        "fifo",
    ),
    "props to yml lost": (
        (
            "@@ res/application.properties @@\n"
            "-server.port=8080\n"
            "-app.time-zone=Europe/Vienna\n"
            "@@ res/application.yml @@\n"
            "+server:\n"
            "+  port: 8080\n"
        ),
        "zone",
    ),
    "key helper of receiver loses": (
        (
            "@@ a/k.py @@\n"
            '-        key = f"{self.prefix}:{user.org_id}:{user.id}"\n'
            "+        key = self._key(user)\n"
            "@@ a/k.py @@\n"
            "+    def _key(self, user):\n"
            '+        return f"{self.prefix}:{user.id}"\n'
        ),
        "org",
    ),
    "compose env lost": (
        ("@@ compose.yaml @@\n     environment:\n-      - MODE=live\n-      - ZONE=eu\n+      MODE: live\n"),
        "zone",
    ),
    "nginx split loses": (
        (
            "@@ nginx/a.conf @@\n"
            "-    gzip on;\n"
            "-    gzip_types application/json;\n"
            "+    include gzip.conf;\n"
            "@@ nginx/gzip.conf @@\n"
            "+gzip on;\n"
        ),
        "types",
    ),
}


@pytest.mark.parametrize("name", HEAVY)
def test_what_does_harm_in_any_language_weighs(name: str) -> None:
    diff, about = HEAVY[name]
    heavy = [one for one in read_diff(diff).effects if one.weight >= 0.5]
    assert any(stem_set([about]) <= one.words for one in heavy)


LIGHT: dict[str, str] = {
    "log field py": (
        "@@ app/pay.py @@\n"
        '-    log.info("paid", extra={"order": order.id})\n'
        '+    log.info("paid", extra={"order": order.id, "method": order.method})\n'
    ),
    "metric added go": (
        "@@ api/serve.go @@\n"
        " \tstart := time.Now()\n"
        "+\tdefer func() { latency.Observe(time.Since(start).Seconds()) }()\n"
        " \tserve(w, r)\n"
    ),
    "comment java": (
        "@@ svc/A.java @@\n-    // takes the first\n+    // takes the first one that fits\n     return list.get(0);\n"
    ),
    "rename py": (
        "@@ app/a.py @@\n"
        "-    cust = load(customer_id)\n"
        "-    return cust.name\n"
        "+    customer = load(customer_id)\n"
        "+    return customer.name\n"
    ),
    "moved fn ts": (
        "@@ src/a.ts @@\n"
        "-export function slug(text: string) {\n"
        '-  return text.toLowerCase().replace(/ /g, "-");\n'
        "-}\n"
        "@@ src/text.ts @@\n"
        "+export function slug(text: string) {\n"
        '+  return text.toLowerCase().replace(/ /g, "-");\n'
        "+}\n"
    ),
    "type alias rs": (
        "@@ src/a.rs @@\n-fn load(id: &str) -> Result<Order, Error> {\n+fn load(id: &str) -> LoadResult {\n     repo.get(id)\n"
    ),
    "optional property": ("@@ src/order.ts @@\n export interface Order {\n   id: string;\n+  note?: string;\n }\n"),
    "optional pydantic": ("@@ app/m.py @@\n class Order(BaseModel):\n     id: str\n+    note: str | None = None\n"),
    "csharp var": ("@@ A.cs @@\n-        List<Order> orders = repo.All();\n+        var orders = repo.All();\n"),
    "py fstring": ('@@ a.py @@\n-    return "{}/{}".format(base, name)\n+    return f"{base}/{name}"\n'),
    "java diamond": (
        "@@ x/A.java @@\n"
        "-        Map<String, List<Order>> m = new HashMap<String, List<Order>>();\n"
        "+        Map<String, List<Order>> m = new HashMap<>();\n"
    ),
    "java switch expr": (
        "@@ x/A.java @@\n"
        "-        switch (kind) {\n"
        '-            case "a":\n'
        "-                return Kind.A;\n"
        '-            case "b":\n'
        "-                return Kind.B;\n"
        "-            default:\n"
        "-                return Kind.NONE;\n"
        "-        }\n"
        "+        return switch (kind) {\n"
        '+            case "a" -> Kind.A;\n'
        '+            case "b" -> Kind.B;\n'
        "+            default -> Kind.NONE;\n"
        "+        };\n"
    ),
    "go errors wrap": ('@@ a.go @@\n-\t\treturn nil, err\n+\t\treturn nil, fmt.Errorf("load order: %w", err)\n'),
    "ts for of": (
        "@@ a.ts @@\n"
        "-  items.forEach((item) => {\n"
        "-    total += item.price;\n"
        "-  });\n"
        "+  for (const item of items) {\n"
        "+    total += item.price;\n"
        "+  }\n"
    ),
    "py comprehension": (
        "@@ a.py @@\n"
        "-    names = []\n"
        "-    for user in users:\n"
        "-        names.append(user.name)\n"
        "+    names = [user.name for user in users]\n"
    ),
    "ruby guard": ("@@ a.rb @@\n-    if order.nil?\n-      return nil\n-    end\n+    return nil if order.nil?\n"),
    "patch bump": ('@@ package.json @@\n   "dependencies": {\n-    "fastify": "4.26.1",\n+    "fastify": "4.26.2",\n'),
    "yaml quoting": ('@@ c.yaml @@\n-  region: eu\n+  region: "eu"\n'),
    "yaml label added": ("@@ deploy/app.yaml @@\n metadata:\n   labels:\n     app: shop\n+    team: pay\n"),
    "nginx comment": ("@@ nginx/a.conf @@\n+# see wiki\n     proxy_pass http://api;\n"),
    "hcl tag": ('@@ infra/a.tf @@\n   tags = {\n     app = "shop"\n+    cost_center = "42"\n   }\n'),
    "py dataclass": (
        "@@ a.py @@\n"
        "-class Point:\n"
        "-    def __init__(self, x, y):\n"
        "-        self.x = x\n"
        "-        self.y = y\n"
        "+@dataclass\n"
        "+class Point:\n"
        "+    x: float\n"
        "+    y: float\n"
    ),
    "go extracted helper": (
        "@@ a.go @@\n"
        '-\tif u.Role == "admin" || u.Role == "owner" {\n'
        "+\tif mayEdit(u) {\n"
        " \t\treturn edit(u)\n"
        " \t}\n"
        "+}\n"
        "+\n"
        "+func mayEdit(u User) bool {\n"
        '+\treturn u.Role == "admin" || u.Role == "owner"\n'
    ),
    "rs iter": (
        "@@ a.rs @@\n"
        "-    let mut total = 0;\n"
        "-    for line in lines {\n"
        "-        total += line.price;\n"
        "-    }\n"
        "-    total\n"
        "+    lines.iter().map(|line| line.price).sum()\n"
    ),
    "kwargs reorder": ("@@ a.py @@\n-    send(to=user, body=text, retries=3)\n+    send(body=text, to=user, retries=3)\n"),
    "config key via env": ("@@ conf/app.yaml @@\n server:\n-  port: 8080\n+  port: ${PORT:8080}\n"),
    "ts async arrow": (
        "@@ a.ts @@\n"
        "-  const load = async function (id: string) {\n"
        "+  const load = async (id: string) => {\n"
        "     return repo.get(id);\n"
        "   };\n"
    ),
    "new endpoint": ('@@ app/urls.py @@\n     path("orders/", orders),\n+    path("orders/export/", export),\n'),
    "null check added": (
        "@@ a.java @@\n"
        "+        if (order == null) {\n"
        "+            return Optional.empty();\n"
        "+        }\n"
        "         return Optional.of(order.total());\n"
    ),
    "enum added": ('@@ src/k.ts @@\n export enum Kind {\n   A = "a",\n+  B = "b",\n }\n'),
    "trace span": (
        '@@ a.py @@\n+    with tracer.start_as_current_span("price"):\n+        total = price(order)\n-    total = price(order)\n'
    ),
    "header in answer": ('@@ a.go @@\n+\tw.Header().Set("X-Request-Id", id)\n \twrite(w, body)\n'),
    "import order": ("@@ a.py @@\n-import b\n-import a\n+import a\n+import b\n"),
    "constructor injection cs": (
        "@@ A.cs @@\n"
        "-    private readonly IClock _clock = new SystemClock();\n"
        "+    private readonly IClock _clock;\n"
        "+\n"
        "+    public Quotes(IClock clock)\n"
        "+    {\n"
        "+        _clock = clock;\n"
        "+    }\n"
    ),
    "retry helper moved": (
        "@@ a.py @@\n"
        "-    for attempt in range(3):\n"
        "-        try:\n"
        "-            return client.get(url)\n"
        "-        except Timeout:\n"
        "-            sleep(2 ** attempt)\n"
        "+    return with_retries(lambda: client.get(url))\n"
        "+\n"
        "+def with_retries(call):\n"
        "+    for attempt in range(3):\n"
        "+        try:\n"
        "+            return call()\n"
        "+        except Timeout:\n"
        "+            sleep(2 ** attempt)\n"
    ),
    "time unit java": (
        "@@ x/A.java @@\n-        client.setReadTimeout(5000);\n+        client.setReadTimeout(Duration.ofSeconds(5));\n"
    ),
    "yaml anchors": ('@@ c.yaml @@\n web:\n-  cpu: 500m\n+  cpu: "0.5"\n'),
    "ruby inject": (
        "@@ a.rb @@\n"
        "-    names = []\n"
        "-    users.each { |user| names.push(user.name) }\n"
        "+    names = users.map { |user| user.name }\n"
    ),
    "java duration": ("@@ x/B.java @@\n-        cache.setTtl(30000);\n+        cache.setTtl(Duration.ofMillis(30000));\n"),
    "go accessor kept": ("@@ a.go @@\n-\tvar client *Client = newClient(cfg)\n+\tclient := newClient(cfg)\n"),
    "go table tests": ('@@ a/price_test.go @@\n+\t{"zero", 0, 0},\n'),
    "error text": ('@@ a.py @@\n-    raise ValueError("bad sku")\n+    raise ValueError(f"bad sku {sku!r}")\n'),
    "log level of a line": ('@@ a.go @@\n-\tlog.Info("cache miss", "key", key)\n+\tlog.Debug("cache miss", "key", key)\n'),
    "docstring": (
        "@@ a.py @@\n"
        " def price(order):\n"
        '-    """Price."""\n'
        '+    """Price of an order, with tax."""\n'
        "     return order.net + order.tax\n"
    ),
    "go interface": ("@@ a.go @@\n-func New(db *sql.DB) *Store {\n+func New(db Querier) *Store {\n \treturn &Store{db: db}\n"),
    "ts type import": ('@@ a.ts @@\n-import { Order } from "./order";\n+import type { Order } from "./order";\n'),
    "java optional": (
        "@@ A.java @@\n"
        "-        if (user != null) {\n"
        "-            return user.getName();\n"
        "-        }\n"
        '-        return "";\n'
        '+        return Optional.ofNullable(user).map(User::getName).orElse("");\n'
    ),
    "py pathlib": ("@@ a.py @@\n-    path = os.path.join(base, name)\n+    path = Path(base) / name\n"),
    "ts nullish": ("@@ a.ts @@\n-  const size = input.size === undefined ? 20 : input.size;\n+  const size = input.size ?? 20;\n"),
    "rs question": (
        "@@ a.rs @@\n"
        "-    let v = match load(id) {\n"
        "-        Ok(v) => v,\n"
        "-        Err(e) => return Err(e),\n"
        "-    };\n"
        "+    let v = load(id)?;\n"
    ),
    "yaml reorder": ("@@ c.yaml @@\n env:\n-  B: 2\n-  A: 1\n+  A: 1\n+  B: 2\n"),
    "k8s annotation": ('@@ d.yaml @@\n   annotations:\n+    owner: team-pay\n     prometheus.io/scrape: "true"\n'),
    "hcl description": ('@@ infra/v.tf @@\n variable "size" {\n+  description = "how many"\n   type = number\n }\n'),
    "sql formatting": (
        "@@ q.py @@\n"
        '-    q = "select id, name from shops where id = %s"\n'
        '+    q = """\n'
        "+        select id, name\n"
        "+        from shops\n"
        "+        where id = %s\n"
        '+    """\n'
    ),
    "css": ("@@ web/a.css @@\n-.a { color: red }\n+.a { color: blue }\n"),
    "var extraction": (
        "@@ a.go @@\n"
        "-\treturn price(o.Net, o.Tax, o.Currency)\n"
        "+\tcurrency := o.Currency\n"
        "+\treturn price(o.Net, o.Tax, currency)\n"
    ),
    "method extracted java": (
        "@@ A.java @@\n"
        "-        if (order.total() > 1000 && !order.trusted()) {\n"
        "-            review.enqueue(order);\n"
        "-        }\n"
        "+        reviewIfLarge(order);\n"
        "@@ A.java @@\n"
        "+    private void reviewIfLarge(Order order) {\n"
        "+        if (order.total() > 1000 && !order.trusted()) {\n"
        "+            review.enqueue(order);\n"
        "+        }\n"
        "+    }\n"
    ),
    "new response field": ('@@ a.py @@\n     return {\n         "id": order.id,\n+        "total": order.total,\n     }\n'),
    "comment yaml": ("@@ c.yaml @@\n-# old\n+# new\n a: 1\n"),
    "ts enum to union": ('@@ a.ts @@\n-export enum Kind { A = "a", B = "b" }\n+export type Kind = "a" | "b";\n'),
    "feature flag off": ('@@ a.ts @@\n+  if (flags.on("new-menu")) {\n+    return newMenu(shop);\n+  }\n   return menu(shop);\n'),
    "go generics": (
        "@@ a.go @@\n-func contains(list []string, v string) bool {\n+func contains[T comparable](list []T, v T) bool {\n"
    ),
    "dto mapping": (
        "@@ A.cs @@\n"
        "-        return new OrderDto { Id = o.Id, Total = o.Total };\n"
        "+        return o.ToDto();\n"
        "@@ Map.cs @@\n"
        "+    public static OrderDto ToDto(this Order o) => new() { Id = o.Id, Total = o.Total };\n"
    ),
    "dispatch table py": (
        "@@ a.py @@\n"
        '-    if kind == "a":\n'
        "-        return make_a()\n"
        '-    elif kind == "b":\n'
        "-        return make_b()\n"
        "+    return MAKERS[kind]()\n"
        "+\n"
        '+MAKERS = {"a": make_a, "b": make_b}\n'
    ),
    "constant for string": (
        '@@ a.rb @@\n-    publish("orders.paid", body)\n+    publish(PAID, body)\n+\n+  PAID = "orders.paid"\n'
    ),
    "options object": (
        "@@ src/a.ts @@\n"
        "-  const c = createClient(url, 3000, true);\n"
        "+  const c = createClient({ url, timeout: 3000, keepAlive: true });\n"
    ),
    "compose to settings py": (
        "@@ app/conf.py @@\n-DEBUG = False\n-TIMEOUT = 30\n+class Conf:\n+    debug = False\n+    timeout = 30\n"
    ),
    "props to yml": (
        "@@ res/application.properties @@\n"
        "-server.port=8080\n"
        "-app.mail.from=shop@example\n"
        "@@ res/application.yml @@\n"
        "+server:\n"
        "+  port: 8080\n"
        "+app:\n"
        "+  mail:\n"
        "+    from: shop@example\n"
    ),
    "tf into module same": (
        "@@ infra/a.tf @@\n"
        '-resource "aws_sqs_queue" "mails" {\n'
        '-  name                       = "mails"\n'
        "-  visibility_timeout_seconds = 120\n"
        "-}\n"
        '+module "mails" {\n'
        '+  source             = "../modules/queue"\n'
        '+  name               = "mails"\n'
        "+  visibility_timeout = 120\n"
        "+}\n"
    ),
    "key helper same go": (
        "@@ a/k.go @@\n"
        "+func menuKey(shop, lang string) string {\n"
        '+\treturn "menu:" + shop + ":" + lang\n'
        "+}\n"
        "@@ a/m.go @@\n"
        '-\tkey := "menu:" + shop + ":" + lang\n'
        "+\tkey := menuKey(shop, lang)\n"
    ),
    "key helper of receiver": (
        "@@ a/k.py @@\n"
        '-        key = f"{self.prefix}:{user.org_id}:{user.id}"\n'
        "+        key = self._key(user)\n"
        "@@ a/k.py @@\n"
        "+    def _key(self, user):\n"
        '+        return f"{self.prefix}:{user.org_id}:{user.id}"\n'
    ),
    "limiter arg renamed": (
        "@@ a/l.ts @@\n"
        "-  if (!(await limiter.consume(req.user.id))) {\n"
        "+  const userId = req.user.id;\n"
        "+  if (!(await limiter.consume(userId))) {\n"
        "     return tooMany(res);\n"
    ),
    "hash alg kw": ("@@ a/h.py @@\n-    digest = hashlib.sha256(body).hexdigest()\n+    digest = sha256(body).hexdigest()\n"),
    "cache lib": (
        "@@ a/c.rb @@\n"
        '-    Rails.cache.fetch("menu/#{shop.id}") { load(shop) }\n'
        '+    cache.fetch("menu/#{shop.id}") { load(shop) }\n'
    ),
    "json tags order": (
        '@@ a/u.go @@\n type U struct {\n-\tName string `json:"name" db:"name"`\n+\tName string `db:"name" json:"name"`\n }\n'
    ),
    "pydantic alias style": (
        '@@ a/u.py @@\n-    order_id: str = Field(alias="orderId")\n+    order_id: Annotated[str, Field(alias="orderId")]\n'
    ),
    "spring annotations": (
        "@@ a/A.java @@\n"
        '-    @RequestMapping(value = "/orders", method = RequestMethod.GET)\n'
        '+    @GetMapping("/orders")\n'
        "     public List<Order> all() {\n"
    ),
    "const of header": (
        "@@ a/h.ts @@\n"
        '-  res.setHeader("X-Request-Id", id);\n'
        "+  res.setHeader(REQUEST_ID, id);\n"
        "+\n"
        '+const REQUEST_ID = "X-Request-Id";\n'
    ),
    "const number named": ("@@ a/h.py @@\n+PAGE = 50\n+\n def rows(q):\n-    return q.limit(50)\n+    return q.limit(PAGE)\n"),
    "default arg same": (
        "@@ a/h.py @@\n"
        " def call(url, timeout=20):\n"
        "+    count(url)\n"
        "     return get(url, timeout=timeout)\n"
        "@@ a/u.py @@\n"
        "-    return call(url, timeout=20)\n"
        "+    return call(url)\n"
    ),
    "lock moved with": (
        "@@ a/h.py @@\n"
        "-        self.lock.acquire()\n"
        "-        try:\n"
        "-            self.n += 1\n"
        "-        finally:\n"
        "-            self.lock.release()\n"
        "+        with self.lock:\n"
        "+            self.n += 1\n"
    ),
    "nginx split file": (
        "@@ nginx/a.conf @@\n"
        "-    gzip on;\n"
        "-    gzip_types text/css;\n"
        "+    include gzip.conf;\n"
        "@@ nginx/gzip.conf @@\n"
        "+gzip on;\n"
        "+gzip_types text/css;\n"
    ),
    "compose env list": (
        "@@ compose.yaml @@\n     environment:\n-      - MODE=live\n-      - ZONE=eu\n+      MODE: live\n+      ZONE: eu\n"
    ),
    "go functional options": (
        "@@ a/c.go @@\n"
        "-\tc := api.New(addr, api.WithTimeout(3*time.Second))\n"
        "+\tc := api.NewFrom(api.Config{Addr: addr, Timeout: 3 * time.Second})\n"
    ),
    "asyncio gather": (
        "@@ a/h.py @@\n"
        "-    a = await load_a(id)\n"
        "-    b = await load_b(id)\n"
        "+    a, b = await asyncio.gather(load_a(id), load_b(id))\n"
    ),
    "ts enum value const": (
        '@@ a/h.ts @@\n-  if (order.state === "paid") {\n+  if (order.state === State.Paid) {\n     ship(order);\n'
    ),
    "log field removed": (
        '@@ a/h.py @@\n-    log.info("loaded", extra={"shop": shop.id, "n": n})\n+    log.info("loaded", extra={"shop": shop.id})\n'
    ),
    "metric renamed": ('@@ a/h.go @@\n-\tmetrics.Inc("orders_total")\n+\tmetrics.Inc("shop_orders_total")\n'),
}


@pytest.mark.parametrize("name", LIGHT)
def test_what_is_done_every_day_and_harms_nobody_weighs_little(name: str) -> None:
    reading = read_diff(LIGHT[name])
    assert reading.weight <= 0.3, reading.effects[0]
