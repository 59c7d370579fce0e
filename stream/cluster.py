"""Where the Kafka cluster is and how one is let in."""

from __future__ import annotations

from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

from aiokafka.helpers import create_ssl_context

from stream.errors import BrokerUnavailable

__all__ = ["KafkaSettings"]


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """bootstrap: host:port, several with commas. group: prefix of all consumer groups. patience_s: how long to wait for
    a broker at start. partitions of every topic, replication, retention_h of waveforms: what `p2es topics init` makes;
    another number of partitions is refused. The rest is the cluster's security."""

    bootstrap: str = "127.0.0.1:9092"
    group: str = "p2es"
    patience_s: float = 30.0
    partitions: int = 12
    replication: int = 1
    retention_h: float = 72.0
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = None
    ca_file: str | None = None

    def client_options(self) -> dict[str, Any]:
        """What aiokafka's clients take. Raises BrokerUnavailable when ca_file cannot be read as certificates."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "security_protocol": self.security_protocol,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
            "ssl_context": self._ssl_context() if "SSL" in self.security_protocol else None,
        }

    def _ssl_context(self) -> SSLContext:
        try:
            return create_ssl_context(cafile=self.ca_file)
        except OSError as error:  # SSLError is one
            raise BrokerUnavailable(f"kafka.ca_file {self.ca_file}: {error.strerror or error}") from error
