"""Settings of the sinks. Light to import."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sinks.errors import BadToken

__all__ = ["GrafanaSettings", "InfluxSettings", "MonitorSettings", "RecordSettings"]


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """folder: PATIENT/SESSION folders are made in it."""

    folder: Path = Path("recordings")


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """host, port: where the page is served; 127.0.0.1 means this machine only. The page has no log-in of its own:
    beyond this machine put it behind a proxy that has. minutes: of signal kept in memory for a page that opens late."""

    host: str = "127.0.0.1"
    port: int = 8300
    minutes: float = 2.0


@dataclass(frozen=True, slots=True)
class InfluxSettings:
    """url, org, bucket: of InfluxDB 2.x. token_file: holds the write token (or set token, in the environment).
    retention_h: of the raw waveforms, 0 for ever; archive_bucket keeps minimum, maximum and mean by second for
    archive_days. batch_lines: sent at once. gzip: saves
    nine tenths of the network and doubles the work of the process. timeout_s: of one request."""

    url: str = "http://127.0.0.1:8086"
    org: str = "p2es"
    bucket: str = "ecg_raw"
    archive_bucket: str = "ecg_1s"
    token: str | None = None
    token_file: Path | None = None
    retention_h: float = 72.0
    archive_days: float = 90.0
    batch_lines: int = 5000
    gzip: bool = False
    timeout_s: float = 10.0

    def secret(self) -> str:
        """The token. Raises BadToken when neither setting gives one."""
        return _secret("influx", self.token, self.token_file)


@dataclass(frozen=True, slots=True)
class GrafanaSettings:
    """url: of Grafana. token_file: holds a service account's token (or set token, in the environment)."""

    url: str = "http://127.0.0.1:3000"
    token: str | None = None
    token_file: Path | None = None

    @property
    def address(self) -> tuple[str, str, int | None]:
        """Protocol, host, port."""
        parts = urlsplit(self.url)
        return parts.scheme or "http", parts.hostname or "127.0.0.1", parts.port

    def secret(self) -> str:
        """The token. Raises BadToken when neither setting gives one."""
        return _secret("grafana", self.token, self.token_file)


def _secret(table: str, token: str | None, file: Path | None) -> str:
    if token:
        return token
    if file is None:
        raise BadToken(f"no token: set {table}.token_file, or P2ES_{table.upper()}__TOKEN in the environment")
    try:
        return file.read_text().strip()
    except OSError as error:
        raise BadToken(f"{table}.token_file {file}: {error.strerror}") from error
