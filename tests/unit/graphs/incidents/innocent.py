"""Changes that alter nothing, or nothing that matters here, and incidents that no change is guilty of."""

# ruff: noqa: E501 (a diff is told in one line)
from __future__ import annotations

from tests.unit.graphs.incidents.world import Edit, Moved, Said, Story

BAITS = (
    Edit("Explain how requests are routed", "README.md", "@@ -1,4 +1,9 @@\n # Overview\n-Old text about the timeout.\n+The timeout of a request is thirty seconds.\n+Retries are limited to three, and the pool holds fifty connections.\n+Raise the limit when the pool is exhausted.\n+See the runbook for errors.\n"),
    Edit("Rename handler variables for clarity", "src/handler.py", "@@ -10,9 +10,9 @@ def handle(request):\n-    res = load(request.id)\n-    if res is None:\n-        raise NotFound(request.id)\n-    return render(res)\n+    record = load(request.id)\n+    if record is None:\n+        raise NotFound(request.id)\n+    return render(record)\n"),
    Edit("Move request parsing into its own function", "internal/server/handler.go", "@@ -20,11 +20,7 @@ func (s *Server) Handle(w http.ResponseWriter, r *http.Request) {\n-\tvar body Request\n-\tif err := json.NewDecoder(r.Body).Decode(&body); err != nil {\n-\t\thttp.Error(w, err.Error(), 400)\n-\t\treturn\n-\t}\n+\tbody, ok := parseRequest(w, r)\n+\tif !ok {\n+\t\treturn\n+\t}\n \ts.process(w, body)\n }\n+\n+func parseRequest(w http.ResponseWriter, r *http.Request) (Request, bool) {\n+\tvar body Request\n+\tif err := json.NewDecoder(r.Body).Decode(&body); err != nil {\n+\t\thttp.Error(w, err.Error(), 400)\n+\t\treturn body, false\n+\t}\n+\treturn body, true\n+}\n"),
    Edit("Comment the retry loop", "src/client.ts", "@@ -31,6 +31,10 @@ export async function send(req: Req) {\n+  // Retries happen at most three times: the budget of the caller is five\n+  // seconds, and a timeout takes one. See the postmortem on pool exhaustion.\n   for (let i = 0; i < MAX_RETRIES; i++) {\n-    // try\n+    // Try once more.\n     const res = await post(req);\n"),
    Edit("Cover error paths with tests", "tests/test_errors.py", "@@ -0,0 +1,14 @@\n+import pytest\n+\n+from app.client import fetch\n+\n+\n+def test_timeout_is_reported():\n+    with pytest.raises(TimeoutError):\n+        fetch(timeout=0.001)\n+\n+\n+def test_missing_record_is_404():\n+    assert fetch(id=999).status == 404\n"),
    Edit("Log with structured fields", "internal/server/log.go", "@@ -14,8 +14,8 @@ func (s *Server) done(r *http.Request, took time.Duration) {\n-\tlog.Printf(\"done %s in %s\", r.URL.Path, took)\n-\tlog.Printf(\"error rate %f\", s.rate)\n+\tslog.Info(\"done\", \"path\", r.URL.Path, \"took_ms\", took.Milliseconds())\n+\tslog.Info(\"error rate\", \"value\", s.rate)\n"),
    Edit("Format with black", "src/pricing.py", "@@ -3,9 +3,13 @@\n-def total(items, discount=0.0, currency='EUR', tax=0.19):\n-    return round(sum(i.price*i.count for i in items)*(1-discount)*(1+tax), 2)\n+def total(\n+    items,\n+    discount=0.0,\n+    currency='EUR',\n+    tax=0.19,\n+):\n+    return round(sum(i.price * i.count for i in items) * (1 - discount) * (1 + tax), 2)\n"),
    Edit("Bump http client patch release", "requirements.txt", "@@ -4,7 +4,7 @@\n fastapi==0.115.2\n-httpx==0.27.1\n+httpx==0.27.2\n pydantic==2.9.2\n"),
    Edit("Bump grpc and zap patch releases", "go.mod", "@@ -8,9 +8,9 @@ require (\n-\tgoogle.golang.org/grpc v1.66.1\n-\tgo.uber.org/zap v1.27.0\n+\tgoogle.golang.org/grpc v1.66.2\n+\tgo.uber.org/zap v1.27.1\n )\n"),
    Edit("Add a counter for handled requests", "src/metrics.ts", "@@ -9,6 +9,8 @@ export function onDone(req: Request, ms: number) {\n   latency.observe(ms / 1000);\n+  handledCounter.inc({ route: req.route });\n+  latencyByRoute.labels(req.route).observe(ms / 1000);\n"),
    Edit("Annotate types", "src/store.py", "@@ -5,8 +5,8 @@ class Store:\n-    def find(self, key, default=None):\n-        return self.rows.get(key, default)\n+    def find(self, key: str, default: Row | None = None) -> Row | None:\n+        return self.rows.get(key, default)\n"),
    Edit("Wrap errors with context", "internal/store/store.go", "@@ -40,7 +40,7 @@ func (s *Store) Get(ctx context.Context, id string) (*Row, error) {\n \trow, err := s.db.Find(ctx, id)\n \tif err != nil {\n-\t\treturn nil, err\n+\t\treturn nil, fmt.Errorf(\"store: find %s: %w\", id, err)\n \t}\n"),
    Edit("Use the shared helper for responses", "src/main/java/api/OrderController.java", "@@ -33,10 +33,8 @@ public class OrderController {\n     Order order = orders.find(id);\n-    HttpHeaders headers = new HttpHeaders();\n-    headers.setContentType(MediaType.APPLICATION_JSON);\n-    return new ResponseEntity<>(order, headers, HttpStatus.OK);\n+    return Responses.json(order);\n   }\n"),
    Edit("Cache go build in CI", ".github/workflows/build.yaml", "@@ -12,6 +12,10 @@ jobs:\n     steps:\n+      - uses: actions/cache@v4\n+        with:\n+          path: ~/.cache/go-build\n+          key: build\n       - run: make build\n"),
)  # fmt: skip

