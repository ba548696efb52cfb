"""To whom a message goes, found without looking at every subscription there is.

amqtt compares each message with each subscription, and each new subscription with each retained message. With a
subscription for each device that is a cost that grows with the square of the fleet: 2,000 devices held a status
back for a minute. Filters without a wildcard are looked up here, and only the services' few have wildcards.
"""

from collections import defaultdict
from collections.abc import Iterator

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig

from cloud.embedded import broker_access as access

_REFUSED = 0x80  # of SUBACK


class Routed(Broker):
    """amqtt's broker with its own way to deliver. `keep` and `keep_waiting` are its subclass's."""

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self.filters: dict[str, set[str]] = defaultdict(set)  # of each client
        self.patterns: set[str] = set()  # filters with a wildcard

    async def add_subscription(self, subscription: tuple[str, int], session) -> int:
        answer = await super().add_subscription(subscription, session)
        if answer != _REFUSED:
            topic_filter = subscription[0]
            self.filters[session.client_id].add(topic_filter)
            if "+" in topic_filter or "#" in topic_filter:
                self.patterns.add(topic_filter)
        return answer

    async def _del_all_subscriptions(self, session) -> None:
        for topic_filter in self.filters.pop(session.client_id, ()):
            self._del_subscription(topic_filter, session)
            if not self._subscriptions.get(topic_filter):
                self._subscriptions.pop(topic_filter, None)
                self.patterns.discard(topic_filter)

    def subscribers(self, topic: str) -> Iterator[tuple]:
        """(session, granted QoS) of every subscription that matches."""
        yield from self._subscriptions.get(topic, ())
        for pattern in self.patterns:
            if self._matches(topic, pattern):
                yield from self._subscriptions.get(pattern, ())

    async def _run_broadcast(self, _running_tasks) -> None:
        """One message. amqtt's queue of deliveries is stuck behind its slowest client: here each runs alone."""
        broadcast = await self._broadcast_queue.get()
        topic, data = broadcast["topic"], broadcast["data"]
        for session, granted in list(self.subscribers(topic)):
            qos = broadcast.get("qos", granted)
            if not access.may_receive(session.client_id, topic):
                continue
            handler = self._get_handler(session) if session.transitions.state == "connected" else None
            if handler:
                self.keep(handler.mqtt_publish(topic, data, qos, retain=False))
            elif qos and not session.clean_session:
                self.keep_waiting(session, topic, data, qos, False)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session
    ) -> None:
        """amqtt, on a new connection, sends it what is retained for *any* client's subscriptions."""
        topic_filter, qos = subscription
        handler = self._get_handler(session)
        if not handler or topic_filter not in self.filters.get(session.client_id, ()):
            return
        for topic, kept in self._retained_for(topic_filter):
            if access.may_receive(session.client_id, topic):
                self.keep(handler.mqtt_publish(topic, kept.data, min(qos, kept.qos or 0), retain=True))

    def _retained_for(self, topic_filter: str) -> list[tuple]:
        if topic_filter not in self.patterns:
            kept = self._retained_messages.get(topic_filter)
            return [(topic_filter, kept)] if kept else []
        return [each for each in self._retained_messages.items() if self._matches(each[0], topic_filter)]

    def keep(self, delivery) -> None:
        raise NotImplementedError

    def keep_waiting(self, session, topic: str, data: bytes, qos: int, retain: bool) -> None:
        raise NotImplementedError
