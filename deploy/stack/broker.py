"""A Kafka broker with nothing but Python: librdkafka's mock cluster, out of the confluent-kafka wheel, as a process.

For demos and tests: it lives in memory, keeps 5 MiB a partition, and listens on this machine only. Its interface is
called experimental by librdkafka, so every symbol is looked up and missed with a clear error."""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import DeployError
from stream.kafka import TOPICS, KafkaSettings

__all__ = ["NoEmbeddedBroker", "broker_command", "embedded_broker", "serve", "wait_for_address"]

_REBALANCE_DELAY_MS = 100  # its own default of 3 s is the longest part of a start
_PRODUCER = 0


class NoEmbeddedBroker(DeployError):
    """The wheel here has no mock cluster: run a Kafka broker and set kafka.bootstrap."""


class _Cluster:
    """One broker. Keep the object: the cluster ends with it."""

    def __init__(self) -> None:
        self._library = _library()
        reason = ctypes.create_string_buffer(512)
        conf = self._call("rd_kafka_conf_new", ctypes.c_void_p)
        self._call(
            "rd_kafka_conf_set", ctypes.c_int, ctypes.c_void_p(conf), b"log_level", b"3", reason, ctypes.c_size_t(512)
        )
        handle = self._call(
            "rd_kafka_new", ctypes.c_void_p, _PRODUCER, ctypes.c_void_p(conf), reason, ctypes.c_size_t(512)
        )
        if not handle:
            raise NoEmbeddedBroker(f"the embedded broker does not start: {reason.value.decode()}")
        cluster = self._call("rd_kafka_mock_cluster_new", ctypes.c_void_p, ctypes.c_void_p(handle), 1)
        if not cluster:
            raise NoEmbeddedBroker("the embedded broker does not start; is the loopback interface up?")
        self._cluster = ctypes.c_void_p(cluster)
        self._call(
            "rd_kafka_mock_group_initial_rebalance_delay_ms", None, self._cluster, ctypes.c_int32(_REBALANCE_DELAY_MS)
        )

    @property
    def address(self) -> str:
        return self._call("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, self._cluster).decode()

    def create(self, topic: str, partitions: int) -> None:
        failed = self._call(
            "rd_kafka_mock_topic_create", ctypes.c_int, self._cluster, topic.encode(), partitions, ctypes.c_int(1)
        )
        if failed:
            raise NoEmbeddedBroker(f"the embedded broker refuses topic {topic} (error {failed})")

    def _call(self, name: str, result: type | None, *arguments: object):
        try:
            function = getattr(self._library, name)
        except AttributeError as error:
            raise NoEmbeddedBroker(f"the installed confluent-kafka has no {name}: use a real Kafka broker") from error
        function.restype = result
        return function(*arguments)


def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise NoEmbeddedBroker("confluent-kafka is not installed: reinstall p2es, or use a real Kafka broker")
    site = Path(spec.origin).parents[1]
    found = sorted([*site.glob("confluent_kafka.libs/librdkafka*"), *site.glob("confluent_kafka/.dylibs/librdkafka*")])
    if not found:
        raise NoEmbeddedBroker("this build of confluent-kafka does not bring librdkafka: use a real Kafka broker")
    return ctypes.CDLL(str(found[0]))


def serve(address_file: Path, partitions: int = KafkaSettings().partitions) -> None:
    """Run until SIGTERM or SIGINT, or until the parent is gone. The address is written once all topics exist."""
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stopped.append(got))
    parent = os.getppid()
    cluster = _Cluster()
    for topic in TOPICS:
        cluster.create(topic, partitions)
    partial = address_file.with_suffix(".part")
    partial.write_text(cluster.address)
    partial.replace(address_file)
    while not stopped and os.getppid() == parent:
        time.sleep(0.1)


def broker_command(address_file: Path) -> list[str]:
    """The command line of a broker process."""
    return [sys.executable, "-m", "deploy.stack.broker", str(address_file)]


def wait_for_address(process: subprocess.Popen, address_file: Path, patience_s: float = 15.0) -> str:
    """Address of a broker that was just started. Raises NoEmbeddedBroker."""
    deadline = time.monotonic() + patience_s
    while not address_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NoEmbeddedBroker("the embedded broker did not start; its message stands above")
        time.sleep(0.02)
    return address_file.read_text()


@contextmanager
def embedded_broker(folder: Path) -> Iterator[str]:
    """A broker process for as long as the context lasts; gives its address. folder: for the address file."""
    address_file = folder / "broker-address"
    with subprocess.Popen(broker_command(address_file)) as process:
        try:
            yield wait_for_address(process, address_file)
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__)
    _parser.add_argument("address_file", type=Path)
    try:
        serve(_parser.parse_args().address_file)
    except NoEmbeddedBroker as error:
        sys.exit(f"p2es: {error}")
