"""Edits that break things quietly, and edits that look like it and do not."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff

BREAKS = {
    "a safe step is dropped": ("a.ts", "@@\n-  return user.address?.street ?? '';\n+  return user.address.street;\n", "unguarded"),
    "a default is dropped": ("a.py", "@@\n-    row = rows.get(key, EMPTY)\n+    row = rows.get(key)\n", "unguarded"),
    "a parser that gives up": ("a.go", "@@\n-\tre := compile(pattern)\n+\tre := MustCompile(pattern)\n", "unguarded"),
    "a field must be given": ("a.py", "@@\n-    nick: str | None = None\n+    nick: str\n", "tightened"),
    "an optional field must be given": ("a.ts", "@@\n-  nick: z.string().optional(),\n+  nick: z.string(),\n", "tightened"),
    "a call is no longer waited for": ("a.ts", "@@\n-  await rows.save(row);\n+  rows.save(row);\n", "unawaited"),
    "an argument is dropped": ("a.py", "@@\n-    now = clock(timezone.utc)\n+    now = clock()\n", "dropped"),
    "a header is dropped": (
        "a.py",
        '@@\n-    headers = {"Tenant": tenant, "Accept": "json"}\n+    headers = {"Accept": "json"}\n',
        "dropped",
    ),
    "related rows are no longer loaded": ("a.rb", "@@\n-    Row.includes(:parts).recent\n+    Row.recent\n", "loop_query"),
    "a client is made by every call": (
        "a.py",
        "@@\n-session = http.Session()\n \n def fetch(url):\n+    session = http.Session()\n     return session.get(url)\n",
        "renewed",
    ),
    "errors are swallowed": (
        "a.py",
        "@@\n-    charge(order)\n+    try:\n+        charge(order)\n+    except Refused:\n+        pass\n     ship(order)\n",
        "swallowed",
    ),
    "rounding changes": ("a.ts", "@@\n-  const cents = Math.round(sum);\n+  const cents = Math.floor(sum);\n", "rounding"),
    "a pattern changes": ("a.py", '@@\n-NAME = re.compile(r"^a+$")\n+NAME = re.compile(r"^(a+)+$")\n', "pattern"),
    "a loop is blocked": (
        "a.py",
        "@@\n async def submit(order):\n     row = await parse(order)\n+    score = requests.post(URL).json()\n     return row\n",
        "blocking",
    ),
    "a port changes": ("deploy/a.yaml", "@@\n backend:\n-  port: 9090\n+  port: 9091\n", "literal"),
    "the base image changes": ("Dockerfile", "@@\n-FROM python:3.9-slim\n+FROM python:3.10-slim\n", "image"),
    "an index goes": ("migrations/1.sql", "@@\n+DROP INDEX CONCURRENTLY a_idx;\n", "index_gone"),
    "a table is locked": ("migrations/2.sql", "@@\n+CREATE INDEX a_idx ON a (b);\n", "schema_lock"),
    "a log level set in code": (
        "a.py",
        "@@\n-    logging.basicConfig(level=logging.WARNING)\n+    logging.basicConfig(level=logging.DEBUG)\n",
        "switch",
    ),
    "a field is handed on under another name": ("a.ts", "@@\n return {\n-    customer_id: c,\n+    customerId: c,\n", "literal"),
    "what a background job did": ("a.go", "@@\n \tt := &Tokens{}\n-\tgo t.renewEvery(interval)\n \treturn t\n", "gone"),
    "a collection grows": (
        "a.py",
        "@@\n def quote(r):\n-    return price(r)\n+    if r not in _SEEN:\n+        _SEEN[r] = price(r)\n+    return _SEEN[r]\n",
        "growth",
    ),
    "a secret of another name": ("deploy/a.yaml", "@@\n key:\n-  name: app-rw-login\n+  name: app-ro-login\n", "literal"),
    "a word becomes a number": ("a.properties", "@@\n-acks=all\n+acks=0\n", "literal"),
    "an entry is no longer listed": ("a.yaml", "@@\n origins:\n-  - https://one.test\n   - https://two.test\n", "literal"),
    "a tax rate": ("a.go", "@@\n-var taxRate = 0.19\n+var taxRate = 0.16\n", "number"),
    "a product of numbers": ("a.ts", "@@\n-const SESSION_MS = 30 * 60 * 1000;\n+const SESSION_MS = 30 * 60;\n", "number"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_an_edit_that_breaks_quietly_is_read_as_what_it_is(name: str) -> None:
    path, diff, kind = BREAKS[name]
    reading = read_diff(diff, (path,))
    assert reading.neutral is None
    assert kind in {effect.kind for effect in reading.effects if effect.weight >= 0.45}, reading.effects


HARMLESS = {
    "branches turned round": (
        "a.py",
        (
            "@@\n-    if order is not None:\n-        process(order)\n-        return True\n-    return False\n"
            "+    if order is None:\n+        return False\n+    process(order)\n+    return True\n"
        ),
    ),
    "a constant is given a name": (
        "a.go",
        (
            "@@\n-\tctx, cancel := context.WithTimeout(ctx, 5*time.Second)\n+\tctx, cancel := context.WithTimeout(ctx, allowed)\n"
            "@@\n+const allowed = 5 * time.Second\n"
        ),
    ),
    "an error is passed on as another": (
        "a.py",
        (
            "@@\n-    return self.repo.find(id)\n+    try:\n+        return self.repo.find(id)\n+    except RepoError as error:\n"
            '+        raise ServiceError("find") from error\n'
        ),
    ),
    "a helper is asked instead": (
        "a.go",
        (
            '@@\n-\tif r.A < -9 || r.A > 9 {\n-\t\treturn errOutOfRange("a", r.A)\n-\t}\n-\treturn nil\n'
            '+\treturn within("a", r.A, -9, 9)\n'
        ),
    ),
    "a text is put together otherwise": ("a.py", '@@\n-    key = "row:{}".format(row)\n+    key = f"row:{row}"\n'),
    "a build file of a service": ("services/a/.github/workflows/b.yaml", "@@\n steps:\n+  - uses: cache\n+    key: build\n"),
    "a function nobody calls": ("a.py", "@@\n-def old(rows):\n-    total = limit(rows)\n-    return total\n"),
    "the same cpu": ("deploy/a.yaml", '@@\n limits:\n-  cpu: "2"\n+  cpu: 2000m\n'),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_an_edit_that_only_looks_dangerous_weighs_little(name: str) -> None:
    path, diff = HARMLESS[name]
    assert read_diff(diff, (path,)).weight <= 0.3, read_diff(diff, (path,)).effects


def test_how_long_a_pool_keeps_what_it_has_is_not_how_much_it_has() -> None:
    idle = read_diff("@@\n pool:\n-  max_idle_time: 30s\n+  max_idle_time: 5m\n", ("a.yaml",)).effects[0]
    size = read_diff("@@\n pool:\n-  max_idle: 30\n+  max_idle: 300\n", ("a.yaml",)).effects[0]
    assert idle.resource is None
    assert size.resource is not None


def test_a_step_in_the_harmless_direction_counts_the_more_the_larger_it_is() -> None:
    small, large = (read_diff(f"@@\n-timeout: 2s\n+timeout: {to}\n", ("a.yaml",)).effects[0].weight for to in ("3s", "90s"))
    assert small < 0.3 < 0.7 < large


def test_thousandths_of_a_core_are_less_than_two_cores() -> None:
    effect = read_diff('@@\n limits:\n-  cpu: "2"\n+  cpu: 200m\n', ("deploy/a.yaml",)).effects[0]
    assert effect.direction == "down"
