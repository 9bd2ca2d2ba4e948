"""A small cluster of our own, as kubectl prints it: web calls basket and ledger, ledger keeps its rows in store.

`Shop` holds the few fields that tests bend; `recorded()` prints them as commands and outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from app.domain.telemetry import Recorded

SPACE = "shop"


@dataclass(frozen=True)
class App:
    name: str
    port: int = 8080
    container_port: int | None = None
    target: str = ""
    selector: str = ""
    label: str = ""
    image: str = ""
    replicas: int = 1
    live_replicas: int | None = None
    readiness: str = ""
    liveness: str = ""
    env: dict[str, str] = field(default_factory=dict)
    spec: str = ""  # further lines of the pod spec in the manifest
    annotations: dict[str, str] = field(default_factory=dict)
    requests: str = "cpu: 100m, memory: 64Mi"
    secret: str = ""
    config: str = ""
    claim: str = ""
    mount_mode: str = "rw"
    node_selector: str = ""
    account: str = "default"
    status: str = "Running"
    ready: bool = True
    restarts: int = 0
    node: str = "n1"
    state: str = "Running"
    reason: str = ""
    last: str = ""  # reason and exit code of the last end
    message: str = ""
    events: tuple[str, ...] = ()
    set_events: tuple[str, ...] = ()
    pods: int = 1
    protocol: str = "TCP"
    command: str = ""

    @property
    def labelled(self) -> str:
        return self.label or self.name

    @property
    def listens(self) -> int:
        return self.container_port or self.port

    def container(self, indent: str, *, live: bool) -> list[str]:
        lines = [
            f"{self.name}-main:",
            f"  Image:      {self.image or f'registry.test/{self.name}:1.4'}",
            f"  Port:       {self.listens}/TCP",
        ]
        lines += ["  Host Port:  0/TCP"]
        if self.command:
            lines += ["  Command:", *(f"    {word}" for word in self.command.split())]
        if live:
            lines += [f"  State:          {self.state}", *([f"    Reason:       {self.reason}"] if self.reason else [])]
            if self.message:
                lines += [f"    Message:      {self.message}"]
            if self.last:
                reason, code = self.last.split()
                lines += ["  Last State:     Terminated", f"    Reason:       {reason}", f"    Exit Code:    {code}"]
            lines += [f"  Ready:          {self.ready}", f"  Restart Count:  {self.restarts}"]
        lines += [
            "  Limits:",
            "    cpu:     200m",
            "    memory:  128Mi",
            "  Requests:",
            *(f"    {one.strip()}" for one in self.requests.split(",")),
        ]
        for role, probe in (("Liveness", self.liveness), ("Readiness", self.readiness)):
            lines += [f"  {role}:  {probe or f'tcp-socket :{self.listens} delay=5s timeout=1s period=10s #success=1 #failure=3'}"]
        if self.secret or self.config:
            lines += ["  Environment Variables from:"]
            lines += [f"    {self.secret}  Secret  Optional: false"] if self.secret else []
            lines += [f"    {self.config}  ConfigMap  Optional: false"] if self.config else []
        lines += (
            ["  Environment:", *(f"    {key}:  {value}" for key, value in self.env.items())]
            if self.env
            else ["  Environment:  <none>"]
        )
        lines += ["  Mounts:", f"    /data from data ({self.mount_mode})"] if self.claim else ["  Mounts:  <none>"]
        return [indent + line for line in lines]

    def volumes(self, indent: str) -> list[str]:
        if not self.claim:
            return []
        lines = [
            "Volumes:",
            "  data:",
            "    Type:       PersistentVolumeClaim (a reference)",
            f"    ClaimName:  {self.claim}",
            "    ReadOnly:   false",
        ]
        return [indent + line for line in lines]

    def pod_name(self, number: int = 0) -> str:
        return f"{self.name}-7c9d-{'abc'[number]}x{number}"

    def pod(self, number: int = 0) -> str:
        where = f"Node:             {self.node}/10.0.0.1" if self.node else "Node:             <none>"
        lines = [
            f"Name:             {self.pod_name(number)}",
            f"Namespace:        {SPACE}",
            f"Service Account:  {self.account}",
            where,
            f"Labels:           app={self.labelled}",
            "                  pod-template-hash=7c9d",
            *_annotations(self.annotations),
            f"Status:           {'Pending' if not self.node else 'Running'}",
            f"IP:               10.1.0.{len(self.name)}",
            f"Controlled By:    ReplicaSet/{self.name}-7c9d",
            "Containers:",
            *self.container("  ", live=True),
            "Conditions:",
            "  Type              Status",
            f"  Ready             {self.ready}",
            f"  PodScheduled      {bool(self.node)}",
            *self.volumes(""),
            f"Node-Selectors:              {self.node_selector or '<none>'}",
            *_events(self.events),
        ]
        return "\n".join(lines)

    def workload(self, kind: str) -> str:
        wanted = self.replicas if self.live_replicas is None else self.live_replicas
        up = wanted if self.ready and self.node else 0
        lines = [
            f"Name:                   {self.name}{'-7c9d' if kind == 'replicasets' else ''}",
            f"Namespace:              {SPACE}",
            f"Selector:               app={self.labelled}",
            f"Labels:                 app={self.labelled}",
        ]
        if kind == "replicasets":
            lines += [f"Controlled By:  Deployment/{self.name}", f"Replicas:       {wanted} current / {wanted} desired"]
        else:
            lines += [
                f"Replicas:               {wanted} desired | {wanted} updated | {wanted} total | {up} available | 0 unavailable"
            ]
        lines += ["Pod Template:", f"  Labels:  app={self.labelled}", *("  " + line for line in _annotations(self.annotations))]
        lines += [f"  Service Account:  {self.account}", "  Containers:", *self.container("   ", live=False), *self.volumes("  ")]
        lines += [f"  Node-Selectors:  {self.node_selector or '<none>'}"]
        lines += _events(self.set_events if kind == "replicasets" else ())
        return "\n".join(lines)

    def service(self) -> str:
        lines = [
            f"Name:                     {self.name}",
            f"Namespace:                {SPACE}",
            f"Labels:                   app={self.name}",
            f"Selector:                 {self.selector or f'app={self.labelled}'}",
            "Type:                     ClusterIP",
            "IP:                       10.9.0.7",
            f"Port:                     main  {self.port}/{self.protocol}",
            f"TargetPort:               {self.target or self.port}/{self.protocol}",
            "Endpoints:                10.1.0.3:8080",
            "Events:                   <none>",
        ]
        return "\n".join(lines)

    def manifest(self) -> str:
        claim = (
            f"\n      volumes:\n      - name: data\n        persistentVolumeClaim:\n          claimName: {self.claim}"
            if self.claim
            else ""
        )
        return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {self.name}
  namespace: {SPACE}
spec:
  replicas: {self.replicas}
  selector:
    matchLabels:
      app: {self.labelled}
  template:
    metadata:
      labels:
        app: {self.labelled}
    spec:
      serviceAccountName: {self.account}
{_indented(self.spec)}
      containers:
      - name: {self.name}-main
        image: {self.image or f"registry.test/{self.name}:1.4"}
        ports:
        - containerPort: {self.listens}{claim}
---
apiVersion: v1
kind: Service
metadata:
  name: {self.name}
  namespace: {SPACE}
spec:
  selector:
    app: {self.labelled}
  ports:
  - name: main
    port: {self.port}
"""


