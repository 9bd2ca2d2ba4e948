"""Reading diffs: what alters behaviour is told from what only looks like it, in any language."""

from __future__ import annotations

import sys

import pytest

from graphs.analysis.changes.diff import read_diff
from graphs.analysis.changes.effect import NEUTRAL_BELOW
from graphs.analysis.changes.reading.measures import Measure, measure, measures_in
from graphs.analysis.changes.reading.words import stems

GUILTY: dict[str, tuple[str, str, set[str]]] = {
    # name: (path, diff, faults of which the heaviest effect must name one)
    "json pool shrunk": (
        "shop/checkout.json",
        ('@@ -3,4 +3,4 @@\n   "pool": {\n-    "max": 50,\n+    "max": 5,\n     "idle": 2\n'),
        {"connection_pool"},
    ),
    "yaml timeout cut": ("conf/app.yaml", ("@@\n payments:\n-  timeout_ms: 2500\n+  timeout_ms: 250\n"), {"timeout"}),
    "go timeout unit": (
        "c.go",
        ("@@\n-\tclient.Timeout = 3 * time.Second\n+\tclient.Timeout = 3 * time.Millisecond\n"),
        {"timeout"},
    ),
    "java pool": (
        "Pool.java",
        ("@@\n-        config.setMaximumPoolSize(40);\n+        config.setMaximumPoolSize(4);\n"),
        {"connection_pool"},
    ),
    "python kwarg retries": (
        "c.py",
        ("@@\n-    return call(url, retries=3, timeout=2)\n+    return call(url, retries=12, timeout=2)\n"),
        {"retry"},
    ),
    "cache ttl": ("cache.py", ("@@\n-CACHE_TTL_SECONDS = 600\n+CACHE_TTL_SECONDS = 6\n"), {"cache"}),
    "memory limit": ("charts/x/values.yaml", ("@@\n resources:\n   limits:\n-    memory: 1Gi\n+    memory: 128Mi\n"), {"memory"}),
    "replicas": ("deploy.yaml", ("@@\n spec:\n-  replicas: 6\n+  replicas: 1\n"), {"replicas"}),
    "rate limit": ("gw.toml", ("@@\n [limits]\n-requests_per_second = 500\n+requests_per_second = 50\n"), {"rate_limit"}),
    "env workers": (".env", ("@@\n-WEB_CONCURRENCY=8\n+WEB_CONCURRENCY=1\n"), {"workers"}),
    "batch size": ("etl.rb", ("@@\n-  BATCH_SIZE = 100\n+  BATCH_SIZE = 100_000\n"), {"queue"}),
    "python n+1": (
        "orders.py",
        (
            "@@\n"
            " def render(orders):\n"
            "-    prices = catalog.get_many([o.sku for o in orders])\n"
            "     for order in orders:\n"
            "-        order.price = prices[order.sku]\n"
            "+        order.price = catalog.get(order.sku)\n"
        ),
        {"n_plus_one"},
    ),
    "call moved into the loop": (
        "a.js",
        (
            "@@\n"
            "-  const rates = await fetchRates(currency);\n"
            "   for (const line of cart.lines) {\n"
            "+    const rates = await fetchRates(currency);\n"
            "     total += line.price * rates[line.code];\n"
            "   }\n"
        ),
        {"n_plus_one"},
    ),
    "java loop query": (
        "R.java",
        ("@@\n+        for (Order o : orders) {\n+            o.setItems(itemRepository.findByOrderId(o.getId()));\n+        }\n"),
        {"n_plus_one"},
    ),
    "unbounded cache": (
        "s.py",
        (
            "@@\n"
            " class Sessions:\n"
            "     def open(self, user):\n"
            "         token = new_token()\n"
            "+        self._seen.append((user, token))\n"
        ),
        {"memory_leak"},
    ),
    "eviction removed": (
        "lru.ts",
        (
            "@@\n"
            "   set(key, value) {\n"
            "     this.map.set(key, value);\n"
            "-    if (this.map.size > this.limit) this.evictOldest();\n"
            "   }\n"
        ),
        {"cache", "missing_guard", "resource_leak"},
    ),
    "close removed": ("db.go", ("@@\n \trows, err := db.Query(q)\n-\tdefer rows.Close()\n"), {"connection_pool", "resource_leak"}),
    "release removed": (
        "p.py",
        ("@@\n     conn = pool.acquire()\n     run(conn)\n-    pool.release(conn)\n"),
        {"connection_pool", "resource_leak"},
    ),
    "guard removed": (
        "price.py",
        ("@@\n def unit(total, count):\n-    if count == 0:\n-        return 0\n     return total / count\n"),
        {"missing_guard"},
    ),
    "null check dropped": (
        "User.kt",
        ("@@\n-        if (user != null && user.active) {\n+        if (user.active) {\n"),
        {"wrong_condition"},
    ),
    "off by one": (
        "page.c",
        ("@@\n-    for (int i = 0; i < n; i++) {\n+    for (int i = 0; i <= n; i++) {\n"),
        {"wrong_condition"},
    ),
    "negation": ("auth.rs", ("@@\n-    if !token.is_expired() {\n+    if token.is_expired() {\n"), {"wrong_condition"}),
    "and became or": ("gate.php", ("@@\n-  if ($admin && $enabled) {\n+  if ($admin || $enabled) {\n"), {"wrong_condition"}),
    "swapped arguments": ("move.go", ("@@\n-\ttransfer(from, to, amount)\n+\ttransfer(to, from, amount)\n"), {"code_regression"}),
    "backoff removed": (
        "retry.py",
        ("@@\n     for attempt in range(5):\n         if send(batch):\n             return\n-        time.sleep(2 ** attempt)\n"),
        {"retry"},
    ),
    "retry decorator removed": ("api.py", ("@@\n-@retry(attempts=3)\n def charge(card):\n"), {"retry"}),
    "validation removed": ("form.ts", ("@@\n-    validateQuantity(order.quantity);\n     save(order);\n"), {"missing_guard"}),
    "strict parse": (
        "in.py",
        ("@@\n     body = json.loads(raw)\n+    if 'coupon' not in body:\n+        raise ValueError('coupon is required')\n"),
        {"strict_validation"},
    ),
    "query lost its limit": (
        "q.go",
        ('@@\n-\tq := "SELECT id FROM events WHERE day = $1 LIMIT 100"\n+\tq := "SELECT id FROM events WHERE day = $1"\n'),
        {"slow_query"},
    ),
    "index dropped": ("db/migrations/7.sql", ("@@\n+DROP INDEX idx_orders_customer;\n"), {"slow_query"}),
    "column renamed": ("migrations/8.sql", ("@@\n+ALTER TABLE users RENAME COLUMN email TO mail;\n"), {"schema_mismatch"}),
    "config key host": ("app.properties", ("@@\n-db.host=orders-db\n+db.host=orders-db-old\n"), {"address"}),
    "topic renamed": ("t.go", ('@@\n-\tconst topic = "orders.v1"\n+\tconst topic = "orders.v2"\n'), {"address", "wrong_literal"}),
    "blocking call": ("h.js", ("@@\n app.get('/x', (req, res) => {\n+  const page = fs.readFileSync(path);\n"), {"blocking_call"}),
    "sleep added": ("h.py", ("@@\n def pay(order):\n+    time.sleep(3)\n     return charge(order)\n"), {"blocking_call"}),
    "bool switched": ("cfg.json", ('@@\n-  "cacheEnabled": true,\n+  "cacheEnabled": false,\n'), {"cache"}),
    "debug logging": ("log.yaml", ("@@\n logging:\n-  level: warn\n+  level: trace\n"), {"verbosity"}),
    "major upgrade": ("requirements.txt", ("@@\n-urllib3==1.26.18\n+urllib3==2.2.1\n"), {"dependency_upgrade"}),
    "arithmetic": (
        "tax.cs",
        ("@@\n-            var tax = net * rate / 100;\n+            var tax = net * rate;\n"),
        {"code_regression"},
    ),
    "goroutine leak": ("w.go", ("@@\n-\tdefer cancel()\n \tgo poll(ctx)\n"), {"resource_leak"}),
    "proto number": ("a.proto", ("@@\n-  string email = 3;\n+  string email = 4;\n"), {"schema_mismatch"}),
    "flag default": (
        "f.py",
        ("@@\n-    enabled = flags.get('fast_path', False)\n+    enabled = flags.get('fast_path', True)\n"),
        {"code_regression"},
    ),
    "await dropped": ("a.ts", ("@@\n-    await saveOrder(order);\n+    saveOrder(order);\n"), {"wrong_condition"}),
    "header dropped": (
        "c.py",
        ("@@\n     headers = {\n-        'Authorization': f'Bearer {token}',\n         'Accept': 'application/json',\n     }\n"),
        {"wrong_literal"},
    ),
    "lock around io": (
        "s.go",
        ("@@\n func (s *S) Get(k string) V {\n+\ts.mu.Lock()\n+\tdefer s.mu.Unlock()\n \treturn s.load(k)\n"),
        {"blocking_call"},
    ),
    "like scan": (
        "q.py",
        ("@@\n-    sql = 'SELECT id FROM users WHERE email = %s'\n+    sql = 'SELECT id FROM users WHERE lower(email) LIKE %s'\n"),
        {"slow_query"},
    ),
    "hpa": ("hpa.yaml", ("@@\n-  maxReplicas: 20\n+  maxReplicas: 2\n"), {"replicas"}),
    "env name": ("m.js", ("@@\n-const url = process.env.DATABASE_URL;\n+const url = process.env.DB_URL;\n"), {"code_regression"}),
    "json key": (
        "h.py",
        ("@@\n-    return {'total': total, 'currency': c}\n+    return {'amount': total, 'currency': c}\n"),
        {"price"},
    ),
    "int division": ("m.py", ("@@\n-    share = amount / people\n+    share = amount // people\n"), {"code_regression"}),
    "default arg": ("a.py", ("@@\n-def fetch(url, timeout=10):\n+def fetch(url, timeout=0.2):\n"), {"timeout"}),
    "try removed": (
        "r.py",
        ("@@\n-    try:\n-        notify(user)\n-    except NotifyError:\n-        pass\n+    notify(user)\n"),
        {"missing_guard"},
    ),
    "page size": (
        "api.rb",
        ("@@\n-  per_page = params.fetch(:limit, 50)\n+  per_page = params.fetch(:limit, 50_000)\n"),
        {"rate_limit"},
    ),
    "slice off": (
        "s.py",
        ("@@\n-    page = items[start:start + size]\n+    page = items[start:start + size - 1]\n"),
        {"code_regression"},
    ),
    "cache bypass": ("k.py", ("@@\n-    price = cache.get_or_load(sku, load_price)\n+    price = load_price(sku)\n"), {"cache"}),
    "exception narrowed": (
        "e.py",
        ("@@\n-    except Exception:\n+    except KeyError:\n         return default\n"),
        {"missing_guard"},
    ),
    "sampling": ("o.yaml", ("@@\n tracing:\n-  sampler_ratio: 0.01\n+  sampler_ratio: 1\n"), {"verbosity"}),
    "probe": ("d.yaml", ("@@\n livenessProbe:\n-  timeoutSeconds: 10\n+  timeoutSeconds: 1\n"), {"timeout"}),
    "url": (
        "c.json",
        ('@@\n-  "payments_url": "http://payments:8080/v1",\n+  "payments_url": "http://payments:8081/v1",\n'),
        {"address"},
    ),
    "transaction removed": ("t.java", ("@@\n-    @Transactional\n     public void move(A a, B b) {\n"), {"code_regression"}),
    "busy wait": ("b.cs", ("@@\n-        await Task.Delay(500);\n+        await Task.Delay(0);\n"), {"code_regression"}),
    "max attempts loop": (
        "r.ts",
        ("@@\n-  for (let i = 0; i < 3; i++) {\n+  for (let i = 0; i < 30; i++) {\n"),
        {"code_regression"},
    ),
    "circuit breaker off": ("g.yaml", ("@@\n circuit_breaker:\n-  enabled: true\n+  enabled: false\n"), {"code_regression"}),
    "limit clause yaml list": ("n.conf", ("@@\n-    worker_connections 4096;\n+    worker_connections 64;\n"), {"connection_pool"}),
    "nginx timeout": ("nginx.conf", ("@@\n-    proxy_read_timeout 60s;\n+    proxy_read_timeout 1s;\n"), {"timeout"}),
    "tf": ("main.tf", ('@@\n-  instance_type = "m5.4xlarge"\n+  instance_type = "t3.small"\n'), {"replicas"}),
    "regex": (
        "v.py",
        ("@@\n-EMAIL = re.compile(r'^[^@]+@[^@]+$')\n+EMAIL = re.compile(r'^([a-z]+)+@([a-z]+)+$')\n"),
        {"wrong_literal"},
    ),
    "global list": ("g.py", ("@@\n+EVENTS = []\n def handle(e):\n+    EVENTS.append(e)\n"), {"memory_leak"}),
    "recursion": (
        "x.js",
        ("@@\n-  if (node.children.length) return walk(node.children);\n+  return walk(node.children);\n"),
        {"wrong_condition"},
    ),
    "default of an environment": ("w.yaml", ("@@\n-workers: 25\n+workers: ${WORKERS:-3}\n"), {"workers"}),
    "rails index gone": ("db/migrate/7_tidy.rb", ('@@\n+    remove_index :parts, name: "by_bin"\n'), {"slow_query"}),
    "slice gone": ("r.py", ("@@\n-    rows = list(reader)[:1000]\n+    rows = list(reader)\n"), {"queue"}),
    "opposite question": (
        "T.java",
        ("@@\n-    if (end.isBefore(now)) expire();\n+    if (end.isAfter(now)) expire();\n"),
        {"wrong_condition"},
    ),
    "kept by nobody": (
        "h.ts",
        ("@@\n-  set('Cache-Control', 'public, max-age=3600');\n+  set('Cache-Control', 'no-store');\n"),
        {"cache"},
    ),
    "every minute": ("j.yaml", ('@@\n-cron: "0 3 * * *"\n+cron: "* * * * *"\n'), {"wrong_literal", "interval"}),
    "field number": ("p.proto", ("@@\n-  double lat = 2;\n+  double lat = 3;\n"), {"schema_mismatch"}),
    "way in gone": ("net.tf", ('@@\n   ingress {\n-    cidr_blocks = ["10.4.0.0/16"]\n   }\n'), {"access"}),
    "a timer's seconds": (
        "prod.exs",
        ("@@\n-config :hub, idle_timeout: :timer.seconds(90)\n+config :hub, idle_timeout: :timer.seconds(15)\n"),
        {"timeout"},
    ),
    "hashing rounds": ("hash.py", ("@@\n-ROUNDS = 10\n+ROUNDS = 16\n"), {"work"}),
}

