"""Which change explains what is seen: behaviour, link, time and place together, and nobody where nobody is guilty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.agent import Agent
from app.domain.change import Change
from app.domain.finding import Finding
from app.domain.incident import Alert, Scope
from app.domain.telemetry import Topology
from app.domain.window import Window
from graphs.analysis.changes.suspects.blame import ChangeSuspect, explain
from graphs.analysis.changes.suspects.innocence import innocence
from graphs.analysis.changes.suspects.place import Places

ONSET = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALLS = Topology(source="t", edges=(("web", "orders"), ("orders", "stock"), ("web", "profile")))
POOL = '@@\n "pool": {\n-    "max": 50,\n+    "max": 5,\n     "idle": 2\n'
REFACTOR = "@@\n-    item = repo.get(key)\n-    return item\n+    return repo.get(key)\n"
LOOP = "@@\n     for line in cart:\n-        total += line.price\n+        total += catalog.fetch(line.sku).price\n"


def at(minutes: float) -> datetime:
    return ONSET + timedelta(minutes=minutes)


def deploy(
    name: str, minutes: float, service: str, diff: str = "", *, path: str = "app/config.json", title: str = "tidy"
) -> list[Change]:
    """A commit and, two minutes later, its deploy."""
    commit = Change(id=f"{name:0<12}", kind="commit", at=at(minutes - 2), title=title, files=(path,), diff=diff)
    return [commit, Change(id=commit.id, kind="deploy", at=at(minutes), service=service, version=f"1.{name}")]


def scope(service: str = "orders", summary: str = "orders p99 latency above 800 ms") -> Scope:
    return Scope(
        alert=Alert(fired_at=at(3), summary=summary, service=service, metric="latency_p99_ms"),
        window=Window(start=at(-60), end=at(20)),
        candidates=("web", "orders", "stock", "profile"),
    )


def series(entity: str, metric: str, **numbers: float) -> Finding:
    """What was measured of one series."""
    return symptom(entity, "", **numbers).model_copy(update={"signal": "metrics", "query": f"{entity}|{metric}"})


def symptom(entity: str, excerpt: str, statement: str = "new since the onset", **numbers: float) -> Finding:
    window = Window(start=at(-60), end=at(20))
    return Finding.of(
        agent=Agent(name="logs", version="1"),
        signal="logs",
        source="s",
        query=excerpt,
        window=window,
        as_of=window.end,
        statement=statement,
        entity=entity,
        excerpt=excerpt,
        numbers=numbers,
    )


WAITS = symptom("orders", "timed out waiting 5000ms for a connection from the pool")
SLOW = symptom("orders", "slow request: 48 calls of catalog fetch in one cart")


def names(suspects: list[ChangeSuspect]) -> list[str]:
    return [one.change.id.rstrip("0") for one in suspects]


def test_a_shrunk_pool_is_blamed_over_the_latest_deploy_on_the_loud_service() -> None:
    changes = [
        *deploy("pool", -9, "orders", POOL),
        *deploy("late", -1, "orders", REFACTOR, path="app/orders.py", title="orders pool fix"),
    ]
    suspects = explain(changes, scope(), ONSET, [WAITS], CALLS)
    assert names(suspects)[0] == "pool"
    assert suspects[0].weight > 2.5
    assert suspects[0].kind == "connection_pool"
    assert suspects[1].innocent
    assert suspects[1].weight < 0


def test_a_change_after_the_onset_is_innocent() -> None:
    suspects = explain(deploy("pool", 12, "orders", POOL), scope(), ONSET, [WAITS], CALLS)
    assert suspects[0].innocent == "it came after the onset"
    assert suspects[0].weight < 0


def test_a_commit_that_was_never_deployed_is_innocent_where_deploys_are_recorded() -> None:
    stray, _ = deploy("pool", -5, "orders", POOL, path="lib/unshipped.json")
    suspects = explain([stray, *deploy("other", -30, "web", REFACTOR, path="web/a.py")], scope(), ONSET, [WAITS], CALLS)
    assert {one.change.id: one.innocent for one in suspects}[stray.id] == "it was never deployed before the onset"


def test_a_commit_counts_by_itself_where_no_deploys_are_recorded() -> None:
    suspects = explain(deploy("pool", -5, "orders", POOL, path="services/orders/config.json")[:1], scope(), ONSET, [WAITS], CALLS)
    assert suspects[0].weight > 2.0
    assert suspects[0].target == "orders"


def test_a_guilty_diff_on_an_untouched_service_weighs_less() -> None:
    near = explain(deploy("pool", -5, "orders", POOL), scope(), ONSET, [WAITS], CALLS)[0]
    callee = explain(deploy("pool", -5, "stock", POOL), scope(), ONSET, [WAITS], CALLS)[0]
    away = explain(deploy("pool", -5, "profile", POOL), scope(), ONSET, [WAITS], CALLS)[0]
    assert near.weight >= callee.weight > away.weight + 1.5


def test_the_symptom_decides_between_two_guilty_looking_diffs() -> None:
    changes = [*deploy("pool", -6, "orders", POOL), *deploy("loop", -6, "orders", LOOP, path="app/cart.py")]
    assert names(explain(changes, scope(), ONSET, [WAITS], CALLS))[0] == "pool"
    assert names(explain(changes, scope(), ONSET, [SLOW], CALLS))[0] == "loop"


def test_a_measured_value_of_the_diff_strengthens_it() -> None:
    changes = deploy("pool", -6, "orders", POOL)
    measured = series("orders", "pool_max", base=50.0, level=5.0)
    with_value = explain(changes, scope(), ONSET, [WAITS, measured], CALLS)[0]
    assert with_value.measured == 1.0
    assert with_value.weight > explain(changes, scope(), ONSET, [WAITS], CALLS)[0].weight


def test_units_are_converted_when_values_are_compared() -> None:
    cut = "@@\n-timeout: 5s\n+timeout: 250ms\n"
    deadline = symptom("orders", "deadline exceeded", "calls end at the timeout", timeout_ms=250.0)
    suspect = explain(deploy("cut", -6, "orders", cut, path="a.yaml"), scope(), ONSET, [deadline], CALLS)[0]
    assert suspect.measured >= 0.8


def test_a_series_is_measured_in_the_unit_that_its_name_says() -> None:
    cut = "@@\n-timeout: 5s\n+timeout: 250ms\n"
    for metric, measured in (("call_timeout_ms", 1.0), ("call_timeouts_per_ms", 0.0)):
        seen = series("orders", metric, base=5000.0, level=250.0)
        suspect = explain(deploy("cut", -6, "orders", cut, path="a.yaml"), scope(), ONSET, [seen], CALLS)[0]
        assert suspect.measured == measured


def test_what_ran_out_at_somebody_else_s_address_has_run_out() -> None:
    seen = [symptom("orders", "x509: certificate has expired: login.partners.example")]
    suspects = explain(deploy("a", -20, "orders", REFACTOR, path="app/a.py"), scope(), ONSET, seen, CALLS)
    assert innocence(suspects, scope(), seen, CALLS).remedy == "something that ran out or expired"


def test_what_we_say_of_a_finding_ourselves_ties_nothing_to_it_and_clears_nobody() -> None:
    ours = symptom("orders", "it failed", "orders waits for a pool of connections; provider outage in a region, vendor degraded")
    plain = ours.model_copy(update={"statement": "orders fails"})
    first, second = (explain(deploy("pool", -6, "orders", POOL), scope(), ONSET, [one], CALLS) for one in (ours, plain))
    assert [one.weight for one in first] == [one.weight for one in second]
    assert innocence(first, scope(), [ours], CALLS) == innocence(second, scope(), [plain], CALLS)


def test_slow_acting_changes_keep_their_weight_over_hours() -> None:
    leak = "@@\n     def open(self, user):\n+        self._seen.append(user)\n"
    late = [symptom("orders", "heap out of memory: container killed")]
    fast = "@@\n-    if not allowed:\n+    if allowed:\n"
    grown = explain(deploy("leak", -300, "orders", leak, path="s.py"), scope(), ONSET, late, CALLS)[0]
    flipped = explain(deploy("flip", -300, "orders", fast, path="s.py"), scope(), ONSET, late, CALLS)[0]
    assert grown.time > flipped.time + 0.5


def test_no_change_is_guilty_when_all_diffs_are_neutral() -> None:
    changes = [
        *deploy("a", -20, "orders", REFACTOR, path="app/a.py"),
        *deploy("b", -2, "orders", "@@\n-    log.info('x')\n+    log.info('y')\n", path="app/b.py"),
        *deploy("c", 9, "orders", POOL),
    ]
    suspects = explain(changes, scope(), ONSET, [WAITS], CALLS)
    weight = innocence(suspects, scope(), [WAITS], CALLS).weight
    assert all(one.innocent for one in suspects)
    assert weight >= 1.5
    assert weight > max(one.weight for one in suspects)


def test_a_guilty_change_silences_innocence() -> None:
    suspects = explain(deploy("pool", -6, "orders", POOL), scope(), ONSET, [WAITS], CALLS)
    assert innocence(suspects, scope(), [WAITS], CALLS).weight < suspects[0].weight


def test_a_change_that_fits_must_be_it_where_nothing_from_outside_reads_like_the_cause() -> None:
    outage = symptom("orders", "provider sdk: ServiceUnavailable, SlowDown in region eu-1, upstream degraded")
    suspects = explain(deploy("pool", -6, "orders", POOL), scope(), ONSET, [WAITS], CALLS)
    assert innocence(suspects, scope(), [WAITS], CALLS).weight < -1
    assert innocence(suspects, scope(), [WAITS, outage], CALLS).weight >= 0


def test_what_reads_like_an_outage_elsewhere_is_said() -> None:
    outage = symptom("orders", "provider sdk: ServiceUnavailable, SlowDown in region eu-1, upstream degraded")
    suspects = explain(deploy("a", -20, "orders", REFACTOR, path="app/a.py"), scope(), ONSET, [outage], CALLS)
    assert innocence(suspects, scope(), [outage], CALLS).hint == "a provider's trouble"


def test_a_flag_does_what_the_code_that_asks_for_it_does() -> None:
    guarded = LOOP.replace("@@\n", "@@\n+    if flags.on('bulk_quotes'):\n")
    changes = [
        *deploy("quotes", -400, "orders", guarded, path="app/cart.py"),
        Change(id="flag-1", kind="flag", at=at(-1), service="orders", details={"flag": "bulk_quotes", "from": "off", "to": "on"}),
    ]
    suspects = explain(changes, scope(), ONSET, [SLOW], CALLS)
    assert suspects[0].change.id == "flag-1"
    assert suspects[0].kind == "feature_flag"
    assert suspects[0].remedy == "flag"


def test_first_rollouts_of_a_workload_are_no_changes() -> None:
    births = [
        Change(id=f"r{n}", kind="rollout", at=at(-3), service=name, title="Scaled up to 1", details={"revision": "1"})
        for n, name in enumerate(("web", "orders", "stock"))
    ]
    assert explain(births, scope(), ONSET, [WAITS], CALLS) == []


@pytest.mark.parametrize("version", ["build 1a2b3c4", "1a2b3c4d5e6f", "v9"])
def test_a_deploy_is_joined_with_its_commit(version: str) -> None:
    commit = Change(id="1a2b3c4d5e6f7788", kind="commit", at=at(-9), files=("services/orders/config.json",), diff=POOL)
    shipped = Change(id="d-77", kind="deploy", at=at(-4), service="orders", version=version)
    suspect = explain([commit, shipped], scope(), ONSET, [WAITS], CALLS)[0]
    assert suspect.change.id == commit.id
    assert suspect.shipment.deploy == shipped


def test_order_of_changes_and_symptoms_changes_nothing() -> None:
    changes = [
        *deploy("pool", -9, "orders", POOL),
        *deploy("loop", -4, "web", LOOP, path="a.py"),
        *deploy("b", -2, "stock", REFACTOR),
    ]
    one = explain(changes, scope(), ONSET, [WAITS, SLOW], CALLS)
    other = explain(changes[::-1], scope(), ONSET, [SLOW, WAITS], CALLS)
    assert [(s.change.id, s.weight) for s in one] == [(s.change.id, s.weight) for s in other]


def test_a_shift_of_all_times_changes_nothing() -> None:
    by = timedelta(days=400, hours=5)
    changes = [*deploy("pool", -9, "orders", POOL), *deploy("loop", -4, "web", LOOP, path="a.py")]
    moved = [change.model_copy(update={"at": change.at + by}) for change in changes]
    base = scope()
    later = base.model_copy(update={"alert": base.alert.model_copy(update={"fired_at": base.alert.fired_at + by})})
    one = explain(changes, base, ONSET, [WAITS], CALLS)
    other = explain(moved, later, ONSET + by, [WAITS], CALLS)
    assert [s.weight for s in one] == [s.weight for s in other]


def test_other_service_names_give_the_same_answer() -> None:
    spelt = {"orders": "kestrel", "web": "plover", "stock": "siskin", "profile": "dunlin"}
    changes = [*deploy("pool", -9, "orders", POOL), *deploy("loop", -4, "stock", REFACTOR, path="a.py")]
    renamed = [change.model_copy(update={"service": spelt.get(change.service or "")}) for change in changes]
    base = scope(summary="p99 latency above 800 ms")
    other = base.model_copy(
        update={
            "alert": base.alert.model_copy(update={"service": "kestrel"}),
            "candidates": tuple(spelt[name] for name in base.candidates),
        }
    )
    calls = Topology(source="t", edges=tuple((spelt[a], spelt[b]) for a, b in CALLS.edges))
    one = explain(changes, base, ONSET, [WAITS], CALLS)
    two = explain(renamed, other, ONSET, [WAITS.model_copy(update={"entity": "kestrel"})], calls)
    assert [(s.change.id, round(s.weight, 6)) for s in one] == [(s.change.id, round(s.weight, 6)) for s in two]


NUMBERED = (
    "--- a/services/orders/zones.py\n+++ b/services/orders/zones.py\n@@ -10,3 +10,3 @@ def zone(code):\n"
    "     kept = code\n-    part = code[:2].strip()\n+    part = int(code[:2])\n     return part\n"
)


def thrown_at(place: str) -> Finding:
    return symptom("orders", f"unhandled error in GET /zone · ValueError: invalid literal 'AB' at {place} in zone")


def test_the_change_that_wrote_the_line_that_throws_is_blamed() -> None:
    changes = [
        *deploy("zones", -4, "orders", NUMBERED, path="services/orders/zones.py"),
        *deploy("late", -1, "orders", "@@\n-    fee = 490\n+    fee = 520\n", path="services/orders/fees.py"),
    ]
    suspects = explain(changes, scope(summary="12% of requests fail"), ONSET, [thrown_at("services/orders/zones.py:11")], CALLS)
    assert names(suspects)[0] == "zones"
    assert suspects[0].thrown == 1.0
    assert suspects[0].weight > 2.5


def test_a_line_of_the_same_file_that_it_did_not_write_says_little_and_another_file_nothing() -> None:
    changes = deploy("zones", -4, "orders", NUMBERED, path="services/orders/zones.py")

    def weight(place: str) -> float:
        return explain(changes, scope(), ONSET, [thrown_at(place)], CALLS)[0].weight

    own, near, elsewhere = (weight(f"services/{place}") for place in ("orders/zones.py:11", "orders/zones.py:90", "web/page.py:11"))
    assert own > near + 1.0
    assert near >= elsewhere
    assert near - elsewhere < 0.6


def test_a_change_that_came_long_after_the_onset_is_not_blamed_for_the_line_either() -> None:
    late = deploy("zones", 14, "orders", NUMBERED, path="services/orders/zones.py")
    assert explain(late, scope(), ONSET, [thrown_at("services/orders/zones.py:11")], CALLS)[0].weight <= -1.0


def test_a_name_that_an_error_spells_out_points_at_the_edit_that_touched_it() -> None:
    renamed = "@@\n return {\n-    ship_to_name: order.name,\n+    shipToName: order.name,\n"
    other = "@@\n return {\n-    bill_to_name: order.name,\n+    billToName: order.name,\n"
    changes = [*deploy("a", -9, "orders", renamed, path="a.ts"), *deploy("b", -3, "orders", other, path="b.ts")]
    spelled = symptom("orders", "cannot handle event: missing field ship_to_name")
    first, second = explain(changes, scope(), ONSET, [spelled], CALLS)[:2]
    assert names([first]) == ["a"]
    assert first.weight > second.weight + 0.8


def test_a_change_says_at_which_neighbours_its_doing_is_seen() -> None:
    cut = "@@\n-timeout: 5s\n+timeout: 250ms\n"
    seen = [
        symptom("orders", "call to stock failed: deadline exceeded"),
        symptom("stock", "request canceled, deadline exceeded"),
        symptom("profile", "deadline exceeded"),
    ]
    suspect = explain(deploy("cut", -6, "orders", cut, path="a.yaml"), scope(), ONSET, seen, CALLS)[0]
    assert suspect.explains == ("stock",)  # profile is nobody's neighbour here, and its own service needs no telling


def test_a_flag_that_lets_named_code_run_outweighs_one_that_nothing_speaks_of() -> None:
    code = "@@\n+    if flags.on('fast-quotes'):\n+        return quoting.fast(cart)\n     return quoting.slow(cart)\n"
    flags = [
        Change(id=f"flag:{name}", kind="flag", at=at(-4), service="orders", details={"flag": name, "from": "off", "to": "on"})
        for name in ("fast-quotes", "wide-cards")
    ]
    changes = [*deploy("old", -900, "orders", code, path="q.py"), *flags]
    heard = [symptom("orders", "quoting failed: fast path has no price for cart 7")]
    suspects = explain(changes, scope(), ONSET, heard, CALLS)
    assert suspects[0].change.id == "flag:fast-quotes"
    assert suspects[0].weight > 1.0 + next(one.weight for one in suspects if one.change.id == "flag:wide-cards")


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("PutObject failed: ServiceUnavailable in region eu-1 after SlowDown", "a region's trouble"),
        ("api.cardpay.com answered 503, vendor unavailable", "a provider's trouble"),
        ("tls handshake failed: x509: certificate has expired", "something that ran out or expired"),
        ("redelivering malformed record, partition 3 offset 9", "one record that nobody can read"),
        ("cpu steal on the host is high, noisy neighbour", "a noisy neighbour"),
        ("could not fsync segment 41: Input/output error, sda sector 884", "failing hardware"),
        ("maps answered 429: your daily quota of this subscription is used up", "a provider's trouble"),
        ("could not write segment 41: no space left on device", None),
        ("overloaded, shedding; autoscaler waits for pending pods", "more traffic than usual"),
        ("something failed", None),
    ],
)
def test_what_nobody_changed_is_told_apart_by_what_repairs_it(text: str, family: str | None) -> None:
    suspects = explain(deploy("a", -20, "orders", REFACTOR, path="app/a.py"), scope(), ONSET, [symptom("orders", text)], CALLS)
    assert innocence(suspects, scope(), [symptom("orders", text)], CALLS).remedy == family


@pytest.mark.parametrize(
    ("entity", "metric", "surges"),
    [("web", "http_requests_per_sec", True), ("stock", "http_requests_per_sec", False), ("web", "http_requests_p99_ms", False)],
)
def test_more_requests_count_as_a_surge_only_where_they_enter(entity: str, metric: str, surges: bool) -> None:
    more = symptom(entity, "", f"{entity}: it went up", base=100.0, level=400.0, z=30.0)
    more = more.model_copy(update={"signal": "metrics", "query": f"{entity}|{metric}"})
    suspects = explain(deploy("a", -20, "orders", REFACTOR, path="app/a.py"), scope(), ONSET, [more], CALLS)
    assert (innocence(suspects, scope(), [more], CALLS).remedy == "more traffic than usual") is surges


def test_a_change_to_the_ground_is_near_the_service_that_it_names() -> None:
    rule = "@@\n resource network orders {\n-  ingress { from_port = 5432 }\n }\n"
    near = explain(deploy("near", -5, "network", rule, path="net/orders.tf"), scope(), ONSET, [WAITS], CALLS)[0]
    far = explain(deploy("far", -5, "network", rule.replace("orders", "far"), path="net/far.tf"), scope(), ONSET, [WAITS], CALLS)[0]
    assert near.place > 0.0 > far.place


def test_what_runs_out_speaks_for_no_change_unless_a_change_stopped_its_renewal() -> None:
    ran_out = symptom("orders", "tls handshake failed: x509 certificate has expired")
    stopped = explain(
        deploy("stopped", -50, "stock", "@@\n-    agent.renewAll(ctx)\n", path="a.go"), scope(), ONSET, [ran_out], CALLS
    )
    quiet = explain(deploy("quiet", -50, "stock", REFACTOR, path="a.py"), scope(), ONSET, [ran_out], CALLS)
    assert innocence(quiet, scope(), [ran_out], CALLS).weight > 2.0
    assert innocence(stopped, scope(), [ran_out], CALLS).weight < 1.0


def test_a_handshake_that_fails_has_not_run_out() -> None:
    refused = symptom("orders", "tls handshake failed: x509 certificate signed by unknown authority")
    suspects = explain(deploy("quiet", -50, "stock", REFACTOR, path="a.py"), scope(), ONSET, [refused], CALLS)
    assert innocence(suspects, scope(), [refused], CALLS).hint is None


def test_who_shares_what_a_change_troubles_is_troubled_by_it_too() -> None:
    shared = Topology(source="t", edges=(("orders", "db"), ("loader", "db")))
    asked = Scope(
        alert=Alert(fired_at=at(3), summary="s", service="db"), window=scope().window, candidates=("db", "loader", "orders")
    )
    places = Places.of(asked, [], shared)
    assert places.beside("loader", ("db", "orders")) == ("db", "orders")
    assert places.beside("loader", ("orders",)) == ()


@pytest.mark.parametrize(
    ("started", "shared", "weighs"), [(-1.0, 2.0, True), (-1.0, 0.0, True), (-600.0, 2.0, False), (None, 2.0, False)]
)
def test_a_provider_that_admits_trouble_since_the_onset_speaks_for_the_changes(
    started: float | None, shared: float, weighs: bool
) -> None:
    suspects = explain(deploy("a", -20, "orders", REFACTOR, path="app/a.py"), scope(), ONSET, [SLOW], CALLS)
    page = symptom("orders", "acme-status: answers are slow (investigating)", "a status page", shared_words=shared)
    page = page.model_copy(update={"signal": "status", "at": at(started) if started is not None else None})
    without = innocence(suspects, scope(), [SLOW], CALLS, ONSET)
    told = innocence(suspects, scope(), [SLOW, page], CALLS, ONSET)
    assert (told.weight > without.weight + 0.5) is weighs
    assert (told.remedy == "a provider's trouble") is weighs


def test_a_flag_that_a_commit_switched_is_that_commit_and_acts_where_the_flag_does() -> None:
    switch = "@@\n wide_quotes:\n-  rollout: 0\n+  rollout: 40\n"
    flag = Change(id="flag-1", kind="flag", at=at(-1), service="orders", details={"flag": "wide_quotes", "from": "0", "to": "40"})
    changes = [*deploy("next", -1, "flag-store", switch, path="config/flags.yaml"), flag]
    (only,) = explain(changes, scope(), ONSET, [SLOW], CALLS)
    assert (only.change.id.rstrip("0"), only.target) == ("next", "orders")
    code = [
        *deploy("code", -1, "orders", "@@\n+    if flags.on('wide_quotes'):\n+        widen(cart)\n", path="app/quote.py"),
        flag,
    ]
    assert len(explain(code, scope(), ONSET, [SLOW], CALLS)) == 2
    earlier = [*deploy("next", -40, "flag-store", switch, path="config/flags.yaml"), flag]
    assert len(explain(earlier, scope(), ONSET, [SLOW], CALLS)) == 2


def test_an_edit_that_no_rule_knows_is_a_suspect_where_what_fails_names_what_it_rewrote() -> None:
    diff = "@@\n-    return stock_left(rows).scaled()\n+    return stock_left(rows).aligned()\n"
    lines = [symptom("orders", "refused: stock_left is off"), symptom("orders", "refused: no reason")]
    told, silent = (explain(deploy("a", -5, "orders", diff, path="app/a.py"), scope(), ONSET, [one], CALLS)[0] for one in lines)
    assert told.weight > 0.5 > silent.weight
    same = "@@\n-    return stock_left(rows, now)\n+    return stock_left(rows, now=now)\n"
    assert explain(deploy("a", -5, "orders", same, path="app/a.py"), scope(), ONSET, lines, CALLS)[0].weight < 0  # it does the same


def test_what_fails_ties_an_edit_that_no_rule_knows_as_much_as_one_that_nobody_can_read() -> None:
    edit = "@@\n     order = load(key)\n-    total = quote(order)\n+    total = estimate(order.lines)\n"
    told = symptom("orders", "estimate for order 8812 is off")
    silent = symptom("orders", "checksum differs")
    made = deploy("a", -5, "orders", edit, path="app/a.py")
    linked, loose = (explain(made, scope(), ONSET, [one], CALLS)[0] for one in (told, silent))
    assert linked.link > loose.link
    assert linked.weight - loose.weight >= 0.3 * 1.8 * (linked.link - loose.link) > 0.0
