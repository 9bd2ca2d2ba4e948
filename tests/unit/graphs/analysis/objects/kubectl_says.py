"""What kubectl, the scheduler, the kubelet and the controllers print about objects that are at fault, for the small cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.domain.telemetry import Recorded

PENDING = {"status": "Pending", "ready": False, "node": "", "state": "Waiting"}
WAITING = {"ready": False, "state": "Waiting"}
NO_VOLUME = "no persistent volumes available for this claim and no storage class is set"
REFUSED = "dial tcp 10.1.0.6:8081: connect: connection refused"


@dataclass(frozen=True)
class Bent:
    """A cluster whose printed output was changed, where no field of the builder could do it."""

    candidates: tuple[str, ...]
    entries: tuple[Recorded, ...]

    def recorded(self) -> tuple[Recorded, ...]:
        return self.entries


def rewritten(shop: Any, command: str, **lines: str) -> Bent:
    """The same cluster; in outputs of commands that hold `command` the line `Key: …` is printed as the text given for `Key`."""
    entries = []
    for entry in shop.recorded():
        printed = entry.output.splitlines()
        if command in entry.command:
            printed = [next((text for key, text in lines.items() if line.startswith(f"{key}:")), line) for line in printed]
        entries.append(Recorded(entry.command, "\n".join(printed)))
    return Bent(shop.candidates, tuple(entries))


def event(reason: str, source: str, message: str, *, age: str = "5s (x9 over 2m)", warning: bool = True) -> str:
    return f"{'Warning' if warning else 'Normal'}  {reason}  {age}  {source}  {message}"


def unschedulable(clause: str) -> str:
    all_ = "0/3 nodes are available"
    return event(
        "FailedScheduling",
        "default-scheduler",
        f"{all_}: {clause}. preemption: {all_}: 3 Preemption is not helpful for scheduling.",
        age="60s",
    )


def pending(shop: Any, app: str, clause: str, **changes: Any) -> Any:
    return shop.bend(app, **PENDING, events=(unschedulable(clause),), **changes)


def refused(shop: Any, app: str, why: str, **changes: Any) -> Any:
    """No pod, because the API server will not have it."""
    return shop.bend(app, pods=0, set_events=(event("FailedCreate", "replicaset-controller", f"Error creating: {why}"),), **changes)


def crashing(shop: Any, app: str, last: str = "Error 1", **changes: Any) -> Any:
    told = event("BackOff", "kubelet", f"Back-off restarting failed container {app}-main in pod {app}-7c9d-ax0_shop(b1)")
    loop = {"reason": "CrashLoopBackOff", "status": "CrashLoopBackOff", "last": last, "restarts": 4, "events": (told,)}
    return shop.bend(app, **{**WAITING, **loop, **changes})


def creating(shop: Any, app: str, *told: str, reason: str = "ContainerCreating", **changes: Any) -> Any:
    return shop.bend(app, **WAITING, reason=reason, status=reason, events=told, **changes)


def misconfigured(shop: Any, app: str, why: str, **changes: Any) -> Any:
    return creating(shop, app, event("Failed", "kubelet", f"Error: {why}"), reason="CreateContainerConfigError", **changes)


def unpulled(shop: Any, why: str, image: str) -> Any:
    told = event("Failed", "kubelet", f'Failed to pull image "{image}": {why}')
    more = (event("Failed", "kubelet", "Error: ErrImagePull"), event("Failed", "kubelet", "Error: ImagePullBackOff"))
    return creating(shop, "ledger", told, *more, reason="ImagePullBackOff", image=image)


def probed(shop: Any, role: str, text: str, said: str, **changes: Any) -> Any:
    """A probe that fails, and for all but readiness the kills that follow."""
    told = [event("Unhealthy", "kubelet", f"{role.capitalize()} probe failed: {said}")]
    if role == "readiness":
        return shop.bend("ledger", **{"ready": False, "readiness": text, "events": tuple(told), **changes})
    told.append(event("Killing", "kubelet", f"Container ledger-main failed {role} probe, will be restarted", warning=False))
    loop = {**WAITING, "reason": "CrashLoopBackOff", "status": "CrashLoopBackOff", "last": "Completed 0", "restarts": 4}
    return shop.bend("ledger", **{**loop, role: text, "events": tuple(told), **changes})


def quota(*rows: str) -> tuple[str, str]:
    head = ["Name:            q", "Namespace:       shop", "Resource         Used   Hard", "--------         ----   ----"]
    return "kubectl describe resourcequota q -n shop", "\n".join([*head, *rows])


def over_quota(shop: Any, requested: str, used: str, limited: str, *rows: str) -> Any:
    why = f'pods "ledger-7c9d-" is forbidden: exceeded quota: q, requested: {requested}, used: {used}, limited: {limited}'
    return refused(shop, "ledger", why).also(*([quota(*rows)] if rows else []))


def claims(*rows: tuple[str, str, str]) -> tuple[str, str]:
    """(name, status, volume) each."""
    head = f"{'NAME':<15}{'STATUS':<10}{'VOLUME':<12}{'CAPACITY':<11}{'ACCESS MODES':<15}{'STORAGECLASS':<15}AGE"
    lines = [f"{name:<15}{status:<10}{volume:<12}{'':<11}{'':<15}{'':<15}5m" for name, status, volume in rows]
    return "kubectl get persistentvolumeclaims -n shop -o wide", "\n".join([head, *lines])


def claim(name: str, *told: str, **fields: str) -> tuple[str, str]:
    shown = {"Namespace": "shop", "StorageClass": "", "Status": "Pending", "Volume": "", "Labels": "<none>", "Capacity": ""}
    shown |= {"Access Modes": "", "VolumeMode": "Filesystem", "Used By": f"{name.removesuffix('-claim')}-7c9d-ax0", **fields}
    lines = [f"Name:          {name}", *(f"{key}:  {value}" for key, value in shown.items())]
    lines += ["Events:", "  Type  Reason  Age  From  Message", *(f"  {one}" for one in told)] if told else ["Events:  <none>"]
    return f"kubectl describe persistentvolumeclaims {name} -n shop", "\n".join(lines)


def volume(name: str = "store-pv", **fields: str) -> tuple[str, str]:
    shown = {"Labels": "<none>", "Finalizers": "[kubernetes.io/pv-protection]", "StorageClass": "", "Status": "Available"}
    shown |= {"Claim": "", "Reclaim Policy": "Retain", "Access Modes": "RWO", "VolumeMode": "Filesystem", "Capacity": "5Gi"}
    lines = [f"Name:            {name}", *(f"{key}:  {value}" for key, value in {**shown, **fields}.items())]
    lines += ["Source:", "    Type:          HostPath (bare host directory volume)", "    Path:          /mnt/data"]
    return f"kubectl describe persistentvolumes {name} -n shop", "\n".join(lines)


def asks(storage: str = "5Gi", modes: str = "[ReadWriteOnce]", of_class: str = '""', more: str = "") -> tuple[str, str]:
    """The manifest of store's claim."""
    spec = f"  accessModes: {modes}\n  storageClassName: {of_class}\n  resources: {{requests: {{storage: {storage}}}}}\n{more}"
    text = f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: store-claim\n  namespace: shop\nspec:\n{spec}"
    return "manifest zz/store", text


