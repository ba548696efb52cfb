import asyncio
import json

from app import telemetry
from app.link import Backoff


class Broker:
    """Takes what is published."""

    oversize = 3

    def __init__(self):
        self.taken = []

    async def publish(self, topic, payload, qos=1, retain=False):
        self.taken.append((topic, json.loads(payload), retain))
        await asyncio.sleep_ms(0)


def make(private=lambda: False):
    return telemetry.Telemetry("dev-1", lambda: {"state": "IDLE"}, private, lambda: 1)


def run_for(ms, coroutine):
    async def main():
        try:
            await asyncio.wait_for_ms(coroutine, ms)
        except asyncio.TimeoutError:
            return

    asyncio.run(main())


def test_the_oldest_events_give_way():
    told, broker = make(), Broker()
    for number in range(40):
        told.event("fault", number=number)
    run_for(100, told.send_events(broker))
    assert [body["number"] for _, body, _ in broker.taken] == list(range(8, 40))
    assert told.dropped == 8


def test_private_events_are_not_kept():
    private, broker = [True], Broker()
    told = make(lambda: private[0])
    told.event("transition", to="RECORD")
    private[0] = False
    told.event("transition", to="IDLE")
    run_for(50, told.send_events(broker))
    assert [body["to"] for _, body, _ in broker.taken] == ["IDLE"]


def test_heartbeats_come_at_their_period_with_jitter():
    told, broker = make(), Broker()
    run_for(2700, told.beat(broker))
    assert 3 <= len(broker.taken) <= 4  # at once, then after 0.8 to 1.2 s each
    topic, body, retain = broker.taken[0]
    assert topic == "fieldrec/v1/dev-1/heartbeat" and not retain
    assert body == {"v": 1, "state": "IDLE", "counters": {"events_dropped": 0, "oversize": 3}}


def test_presence_is_retained_and_the_will_says_offline():
    told, broker = make(), Broker()
    asyncio.run(told.announce(broker))
    topic, body, retain = broker.taken[0]
    assert retain and body["online"] is True and len(body["since"]) == 20
    assert told.will()[0] == topic
    assert json.loads(told.will()[1]) == {"v": 1, "online": False, "since": None}


def test_pauses_double_to_a_limit_and_vary():
    backoff = Backoff(1000, 8000)
    for most in (1000, 2000, 4000, 8000, 8000):
        assert most // 2 <= backoff.pause_ms() <= most
    backoff.reset()
    assert backoff.pause_ms() <= 1000
    assert len({Backoff(1000, 8000).pause_ms() for _ in range(20)}) > 5
