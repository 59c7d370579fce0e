"""A private D-Bus daemon, so that programs which talk to BlueZ can be run where there is no Bluetooth."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.errors import DeployError
from deploy.orphans import die_with_parent

__all__ = ["BUS_VARIABLE", "NoPrivateBus", "PrivateBus"]

BUS_VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
_STOP_S = 5.0
# of the type "system", because that is what bleak asks for; anybody here may own org.bluez
_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <keep_umask/>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <limit name="max_connections_per_user">4096</limit>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""


class NoPrivateBus(DeployError):
    """The private D-Bus daemon is not installed or does not start."""


class PrivateBus:
    """A dbus-daemon of one's own. Use as a context manager; `address` goes into the environment as BUS_VARIABLE, before
    the Bluetooth library is first used. Its folder of sockets goes when it does."""

    def __init__(self) -> None:
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    def __enter__(self) -> PrivateBus:
        """Start the daemon. Raises NoPrivateBus."""
        program = shutil.which("dbus-daemon")
        if program is None:
            raise NoPrivateBus("dbus-daemon is not here: install it (Debian package: dbus)")
        # a socket's path has at most 107 bytes, so it is not put below the caller's folders
        self._folder = Path(tempfile.mkdtemp(prefix="p2es-bus-"))
        file, said = self._folder / "bus.conf", self._folder / "stderr"
        file.write_text(_CONFIGURATION.format(socket=self._folder / "bus"))
        with said.open("wb") as errors:
            self._process = subprocess.Popen(
                [program, f"--config-file={file}", "--nofork", "--nopidfile", "--print-address=1"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C reaches us alone, and the bus is to end last
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().decode().strip()
        if not self.address:
            why = said.read_text(errors="replace").strip()
            self.__exit__()
            raise NoPrivateBus(f"dbus-daemon does not start: {why or 'it says nothing'}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def pid(self) -> int:
        """Of the daemon, while it runs."""
        if self._process is None:
            raise NoPrivateBus("the bus is not started: use it in a with statement")
        return self._process.pid

    def kill(self) -> None:
        """kill -9, as when the system's D-Bus dies; every connection breaks. The address stays dead."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
