"""Where the Kafka cluster is and how one is let in."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ssl import SSLCertVerificationError, SSLContext
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.helpers import create_ssl_context

from stream.errors import BrokerUnavailable

__all__ = ["KafkaSettings", "backoff", "connect"]

log = logging.getLogger(__name__)
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_ASK_MS = 5_000
_ALSO_LOG_IN = " It also looks like this with a wrong user, password or certificate."


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
        """What aiokafka's clients take. Raises BrokerUnavailable when the security settings cannot be meant, or ca_file
        cannot be read as certificates."""
        if self.security_protocol not in _PROTOCOLS:
            raise BrokerUnavailable(f"kafka.security_protocol: {', '.join(_PROTOCOLS)}, not {self.security_protocol}")
        if "SASL" in self.security_protocol and None in (self.sasl_username, self.sasl_password):
            raise BrokerUnavailable(
                f"kafka.security_protocol {self.security_protocol} needs kafka.sasl_username and kafka.sasl_password"
            )
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "security_protocol": self.security_protocol,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
            "ssl_context": self._ssl_context() if "SSL" in self.security_protocol else None,
        }

    async def refusal(self) -> str | None:
        """The one line for a broker that is there and does not let us in; None when it does, or nobody is there.

        aiokafka's clients keep the reason in their log and only say that they found no broker."""
        if self.security_protocol == "PLAINTEXT":
            return None
        options = self.client_options()
        for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
            try:
                connection = await create_conn(host, port, request_timeout_ms=_ASK_MS, **options)
            except SSLCertVerificationError as error:
                return (
                    f"the certificate of the Kafka broker at {host}:{port} is not trusted ({error.verify_message}): "
                    "is kafka.ca_file its CA's, and does the certificate name this host?"
                )
            except SaslAuthenticationFailed as error:
                return (
                    f"the Kafka broker at {host}:{port} does not let {self.sasl_username} in "
                    f"({error.args[0] or 'no reason given'}): are kafka.sasl_username and kafka.sasl_password right?"
                )
            except UnsupportedSaslMechanismError:
                return f"the Kafka broker at {host}:{port} does not take kafka.sasl_mechanism {self.sasl_mechanism}"
            except (KafkaError, OSError):
                continue
            connection.close()
        return None

    def _ssl_context(self) -> SSLContext:
        try:
            return create_ssl_context(cafile=self.ca_file)
        except OSError as error:  # SSLError is one
            raise BrokerUnavailable(f"kafka.ca_file {self.ca_file}: {error.strerror or error}") from error


async def connect(settings: KafkaSettings, make: Callable[[], Any]) -> Any:
    """Start a client, trying again while the broker is away. Raises BrokerUnavailable when the patience is over, or
    at once when the broker is there and does not let us in."""
    waited_s = 0.0
    for wait_s in backoff():
        client = make()
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            await (client.close() if hasattr(client, "close") else client.stop())
            if refusal := await settings.refusal():
                raise BrokerUnavailable(refusal) from error
            if waited_s + wait_s > settings.patience_s:
                raise BrokerUnavailable(
                    f"no Kafka broker at {settings.bootstrap} ({error}); is it running, and is kafka.bootstrap right?"
                    + _ALSO_LOG_IN * (settings.security_protocol != "PLAINTEXT")
                ) from error
            if not waited_s:
                log.warning("no broker at %s yet; trying again for %.0f s", settings.bootstrap, settings.patience_s)
            waited_s += wait_s
            await asyncio.sleep(wait_s)
        else:
            return client
    raise AssertionError("the back-off never ends")


def backoff(first_s: float = 0.2, most_s: float = 5.0) -> Iterable[float]:
    """Endless waits, doubling, with jitter so that a fleet does not come back in step."""
    wait_s = first_s
    while True:
        yield wait_s * random.uniform(0.5, 1.0)
        wait_s = min(2 * wait_s, most_s)
