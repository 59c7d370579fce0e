"""Child processes kept alive: started together, restarted when they die, stopped in order, gone when we are gone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import ProcessDied
from deploy.orphans import die_with_parent

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)
_RESTARTS, _STOP_S, _KILL_S = 5, 15.0, 5.0
_BAD_INPUT = 2  # a child that says so would only say it again


@dataclass(slots=True)
class _Child:
    name: str
    command: Sequence[str]
    log_file: Path
    needed: bool  # its end is the end of everything
    environment: Mapping[str, str]
    process: subprocess.Popen
    restarts: int = 0
    due_s: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Use as a context manager: leaving it stops every child, last started first."""

    logs: Path
    clock: Callable[[], float] = time.monotonic
    children: dict[str, _Child] = field(default_factory=dict)

    def __enter__(self) -> Supervisor:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self.children)):
            self.stop(name)

    def start(
        self, name: str, command: Sequence[str], needed: bool = False, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a child; what it says goes to logs/NAME.log. needed: it is not restarted, its death ends all.
        environment: beside our own."""
        file = self.logs / f"{name}.log"
        file.write_bytes(b"")
        added = dict(environment or {})
        self.children[name] = _Child(name, command, file, needed, added, _spawn(command, file, added))

    def finished(self, name: str) -> bool:
        """Whether a child ended well. Raises ProcessDied when it ended badly."""
        status = self.children[name].process.poll()
        if status:
            raise ProcessDied(self._reason(self.children[name], status))
        return status is not None

    def check(self) -> None:
        """Restart what died. Raises ProcessDied when that cannot help."""
        for child in list(self.children.values()):
            status = child.process.poll()
            if status is None or (status == 0 and child.name == "replay"):
                continue
            if child.needed or status == _BAD_INPUT or child.restarts >= _RESTARTS:
                raise ProcessDied(self._reason(child, status))
            if not child.due_s:
                child.due_s = self.clock() + 0.5 * 2**child.restarts
                log.warning("%s; it is started again", self._reason(child, status))
            elif self.clock() >= child.due_s:
                child.restarts, child.due_s = child.restarts + 1, 0.0
                child.process = _spawn(child.command, child.log_file, child.environment)

    def stop(self, name: str) -> None:
        """Ask a child to end, and make it."""
        child = self.children.pop(name)
        if child.process.poll() is not None:
            return
        child.process.terminate()
        try:
            child.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("%s does not stop and is killed", name)
            child.process.kill()
            child.process.wait(_KILL_S)

    def _reason(self, child: _Child, status: int) -> str:
        """The child's own last word, if it had one."""
        said = [line for line in child.log_file.read_text(errors="replace").splitlines() if line.startswith("p2es: ")]
        if said:
            return said[-1].removeprefix("p2es: ")
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"{child.name} {how} (see {child.log_file})"


def _spawn(command: Sequence[str], file: Path, environment: Mapping[str, str]) -> subprocess.Popen:
    with file.open("ab") as out:
        # a session of its own: Ctrl-C reaches us alone, and we stop the children in order
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=os.environ | environment,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
