"""Our word for a fault, as the closest word of a closed list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_SAME = (
    ("pvc", "persistent_volume_claim", "claim"),
    ("pv", "persistent_volume", "volume"),
    ("db", "database", "sql", "store", "datastore"),
    ("postgres", "postgresql"),
    ("unavailable", "down", "failure", "failed", "stopped", "crash", "unreachable", "outage", "not_ready"),
    ("incorrect", "invalid", "wrong", "bad", "misconfigured", "mismatch", "mismatched", "misconfiguration", "unknown"),
    ("missing", "absent", "not_found", "not_set", "unset", "unbound", "nonexistent"),
    ("exceeded", "exhausted", "exhaustion", "full", "limit_reached"),
    ("overload", "stress", "saturation", "hog", "high", "pressure", "contention", "burn"),
    ("delay", "latency", "slow"),
    ("loss", "drop", "lost"),
    ("oom", "out_of_memory"),
    ("credentials", "password", "auth", "authentication", "user"),
    ("address", "host", "hostname", "url", "endpoint", "env"),
    ("service_account", "serviceaccount", "account"),
    ("config_map", "configmap", "config"),
    ("image_reference", "image_name", "image_tag", "image"),
    ("taint", "toleration", "tolerations"),
    ("container_runtime", "containerd", "docker", "crio", "runtime"),
    ("readiness", "ready"),
    ("capacity", "size", "insufficient"),
    ("conflict", "occupied", "taken", "claimed", "in_use"),
    ("return", "response", "result"),
    ("exception", "error"),
    ("protocol", "scheme"),
    ("timing", "initial_delay", "timeout"),
    ("denied", "forbidden", "refused", "blocked", "block", "blocking"),
    ("filesystem", "file_system"),
    ("read_only", "readonly"),
    ("args", "arguments", "argument"),
    ("command", "entrypoint"),
    ("metrics", "metric"),
    ("policy", "policies"),
    ("route", "routes", "routing", "misrouted", "misrouting", "misroute"),
    ("ingress", "gateway"),
    ("network_plugin", "cni_plugin", "cni"),
    ("hpa", "autoscaler", "horizontal_pod_autoscaler"),
)
_STORES = frozenset({"mysql", "postgres", "mariadb", "mongodb", "redis", "cassandra", "elasticsearch"})
"""Makes of store: each is a store, and none is another."""
_HOW = frozenset(
    {
        "unavailable",
        "incorrect",
        "missing",
        "exceeded",
        "overload",
        "conflict",
        "denied",
        "exception",
        "already",
        "violation",
        "constraint",
    }
)
"""How something fails: that two words share only this says nothing about what fails."""
_WEAK = frozenset(
    {
        "already",
        "binding",
        "bound",
        "service",
        "pod",
        "node",
        "namespace",
        "fault",
        "the",
        "of",
        "and",
        "name",
        "var",
        "container",
        "kube",
    }
)
_ALSO = {
    "cpu": ("cpu_overload",),
    "memory": ("memory_overload",),
    "dns_policy_incorrect": ("service_dns_resolution_failure",),
    "service_dns_resolution_failure": ("dns_config_incorrect",),
    "pod_security_violation": ("admission_denied",),
    "port_conflict": ("service_sidecar_port_conflict",),
    "env_variable_value_incorrect": ("env_variable_type_error",),
    "missing_secret_key": ("config_key_mismatch", "missing_secret_binding"),
    "missing_config_map_key": ("config_key_mismatch", "missing_config_map"),
    "service_external_name_mismatch": ("service_type_mismatch",),
    "incorrect_image_registry": ("incorrect_image_reference",),
    "headless_service_mismatch": ("service_port_mapping_mismatch",),
}
"""What else a fault is called where the list has no word as close to it, broader words last."""
_UNSPOKEN = 0.5  # what no label of the list speaks of tells none from another
_ENOUGH = 0.5


def choose_label(kind: str | None, labels: Sequence[str], *, target: str = "") -> str | None:
    """The label that says what `kind` (lower snake case) says; None where none comes close, or the list is empty.

    An exact match counts first; then tokens, with synonyms, rarer ones in the list weighing more, unknown ones less. What
    `target` is (`app/cart`, `node/a`) tells a label about workloads from one about machines.
    """
    if kind is None or not labels:
        return None
    if kind in labels:
        return kind
    wanted = _tokens(kind) | _level(target)
    spread = {label: _tokens(label) for label in labels}
    counts: dict[str, int] = {}
    for tokens in spread.values():
        for token in tokens:
            counts[token] = counts.get(token, 0) + 1
    scored = sorted(
        ((_alike(wanted, tokens, counts, len(labels)), label) for label, tokens in spread.items()),
        key=lambda one: (-one[0], one[1]),
    )
    best, label = scored[0]
    telling = (wanted & spread[label]) - _HOW - _WEAK or not spread[label] - _HOW
    return label if best >= _ENOUGH and telling else _same_thing(kind, spread)


def choose_first(kinds: Sequence[str | None], labels: Sequence[str], *, target: str = "") -> str | None:
    """The label of the first of several words for one fault, the strongest first, that the list has one for."""
    words = [word for kind in kinds if kind is not None for word in (kind, *_ALSO.get(kind, ()))]
    return next((label for word in words if (label := choose_label(word, labels, target=target)) is not None), None)


def _same_thing(kind: str, spread: Mapping[str, frozenset[str]]) -> str | None:
    """The one label that speaks of all the same things, or of all of them and more, however it says they fail; None where
    there is no such label, or more than one."""
    things = _tokens(kind) - _HOW - _WEAK
    alike = [label for label, tokens in spread.items() if len(things) > 1 and things <= tokens]
    return alike[0] if len(alike) == 1 else None


def _level(target: str) -> frozenset[str]:
    level = target.partition("/")[0] if "/" in target else ""
    return frozenset({"app": {"pod"}, "node": {"node"}, "namespace": {"namespace"}}.get(level, set()))


def _alike(left: frozenset[str], right: frozenset[str], counts: dict[str, int], total: int) -> float:
    def weigh(tokens: frozenset[str]) -> float:
        return sum(
            (0.4 if token in _WEAK else 1.0) * (1.0 + 0.5 * (1 - counts[token] / total) if token in counts else _UNSPOKEN)
            for token in tokens
        )

    both, either = weigh(left & right), weigh(left | right)
    return both / either if either else 0.0


def _tokens(word: str) -> frozenset[str]:
    text = f"_{word.lower().replace('-', '_').replace(' ', '_').replace('/', '_')}_"
    for group in _SAME:
        for other in sorted(group, key=len, reverse=True):
            if other != group[0] and "_" in other:
                text = text.replace(f"_{other}_", f"_{group[0]}_")
    found = set()
    for group in _SAME:
        if f"_{group[0]}_" in text and "_" in group[0]:
            found.add(group[0])
            text = text.replace(f"_{group[0]}_", "_")
    meaning = {other: group[0] for group in _SAME for other in group}
    tokens = found | {meaning.get(token, token) for token in text.split("_") if token}
    return frozenset(tokens | {"db"} if tokens & _STORES else tokens)
