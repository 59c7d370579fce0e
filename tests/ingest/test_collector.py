"""One session over several connections: what is taken, what is not, and a queue that has an end."""

import ingest.collector
from ingest.collector import Collector
from ingest.devices.driver import Started
from ingest.devices.polar import DRIVER
from ingest.pipeline import Identity
from ingest.steady_clock import SteadyClock
from tests.ingest.test_pipeline import frames


class Outbox:
    dropped = 0

    def put(self, messages):
        pass

    def put_latest(self, topic, message, key):
        pass


def collecting():
    return Collector(Identity("d", "p", "s"), DRIVER, Outbox(), SteadyClock())


def test_what_still_comes_over_an_older_connection_is_not_taken():
    once, sent = collecting(), frames(6)
    first = once.connected()
    once.streams(Started({}))
    for one in sent:
        first(one.characteristic, one.data)
    once.breaks("lost")
    assert once.pipeline.frames == len(sent)
    once.connected()
    once.streams(Started({}))
    for one in sent:
        first(one.characteristic, one.data)  # BlueZ takes 2 s to disconnect, and notifies meanwhile
    once.breaks("lost again")
    assert once.pipeline.frames == len(sent)


def test_a_full_queue_drops_and_counts(monkeypatch):
    monkeypatch.setattr(ingest.collector, "_QUEUE", 5)
    once = collecting()
    take = once.connected()
    once.streams(Started({}))
    for one in frames(6):
        take(one.characteristic, one.data)
    assert once.drops == len(frames(6)) - 5
