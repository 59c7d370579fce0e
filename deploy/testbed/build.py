"""Real Kafka from Maven's repository and real InfluxDB built from its Go module, kept in a cache outside the checkout.

What is there already is not fetched again. A build that was cut short leaves nothing that looks whole, and of two
processes that want the same server one builds it and the other waits."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import DeployError
from deploy.testbed.versions import INFLUXDB, KAFKA, PKG_CONFIG, SCALA

__all__ = ["BuildFailed", "cache_folder", "influxd", "kafka_libraries", "missing_tools"]

Say = Callable[[str], None]

_PATIENCE_S = 1200.0
_TOOLS = {"Kafka": ("java", "mvn"), "InfluxDB": ("go", "cargo", "gcc")}
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
 <modelVersion>4.0.0</modelVersion><groupId>p2es</groupId><artifactId>testbed</artifactId><version>1</version>
 <dependencies>
  <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_{scala}</artifactId><version>{kafka}</version></dependency>
  <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{kafka}</version></dependency>
 </dependencies>
</project>
"""


class BuildFailed(DeployError):
    """A server of the testbed cannot be had here; the message says what is missing."""


def cache_folder() -> Path:
    """p2es in the user's cache folder (XDG base directories)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2es"


def missing_tools() -> dict[str, list[str]]:
    """Server -> the tools it needs that are not on the path."""
    lacking = {server: [tool for tool in tools if not _which(tool)] for server, tools in _TOOLS.items()}
    return {server: tools for server, tools in lacking.items() if tools}


def kafka_libraries(say: Say) -> Path:
    """Folder of Kafka's jar files. Raises BuildFailed."""
    target = cache_folder() / f"kafka-{KAFKA}"
    with _alone(target, "Kafka") as folder:
        if folder is None:
            return target
        say(f"fetching Kafka {KAFKA} (54 MB)")
        (folder / "pom.xml").write_text(_POM.format(scala=SCALA, kafka=KAFKA))
        _run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=."], folder
        )
    return target


def influxd(say: Say) -> Path:
    """The InfluxDB server's binary. Raises BuildFailed."""
    target = cache_folder() / f"influxdb-{INFLUXDB}"
    with _alone(target, "InfluxDB") as folder:
        if folder is None:
            return target / "influxd"
        say(f"building InfluxDB {INFLUXDB} (about 4 minutes, once)")
        tools = {"GOBIN": str(folder.absolute()), "GOFLAGS": "-mod=mod"}
        _run(["go", "install", f"github.com/influxdata/pkg-config@v{PKG_CONFIG}"], folder, tools)
        module = f"github.com/influxdata/influxdb/v2@v{INFLUXDB}"
        found = json.loads(_run(["go", "mod", "download", "-json", module], folder))
        # its Rust part forbids warnings, and a newer compiler has new ones
        lenient = folder / "lenient-rustc"
        lenient.write_text('#!/bin/sh\nexec "$@" --cap-lints allow\n')
        lenient.chmod(0o755)
        environment = {
            "PKG_CONFIG": str((folder / "pkg-config").absolute()),
            "RUSTC_WRAPPER": str(lenient.absolute()),
            "RUSTUP_TOOLCHAIN": "stable",
        }
        say("  compiling")
        command = [
            "go",
            "build",
            "-tags",
            "sqlite_foreign_keys,sqlite_json",
            "-o",
            str((folder / "influxd").absolute()),
        ]
        _run([*command, "./cmd/influxd"], Path(found["Dir"]), environment)
    return target / "influxd"


@contextmanager
def _alone(target: Path, server: str) -> Iterator[Path | None]:
    """A folder to build `target` in, which gets its name when everything is there; None when it is there already."""
    if target.exists():
        yield None
        return
    _need(server)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():  # built while we waited
            yield None
            return
        folder = target.with_name(target.name + ".part")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
            folder.rename(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _need(server: str) -> None:
    lacking = missing_tools().get(server)
    if lacking:
        raise BuildFailed(f"{server} needs {' and '.join(lacking)}: install a JDK 17 with Maven, Go with Rust and gcc")


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=_path())


def _path() -> str:
    # where Go and Rust put themselves, often on no path but an interactive shell's
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/go/bin", str(Path.home() / ".cargo" / "bin")])


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PATH": _path(), **(environment or {})},
            check=False,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(f"{' '.join(command[:3])} was not done after {_PATIENCE_S / 60:.0f} minutes") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise BuildFailed(f"{' '.join(command[:3])} failed: {' | '.join(said[-5:])}")
    return done.stdout