@dataclass(frozen=True)
class Shop:
    apps: tuple[App, ...]
    extra: tuple[Recorded, ...] = ()
    cordoned: tuple[str, ...] = ()
    node_ready: dict[str, str] = field(default_factory=dict)
    node_condition: dict[str, str] = field(default_factory=dict)
    absent_services: tuple[str, ...] = ()
    secrets: dict[str, dict[str, int]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def bend(self, name: str, **changes: object) -> Shop:
        return replace(self, apps=tuple(replace(app, **changes) if app.name == name else app for app in self.apps))

    def also(self, *recorded: tuple[str, str]) -> Shop:
        return replace(self, extra=(*self.extra, *(Recorded(command, output) for command, output in recorded)))

    @property
    def candidates(self) -> tuple[str, ...]:
        return (*(f"app/{app.name}" for app in self.apps), "node/c1", "node/n1", "node/n2", f"namespace/{SPACE}")

    def recorded(self) -> tuple[Recorded, ...]:
        rows = [
            Recorded(f"kubectl get pods -n {SPACE} -o wide", self._pods()),
            Recorded(f"kubectl get nodes -n {SPACE} -o wide", self._nodes()),
            Recorded(f"kubectl get services -n {SPACE} -o wide", self._services()),
            Recorded(f"kubectl get secrets -n {SPACE} -o wide", _listing("TYPE", list(self.secrets))),
            Recorded(f"kubectl get serviceaccounts -n {SPACE}", _listing("SECRETS", ["default"])),
        ]
        rows += [Recorded(f"kubectl describe nodes {node}", self._node(node)) for node in ("c1", "n1", "n2")]
        for name, keys in self.secrets.items():
            data = "\n".join(f"{key}:  {size} bytes" for key, size in keys.items())
            rows.append(
                Recorded(
                    f"kubectl describe secrets {name}",
                    f"Name:         {name}\nNamespace:    {SPACE}\n\nType:  Opaque\n\nData\n====\n{data}",
                )
            )
        for app in self.apps:
            rows.append(Recorded(f"manifest app/{app.name}", app.manifest()))
            rows += [Recorded(f"kubectl describe pods {app.pod_name(n)} -n {SPACE}", app.pod(n)) for n in range(app.pods)]
            rows += [Recorded(f"kubectl describe {kind} {app.name}", app.workload(kind)) for kind in ("deployments", "replicasets")]
            if app.name not in self.absent_services:
                rows.append(Recorded(f"kubectl describe services {app.name}", app.service()))
        return (*rows, *self.extra)

    def _pods(self) -> str:
        rows = [
            (
                app.pod_name(n),
                f"{int(app.ready)}/1",
                app.status,
                f"{app.restarts}{' (40s ago)' if app.restarts else ''}",
                "5m2s",
                f"10.1.0.{len(app.name)}",
                app.node or "<none>",
            )
            for app in self.apps
            for n in range(app.pods)
        ]
        return _columns(("NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"), rows)

    def _nodes(self) -> str:
        rows = [("c1", "Ready,SchedulingDisabled", "control-plane", "90d")]
        for node in ("n1", "n2"):
            status = "Ready" if self.node_ready.get(node, "True") == "True" else "NotReady"
            rows.append((node, status + (",SchedulingDisabled" if node in self.cordoned else ""), "<none>", "90d"))
        return _columns(("NAME", "STATUS", "ROLES", "AGE"), rows)

    def _node(self, name: str) -> str:
        ready = self.node_ready.get(name, "True")
        pressure = self.node_condition.get(name, "")
        conditions = [
            f"  {kind}  {'True' if kind == pressure else 'False'}  x  x  Kubelet{kind}  said"
            for kind in ("MemoryPressure", "DiskPressure")
        ]
        why = (
            "KubeletReady  kubelet is posting ready status"
            if ready == "True"
            else "NodeStatusUnknown  Kubelet stopped posting node status."
        )
        return "\n".join(
            [
                f"Name:               {name}",
                f"Roles:              {'control-plane' if name == 'c1' else '<none>'}",
                f"Labels:             kubernetes.io/hostname={name}",
                f"                    disk={'hdd' if name == 'c1' else 'ssd'}",
                "Taints:             <none>",
                f"Unschedulable:      {str(name == 'c1' or name in self.cordoned).lower()}",
                "Conditions:",
                "  Type  Status  LastHeartbeatTime  LastTransitionTime  Reason  Message",
                *conditions,
                f"  Ready  {ready}  x  x  {why}",
                "Allocatable:",
                "  cpu:     4",
                "  memory:  8000000Ki",
                "  pods:    110",
                "Events:              <none>",
            ]
        )

    def _services(self) -> str:
        rows = [
            (app.name, "ClusterIP", "10.9.0.7", "<none>", f"{app.port}/{app.protocol}", "5m", app.selector or f"app={app.labelled}")
            for app in self.apps
            if app.name not in self.absent_services
        ]
        return _columns(("NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"), rows)


@pytest.fixture
def shop() -> Shop:
    """Nothing is wrong with it."""
    password = {
        name: {f"{name.upper()}_PG_HOST": 5, f"{name.upper()}_PG_PASSWORD": 12} for name in ("basket", "ledger", "mailer", "search")
    }
    return Shop(
        apps=(
            App("web", 8000, env={"BASKET_ADDR": "basket:8080", "LEDGER_URL": "http://ledger:8081/v1"}),
            App("basket", 8080, env={"STORE_ADDR": "store:5432"}, secret="basket-pg"),
            App("ledger", 8081, env={"STORE_ADDR": "store:5432"}, secret="ledger-pg"),
            App("mailer", 8082, secret="mailer-pg"),
            App("search", 8083, secret="search-pg", node="n2"),
            App("store", 5432, claim="store-claim"),
        ),
        secrets={f"{name}-pg": keys for name, keys in password.items()},
    )


def _annotations(annotations: dict[str, str]) -> list[str]:
    texts = [f"{key}: {value}" for key, value in annotations.items()] or ["<none>"]
    return [f"Annotations:      {texts[0]}", *(f"                  {text}" for text in texts[1:])]


def _events(events: tuple[str, ...]) -> list[str]:
    if not events:
        return ["Events:  <none>"]
    return [
        "Events:",
        "  Type     Reason     Age   From               Message",
        "  ----     ------     ----  ----               -------",
        *(f"  {line}" for line in events),
    ]


def _listing(column: str, names: list[str]) -> str:
    return _columns(("NAME", column, "AGE"), [(name, "0", "5m") for name in names])


def _columns(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) + 3 for i in range(len(header))]
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [header, *rows]
    )


def _indented(spec: str) -> str:
    return "\n".join(f"      {line}" for line in spec.splitlines())