CHORES = (
    ("far", Edit("Send the digest on Mondays", "jobs/digest.py", "@@ -7,7 +7,7 @@\n-DIGEST_DAY = \"friday\"\n+DIGEST_DAY = \"monday\"\n def run():\n")),
    ("far", Edit("Tune the export's chunk size", "config/export.yaml", "@@ -3,5 +3,5 @@ export:\n-  chunk_rows: 500\n+  chunk_rows: 800\n")),
    ("side", Edit("Return the user's locale", "src/profile.ts", "@@ -20,6 +20,7 @@ export function profile(user: User) {\n   return {\n     name: user.name,\n+    locale: user.locale ?? 'en',\n   };\n")),
    ("side", Edit("Allow a second sender address", "src/sender.py", "@@ -11,7 +11,7 @@\n-SENDERS = [\"hello@example.org\"]\n+SENDERS = [\"hello@example.org\", \"news@example.org\"]\n")),
    ("front", Edit("Wider cards on the start page", "static/start.css", "@@ -4,5 +4,5 @@\n .card {\n-  width: 220px;\n+  width: 260px;\n")),
    ("front", Edit("Show the month in full", "src/format.ts", "@@ -2,7 +2,7 @@\n-export const MONTH = 'short';\n+export const MONTH = 'long';\n")),
    ("front", Edit("Accept trailing slashes", "internal/router/router.go", "@@ -15,6 +15,7 @@ func New() *Router {\n \tr := mux.New()\n+\tr.StrictSlash(true)\n \treturn r\n")),
    ("svc", Edit("Expose the build version", "internal/server/version.go", "@@ -0,0 +1,7 @@\n+package server\n+\n+var Version = \"dev\"\n+\n+func versionHandler(w http.ResponseWriter, r *http.Request) {\n+\tfmt.Fprintln(w, Version)\n+}\n")),
    ("svc", Edit("Add the country to the audit record", "src/audit.py", "@@ -9,6 +9,7 @@ def record(event):\n     return {\n         \"id\": event.id,\n+        \"country\": event.country,\n     }\n")),
    ("svc", Edit("Raise the idle time of connections a little", "config/db.yaml", "@@ -5,7 +5,7 @@ pool:\n   max_size: 50\n-  idle_seconds: 300\n+  idle_seconds: 360\n")),
    ("dep", Edit("Bigger avatars", "src/avatar.go", "@@ -8,7 +8,7 @@\n-const avatarPixels = 96\n+const avatarPixels = 128\n")),
    ("dep", Edit("Bump pillow patch release", "requirements.txt", "@@ -2,5 +2,5 @@\n-pillow==10.4.0\n+pillow==10.4.1\n")),
    ("dep", Edit("Drop the unused importer", "src/importer.py", "@@ -1,12 +0,0 @@\n-import csv\n-\n-\n-def rows(path):\n-    with open(path) as file:\n-        yield from csv.reader(file)\n")),
    ("far", Edit("Retry the nightly export once more", "jobs/export.py", "@@ -14,7 +14,7 @@\n-EXPORT_RETRIES = 2\n+EXPORT_RETRIES = 3\n")),
    ("far", Edit("Cache tax rates for a day", "src/tax.py", "@@ -5,7 +5,7 @@\n-TAX_TTL_HOURS = 12\n+TAX_TTL_HOURS = 24\n")),
    ("side", Edit("Page size of history", "src/history.go", "@@ -9,7 +9,7 @@\n-const pageSize = 20\n+const pageSize = 25\n")),
)  # fmt: skip