NEUTRAL: dict[str, tuple[str, str]] = {
    "rename local": ("h.go", ("@@\n-\tc := r.Context()\n-\treturn fetch(c, q)\n+\tctx := r.Context()\n+\treturn fetch(ctx, q)\n")),
    "rename function": (
        "a.py",
        (
            "@@\n"
            "-def calc(order):\n"
            "-    return order.net + order.tax\n"
            "+def order_total(order):\n"
            "+    return order.net + order.tax\n"
            "@@\n"
            "-    total = calc(order)\n"
            "+    total = order_total(order)\n"
        ),
    ),
    "helper extracted": (
        "w.py",
        (
            "@@\n"
            " def write(path, line):\n"
            "-    with open(path, 'a') as out:\n"
            "-        out.write(line)\n"
            "+    _append(path, line)\n"
            "+\n"
            "+def _append(path, line):\n"
            "+    with open(path, 'a') as out:\n"
            "+        out.write(line)\n"
        ),
    ),
    "moved block": (
        "m.ts",
        ("@@\n-  const limit = config.limit * 2;\n   const name = user.name;\n+  const limit = config.limit * 2;\n"),
    ),
    "reindented": ("x.java", ("@@\n-    cache.put(key, value);\n+        cache.put(key, value);\n")),
    "comment only": ("p.go", ("@@\n-// the pool holds 50 connections\n+// the pool holds at most 50 connections per instance\n")),
    "python comment": ("p.py", ("@@\n-# retries 3 times\n+# retries up to 3 times, then gives up\n")),
    "log wording": ("l.py", ('@@\n-    logger.info("got %d rows", n)\n+    logger.info("received %d rows from %s", n, source)\n')),
    "log level of one line": (
        "L.cpp",
        ('@@\n-    LOG_DEBUG(log, "elected {}", term);\n+    LOG_INFO(log, "elected {} on {}", term, node);\n'),
    ),
    "log line removed": ("l.js", ("@@\n-  console.log('request', req.url);\n")),
    "metric added": (
        "m.go",
        ('@@\n+\thits := prometheus.NewCounter(prometheus.CounterOpts{Name: "hits_total"})\n+\tprometheus.MustRegister(hits)\n'),
    ),
    "docs": ("docs/limits.md", ("@@\n-The default timeout is 5 s.\n+The default timeout is 3 s.\n")),
    "test": ("tests/test_pool.py", ("@@\n-    assert pool.max == 50\n+    assert pool.max == 5\n")),
    "patch bump npm": ("package.json", ('@@\n-    "express": "^4.18.1",\n+    "express": "^4.18.2",\n')),
    "patch bump go": ("go.mod", ("@@\n-\tgithub.com/x/y v1.4.2\n+\tgithub.com/x/y v1.4.3\n")),
    "style": ("web/theme.css", ("@@\n-.card { padding: 6px; }\n+.card { padding: 12px; }\n")),
    "ci": (".github/workflows/ci.yml", ("@@\n-    timeout-minutes: 30\n+    timeout-minutes: 5\n")),
    "imports sorted": ("a.py", ("@@\n-import sys\n-import os\n+import os\n+import sys\n")),
    "version constant": ("v.go", ('@@\n-const Version = "v2.3.1"\n+const Version = "v2.4.0"\n')),
    "error wording": (
        "e.py",
        ('@@\n-        raise ValueError("bad amount")\n+        raise ValueError("the amount must not be negative")\n'),
    ),
    "error message": ("e.go", ('@@\n-\treturn fmt.Errorf("cannot load: %w", err)\n+\treturn fmt.Errorf("load order: %w", err)\n')),
    "error return collapsed": (
        "s.go",
        (
            "@@\n"
            "-\titem, err := s.repo.Get(ctx, id)\n"
            "-\tif err != nil { return nil, err }\n"
            "-\treturn item, nil\n"
            "+\treturn s.repo.Get(ctx, id)\n"
        ),
    ),
    "trailing comma": ("t.py", ("@@\n-    limit=10\n+    limit=10,\n")),
    "typed": ("a.py", ("@@\n-def f(a, b):\n+def f(a: int, b: int) -> int:\n     return a + b\n")),
    "docstring": ("a.py", ('@@\n def f(a):\n+    """The sum of all."""\n     return a\n')),
    "docstring multi": (
        "a.py",
        (
            "@@\n"
            " def f(a):\n"
            '-    """Old words here.\n'
            '+    """New words here.\n'
            " \n"
            "-    It returns the 3 first.\n"
            "+    Gives the first 3 of them.\n"
            '     """\n'
        ),
    ),
    "quotes": ("a.py", ("@@\n-    name = 'x'\n+    name = \"x\"\n")),
    "const extracted": (
        "a.go",
        ("@@\n-\ttime.Sleep(30 * time.Second)\n+\ttime.Sleep(pause)\n@@\n+const pause = 30 * time.Second\n"),
    ),
    "log structured": (
        "b.java",
        ('@@\n-        log.info("order " + id + " done");\n+        log.atInfo().addArgument(id).log("order {} done");\n'),
    ),
    "if to guard": (
        "c.py",
        ("@@\n-    if user:\n-        return user.name\n-    return None\n+    return user.name if user else None\n"),
    ),
    "readme": ("README.md", ("@@\n-x\n+y\n")),
    "js const": ("d.js", ("@@\n-var total = sum(items);\n+const total = sum(items);\n")),
    "reformatted call": (
        "e.py",
        ("@@\n-    call(a, b, timeout=3)\n+    call(\n+        a,\n+        b,\n+        timeout=3,\n+    )\n"),
    ),
    "license header": ("h.c", ("@@\n-/* Copyright 2023 */\n+/* Copyright 2024 */\n")),
    "lockfile": ("poetry.lock", ('@@\n-version = "1.2.3"\n+version = "1.3.0"\n')),
    "query on more lines": (
        "q.sql",
        ("@@\n-SELECT id, name FROM parts WHERE id = $1\n+SELECT id, name\n+FROM parts\n+WHERE id = $1\n"),
    ),
    "nothing by identity": ("n.py", ("@@\n-    if part == None:\n+    if part is None:\n")),
    "sort keys": ("i.yaml", ("@@\n-b: 2\n-a: 1\n+a: 1\n+b: 2\n")),
}


