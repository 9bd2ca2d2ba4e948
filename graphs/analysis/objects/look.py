"""What the checks share: whose object is whose, and which candidate answers for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from app.domain.incident import Scope
from graphs.analysis.naming import workload
from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.model import Cluster, Container, Event, Node, Pod, Service, Template, Workload

_APP_LABELS = ("app", "app.kubernetes.io/name", "k8s-app", "app.kubernetes.io/instance", "name", "component", "service")
_EXCERPT = 300


@dataclass(frozen=True)
class Unit:
    """A controller with its pods and the services in front of it. `template` is what its pods are made from now, completed
    with what only the manifest tells."""

    name: str
    kind: str
    target: str | None
    query: str
    template: Template
    live: Workload | None
    declared: Workload | None
    pods: tuple[Pod, ...]
    events: tuple[Event, ...]

    @property
    def desired(self) -> int | None:
        if self.live is not None and self.live.desired is not None:
            return self.live.desired
        return self.declared.desired if self.declared is not None else None

    @property
    def healthy(self) -> bool:
        """Every pod that is wanted runs and is ready."""
        return bool(self.pods) and len(self.pods) >= (self.desired or 1) and all(pod.ready for pod in self.pods)

    @property
    def unready(self) -> tuple[Pod, ...]:
        return tuple(pod for pod in self.pods if not pod.ready and pod.status not in {"Completed", "Succeeded"})

    @property
    def main(self) -> tuple[Container, ...]:
        return tuple(container for container in self.template.containers if not container.init)


class Look:
    """One examination: the cluster, the candidates, and the units in it. Pure; nothing changes after construction."""

    def __init__(self, cluster: Cluster, scope: Scope) -> None:
        self.cluster = cluster
        self.scope = scope
        self.window_s = (scope.window.end - scope.window.start).total_seconds()
        self._exact = set(scope.candidates)
        self._apps = {name.partition("/")[2] if "/" in name else name: name for name in scope.candidates if _is_app(name)}

    # Who answers for what

    def app(self, *names: str | None, labels: Mapping[str, str] | None = None) -> str | None:
        """The candidate for an object of one of these names, or labelled as an application; the first match counts."""
        given = [name for name in names if name]
        given_labels = [labels[key] for key in _APP_LABELS if labels and key in labels]
        if not self._exact:
            return f"app/{(given_labels or given or ['unknown'])[0]}"
        for name in (*given_labels, *given):
            if name in self._apps:
                return self._apps[name]
        for name in given:
            longest = max((app for app in self._apps if name.startswith(app + "-")), key=len, default=None)
            if longest is not None:
                return self._apps[longest]
        return None

    def node(self, name: str | None) -> str | None:
        if not name:
            return None
        return f"node/{name}" if not self._exact or f"node/{name}" in self._exact else None

    def namespace(self, name: str | None) -> str | None:
        given = (
            name or self.scope.alert.namespace or next((pod.namespace for pod in self.cluster.pods.values() if pod.namespace), None)
        )
        if given and (not self._exact or f"namespace/{given}" in self._exact):
            return f"namespace/{given}"
        listed = [candidate for candidate in self.scope.candidates if candidate.startswith("namespace/")]
        return listed[0] if len(listed) == 1 and not name else None

    def fault(
        self,
        target: str | None,
        kind: str,
        weight: float,
        statement: str,
        *,
        query: str,
        excerpt: str | None = None,
        numbers: Mapping[str, float] | None = None,
        outsider_text: bool = False,
        concerns: Iterable[str] = (),
    ) -> Iterator[ObjectFault]:
        """Nothing where no candidate answers for it."""
        if target is not None and weight > 0:
            quoted = excerpt[:_EXCERPT] if excerpt else None
            yield ObjectFault(
                target=target,
                kind=kind,
                weight=round(weight, 2),
                statement=statement[:400],
                query=query,
                excerpt=quoted,
                numbers=dict(numbers or {}),
                outsider_text=outsider_text,
                concerns=frozenset(concerns),
            )

    # The cluster, seen as units

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        cluster = self.cluster
        keys = {key for key in (*cluster.workloads, *cluster.declared_workloads) if key[0] != "ReplicaSet"}
        orphans = {key for key, found in cluster.workloads.items() if key[0] == "ReplicaSet" and not found.owner}
        return tuple(self._unit(kind, name) for kind, name in sorted(keys | orphans))

    def _unit(self, kind: str, name: str) -> Unit:
        live, declared = self.cluster.workloads.get((kind, name)), self.cluster.declared_workloads.get((kind, name))
        known = live or declared
        assert known is not None
        sets = {set_.name: set_ for set_ in self.cluster.workloads.values() if set_.kind == "ReplicaSet" and set_.owner == name}
        owners = {name, *sets} if kind != "Deployment" or sets else {name}
        pods = tuple(pod for pod in self.cluster.pods.values() if self._owns(pod, owners, name, known))
        template = _complete(live.template if live else Template(), declared.template if declared else Template())
        events = (live.events if live else ()) + tuple(
            event for key in sorted(sets) for event in sets[key].events if (sets[key].desired or 0) > 0
        )
        loose = tuple(
            event
            for kind_, named, event in self.cluster.loose_events
            if kind_ in {"deployments", "replicasets", "statefulsets", "daemonsets"} and (named == name or named in sets)
        )
        labels = {**known.labels, **template.labels}
        return Unit(
            name=name,
            kind=kind,
            target=self.app(name, labels=None) or self.app(name, labels=labels),
            query=known.query,
            template=template,
            live=live,
            declared=declared,
            pods=pods,
            events=tuple(dict.fromkeys(events + loose)),
        )

    def _owns(self, pod: Pod, owners: set[str], name: str, known: Workload) -> bool:
        if pod.owner is not None:
            return pod.owner in owners
        if known.selector and pod.labels:
            return matches(known.selector, pod.labels)
        return workload(pod.name) == name

    @cached_property
    def workers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.cluster.nodes.values() if not node.control_plane)

    @cached_property
    def unit_of_target(self) -> dict[str, tuple[Unit, ...]]:
        found: dict[str, tuple[Unit, ...]] = {}
        for unit in self.units:
            if unit.target is not None:
                found[unit.target] = (*found.get(unit.target, ()), unit)
        return found

    @cached_property
    def services_full(self) -> bool:
        """Whether a quota lets no further service in: a missing one is then the quota's doing."""
        rows = ((name, row) for quota in self.cluster.quotas.values() for name, row in quota.rows.items())
        return any("services" in name and used >= hard for name, (used, hard) in rows)

    @cached_property
    def emptied(self) -> bool:
        """Everything was listed, much is declared, and nothing of it exists: not one missing object but all of them."""
        cluster = self.cluster
        asked = {"deployments", "services", "pods"} <= cluster.listed and len(cluster.declared_workloads) > 1
        return asked and not cluster.workloads and not cluster.services and not cluster.pods

    def service_target(self, service: Service) -> str | None:
        """The application a service stands for: by its own name first, because its selector may be what is wrong."""
        return self.app(service.name) or self.app(labels=service.labels) or self.app(labels=service.selector)

    def service_called(self, host: str) -> Service | None:
        """The service a host name means inside the cluster, or None."""
        first, _, rest = host.partition(".")
        found = self.cluster.services.get(first)
        if found is not None:
            return found
        if rest:  # <pod>.<headless service>…
            second = rest.partition(".")[0]
            return self.cluster.services.get(second)
        return None


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def holds(labels: Mapping[str, str], key: str, operator: str, values: tuple[str, ...]) -> bool:
    """Whether labels satisfy one expression of a node affinity or of a label selector."""
    value = labels.get(key)
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    try:
        number, bound = float(value or ""), float(values[0])
    except (ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound


def tied(selector: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


def latest(events: Iterable[Event], *reasons: str) -> Event | None:
    """The most recent warning of one of these reasons."""
    found = [event for event in events if event.reason in reasons]
    return min(found, key=lambda event: (event.age_s is None, event.age_s or 0.0, event.line), default=None)


def near(name: str, known: Sequence[str]) -> str | None:
    """The one known name that `name` is a slip of the pen away from; None when none or the name itself is known."""
    if name in known:
        return None
    scored = sorted((distance(name, other), other) for other in known if abs(len(name) - len(other)) <= _slip(name) + 8)
    for missed, other in scored:
        if missed <= _slip(name) or _extends(name, other):
            return other
    return None


def _slip(name: str) -> int:
    return 1 if len(name) < 6 else 2 if len(name) < 12 else 3


def _extends(name: str, other: str) -> bool:
    """One is the other with a word put before or after it."""
    short, long = sorted((name, other), key=len)
    return len(short) >= 4 and (long.startswith((short + "-", short + "_")) or long.endswith(("-" + short, "_" + short)))


def distance(left: str, right: str) -> int:
    """Edits between two short names, a swap of neighbours counting once."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, start=1):
        last, before, row = before, row, [i]
        for j, other in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if last and j > 1 and char == right[j - 2] and left[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _is_app(candidate: str) -> bool:
    return not candidate.startswith(("node/", "namespace/"))


def _complete(live: Template, declared: Template) -> Template:
    """The live template, with the fields that `describe` does not print taken from the manifest."""
    if not live.containers:
        return declared
    if not declared.containers:
        return live
    asked = {container.name: container for container in declared.containers}
    containers = tuple(
        replace(
            container,
            run_as_user=asked[container.name].run_as_user,
            ports=tuple(
                replace(port, name=next((other.name for other in asked[container.name].ports if other.number == port.number), None))
                for port in container.ports
            ),
        )
        if container.name in asked
        else container
        for container in live.containers
    )
    return replace(
        declared,
        labels=live.labels or declared.labels,
        annotations={**declared.annotations, **live.annotations},
        service_account=live.service_account or declared.service_account,
        containers=containers,
        volumes=live.volumes or declared.volumes,
        node_selector=live.node_selector or declared.node_selector,
        tolerations=live.tolerations or declared.tolerations,
    )