NONE = (
    Story(
        "provider is down",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.37), Moved("svc", "latency_p99_ms", 240, 5200), Moved("front", "http_5xx_ratio", 0.003, 0.2), Moved("svc", "vendor_call_errors_ratio", 0.001, 0.72)),
        (Said("svc", "ERROR", "card acquirer api.payvendor.example returned 503 Service Unavailable, request id #"), Said("svc", "ERROR", "vendor payvendor unavailable after 3 attempts, giving up"), Said("svc", "WARN", "circuit breaker for payvendor opened"), Said("front", "ERROR", "upstream <svc> answered 502")),
        "provider",
        near=(Edit("Tune the vendor client", "config/vendor.yaml", "@@ -3,8 +3,8 @@ payvendor:\n-  request_timeout: 3s\n+  request_timeout: 5s\n-  max_retries: 3\n+  max_retries: 4\n"), Edit("Extract the vendor call", "src/vendor.py", "@@ -8,10 +8,14 @@ class Vendor:\n     def charge(self, order):\n-        response = self.http.post(self.url, json=order.body())\n-        if response.status_code >= 500:\n-            raise VendorUnavailable(response.status_code)\n-        return response.json()\n+        return self._post(order.body())\n+\n+    def _post(self, body):\n+        response = self.http.post(self.url, json=body)\n+        if response.status_code >= 500:\n+            raise VendorUnavailable(response.status_code)\n+        return response.json()\n"),),
    ),
    Story(
        "a cloud region is impaired",
        ("svc", "storage_errors_ratio", "<svc> object storage errors above 5%"),
        (Moved("svc", "storage_errors_ratio", 0.002, 0.41), Moved("svc", "latency_p99_ms", 200, 6100), Moved("dep", "storage_errors_ratio", 0.001, 0.2)),
        (Said("svc", "ERROR", "PutObject failed: ServiceUnavailable region=eu-north-2 attempt #"), Said("svc", "WARN", "storage region eu-north-2 slow, SlowDown after # ms"), Said("dep", "ERROR", "GetObject failed: InternalError region=eu-north-2"), Said("front", "WARN", "partial content: attachments missing")),
        "failover",
        near=(Edit("Bump storage sdk patch release", "package.json", "@@ -12,7 +12,7 @@\n   \"dependencies\": {\n-    \"@cloud/storage\": \"3.501.1\",\n+    \"@cloud/storage\": \"3.501.2\",\n"), Edit("Longer timeout for large objects", "src/storage.ts", "@@ -6,7 +6,7 @@\n-const STORAGE_TIMEOUT_MS = 3000;\n+const STORAGE_TIMEOUT_MS = 4000;\n"),),
    ),
    Story(
        "more users than ever",
        ("front", "latency_p99_ms", "<front> p99 latency above 1 s"),
        (Moved("front", "http_requests_per_sec", 420, 2600), Moved("svc", "http_requests_per_sec", 260, 1600), Moved("dep", "http_requests_per_sec", 240, 1500), Moved("side", "http_requests_per_sec", 130, 800), Moved("front", "cpu_utilization", 0.32, 0.98), Moved("svc", "cpu_utilization", 0.38, 0.93), Moved("front", "latency_p99_ms", 210, 3300), Moved("svc", "latency_p99_ms", 120, 420), Moved("front", "http_5xx_ratio", 0.002, 0.14)),
        (Said("front", "WARN", "accept queue full, # requests waiting"), Said("front", "ERROR", "overloaded, shedding request"), Said("front", "WARN", "autoscaler wants # replicas, pods pending")),
        "scale",
        near=(Edit("Structured access log", "internal/server/access.go", "@@ -9,7 +9,7 @@ func access(r *http.Request, status int, took time.Duration) {\n-\tlog.Printf(\"%s %d %s\", r.URL.Path, status, took)\n+\tslog.Info(\"request\", \"path\", r.URL.Path, \"status\", status, \"took\", took)\n"), Edit("Scale a little earlier", "deploy/hpa.yaml", "@@ -7,7 +7,7 @@ spec:\n-  averageUtilization: 70\n+  averageUtilization: 65\n"),),
    ),
    Story(
        "a certificate ran out",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.98), Moved("svc", "upstream_handshake_failures_per_sec", 0.0, 40), Moved("dep", "http_requests_per_sec", 240, 3), Moved("front", "http_5xx_ratio", 0.003, 0.6)),
        (Said("svc", "ERROR", "TLS handshake with <dep> failed: x509: certificate has expired or is not yet valid: current time is after notAfter"), Said("svc", "ERROR", "call to <dep> failed: remote error: tls: bad certificate"), Said("front", "ERROR", "upstream <svc> answered 503")),
        "cert",
        near=(Edit("Tidy the tls options", "internal/tlsx/options.go", "@@ -10,9 +10,11 @@ func Options(pool *x509.CertPool) *tls.Config {\n-\treturn &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}\n+\toptions := &tls.Config{}\n+\toptions.RootCAs = pool\n+\toptions.MinVersion = tls.VersionTLS12\n+\treturn options\n"), Edit("Document certificate renewal", "docs/certificates.md", "@@ -1,2 +1,5 @@\n # Certificates\n+They are renewed by hand, once a year. An expired certificate shows as x509 errors in the handshake.\n"),),
    ),
    Story(
        "a neighbour eats the machine",
        ("svc", "latency_p99_ms", "<svc> p99 latency above 800 ms"),
        (Moved("svc", "latency_p99_ms", 180, 2400), Moved("svc", "cpu_steal_ratio", 0.01, 0.46), Moved("svc", "node_cpu_pressure_ratio", 0.04, 0.7), Moved("front", "latency_p99_ms", 300, 2600)),
        (Said("svc", "WARN", "event loop delayed by # ms"), Said("svc", "WARN", "cpu steal on host ip-10-1-7-12 is high, noisy neighbour suspected"), Said("front", "WARN", "slow answer from <svc>: # ms")),
        "move",
        near=(Edit("Rename the worker", "src/worker.py", "@@ -4,9 +4,9 @@\n-def run_worker(jobs):\n-    for job in jobs:\n-        job.execute()\n+def work(pending):\n+    for job in pending:\n+        job.execute()\n"), Edit("A label for the node pool", "deploy/deployment.yaml", "@@ -12,6 +12,7 @@ metadata:\n   labels:\n+    team: core\n     app: main\n"),),
    ),
    Story(
        "one message that cannot be read",
        ("svc", "consumer_lag_messages", "<svc> consumer lag above 10000"),
        (Moved("svc", "consumer_lag_messages", 40, 52000, climbs=True), Moved("svc", "messages_processed_per_sec", 180, 2), Moved("svc", "message_failures_ratio", 0.001, 0.97)),
        (Said("svc", "ERROR", "cannot decode message partition=4 offset=77120934: invalid utf-8 in field address", 8), Said("svc", "WARN", "redelivering message partition=4 offset=77120934, attempt #", 8), Said("front", "WARN", "confirmation of # is late")),
        "data",
        near=(Edit("Tidy the consumer", "internal/consumer/consumer.go", "@@ -18,12 +18,15 @@ func (c *Consumer) handle(m Message) error {\n-\tvar event Event\n-\tif err := json.Unmarshal(m.Value, &event); err != nil {\n-\t\treturn fmt.Errorf(\"decode message: %w\", err)\n-\t}\n+\tevent, err := decode(m.Value)\n+\tif err != nil {\n+\t\treturn fmt.Errorf(\"decode message: %w\", err)\n+\t}\n \treturn c.apply(event)\n }\n+\n+func decode(value []byte) (Event, error) {\n+\tvar event Event\n+\terr := json.Unmarshal(value, &event)\n+\treturn event, err\n+}\n"), Edit("Log partition and offset", "internal/consumer/log.go", "@@ -6,7 +6,7 @@ func (c *Consumer) failed(m Message, err error) {\n-\tlog.Error(\"cannot handle message\", \"err\", err)\n+\tlog.Error(\"cannot handle message\", \"partition\", m.Partition, \"offset\", m.Offset, \"err\", err)\n"),),
    ),
    Story(
        "a quota at the vendor is spent",
        ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.002, 0.3), Moved("svc", "geocoder_errors_ratio", 0.001, 0.9)),
        (Said("svc", "ERROR", "geocoding provider answered 429: daily quota of this account exceeded"), Said("svc", "WARN", "provider geomaps quota exceeded, no address for #"), Said("front", "ERROR", "upstream <svc> answered 500")),
        "provider",
        near=(Edit("Ask for the street as well", "src/geocode.py", "@@ -11,7 +11,7 @@ class Geocoder:\n-        query = {\"city\": place.city, \"zip\": place.zip}\n+        query = {\"city\": place.city, \"zip\": place.zip, \"street\": place.street}\n"), Edit("Type the geocoder", "src/geocode.py", "@@ -8,7 +8,7 @@ class Geocoder:\n-    def locate(self, place):\n+    def locate(self, place: Place) -> Point:\n"),),
    ),
    Story(
        "the queue's producer sends rubbish",
        ("dep", "validation_failures_ratio", "<dep> rejects records"),
        (Moved("dep", "validation_failures_ratio", 0.002, 0.88), Moved("dep", "queue_oldest_message_age_seconds", 3, 900, climbs=True)),
        (Said("dep", "ERROR", "record from feed partner-a rejected: longitude 512.0 out of range, record id #", 6), Said("dep", "WARN", "moved back to the queue: malformed record from producer partner-a", 6)),
        "data",
        near=(Edit("Share the range check", "internal/geo/validate.go", "@@ -9,12 +9,16 @@ func Validate(p Point) error {\n-\tif p.Longitude < -180 || p.Longitude > 180 {\n-\t\treturn errOutOfRange(\"longitude\", p.Longitude)\n-\t}\n-\tif p.Latitude < -90 || p.Latitude > 90 {\n-\t\treturn errOutOfRange(\"latitude\", p.Latitude)\n-\t}\n-\treturn nil\n+\tif err := within(\"longitude\", p.Longitude, -180, 180); err != nil {\n+\t\treturn err\n+\t}\n+\treturn within(\"latitude\", p.Latitude, -90, 90)\n }\n+\n+func within(name string, value, low, high float64) error {\n+\tif value < low || value > high {\n+\t\treturn errOutOfRange(name, value)\n+\t}\n+\treturn nil\n+}\n"),),
    ),
    Story(
        "robots crawl the site",
        ("svc", "cpu_utilization", "<svc> cpu above 90%"),
        (Moved("front", "http_requests_per_sec", 420, 1900), Moved("svc", "http_requests_per_sec", 260, 1500), Moved("dep", "http_requests_per_sec", 240, 1300), Moved("svc", "cpu_utilization", 0.38, 0.99), Moved("svc", "latency_p99_ms", 150, 1900), Moved("db", "queries_per_sec", 900, 5100)),
        (Said("svc", "WARN", "worker pool saturated, request queued for # ms"), Said("front", "WARN", "request queue depth #"), Said("svc", "ERROR", "request rejected: overloaded")),
        "scale",
        near=(Edit("Paginate search results", "src/search.py", "@@ -14,7 +14,7 @@ def search(query, page=1):\n-    return index.find(query)[:20]\n+    return index.find(query)[(page - 1) * 20 : page * 20]\n"), Edit("Bump jinja patch release", "requirements.txt", "@@ -1,5 +1,5 @@\n-jinja2==3.1.4\n+jinja2==3.1.5\n"),),
    ),
)  # fmt: skip