def unbound(shop: Any, *recorded: tuple[str, str], told: str = "", of_class: str = "") -> Any:
    said = told or f"Normal  FailedBinding  3s (x5 over 60s)  persistentvolume-controller  {NO_VOLUME}"
    held = pending(shop, "store", "pod has unbound immediate PersistentVolumeClaims")
    mine = claim("store-claim", said, StorageClass=of_class)
    return held.also(mine, claims(("store-claim", "Pending", "")), *recorded)


def daemon(node: str, unit: str, active: str = "active (running)") -> tuple[str, str]:
    lines = [f"Service: {unit}", f"Node: {node}", f"Status: ● {unit}.service - daemon"]
    lines += [f"     Loaded: loaded (/etc/systemd/system/{unit}.service; enabled; vendor preset: enabled)"]
    age = "1h 2min" if active.startswith("active ") else "2min 1s"
    lines += [f"     Active: {active} since Mon 2026-05-04 10:58:00 CST; {age} ago"]
    return f"node-service {node} {unit}", "\n".join(lines)


def daemons(*others: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """All daemons of all nodes up, but for those that are given as they are."""
    known = {f"node-service {node} {unit}" for node in ("c1", "n1", "n2") for unit in ("kubelet", "containerd", "kube-proxy")}
    given = dict(others)
    return (*(daemon(*command.split()[1:]) for command in sorted(known - set(given))), *others)


def nodes_condition(node: str, kind: str, reason: str, taint: str) -> tuple[str, str]:
    at = "Mon, 04 May 2026 11:59:00 +0800"
    lines = [
        f"Name:               {node}",
        "Roles:              <none>",
        f"Taints:             {taint}",
        "Unschedulable:      false",
    ]
    lines += ["Conditions:", "  Type             Status  LastHeartbeatTime                 LastTransitionTime  Reason  Message"]
    lines += [f"  {kind}      True    {at}   {at}   {reason}   kubelet said so"]
    lines += [f"  Ready            True    {at}   {at}   KubeletReady   kubelet is posting ready status"]
    return f"kubectl describe nodes {node}", "\n".join(lines)


def databases(shop: Any, **different: str) -> Any:
    """Four secrets of one make that say where a database is; ledger's with `different` values."""
    told: list[tuple[str, str]] = []
    for name in ("basket", "ledger", "mailer", "search"):
        values = {"HOST": "store", "PORT": "5432", "DATABASE": "shop", "USER": "shop", "PASSWORD": "<masked:aa11>"}
        values |= different if name == "ledger" else {}
        lines = "\n".join(f"  {name.upper()}_MYSQL_{key}: '{value}'" for key, value in values.items())
        head = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}-pg\n  namespace: shop\ntype: Opaque\nstringData:\n"
        told.append((f"manifest zz/{name}", head + lines))
        sizes = "\n".join(f"{name.upper()}_MYSQL_{key}:  {min(12, len(value))} bytes" for key, value in values.items())
        told.append(
            (f"kubectl describe secrets {name}-pg", f"Name:  {name}-pg\nNamespace:  shop\n\nType:  Opaque\n\nData\n====\n{sizes}")
        )
    return shop.also(*told)


