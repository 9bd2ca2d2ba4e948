"""Images that cannot be pulled or run: a wrong name, a missing credential, or a registry out of reach."""

from __future__ import annotations

from collections.abc import Iterator

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, near
from graphs.analysis.objects.model import Container, Event, Pod

_WAITING = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"}
)
_UNKNOWN = (
    "not found",
    "notfound",
    "manifest unknown",
    "invalid reference",
    "couldn't parse image",
    "no such image",
    "name unknown",
)
_REFUSED = ("unauthorized", "denied", "forbidden", "401", "403", "authentication required", "no basic auth", "authorization failed")
_UNSURE = ("does not exist or may require", "may not exist", "or it does not exist")
_UNNAMED = ("no such host", "server misbehaving", "temporary failure in name resolution", "could not resolve", "dial tcp: lookup ")
_RATE = ("429", "toomanyrequests", "too many requests", "pull rate limit")
_UNREACHED = (
    "i/o timeout",
    "connection refused",
    "tls handshake",
    "x509",
    "network is unreachable",
    "deadline exceeded",
    "eof",
)


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        for pod in unit.pods:
            failing = [container for container in pod.template.containers if container.reason in _WAITING]
            if failing or pod.status in _WAITING or pod.status.removeprefix("Init:") in _WAITING:
                yield from _pull(look, unit, pod, failing[0] if failing else None)
            yield from _foreign_build(look, unit, pod)
    yield from _pull_secrets(look)


def _pull(look: Look, unit: Unit, pod: Pod, container: Container | None) -> Iterator[ObjectFault]:
    told = [event for event in pod.events if event.warning and ("pull" in event.message.lower() or event.reason == "InspectFailed")]
    detail = max(told, key=lambda event: (_specific(event), event.line), default=None)
    text = " ".join(event.message for event in told).lower()
    image = container.image if container else "its image"
    line = detail.line if detail else pod.line
    kind, weight, why = _why(look, unit, pod, container, text)
    yield from look.fault(unit.target, kind, weight, f"{unit.kind} {unit.name}: image {image} {why}", query=pod.query, excerpt=line)


def _specific(event: Event) -> int:
    text = event.message.lower()
    return sum(any(word in text for word in words) for words in (_UNKNOWN, _REFUSED, _UNREACHED)) + ("failed to pull" in text)


def _why(look: Look, unit: Unit, pod: Pod, container: Container | None, text: str) -> tuple[str, float, str]:
    if "InvalidImageName" in {pod.status, container.reason if container else ""}:
        return "incorrect_image_reference", 6.0, "is not a valid reference"
    if "ErrImageNeverPull" in {pod.status, container.reason if container else ""}:
        return "image_pull_policy_mismatch", 5.5, "is not on the node and its pull policy is Never"
    if "unable to retrieve some image pull secrets" in text:
        return "missing_image_pull_secret", 6.0, "needs a pull secret that does not exist"
    if any(word in text for word in _RATE):
        return "image_rate_limited", 5.0, "is not handed out: too many were asked of its registry"
    if any(word in text for word in _UNNAMED):
        if container is not None and (meant := _meant(look, unit, container.image)) is not None:
            return "incorrect_image_registry", 6.0, f"names a registry that does not exist; images beside it come from {meant}"
        return "image_registry_dns_failure", 5.0, "cannot be fetched: the name of its registry does not resolve"
    if any(word in text for word in _UNSURE) and container is not None and _served_openly(look, unit, container.image):
        return "incorrect_image_reference", 5.0, "is refused, while images beside it are handed out to everybody"
    refused, unknown = any(word in text for word in _REFUSED), any(word in text for word in _UNKNOWN)
    if refused:
        account = look.cluster.accounts.get(unit.template.service_account or "default")
        named = unit.template.pull_secrets or (account.pull_secrets if account is not None else ())
        gone = [name for name in named if "secrets" in look.cluster.listed and name not in look.cluster.secrets]
        kind = "image_pull_secret_invalid" if named and len(gone) < len(named) else "missing_image_pull_secret"
        bound = f"pull secret {named[0]} does not help" if named else "no pull secret is bound"
        bound = f"pull secret {gone[0]} does not exist" if gone else bound
        return kind, 5.5, f"is refused by its registry, and {bound}"
    if unknown:
        return "incorrect_image_reference", 6.0, "does not exist in its registry"
    if any(word in text for word in _UNREACHED):
        return "image_registry_unreachable", 4.5, "cannot be fetched: the registry is out of reach"
    return "incorrect_image_reference", 3.0, "cannot be pulled"


def _meant(look: Look, unit: Unit, image: str) -> str | None:
    """The registry that others' images come from and that this one's name is a slip of the pen away from."""
    host, slash, _ = image.partition("/")
    others = sorted({c.image.partition("/")[0] for other in look.units if other.name != unit.name for c in other.main})
    return near(host, [other for other in others if "." in other]) if slash and "." in host else None


def _served_openly(look: Look, unit: Unit, image: str) -> bool:
    """Whether others run images of the same place in the same registry, without any credential."""
    place = image.rpartition("/")[0]
    return bool(place) and any(
        other.healthy and not other.template.pull_secrets and container.image.rpartition("/")[0] == place
        for other in look.units
        if other.name != unit.name
        for container in other.main
    )


def _foreign_build(look: Look, unit: Unit, pod: Pod) -> Iterator[ObjectFault]:
    told = " ".join((*(event.message for event in pod.events), *(container.message for container in pod.template.containers)))
    if "exec format error" in told:
        why = f"{unit.kind} {unit.name}: its image is built for another processor than the node's"
        yield from look.fault(unit.target, "image_architecture_mismatch", 5.5, why, query=pod.query, excerpt="exec format error")


def _pull_secrets(look: Look) -> Iterator[ObjectFault]:
    """Pull secrets that are bound but do not exist, where the images are at hand anyway: a trap for the next node."""
    known = {**look.cluster.secrets}
    if "secrets" not in look.cluster.listed:
        return
    for unit in look.units:
        for name in unit.template.pull_secrets:
            if name not in known:
                weight = 3.0 if not unit.healthy else 0.8
                why = f"{unit.kind} {unit.name} names pull secret {name}, which does not exist"
                yield from look.fault(unit.target, "missing_image_pull_secret", weight, why, query=unit.query)
