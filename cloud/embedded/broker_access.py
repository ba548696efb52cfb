"""Who may connect to the broker, and what they may do there. Pure: certificates and topics in, words out.

A device is who its certificate says and sees `fieldrec/v1/ID/...` alone: it publishes what
`wire.topics.TOPICS` has devices publish, retained where it says so, and subscribes to exactly what the cloud
sends there. Services have all of `fieldrec/v1`. The client id tells the two apart, because `refuse_connect`
has held it against the certificate, and no device's id begins with `service-`.
"""

from collections.abc import Mapping

from wire import topics

SERVICE_PREFIX = "service-"
_FROM_DEVICE = {name: retained for name, (by, retained) in topics.TOPICS.items() if by == "device"}
_FROM_CLOUD = [name for name, (by, _) in topics.TOPICS.items() if by == "cloud"]


def refuse_connect(certificate: Mapping | None, client_id: str, will: tuple[str, bool] | None) -> str | None:
    """Words if the client may not connect, else None.

    `certificate` as by `ssl.SSLObject.getpeercert()`, whose chain was verified; `will` is (topic, retained).
    """
    if not certificate:
        return "no client certificate"
    name = dict(pair for rdn in certificate["subject"] for pair in rdn).get("commonName", "")
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    role = "service" if name.startswith(SERVICE_PREFIX) else "device"
    if uris != [f"spiffe://fieldrec/{role}/{name.removeprefix(SERVICE_PREFIX)}"]:
        return f"certificate of {name!r} is for {uris}, no {role}"
    if client_id != name and not (role == "service" and client_id.startswith(name + "-")):
        return f"client id {client_id!r} with the certificate of {name!r}"
    if will and not may_publish(client_id, *will):
        return f"last will to {will[0]!r}"
    return None


def may_publish(client_id: str, topic: str, retained: bool) -> bool:
    if client_id.startswith(SERVICE_PREFIX):
        return topic.startswith(topics.PREFIX + "/")
    name = _own(client_id, topic)
    return any(_matches(each, name) and retained <= retains for each, retains in _FROM_DEVICE.items())


def may_subscribe(client_id: str, topic_filter: str) -> bool:
    if client_id.startswith(SERVICE_PREFIX):
        return topic_filter.startswith(topics.PREFIX + "/")
    return _own(client_id, topic_filter) in _FROM_CLOUD


def may_receive(client_id: str, topic: str) -> bool:
    if client_id.startswith(SERVICE_PREFIX):
        return topic.startswith(topics.PREFIX + "/")
    return any(_matches(name, _own(client_id, topic)) for name in _FROM_CLOUD)


def _own(device_id: str, topic: str) -> str:
    """The topic's name below the device's own prefix, "" if it lies elsewhere."""
    owner, name = topics.parse(topic)
    return name if owner == device_id else ""


def _matches(pattern: str, name: str) -> bool:
    wanted, given = pattern.split("/"), name.split("/")
    return len(wanted) == len(given) and all(w in ("+", g) and g for w, g in zip(wanted, given, strict=True))