@pytest.mark.parametrize("name", GUILTY)
def test_a_change_of_behaviour_is_seen_and_named(name: str) -> None:
    path, diff, faults = GUILTY[name]
    reading = read_diff(diff, (path,))
    assert reading.neutral is None
    assert reading.weight >= 0.4, reading.effects
    assert reading.effects[0].fault in faults, reading.effects


@pytest.mark.parametrize("name", NEUTRAL)
def test_what_alters_nothing_is_vetoed_with_a_reason(name: str) -> None:
    path, diff = NEUTRAL[name]
    reading = read_diff(diff, (path,))
    assert reading.weight < NEUTRAL_BELOW, reading.effects
    assert reading.neutral


def test_a_value_that_a_helper_of_its_name_makes_now_weighs_less_than_one_that_is_made_otherwise() -> None:
    def weight(after: str) -> float:
        old = 'val attempts = message.headers["attempts"]?.toInt() ?: 0'
        return read_diff(f"@@\n-    {old}\n+    val attempts = {after}\n", ("r.kt",)).weight

    assert weight("message.attempts()") < 0.4 < weight('message.headers["attempts"].toInt()')


def test_a_patch_of_the_base_image_weighs_less_than_another_system() -> None:
    def weight(after: str) -> float:
        return read_diff(f"@@\n-FROM python:3.11.4-bullseye\n+FROM python:{after}\n", ("Dockerfile",)).weight

    assert weight("3.11.5-bullseye") < weight("3.11.4-bookworm")