def config(name: str, key: str, text: str) -> tuple[tuple[str, str], tuple[str, str]]:
    body = f"Name:         {name}\nNamespace:    shop\n\nData\n====\n{key}:\n----\n{text}\n\n\nBinaryData\n====\n"
    listing = f"NAME         DATA   AGE\n{name:<13}1      5m"
    return ("kubectl get configmaps -n shop -o wide", listing), (f"kubectl describe configmaps {name} -n shop", body)


def policy(pods: str) -> tuple[tuple[str, str], tuple[str, str]]:
    text = f"Name:         shut\nNamespace:    shop\nSpec:\n  PodSelector:     {pods}\n  Allowing ingress traffic:\n"
    text += (
        "    <none> (Selected pods are isolated for ingress connectivity)\n  Not affecting egress traffic\n  Policy Types: Ingress"
    )
    return ("kubectl describe networkpolicies shut -n shop", text), (
        "kubectl get netpol -n shop",
        "NAME   POD-SELECTOR   AGE\nshut   x   2m",
    )


def ingress(backend: str) -> tuple[str, str]:
    text = "Name:             edge\nNamespace:        shop\nAddress:          1.2.3.4\nIngress Class:    nginx\n"
    text += "Default backend:  <default>\nRules:\n  Host        Path  Backends\n  ----        ----  --------\n  *           \n"
    return (
        "kubectl describe ingresses edge -n shop",
        text + f"              /   {backend}\nAnnotations:  <none>\nEvents:       <none>",
    )
