"""A fourth set of incidents, after kinds that published postmortems tell of again and again."""
# ruff: noqa: E501 (a diff is told in one line)

from __future__ import annotations

from tests.unit.graphs.incidents.world import Edit, Moved, Said, Story

FOURTH = (
    Story("one transaction for all rows", ("db", "lock_wait_seconds", "<db> lock waits above 5 s"),
        (Moved("db", "lock_wait_seconds", 0.01, 60), Moved("svc", "latency_p99_ms", 130, 30000)),
        (Said("svc", "ERROR", "could not obtain lock on row in relation \"parts\" within 30s"), Said("db", "LOG", "process # still waiting for ShareLock on transaction # after # ms")), "change",
        (Edit("Import is all or nothing", "src/importer.py", "@@ -8,8 +8,7 @@ def run(rows):\n-    for chunk in chunked(rows, 500):\n-        with db.transaction():\n-            upsert(chunk)\n+    with db.transaction():\n+        for row in rows:\n+            upsert([row])\n"),), at="dep",
        near=(Edit("Sort client side", "sql/notes.py", "@@ -2,5 +2,5 @@\n-    return sorted(bins, key=lambda b: b.aisle)\n+    return bins\n"),)),
    Story("acknowledged before it is done", ("svc", "lost_jobs_total", "<svc> loses jobs"),
        (Moved("svc", "lost_jobs_total", 0, 300, climbs=True), Moved("svc", "redeliveries_per_min", 12, 0)),
        (Said("front", "ERROR", "job # missing ten minutes after it was accepted"),), "change",
        (Edit("Shorter time in queue", "src/consume.js", "@@ -4,8 +4,8 @@ channel.consume(QUEUE, async (msg) => {\n-    await handle(parse(msg));\n-    channel.ack(msg);\n+    channel.ack(msg);\n+    await handle(parse(msg));\n   });\n"), Edit("Shorter time in queue", "src/consume.js", "@@ -4,8 +4,8 @@ channel.consume(QUEUE, async (msg) => {\n+    channel.ack(msg);\n     await handle(parse(msg));\n-    channel.ack(msg);\n   });\n"))),
    Story("a pattern that backtracks", ("front", "cpu_utilization", "<front> cpu above 90%"),
        (Moved("front", "cpu_utilization", 0.32, 1.0), Moved("front", "latency_p99_ms", 90, 8000)),
        (Said("front", "ERROR", "worker # busy for # ms in rule evaluation"),), "change",
        (Edit("Catch scripts in queries", "rules/inline.lua", "@@ -1,3 +1,7 @@\n+rule(\"inline-script\", {\n+  action = \"observe\",\n+  pattern = [[(?:script|data).*(?:.*=.*)]],\n+})\n"), Edit("Stricter addresses", "src/address.py", "@@ -3,5 +3,5 @@\n-LINE = re.compile(r\"^[a-z ]+$\")\n+LINE = re.compile(r\"^([a-z]+ ?)+$\")\n")), at="front"),
    Story("search anywhere", ("svc", "latency_p99_ms", "<svc> p99 latency above 400 ms"),
        (Moved("svc", "latency_p99_ms", 60, 6800), Moved("db", "cpu_utilization", 0.18, 0.98)),
        (Said("svc", "ERROR", "canceling statement due to statement timeout"), Said("db", "LOG", "duration # ms: SELECT id FROM people WHERE name ILIKE $1")), "change",
        (Edit("Match anywhere in the name", "src/queries.py", "@@ -3,6 +3,6 @@ def find(term):\n-    return db.fetch(FIND, (term + \"%\",))\n+    return db.fetch(FIND, (\"%\" + term + \"%\",))\n"), Edit("Ignore case", "src/queries.py", "@@ -1,4 +1,4 @@\n-FIND = \"SELECT id FROM people WHERE name = $1\"\n+FIND = \"SELECT id FROM people WHERE lower(name) = lower($1)\"\n"))),
    Story("work left running", ("svc", "container_restarts", "<svc> restarts"),
        (Moved("svc", "container_restarts", 0, 6), Moved("svc", "memory_rss_bytes", 1.8e8, 5.1e8, climbs=True)),
        (Said("svc", "FATAL", "runtime: out of memory: cannot allocate # bytes"), Said("front", "ERROR", "<svc>: connection refused")), "change",
        (Edit("Answer before the receipt", "deliver.go", "@@ -9,6 +9,13 @@ func (d *Deliverer) Deliver(ctx context.Context, n Note) error {\n-\treturn d.client.Send(ctx, n)\n+\tdone := make(chan error)\n+\tgo func() {\n+\t\tdone <- d.client.Send(ctx, n)\n+\t}()\n+\tselect {\n+\tcase err := <-done:\n+\t\treturn err\n+\tcase <-time.After(wait):\n+\t\treturn nil\n+\t}\n"),), lead_min=(60.0, 75.0)),
    Story("workers by default", ("svc", "queue_wait_seconds", "<svc> queue wait above 2 min"),
        (Moved("svc", "queue_wait_seconds", 4, 1900, climbs=True), Moved("svc", "busy_workers", 22, 3)),
        (Said("svc", "WARN", "queue latency is # seconds"),), "change",
        (Edit("Settings from the environment", "config/worker.yaml", "@@ -1,4 +1,4 @@\n-concurrency: 25\n+concurrency: ${WORKER_CONCURRENCY:-3}\n"), Edit("Settings from the environment", "src/settings.py", "@@ -1,4 +1,4 @@\n-CONCURRENCY = 25\n+CONCURRENCY = int(os.environ.get(\"WORKER_CONCURRENCY\", 3))\n"))),
    Story("a query loses a condition", ("svc", "http_5xx_ratio", "<svc> 5xx ratio above 5%"),
        (Moved("svc", "http_5xx_ratio", 0.001, 0.6), Moved("svc", "rows_loaded", 60, 240), Moved("svc", "memory_rss_bytes", 2e8, 4.8e8)),
        (Said("svc", "ERROR", "too many rows loaded: # above the limit of 200"),), "change",
        (Edit("Columns of all shards", "src/columns.py", "@@ -1,3 +1,3 @@\n-COLUMNS = \"SELECT name FROM system_columns WHERE relation = 'hits' AND shard = 'main'\"\n+COLUMNS = \"SELECT name FROM system_columns WHERE relation = 'hits'\"\n"),)),
    Story("provider behind extracted helpers", ("svc", "delivery_error_ratio", "<svc> delivery errors above 5%"),
        (Moved("svc", "delivery_error_ratio", 0.004, 0.9),),
        (Said("svc", "ERROR", "POST https://push.vendor.io/3/device answered 503 service unavailable"), Said("svc", "WARN", "provider unavailable, message # not delivered")), "provider",
        near=(Edit("Attempts in one place", "src/retry.kt", "@@ -3,5 +3,5 @@\n-    val attempts = message.headers[\"attempts\"]?.toInt() ?: 0\n+    val attempts = message.attempts()\n"), Edit("Batches in their own file", "src/batch.cpp", "@@ -5,6 +5,5 @@ void send(Queue& q) {\n-  std::vector<Event> batch;\n-  while (q.pop(e)) batch.push_back(e);\n+  auto batch = drain(q);\n"))),
    Story("renegotiation no longer allowed", ("svc", "tls_handshake_failures", "<svc> cannot reach banks"),
        (Moved("svc", "tls_handshake_failures", 0.1, 130),),
        (Said("svc", "ERROR", "handshake failed: SSL routines: unsafe legacy renegotiation disabled"),), "rollback",
        (Edit("Current system image", "Dockerfile", "@@ -1,3 +1,3 @@\n-FROM python:3.11-bullseye\n+FROM python:3.11-bookworm\n"),)),
)  # fmt: skip
