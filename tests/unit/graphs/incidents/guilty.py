"""Incidents that one change brought about, each told by what is seen, and by one or more diffs that do it."""

# ruff: noqa: E501 (a diff is told in one line)
from __future__ import annotations

from tests.unit.graphs.incidents.world import Edit, Moved, Said, Story

_FRONT_5XX = Moved("front", "http_5xx_ratio", 0.003, 0.28)
_FRONT_SLOW = Moved("front", "latency_p99_ms", 320, 4100)
_BAD_GATEWAY = Said("front", "ERROR", "upstream <svc> answered 502", 3)
_SLOW_ANSWER = Said("front", "WARN", "slow answer from <svc>: # ms", 2)

GUILTY = (
    Story(
        "deadline too short",
        ("front", "http_5xx_ratio", "<front> 5xx ratio above 5%"),
        (_FRONT_5XX, Moved("svc", "client_call_error_ratio", 0.002, 0.44), Moved("dep", "rpc_cancelled_ratio", 0.001, 0.45), Moved("dep", "latency_p99_ms", 410, 420)),
        (Said("svc", "ERROR", "call to <dep> failed: context deadline exceeded"), Said("dep", "WARN", "request canceled by caller after # ms"), Said("front", "ERROR", "upstream <svc> answered 504")),
        "change",
        (
            Edit("Centralise client options", "internal/clients/options.go", "@@ -12,7 +12,7 @@ func Dial(target string) (*Client, error) {\n-\tcallTimeout := 4 * time.Second\n+\tcallTimeout := 250 * time.Millisecond\n \treturn dial(target, callTimeout)\n"),
            Edit("Read client settings from one place", "config/clients.yaml", "@@ -6,7 +6,7 @@ clients:\n   <dep>:\n-    timeout_ms: 5000\n+    timeout_ms: 300\n     keepalive: true\n"),
            Edit("Tidy the client builder", "src/clients/http.ts", "@@ -8,7 +8,7 @@ export const api = axios.create({\n   baseURL: process.env.API_URL,\n-  timeout: 8000,\n+  timeout: 400,\n });\n"),
        ),
        near=(Edit("Keep connections alive a little longer", "config/http.yaml", "@@ -3,6 +3,6 @@ server:\n-  keepalive_timeout: 60s\n+  keepalive_timeout: 75s\n"),),
    ),
    Story(
        "deadline too long",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 2 s"),
        (Moved("svc", "latency_p99_ms", 350, 29000), Moved("svc", "worker_threads_busy", 22, 200), Moved("front", "latency_p99_ms", 420, 29500), Moved("dep", "latency_p99_ms", 200, 230)),
        (Said("svc", "WARN", "no free worker, request waited # ms; 200 of 200 busy"), Said("svc", "ERROR", "rejected: worker pool exhausted"), _SLOW_ANSWER),
        "change",
        (
            Edit("Be patient with slow partners", "src/main/java/client/PartnerClient.java", "@@ -21,7 +21,7 @@ public class PartnerClient {\n-  private static final Duration READ_TIMEOUT = Duration.ofSeconds(2);\n+  private static final Duration READ_TIMEOUT = Duration.ofSeconds(60);\n"),
            Edit("Let uploads finish", "src/client.py", "@@ -14,7 +14,7 @@ class Client:\n-    timeout = httpx.Timeout(1.5)\n+    timeout = httpx.Timeout(45.0)\n"),
        ),
    ),
    Story(
        "retries multiply",
        ("dep", "cpu_utilization", "<dep> cpu above 90%"),
        (Moved("dep", "http_requests_per_sec", 240, 1480), Moved("dep", "cpu_utilization", 0.29, 0.97), Moved("dep", "http_5xx_ratio", 0.002, 0.31), Moved("svc", "client_retries_per_sec", 2, 1200), _FRONT_5XX),
        (Said("svc", "WARN", "call to <dep> failed, retrying, attempt # of 9"), Said("dep", "ERROR", "overloaded: 503 to <svc>"), _BAD_GATEWAY),
        "change",
        (
            Edit("Make calls more robust", "src/client.py", "@@ -9,8 +9,7 @@\n-MAX_ATTEMPTS = 2\n+MAX_ATTEMPTS = 9\n def call(request):\n     for attempt in range(MAX_ATTEMPTS):\n-        time.sleep(0.2 * 2 ** attempt)\n         try:\n"),
            Edit("Align client policy", "config/resilience.yaml", "@@ -4,7 +4,7 @@ retry:\n-  max_attempts: 2\n+  max_attempts: 10\n   on: [502, 503]\n"),
        ),
        near=(Edit("Explain the retry policy", "src/retry.py", "@@ -1,3 +1,6 @@\n+# A retry waits twice as long as the one before; after the last attempt the caller sees the error.\n+# Overload answers (503) are retried too.\n def delay(attempt):\n     return 2 ** attempt\n"),),
    ),
    Story(
        "pool too small",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 1 s"),
        (Moved("svc", "latency_p99_ms", 220, 5100), Moved("svc", "db_pool_pending", 0, 46), Moved("svc", "db_pool_max", 40, 4), _FRONT_SLOW),
        (Said("svc", "ERROR", "could not get a database connection within 5000 ms: pool exhausted (4 in use of 4)"), Said("svc", "WARN", "waited # ms for a connection"), _SLOW_ANSWER),
        "change",
        (
            Edit("Consolidate database settings", "src/main/resources/application.properties", "@@ -3,7 +3,7 @@\n spring.datasource.url=${DB_URL}\n-spring.datasource.hikari.maximum-pool-size=40\n+spring.datasource.hikari.maximum-pool-size=4\n"),
            Edit("Share engine construction", "src/db.py", "@@ -5,8 +5,8 @@ def engine(url):\n-    return create_engine(url, pool_size=40, max_overflow=10)\n+    return create_engine(url, pool_size=4, max_overflow=0)\n"),
            Edit("Use library defaults for sql", "pkg/sqlx/open.go", "@@ -11,7 +11,7 @@ func Open(dsn string) (*sql.DB, error) {\n-\tdb.SetMaxOpenConns(40)\n+\tdb.SetMaxOpenConns(4)\n \treturn db, nil\n"),
        ),
        lead_min=(3, 25),
        near=(Edit("Check pooled connections less often", "config/db.yaml", "@@ -6,8 +6,8 @@ pool:\n   max_size: 40\n-  idle_time: 30s\n+  idle_time: 5m\n-  health_check_period: 15s\n+  health_check_period: 60s\n"),),
    ),
    Story(
        "cache forgets too soon",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 900 ms"),
        (Moved("svc", "latency_p99_ms", 140, 2300), Moved("svc", "cache_hit_ratio", 0.96, 0.08), Moved("db", "queries_per_sec", 700, 6200), Moved("db", "cpu_utilization", 0.3, 0.96), _FRONT_SLOW),
        (Said("svc", "WARN", "cache miss for key item:#, loading from <db>"), Said("db", "WARN", "slow query, # ms: SELECT * FROM items WHERE id = ?"), _SLOW_ANSWER),
        "change",
        (
            Edit("Fresher reads", "src/cache.ts", "@@ -4,7 +4,7 @@\n-const ENTRY_TTL_SECONDS = 1800;\n+const ENTRY_TTL_SECONDS = 5;\n export const cache = new Cache({ ttl: ENTRY_TTL_SECONDS });\n"),
            Edit("Simplify item lookup", "src/items.py", "@@ -12,9 +12,6 @@ class Items:\n     def get(self, key):\n-        cached = self.cache.get(key)\n-        if cached is not None:\n-            return cached\n         return self.repo.load(key)\n"),
            Edit("Cleanup annotations", "src/main/java/ItemService.java", "@@ -17,7 +17,6 @@ public class ItemService {\n-  @Cacheable(\"items\")\n   public Item find(String id) {\n     return repository.findById(id);\n"),
        ),
        lead_min=(5, 35),
        near=(Edit("Name the cache in metrics", "src/cache_metrics.py", "@@ -4,6 +4,7 @@ def observe(cache):\n+    hits.labels(cache=cache.name).set(cache.hits)\n     misses.labels(cache=cache.name).set(cache.misses)\n"),),
    ),
    Story(
        "batch too large",
        ("svc", "memory_working_set_bytes", "<svc> memory above 90% of its limit"),
        (Moved("svc", "memory_working_set_bytes", 4.1e8, 1.05e9, climbs=True), Moved("svc", "gc_pause_p99_ms", 12, 900), Moved("svc", "container_restarts", 0, 5), _FRONT_5XX),
        (Said("svc", "ERROR", "java.lang.OutOfMemoryError: Java heap space"), Said("svc", "WARN", "GC pause # ms"), _BAD_GATEWAY),
        "change",
        (
            Edit("Fewer round trips", "src/main/java/Importer.java", "@@ -14,7 +14,7 @@ class Importer {\n-  private static final int BATCH_SIZE = 200;\n+  private static final int BATCH_SIZE = 50000;\n"),
            Edit("Read the feed at once", "config/import.yaml", "@@ -3,7 +3,7 @@ importer:\n-  page_size: 100\n+  page_size: 20000\n"),
        ),
        lead_min=(5, 30),
    ),
    Story(
        "missing value not expected",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.22), _FRONT_5XX),
        (Said("svc", "ERROR", "TypeError: Cannot read properties of undefined (reading 'street')"), _BAD_GATEWAY),
        "change",
        (
            Edit("Simplify address rendering", "src/address.ts", "@@ -9,9 +9,6 @@ export function label(user: User): string {\n   const address = user.address;\n-  if (!address) {\n-    return '';\n-  }\n   return `${address.street}, ${address.city}`;\n }\n"),
            Edit("Modern syntax", "src/address.ts", "@@ -9,7 +9,7 @@ export function label(user: User): string {\n-  return user.address?.street ?? '';\n+  return user.address.street;\n }\n"),
        ),
        near=(Edit("Format the street name", "src/street.ts", "@@ -3,7 +3,7 @@\n-export const street = (s: string) => s.trim();\n+export const street = (s: string) => s.trim().replace(/ +/g, \u0027 \u0027);\n"),),
    ),
    Story(
        "none has no attribute",
        ("svc", "error_rate", "<svc> error rate above 5%"),
        (Moved("svc", "error_rate", 0.002, 0.35), _FRONT_5XX),
        (Said("svc", "ERROR", "AttributeError: 'NoneType' object has no attribute 'tier'"), _BAD_GATEWAY),
        "change",
        (
            Edit("Shorter membership lookup", "src/membership.py", "@@ -18,9 +18,7 @@ def discount(user):\n     member = find_member(user.id)\n-    if member is None:\n-        return 0.0\n     return RATES[member.tier]\n"),
            Edit("Default membership", "src/membership.py", "@@ -18,7 +18,7 @@ def discount(user):\n-    member = members.get(user.id, GUEST)\n+    member = members.get(user.id)\n     return RATES[member.tier]\n"),
        ),
    ),
    Story(
        "not waited for",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.18), Moved("svc", "orphaned_reservations", 0, 60, climbs=True), _FRONT_5XX),
        (Said("svc", "ERROR", "UnhandledPromiseRejection: reservation # was not committed when it was read"), Said("svc", "ERROR", "reservation # not found right after it was saved"), _BAD_GATEWAY),
        "change",
        (
            Edit("Speed up reservation", "src/reserve.ts", "@@ -22,7 +22,7 @@ export async function reserve(id: string) {\n-  await reservations.save(row);\n+  reservations.save(row);\n   return reservations.read(id);\n"),
        ),
    ),
    Story(
        "two at once",
        ("svc", "duplicate_bookings_total", "<svc> duplicates above 10"),
        (Moved("svc", "duplicate_bookings_total", 0, 90, climbs=True), Moved("svc", "http_5xx_ratio", 0.002, 0.09)),
        (Said("svc", "ERROR", "duplicate key value violates unique constraint: seat # taken twice"), Said("svc", "WARN", "concurrent update of seat #")),
        "change",
        (
            Edit("Faster allocation", "src/allocate.py", "@@ -8,9 +8,8 @@ class Allocator:\n     def take(self, seat):\n-        with self.lock:\n-            if self.free(seat):\n-                self.mark(seat)\n+        if self.free(seat):\n+            self.mark(seat)\n"),
            Edit("Less contention", "internal/alloc/alloc.go", "@@ -15,9 +15,7 @@ func (a *Alloc) Take(seat string) error {\n-\ta.mu.Lock()\n-\tdefer a.mu.Unlock()\n \tif a.taken[seat] {\n \t\treturn ErrTaken\n \t}\n"),
        ),
    ),
    Story(
        "query cannot use its index",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 1 s"),
        (Moved("svc", "latency_p99_ms", 180, 7200), Moved("db", "cpu_utilization", 0.3, 0.99), Moved("db", "rows_scanned_per_sec", 9000, 4.1e6), _FRONT_SLOW),
        (Said("db", "WARN", "slow query # ms: SELECT id FROM customers WHERE lower(email) = $1, sequential scan of customers"), Said("svc", "WARN", "query customers took # ms"), _SLOW_ANSWER),
        "change",
        (
            Edit("Find customers regardless of case", "src/customers.py", "@@ -7,7 +7,7 @@ class Customers:\n-        return self.one(\"SELECT id FROM customers WHERE email = %s\", email)\n+        return self.one(\"SELECT id FROM customers WHERE lower(email) = lower(%s)\", email)\n"),
            Edit("Clean up migrations", "migrations/0042_tidy.sql", "@@ -0,0 +1,2 @@\n+-- no longer needed\n+DROP INDEX customers_email_idx;\n"),
        ),
    ),
    Story(
        "one query for each row",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 1 s"),
        (Moved("svc", "latency_p99_ms", 160, 3900), Moved("svc", "db_queries_per_request", 3, 58), Moved("db", "queries_per_sec", 800, 15000), Moved("db", "cpu_utilization", 0.3, 0.85), _FRONT_SLOW),
        (Said("svc", "WARN", "request issued # queries: SELECT name FROM products WHERE id = ?"), _SLOW_ANSWER),
        "change",
        (
            Edit("Show current product names", "src/orders.py", "@@ -21,7 +21,9 @@ def lines(order):\n     result = []\n     for line in order.lines:\n-        result.append(Line(line.product_id, line.product_name))\n+        product = db.query_one(\"SELECT name FROM products WHERE id = %s\", line.product_id)\n+        result.append(Line(line.product_id, product.name))\n     return result\n"),
            Edit("Load names lazily", "src/main/java/OrderMapper.java", "@@ -18,6 +18,7 @@ class OrderMapper {\n     for (OrderLine line : order.getLines()) {\n-      dto.add(new LineDto(line.getProductId(), line.getName()));\n+      Product product = productRepository.findById(line.getProductId());\n+      dto.add(new LineDto(line.getProductId(), product.getName()));\n     }\n"),
            Edit("Drop the preload", "app/models/orders.rb", "@@ -4,7 +4,7 @@ class Orders\n   def recent\n-    Order.includes(:lines).order(:created_at)\n+    Order.order(:created_at)\n   end\n"),
        ),
        near=(Edit("Tidy the order handler", "src/handlers/order.py", "@@ -8,12 +8,9 @@ def place_order(request):\n-    try:\n-        body = parse(request)\n-    except ValueError as error:\n-        return bad_request(str(error))\n-    order = assemble(body)\n+    body = parsed(request)\n+    order = assemble(body)\n     return created(order)\n"),),
    ),
    Story(
        "seconds taken for milliseconds",
        ("svc", "http_401_ratio", "<svc> 401 ratio above 5%"),
        (Moved("svc", "http_401_ratio", 0.004, 0.62), Moved("front", "login_requests_per_sec", 6, 140)),
        (Said("svc", "WARN", "session expired for user #"), Said("front", "WARN", "user # sent back to login: session expired")),
        "change",
        (
            Edit("One clock for sessions", "src/session.ts", "@@ -5,7 +5,7 @@\n-const SESSION_MS = 30 * 60 * 1000;\n+const SESSION_MS = 30 * 60;\n export const expires = () => Date.now() + SESSION_MS;\n"),
            Edit("Durations everywhere", "internal/session/session.go", "@@ -9,7 +9,7 @@\n-const lifetime = 1800 * time.Second\n+const lifetime = 1800 * time.Millisecond\n"),
        ),
    ),
    Story(
        "flag switched on",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.4), _FRONT_5XX),
        (Said("svc", "ERROR", "ranking v2 failed: model features missing for candidate #"), _BAD_GATEWAY),
        "flag",
        (
            Edit("Ranking v2 behind a flag", "src/ranking.py", "@@ -30,6 +30,9 @@ def rank(candidates):\n+    if flags.enabled(\"ranking-v2\"):\n+        return ranking_v2.rank(candidates, features=load_features(candidates))\n     return sorted(candidates, key=score)\n"),
        ),
        flag="ranking-v2",
    ),
    Story(
        "major release of a library",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.93), _FRONT_5XX),
        (Said("svc", "ERROR", "AttributeError: module 'marshmallow' has no attribute 'missing_'"), Said("svc", "ERROR", "cannot serialise answer: marshmallow.exceptions.ValidationError: unknown field"), _BAD_GATEWAY),
        "change",
        (
            Edit("Update dependencies", "requirements.txt", "@@ -3,7 +3,7 @@\n flask==3.0.3\n-marshmallow==3.21.1\n+marshmallow==4.0.0\n gunicorn==22.0.0\n"),
        ),
    ),
    Story(
        "errors no longer caught",
        ("svc", "container_restarts", "<svc> restarts"),
        (Moved("svc", "container_restarts", 0, 9, climbs=True), Moved("svc", "http_5xx_ratio", 0.002, 0.5), _FRONT_5XX),
        (Said("svc", "FATAL", "panic: invalid country code \"XK\"; process exited"), Said("svc", "INFO", "starting version #"), _BAD_GATEWAY),
        "change",
        (
            Edit("Trust the country list", "internal/country/country.go", "@@ -12,10 +12,7 @@ func Name(code string) string {\n-\tcountry, err := Parse(code)\n-\tif err != nil {\n-\t\treturn code\n-\t}\n+\tcountry := MustParse(code)\n \treturn country.Name\n"),
            Edit("Tidy worker loop", "src/worker.py", "@@ -11,11 +11,7 @@ def run(queue):\n     while True:\n         job = queue.get()\n-        try:\n-            handle(job)\n-        except InvalidCountry:\n-            log.warning(\"skipped %s\", job.id)\n+        handle(job)\n"),
        ),
    ),
    Story(
        "wrong address",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.97), Moved("dep", "http_requests_per_sec", 240, 1), _FRONT_5XX),
        (Said("svc", "ERROR", "dial tcp 10.0.3.9:9091: connect: connection refused while calling <dep>"), _BAD_GATEWAY),
        "change",
        (
            Edit("Tidy deployment values", "deploy/values.yaml", "@@ -9,7 +9,7 @@ env:\n   <dep>:\n     host: <dep>.internal\n-    port: 9090\n+    port: 9091\n"),
            Edit("Unify endpoint settings", "deploy/service.env", "@@ -1,5 +1,5 @@\n-UPSTREAM_URL=http://<dep>:9090\n+UPSTREAM_URL=http://<dep>:9091\n LOG_FORMAT=json\n"),
        ),
    ),
    Story(
        "setting under another name",
        ("svc", "container_restarts", "<svc> restarts"),
        (Moved("svc", "container_restarts", 0, 8, climbs=True), Moved("svc", "http_requests_per_sec", 260, 4), _FRONT_5XX),
        (Said("svc", "FATAL", "KeyError: 'GATEWAY_TOKEN' is not set"), Said("front", "ERROR", "no healthy endpoint of <svc>")),
        "change",
        (
            Edit("Prefix settings", "src/settings.py", "@@ -6,7 +6,7 @@ class Settings:\n-        self.token = os.environ[\"API_TOKEN\"]\n+        self.token = os.environ[\"GATEWAY_TOKEN\"]\n"),
            Edit("Prefix settings in the chart", "deploy/deployment.yaml", "@@ -20,7 +20,7 @@ spec:\n           env:\n-            - name: GATEWAY_TOKEN\n+            - name: API_TOKEN\n               valueFrom:\n"),
        ),
    ),
    Story(
        "column renamed",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.88), _FRONT_5XX),
        (Said("svc", "ERROR", "psycopg.errors.UndefinedColumn: column \"phone_number\" does not exist"), _BAD_GATEWAY),
        "change",
        (
            Edit("Name columns alike", "migrations/0107_names.sql", "@@ -0,0 +1,1 @@\n+ALTER TABLE contacts RENAME COLUMN phone_number TO phone;\n"),
            Edit("Name columns alike", "migrations/20260304_names.py", "@@ -6,6 +6,7 @@ def upgrade():\n+    op.alter_column(\"contacts\", \"phone_number\", new_column_name=\"phone\")\n     op.create_index(\"ix_contacts_id\", \"contacts\", [\"id\"])\n"),
        ),
        at="dep",
    ),
    Story(
        "everything is logged",
        ("svc", "disk_used_ratio", "<svc> disk above 90%"),
        (Moved("svc", "disk_used_ratio", 0.42, 0.99, climbs=True), Moved("svc", "log_lines_per_sec", 80, 3100), Moved("svc", "http_5xx_ratio", 0.002, 0.2)),
        (Said("svc", "ERROR", "write /var/log/app.log: no space left on device"), Said("svc", "DEBUG", "frame # received", 30), _BAD_GATEWAY),
        "change",
        (
            Edit("Help with ticket 4411", "config/logging.yaml", "@@ -2,7 +2,7 @@ logging:\n-  level: warn\n+  level: debug\n   format: json\n"),
            Edit("Help with ticket 4411", "src/logging_setup.py", "@@ -4,7 +4,7 @@ def setup():\n-    logging.basicConfig(level=logging.WARNING)\n+    logging.basicConfig(level=logging.DEBUG)\n"),
        ),
        lead_min=(10, 40),
    ),
    Story(
        "memory never given back",
        ("svc", "memory_working_set_bytes", "<svc> memory above 90% of its limit"),
        (Moved("svc", "memory_working_set_bytes", 3.2e8, 1.0e9, climbs=True), Moved("svc", "container_restarts", 0, 3, climbs=True), Moved("svc", "gc_pause_p99_ms", 9, 500, climbs=True)),
        (Said("svc", "WARN", "heap at # MB, garbage collection took # ms"), Said("svc", "FATAL", "OOMKilled: container exceeded its memory limit"), _BAD_GATEWAY),
        "change",
        (
            Edit("Remember computed quotes", "src/quotes.py", "@@ -3,8 +3,14 @@\n+_SEEN = {}\n+\n+\n def quote(request):\n-    return compute(request)\n+    key = (request.user, request.at)\n+    if key not in _SEEN:\n+        _SEEN[key] = compute(request)\n+    return _SEEN[key]\n"),
            Edit("Keep sessions for metrics", "internal/session/registry.go", "@@ -18,6 +18,7 @@ func (r *Registry) Open(s *Session) {\n+\tr.history = append(r.history, s)\n \tr.live[s.ID] = s\n }\n"),
            Edit("Notify on change", "src/watch.ts", "@@ -10,7 +10,7 @@ export function watch(socket: Socket) {\n   const onChange = (e: Change) => socket.send(e);\n   bus.on('change', onChange);\n-  socket.on('close', () => bus.off('change', onChange));\n }\n"),
        ),
        lead_min=(90, 240),
        near=(Edit("Give the heap a little more", "deploy/java.env", "@@ -1,3 +1,3 @@\n-JAVA_OPTS=-Xmx768m\n+JAVA_OPTS=-Xmx800m\n"),),
    ),
    Story(
        "token no longer renewed",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.9), Moved("svc", "auth_failures_per_sec", 0, 70), _FRONT_5XX),
        (Said("svc", "ERROR", "<dep> answered 401: access token expired"), Said("dep", "WARN", "rejected token of <svc>: expired # s ago"), _BAD_GATEWAY),
        "change",
        (
            Edit("Simplify the token holder", "src/auth.py", "@@ -12,9 +12,6 @@ class Tokens:\n     def current(self):\n-        if self.expires_at - time.time() < 60:\n-            self.refresh()\n         return self.token\n"),
            Edit("Remove the background job", "internal/auth/token.go", "@@ -20,7 +20,6 @@ func New() *Tokens {\n \tt := &Tokens{}\n-\tgo t.refreshEvery(10 * time.Minute)\n \treturn t\n"),
        ),
        lead_min=(58, 62),
    ),
    Story(
        "stricter input",
        ("front", "http_4xx_ratio", "<front> 4xx ratio above 10%"),
        (Moved("front", "http_4xx_ratio", 0.02, 0.5), Moved("svc", "client_call_error_ratio", 0.002, 0.5), Moved("dep", "http_400_ratio", 0.01, 0.55)),
        (Said("dep", "WARN", "rejected request: field middle_name is required"), Said("svc", "ERROR", "<dep> answered 422: field middle_name is required"), Said("front", "WARN", "upstream <svc> answered 422")),
        "change",
        (
            Edit("Validate names", "src/models.py", "@@ -9,7 +9,7 @@ class Person(BaseModel):\n     first_name: str\n-    middle_name: str | None = None\n+    middle_name: str\n     last_name: str\n"),
            Edit("Validate names", "src/schema.ts", "@@ -5,7 +5,7 @@ export const Person = z.object({\n   first_name: z.string(),\n-  middle_name: z.string().optional(),\n+  middle_name: z.string(),\n });\n"),
        ),
        at="dep",
    ),
    Story(
        "limit too low",
        ("front", "http_429_ratio", "<front> 429 ratio above 5%"),
        (Moved("front", "http_429_ratio", 0.001, 0.47), Moved("svc", "rejected_requests_per_sec", 0, 130)),
        (Said("svc", "WARN", "rate limit exceeded for tenant #"), Said("front", "WARN", "upstream <svc> answered 429")),
        "change",
        (
            Edit("Protect the backend", "config/limits.yaml", "@@ -3,8 +3,8 @@ limits:\n   per_tenant:\n-    requests_per_second: 100\n+    requests_per_second: 10\n"),
            Edit("Protect the backend", "internal/limits/limits.go", "@@ -7,7 +7,7 @@\n-var limiter = rate.NewLimiter(rate.Limit(400), 800)\n+var limiter = rate.NewLimiter(rate.Limit(40), 80)\n"),
        ),
    ),
    Story(
        "too little cpu",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 800 ms"),
        (Moved("svc", "latency_p99_ms", 170, 2600), Moved("svc", "cpu_throttled_ratio", 0.01, 0.82), _FRONT_SLOW),
        (Said("svc", "WARN", "request took # ms"), _SLOW_ANSWER),
        "change",
        (
            Edit("Right-size workloads", "deploy/deployment.yaml", "@@ -31,8 +31,8 @@ spec:\n           resources:\n             limits:\n-              cpu: \"2\"\n+              cpu: 200m\n               memory: 1Gi\n"),
            Edit("Right-size workloads", "deploy/values.yaml", "@@ -4,5 +4,5 @@\n-replicaCount: 8\n+replicaCount: 1\n image: app\n"),
        ),
    ),
    Story(
        "the loop is blocked",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 1 s"),
        (Moved("svc", "latency_p99_ms", 130, 4800), Moved("svc", "event_loop_lag_ms", 4, 2100), _FRONT_SLOW),
        (Said("svc", "WARN", "event loop was blocked for # ms"), _SLOW_ANSWER),
        "change",
        (
            Edit("Check the signature", "src/verify.ts", "@@ -6,7 +6,8 @@ export async function verify(body: Buffer) {\n-  return await crypto.subtle.verify(ALG, key, sig, body);\n+  const key = fs.readFileSync('/etc/keys/verify.pem');\n+  return crypto.createVerify('RSA-SHA512').update(body).verify(key, sig);\n"),
            Edit("Ask the scoring endpoint", "src/handlers.py", "@@ -14,6 +14,7 @@ async def submit(request):\n     order = await parse(request)\n+    score = requests.post(SCORE_URL, json=order.dict()).json()\n     return await store(order)\n"),
        ),
    ),
    Story(
        "the wrong way round",
        ("svc", "http_403_ratio", "<svc> 403 ratio above 5%"),
        (Moved("svc", "http_403_ratio", 0.004, 0.71), Moved("front", "http_403_ratio", 0.004, 0.5)),
        (Said("svc", "WARN", "access denied for user # on resource #"), Said("front", "WARN", "upstream <svc> answered 403")),
        "change",
        (
            Edit("Tidy permission check", "src/permissions.py", "@@ -8,7 +8,7 @@ def allowed(user, resource):\n-    return user.is_admin or resource.owner == user.id\n+    return user.is_admin and resource.owner == user.id\n"),
            Edit("Tidy permission check", "internal/authz/authz.go", "@@ -14,7 +14,7 @@ func (a *Authz) Check(u User, r Resource) error {\n-\tif !a.allows(u, r) {\n+\tif a.allows(u, r) {\n \t\treturn ErrDenied\n \t}\n"),
        ),
        near=(Edit("Say why access is denied", "src/denied.py", "@@ -4,7 +4,7 @@ def denied(user, resource):\n-    return Response(403, {\"error\": \"denied\"})\n+    return Response(403, {\"error\": \"denied\", \"reason\": \"not the owner\", \"user\": user.id})\n"),),
    ),
    Story(
        "field under another name",
        ("svc", "message_failures_ratio", "<svc> message failures above 5%"),
        (Moved("svc", "message_failures_ratio", 0.001, 0.95), Moved("svc", "consumer_lag_messages", 30, 24000, climbs=True)),
        (Said("svc", "ERROR", "cannot handle event: missing field customer_id", 6), Said("svc", "WARN", "event # moved to the dead letter queue", 4)),
        "change",
        (
            Edit("Consistent event names", "src/events.ts", "@@ -11,7 +11,7 @@ export function created(order: Order) {\n   return {\n-    customer_id: order.customer,\n+    customerId: order.customer,\n     total: order.total,\n   };\n"),
            Edit("Consistent event names", "src/main/java/OrderCreated.java", "@@ -8,7 +8,7 @@ public record OrderCreated(\n-    @JsonProperty(\"customer_id\") String customerId,\n+    String customerId,\n     BigDecimal total) {}\n"),
        ),
        at="dep",
    ),
    Story(
        "sums that do not add up",
        ("svc", "reconciliation_mismatches", "<svc> reconciliation mismatches above 20"),
        (Moved("svc", "reconciliation_mismatches", 0, 140, climbs=True),),
        (Said("svc", "ERROR", "reconciliation mismatch: invoice # total differs from payments by # cents"), Said("svc", "WARN", "negative balance on account #")),
        "change",
        (
            Edit("Simplify totals", "src/totals.py", "@@ -5,7 +5,7 @@ def total(invoice):\n-    return round(invoice.net * (1 + invoice.tax_rate), 2)\n+    return round(invoice.net * invoice.tax_rate, 2)\n"),
            Edit("Whole cents", "src/totals.ts", "@@ -4,7 +4,7 @@ export function cents(amount: Decimal): number {\n-  return amount.times(100).round().toNumber();\n+  return Math.floor(amount.toNumber()) * 100;\n"),
        ),
    ),
    Story(
        "never closed",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.6), Moved("svc", "process_open_fds", 120, 65000, climbs=True), _FRONT_5XX),
        (Said("svc", "ERROR", "accept: too many open files"), Said("svc", "ERROR", "dial <dep>: socket: too many open files"), _BAD_GATEWAY),
        "change",
        (
            Edit("Shorter fetch", "internal/fetch/fetch.go", "@@ -13,7 +13,6 @@ func Fetch(url string) ([]byte, error) {\n \tif err != nil {\n \t\treturn nil, err\n \t}\n-\tdefer resp.Body.Close()\n \treturn io.ReadAll(resp.Body)\n"),
            Edit("A client where it is needed", "src/fetch.py", "@@ -3,10 +3,9 @@\n-session = requests.Session()\n-\n def fetch(url):\n+    session = requests.Session()\n     return session.get(url).json()\n"),
        ),
        lead_min=(15, 90),
    ),
    Story(
        "too many connections",
        ("db", "connections_in_use", "<db> connections above 95%"),
        (Moved("db", "connections_in_use", 110, 500), Moved("svc", "http_5xx_ratio", 0.002, 0.3), Moved("dep", "http_5xx_ratio", 0.002, 0.2), _FRONT_5XX),
        (Said("svc", "ERROR", "FATAL: sorry, too many clients already"), Said("dep", "ERROR", "FATAL: remaining connection slots are reserved"), Said("db", "ERROR", "too many connections for role app")),
        "change",
        (
            Edit("More throughput", "config/workers.yaml", "@@ -2,7 +2,7 @@ workers:\n-  concurrency: 20\n+  concurrency: 400\n   queue: default\n"),
            Edit("More throughput", "src/db.py", "@@ -4,7 +4,7 @@\n-POOL = ConnectionPool(dsn, min_size=2, max_size=20)\n+POOL = ConnectionPool(dsn, min_size=50, max_size=400)\n"),
        ),
    ),
    Story(
        "asked far too often",
        ("dep", "cpu_utilization", "<dep> cpu above 90%"),
        (Moved("dep", "http_requests_per_sec", 240, 2300), Moved("dep", "cpu_utilization", 0.29, 0.98), Moved("dep", "latency_p99_ms", 120, 1800), Moved("svc", "latency_p99_ms", 200, 2000)),
        (Said("dep", "WARN", "# requests for /rates from <svc> in the last second"), Said("svc", "WARN", "rates are late by # ms")),
        "change",
        (
            Edit("Fresher rates", "src/rates.ts", "@@ -5,7 +5,7 @@\n-const REFRESH_EVERY_MS = 60_000;\n+const REFRESH_EVERY_MS = 500;\n setInterval(refresh, REFRESH_EVERY_MS);\n"),
            Edit("Fresher rates", "config/rates.yaml", "@@ -3,5 +3,5 @@ rates:\n-  poll_interval: 5m\n+  poll_interval: 1s\n"),
        ),
    ),
    Story(
        "liveness too impatient",
        ("svc", "container_restarts", "<svc> restarts"),
        (Moved("svc", "container_restarts", 0, 14, climbs=True), Moved("svc", "latency_p99_ms", 200, 900), _FRONT_5XX),
        (Said("svc", "INFO", "received SIGTERM, shutting down"), Said("svc", "WARN", "liveness probe failed: no answer within 1 s"), _BAD_GATEWAY),
        "change",
        (
            Edit("Tighten probes", "deploy/deployment.yaml", "@@ -40,9 +40,9 @@ spec:\n           livenessProbe:\n             httpGet: {path: /healthz, port: 8080}\n-            timeoutSeconds: 10\n-            failureThreshold: 6\n+            timeoutSeconds: 1\n+            failureThreshold: 1\n"),
        ),
    ),
    Story(
        "base image moved on",
        ("svc", "container_restarts", "<svc> restarts"),
        (Moved("svc", "container_restarts", 0, 11, climbs=True), Moved("svc", "http_requests_per_sec", 260, 2), _FRONT_5XX),
        (Said("svc", "FATAL", "ImportError: cannot import name 'Mapping' from 'collections' (/usr/lib/python3.10/collections/__init__.py)"), Said("front", "ERROR", "no healthy endpoint of <svc>")),
        "change",
        (
            Edit("Newer base image", "Dockerfile", "@@ -1,4 +1,4 @@\n-FROM python:3.9-slim\n+FROM python:3.10-slim\n WORKDIR /app\n"),
        ),
    ),
)  # fmt: skip