def test_the_mark_of_a_macro_is_no_negation() -> None:
    reading = read_diff('@@\n-    let q = format!("{}", id);\n+    let q = quoted(id);\n', ("q.rs",))
    assert "negation" not in {effect.kind for effect in reading.effects}
    assert read_diff("@@\n-    if !ready() {\n+    if ready() {\n", ("q.rs",)).effects[0].kind == "negation"


def test_a_select_over_channels_is_no_query() -> None:
    reading = read_diff("@@\n+\tselect {\n+\tcase <-done:\n+\t}\n", ("a.go",))
    assert "query" not in {effect.kind for effect in reading.effects}


def test_a_smaller_step_weighs_less_than_a_larger_one() -> None:
    def weight(after: int) -> float:
        return read_diff(f"@@\n-pool_size: 50\n+pool_size: {after}\n", ("a.yaml",)).weight

    assert weight(45) < weight(25) < weight(5)


def test_raising_a_pool_weighs_less_than_shrinking_it() -> None:
    up = read_diff("@@\n-max_connections: 10\n+max_connections: 50\n", ("a.yaml",)).weight
    down = read_diff("@@\n-max_connections: 50\n+max_connections: 10\n", ("a.yaml",)).weight
    assert up < down


def test_numbers_carry_their_units() -> None:
    old, new = "context.WithTimeout(p, 5*time.Second)", "context.WithTimeout(p, 300*time.Millisecond)"
    effect = read_diff(f"@@\n-\tctx, c := {old}\n+\tctx, c := {new}\n", ("a.go",)).effects[0]
    assert effect.before is not None
    assert effect.after is not None
    assert (effect.before.value, effect.after.value, effect.after.unit) == (5.0, 0.3, "s")
    assert effect.direction == "down"
    assert "5s -> 300ms" in effect.note


