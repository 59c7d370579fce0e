"""Real servers on this machine: Kafka in one KRaft process and InfluxDB, started, stopped and found again."""

from __future__ import annotations

import os
import random
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import DeployError
from deploy.testbed.secured import SecuredListener
from sinks.influx.setup import first_setup

__all__ = ["InfluxServer", "KafkaServer", "ServerFailed", "free_port"]

_START_S, _STOP_S = 60.0, 30.0
_PORTS = 20_000, 32_000  # Linux takes outgoing ones from 32768 up, others from 49152

_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{secured}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}{secured}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


class ServerFailed(DeployError):
    """A server did not start, or is not there; its log says why."""


def free_port() -> int:
    """A TCP port that nobody listens on. It is used some seconds later, so it is none of those that the system gives to
    outgoing connections meanwhile."""
    while True:
        port = random.randrange(*_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass(slots=True)
class _Process:
    """A server in a session of its own, so that it outlives the command that started it; known by its pid file."""

    folder: Path
    name: str

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def pid(self) -> int | None:
        """Of the running server, None when there is none."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline")
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        # a pid that now belongs to somebody else is nobody of ours
        return (
            pid if not command.exists() or self.name in command.read_bytes().decode(errors="replace").lower() else None
        )

    def start(self, command: list[str]) -> subprocess.Popen:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._pid_file.write_text(str(process.pid))
        return process

    def stop(self, number: int = signal.SIGTERM) -> None:
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + _STOP_S
        while _alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline += _STOP_S
            time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)  # ours: reap it, or it stays as a zombie
        if done:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass(slots=True)
class KafkaServer:
    """One Kafka broker with its controller. folder: of its data and log; libraries: of the jar files. advertised: the
    port it tells clients to use, of a proxy before it; its own when None. secured: one more listener, behind TLS and a
    password."""

    folder: Path
    libraries: Path
    port: int
    advertised: int | None = None
    secured: SecuredListener | None = None
    process: _Process = field(init=False)

    def __post_init__(self) -> None:
        self.process = _Process(self.folder, "kafka")

    @property
    def bootstrap(self) -> str:
        """What kafka.bootstrap is set to."""
        return f"127.0.0.1:{self.advertised or self.port}"

    def start(self) -> None:
        """Start it (formatting its storage the first time) and return when it answers. Raises ServerFailed, and
        NoCertificate for a secured listener."""
        if self.process.pid() is not None:
            return
        config = self.folder / "server.properties"
        if not self._data.exists():
            self._format(config)
        classpath = f"{self.libraries.absolute()}/*"
        java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", classpath, "kafka.Kafka", str(config.absolute())]
        started = self.process.start(java)
        ports = [self.port] if self.secured is None else [self.port, self.secured.port]
        _wait(lambda: all(_answers(one) for one in ports), started, self.process.log)

    @property
    def _data(self) -> Path:
        return self.folder.absolute() / "data"

    def _format(self, config: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {"port": self.port, "controller": free_port(), "advertised": self.advertised or self.port}
        secured = "" if self.secured is None else f",{self.secured.address}"
        config.touch(0o600)  # it may hold a password
        config.write_text(
            _PROPERTIES.format(**ports, secured=secured, data=self._data)
            + ("" if self.secured is None else self.secured.properties())
        )
        classpath = f"{self.libraries.absolute()}/*"
        identity = "p" + secrets.token_urlsafe(16)[1:]  # a dash at its head would be taken for an option
        done = subprocess.run(
            ["java", "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", identity, "-c", str(config)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if not line.startswith("\t")]  # tabs: the stack's frames
            raise ServerFailed(f"Kafka's storage cannot be formatted: {said[-1:]}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it; its data stay."""
        self.process.stop(number)


@dataclass(slots=True)
class InfluxServer:
    """One InfluxDB with its first user, organisation and all-powerful token (in folder/token)."""

    folder: Path
    binary: Path
    port: int
    process: _Process = field(init=False)

    def __post_init__(self) -> None:
        self.process = _Process(self.folder, "influxd")

    @property
    def url(self) -> str:
        """What influx.url is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The operator's."""
        return self.token_file.read_text()

    @property
    def token_file(self) -> Path:
        """Readable by its owner only."""
        return self.folder / "token"

    def start(self) -> None:
        """Start it and return when it is set up. Raises ServerFailed."""
        if self.process.pid() is None:
            data = self.folder.absolute() / "data"
            started = self.process.start(
                [str(self.binary), "--bolt-path", f"{data}/bolt", "--engine-path", f"{data}/engine",
                 "--sqlite-path", f"{data}/sqlite", "--http-bind-address", f"127.0.0.1:{self.port}",
                 "--reporting-disabled", "--log-level", "warn"],
            )  # fmt: skip
            _wait(lambda: _healthy(self.url), started, self.process.log)
        if not self.token_file.exists():
            self._set_up()

    def _set_up(self) -> None:
        token, password = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        self.token_file.touch(0o600)
        first_setup(self.url, "p2es", password, token)
        self.token_file.write_text(token)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it; its data stay."""
        self.process.stop(number)


def _wait(ready, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"{process.args[0]} did not start; see {log}")  # pyright: ignore
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
