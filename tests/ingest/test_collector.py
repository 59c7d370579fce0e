"""One session over several connections: what is taken, what is not, and a queue that has an end."""

import ingest.collector
from ingest.collector import Collector
from ingest.devices.driver import Started
from ingest.devices.polar import DRIVER
from ingest.pipeline import Identity
from ingest.steady_clock import SteadyClock
from stream.kafka import PPG_CHUNKS
from tests.ingest.test_pipeline import frames


class Outbox:
    """Keeps what it is given."""

    dropped = 0

    def __init__(self):
        self.messages = []

    def put(self, messages):
        self.messages += messages

    def put_latest(self, topic, message, key):
        pass


def collecting():
    outbox = Outbox()
    return Collector(Identity("d", "p", "s"), DRIVER, outbox, SteadyClock()), outbox


def samples(outbox):
    return sum(len(message.samples) for topic, message, _ in outbox.messages if topic == PPG_CHUNKS)


def test_what_still_comes_over_an_older_connection_is_not_taken():
    once, outbox = collecting()
    sent = frames(6)
    first = once.connected()
    once.streams(Started({}))
    for one in sent:
        first(one.characteristic, one.data)
    once.breaks("lost")
    before = samples(outbox)
    assert before > 200
    once.connected()
    once.streams(Started({}))
    for one in frames(6, begun_s=20):
        first(one.characteristic, one.data)  # BlueZ takes 2 s to disconnect, and notifies meanwhile
    once.breaks("lost again")
    assert samples(outbox) == before


def test_a_full_queue_drops_and_counts(monkeypatch):
    monkeypatch.setattr(ingest.collector, "_QUEUE", 5)
    once, _ = collecting()
    take = once.connected()
    once.streams(Started({}))
    for one in frames(6):
        take(one.characteristic, one.data)
    assert once.drops == len(frames(6)) - 5