def test_nested_keys_are_named_in_our_sentence() -> None:
    effect = read_diff('@@\n {\n   "pool": {\n-    "max": 50\n+    "max": 5\n   }\n', ("app/config.json",)).effects[0]
    assert effect.note == "pool.max 50 -> 5"


def test_hostile_names_do_not_reach_our_sentence() -> None:
    effect = read_diff('@@\n-"<!channel> *x*`timeout`": 50\n+"<!channel> *x*`timeout`": 5\n', ("c.json",)).effects[0]
    assert not set("<>*`!") & set(effect.note.replace("->", ""))
    assert "<!channel>" in effect.line


def test_several_files_of_one_git_diff_are_told_apart() -> None:
    diff = (
        "diff --git a/README.md b/README.md\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-timeout 5\n+timeout 9\n"
        "diff --git a/conf.yaml b/conf.yaml\n--- a/conf.yaml\n+++ b/conf.yaml\n@@ -1 +1 @@\n-timeout_s: 5\n+timeout_s: 1\n"
    )
    reading = read_diff(diff)
    assert [effect.path for effect in reading.effects] == ["conf.yaml"]


def test_no_diff_is_unread_unless_the_files_say_enough() -> None:
    assert read_diff("", ("app/main.py",)).unread
    assert read_diff("", ("docs/a.md",)).neutral == "documentation only"
    assert read_diff("", ()).unread


