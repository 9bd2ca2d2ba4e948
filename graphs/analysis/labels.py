"""Our word for a fault, as the closest word of a closed list."""

from __future__ import annotations

from collections.abc import Sequence

_SAME = (
    ("pvc", "persistent_volume_claim", "claim"),
    ("pv", "persistent_volume", "volume"),
    ("db", "database", "mysql", "postgres", "postgresql", "mariadb", "mongodb", "redis", "sql"),
    ("unavailable", "down", "failure", "failed", "stopped", "crash", "unreachable", "outage", "not_ready"),
    ("incorrect", "invalid", "wrong", "bad", "misconfigured", "mismatch", "mismatched", "misconfiguration"),
    ("missing", "absent", "not_found", "unbound", "nonexistent"),
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
    ("conflict", "occupied", "taken"),
    ("return", "response", "result"),
    ("exception", "error"),
    ("protocol", "scheme"),
    ("timing", "initial_delay", "timeout"),
    ("denied", "forbidden", "refused", "blocked"),
    ("filesystem", "file_system"),
    ("route", "routes", "routing", "misrouted", "misrouting", "misroute"),
    ("ingress", "gateway"),
)
_WEAK = frozenset({"service", "pod", "node", "namespace", "fault", "the", "of", "and", "name", "var", "container", "kube"})
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
    return label if best >= _ENOUGH else None


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
    return frozenset(found | {meaning.get(token, token) for token in text.split("_") if token})
