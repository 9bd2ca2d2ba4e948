"""Kubernetes objects as values: only the fields that the checks hold against each other.

Ages are seconds before the command was recorded. Quantities: cpu in cores, memory and storage in bytes.
A mapping is empty and an optional field None where the recorded output does not show it: absence is not a statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Rule = tuple[str, str, tuple[str, ...]]
"""(key, operator, values) of a node affinity or of a label selector."""


@dataclass(frozen=True)
class Event:
    """`age_s` is when it last happened, `first_s` when it first did (None where the output names no time)."""

    warning: bool
    reason: str
    message: str
    source: str
    count: int
    age_s: float | None
    first_s: float | None
    line: str


@dataclass(frozen=True)
class Port:
    number: int
    protocol: str = "TCP"
    name: str | None = None


@dataclass(frozen=True)
class Probe:
    """`role`: liveness, readiness or startup; `kind`: http, https, tcp, grpc or exec; `port` a number, a name, or None."""

    role: str
    kind: str
    port: int | str | None
    path: str = ""
    delay_s: float = 0.0
    timeout_s: float = 1.0
    period_s: float = 10.0
    failures: int = 3
    successes: int = 1
    text: str = ""


@dataclass(frozen=True)
class Reference:
    """A Secret or ConfigMap that a container or volume needs; `key` None: all of it."""

    kind: str
    name: str
    key: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Container:
    name: str
    image: str
    init: bool = False
    ports: tuple[Port, ...] = ()
    probes: tuple[Probe, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    requests: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    mounts: tuple[tuple[str, str, bool], ...] = ()  # (path, volume, read only)
    command: tuple[str, ...] = ()
    state: str = ""
    reason: str = ""
    last_reason: str = ""
    exit_code: int | None = None
    message: str = ""
    ready: bool | None = None
    restarts: int = 0
    run_as_user: int | None = None


@dataclass(frozen=True)
class VolumeSource:
    """`kind`: claim, secret, configmap, host, empty or other; `name` what it refers to."""

    volume: str
    kind: str
    name: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Template:
    """What a pod is made from. `describe` shows neither affinity nor pull secrets, DNS, host names or the user it runs as."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    service_account: str | None = None
    containers: tuple[Container, ...] = ()
    volumes: tuple[VolumeSource, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[str, ...] = ()
    affinity: tuple[tuple[Rule, ...], ...] = ()  # required of nodes: alternatives, each of rules that must all hold
    pull_secrets: tuple[str, ...] = ()
    dns_policy: str = ""
    nameservers: tuple[str, ...] = ()
    host_aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    host_network: bool = False
    node_name: str | None = None
    fs_group: int | None = None
    scheduler: str | None = None

    def port_numbers(self) -> set[int]:
        return {port.number for container in self.containers for port in container.ports}


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job."""

    kind: str
    name: str
    query: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    selector: Mapping[str, str] = field(default_factory=dict)
    desired: int | None = None
    available: int | None = None
    template: Template = Template()
    conditions: tuple[tuple[str, str, str], ...] = ()
    owner: str | None = None
    events: tuple[Event, ...] = ()
    paused: bool = False


@dataclass(frozen=True)
class Pod:
    name: str
    query: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    ready: bool | None = None
    restarts: int = 0
    restarted_s: float | None = None
    age_s: float | None = None
    node: str | None = None
    owner: str | None = None
    template: Template = Template()
    conditions: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    line: str = ""
    message: str = ""


@dataclass(frozen=True)
class ServicePort:
    port: int
    target: int | str | None
    protocol: str = "TCP"
    name: str | None = None
    app_protocol: str | None = None


@dataclass(frozen=True)
class Service:
    """`endpoints` None: not recorded; empty: recorded as none."""

    name: str
    query: str
    namespace: str | None = None
    type: str = "ClusterIP"
    labels: Mapping[str, str] = field(default_factory=dict)
    selector: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    endpoints: tuple[str, ...] | None = None
    unready: tuple[str, ...] = ()
    external_name: str | None = None
    headless: bool = False
    events: tuple[Event, ...] = ()
    age_s: float | None = None


@dataclass(frozen=True)
class Claim:
    name: str
    query: str
    namespace: str | None = None
    status: str = ""
    volume: str = ""
    size: float | None = None
    modes: tuple[str, ...] = ()
    storage_class: str | None = None
    selector: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[Rule, ...] = ()
    used_by: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Volume:
    name: str
    query: str
    status: str = ""
    size: float | None = None
    modes: tuple[str, ...] = ()
    storage_class: str | None = None
    claim: str | None = None
    claim_namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quota:
    """`rows` maps a resource to (used, hard)."""

    name: str
    query: str
    namespace: str | None = None
    rows: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    name: str
    query: str
    ready: str = ""
    roles: tuple[str, ...] = ()
    cordoned: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)  # type -> (status, reason, line)
    allocatable: Mapping[str, float] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    renewed_s: float | None = None  # when it last renewed its lease, by its own clock, since the epoch

    @property
    def control_plane(self) -> bool:
        return bool({"master", "control-plane", "controlplane", "etcd"} & set(self.roles))


@dataclass(frozen=True)
class NodeService:
    """A daemon of a node as its init system shows it."""

    node: str
    service: str
    active: str
    detail: str
    query: str
    line: str
    since_s: float | None = None
    journal: tuple[str, ...] = ()  # the last lines it logged, oldest first


@dataclass(frozen=True)
class Bundle:
    """A Secret or ConfigMap: `sizes` in bytes per key, `values` where they were shown."""

    kind: str
    name: str
    query: str
    namespace: str | None = None
    type: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    known: bool = False  # False: only its existence was recorded


@dataclass(frozen=True)
class Peer:
    """Who may pass: pods of these labels (None: not told apart by label) in namespaces of these (None: the policy's own), or
    what is not told by labels at all (`block`: a range of addresses)."""

    pods: Mapping[str, str] | None = None
    spaces: Mapping[str, str] | None = None
    block: str = ""


@dataclass(frozen=True)
class Passage:
    """One rule of a policy: ports (numbers or names; none: all of them) and peers (none: everybody)."""

    ports: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()


@dataclass(frozen=True)
class Policy:
    """A NetworkPolicy. `denies` names the directions in which nothing may pass; `ingress` and `egress` are the rules where only
    some may, None where the direction is free or shut."""

    name: str
    query: str
    namespace: str | None = None
    selector: Mapping[str, str] = field(default_factory=dict)
    denies: tuple[str, ...] = ()
    age_s: float | None = None
    line: str = ""
    ingress: tuple[Passage, ...] | None = None
    egress: tuple[Passage, ...] | None = None


@dataclass(frozen=True)
class Backend:
    """Where an Ingress sends what it takes in; `port` a number or a name."""

    ingress: str
    service: str
    port: str
    query: str
    line: str


@dataclass(frozen=True)
class Reach:
    """A recorded attempt to connect to `host:port`."""

    host: str
    port: int
    ok: bool
    query: str
    line: str


@dataclass(frozen=True)
class Link:
    """A recorded measurement of a link: loss as a share, delay in milliseconds; `shaped` where a rule imposes it."""

    names: tuple[str, ...]
    loss: float
    delay_ms: float
    shaped: bool
    query: str
    line: str


@dataclass(frozen=True)
class Usage:
    """What `kubectl top` showed, in cores and bytes."""

    kind: str
    name: str
    cpu: float
    memory: float
    query: str
    line: str


@dataclass(frozen=True)
class Account:
    name: str
    query: str
    namespace: str | None = None
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scaler:
    """A HorizontalPodAutoscaler."""

    name: str
    query: str
    target: str
    low: int | None
    high: int | None
    current: int | None
    line: str
    blind: str = ""
    """The line that says that its metric cannot be read."""


@dataclass(frozen=True)
class Cluster:
    """Everything recorded, by name. `declared_*` is what manifests ask for, the rest what the cluster showed.

    `listed` names the kinds whose full list was recorded: only then is a missing name a finding.
    """

    workloads: Mapping[tuple[str, str], Workload] = field(default_factory=dict)
    declared_workloads: Mapping[tuple[str, str], Workload] = field(default_factory=dict)
    pods: Mapping[str, Pod] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    declared_services: Mapping[str, Service] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    declared_claims: Mapping[str, Claim] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    declared_volumes: Mapping[str, Volume] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    node_services: tuple[NodeService, ...] = ()
    secrets: Mapping[str, Bundle] = field(default_factory=dict)
    declared_secrets: Mapping[str, Bundle] = field(default_factory=dict)
    configs: Mapping[str, Bundle] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    backends: tuple[Backend, ...] = ()
    reaches: tuple[Reach, ...] = ()
    usages: tuple[Usage, ...] = ()
    links: tuple[Link, ...] = ()
    scalers: Mapping[str, Scaler] = field(default_factory=dict)
    loose_events: tuple[tuple[str, str, Event], ...] = ()  # (kind, name, event) from event lists
    unanswered: tuple[tuple[str, str], ...] = ()  # (command, line): the API server gave no answer
    absent_namespaces: Mapping[str, str] = field(default_factory=dict)  # name → the command that says so
    listed: frozenset[str] = frozenset()
