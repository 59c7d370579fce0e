"""A real broker, real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.stack.broker import embedded_broker
from stream.kafka import KafkaSettings


@pytest.fixture
def kafka(tmp_path) -> Iterator[KafkaSettings]:
    with embedded_broker(tmp_path) as address:
        yield KafkaSettings(address)


class Stage:
    """One p2es process."""

    def __init__(self, kafka: KafkaSettings, *command: str) -> None:
        self.command = [sys.executable, "-m", "deploy.cli", "--set", f"kafka.bootstrap={kafka.bootstrap}", *command]
        self.process = self._start()

    def _start(self) -> subprocess.Popen:
        return subprocess.Popen(self.command, env=os.environ | {"OMP_NUM_THREADS": "1"})

    def kill(self) -> None:
        """kill -9, and start again."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = self._start()

    def stop(self, patience_s: float = 10) -> int:
        self.process.terminate()
        return self.process.wait(patience_s)


@pytest.fixture
def stage(kafka) -> Iterator:
    running: list[Stage] = []

    @contextmanager
    def start(*command: str):
        one = Stage(kafka, *command)
        running.append(one)
        try:
            yield one
        finally:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()

    yield start
    assert all(one.process.poll() is not None for one in running)