def test_a_helper_with_one_number_changed_is_not_a_pure_move() -> None:
    moved = "@@\n-    if amount > 90:\n-        refuse(amount)\n"
    moved += "+    check(amount)\n+\n+def check(amount):\n+    if amount > 80:\n+        refuse(amount)\n"
    assert read_diff(moved, ("a.py",)).neutral is None


@pytest.mark.parametrize("garbage", ["@@", "+", "-\n+\n", "@@ @@ @@\n+((((", "\x00\n+\x00", "--- a\n+++ b\n", "+" + "(" * 5000])
def test_torn_text_is_read_without_a_complaint(garbage: str) -> None:
    assert read_diff(garbage, ()).weight <= 1.0


def test_file_order_changes_no_reading() -> None:
    one = "--- a/a.yaml\n+++ b/a.yaml\n@@\n-pool_max: 9\n+pool_max: 3\n"
    two = "--- a/b.py\n+++ b/b.py\n@@\n-if not ok:\n+if ok:\n"
    assert [e.note for e in read_diff(one + two).effects] == [e.note for e in read_diff(two + one).effects]


def test_measures_of_a_sentence_keep_their_units() -> None:
    found = measures_in("waited 220ms of 5.2 s, 10 slots, 34% busy, 512MiB held")
    assert [(round(one.value, 3), one.unit) for one in found] == [
        (0.22, "s"),
        (5.2, "s"),
        (10.0, ""),
        (0.34, "ratio"),
        (536870912.0, "B"),
    ]


def test_retries_retry_and_retried_share_a_stem() -> None:
    assert len(set(stems("retries retry retried"))) == 1
    assert stems("maxPoolSize") == stems("max_pool_size") == stems("max-pool-size")


def test_demanding_a_number_of_a_value_that_was_text_is_an_effect_of_its_own() -> None:
    diff = "@@\n-    part = code[:2].strip()\n+    part = int(code[:2])\n"
    effect = read_diff(diff, ("a.py",)).effects[0]
    assert (effect.kind, effect.fault) == ("conversion", "strict_validation")
    assert effect.weight >= 0.4


@pytest.mark.parametrize(
    ("was", "now"),
    [("1" * 401, "2"), ("2", "1" * 5000), ("1e400", "1e-400"), ("1e300", "1e-300"), ("9e307h", "1h")],
)
def test_a_number_of_any_size_is_read_as_a_change_of_it(was: str, now: str) -> None:
    reading = read_diff(f"@@ -1 +1 @@\n-pool_size: {was}\n+pool_size: {now}\n", ("app.yaml",))
    assert [effect.kind for effect in reading.effects] == ["number"]
    assert reading.neutral is None
    assert 0.0 < reading.weight <= 1.0


def test_a_number_too_large_to_hold_is_the_largest_there_is() -> None:
    largest = measure("1" * 401)
    hours = measure("1e308h")
    assert largest is not None
    assert hours is not None
    assert largest == measure("1e400")
    assert largest.value == hours.value == sys.float_info.max
    assert measure("-1e400") == Measure(-sys.float_info.max, "")
