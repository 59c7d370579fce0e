"""A Kafka listener that lets in only who knows the password, over TLS: SASL/PLAIN, its certificate made on the spot."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import DeployError

__all__ = ["NoCertificate", "SecuredListener", "make_certificates"]

_KEY = ("-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650")
_AUTHORITY = ("-dname", "CN=p2es testbed CA", "-ext", "bc:critical=ca:true", "-ext", "ku:critical=keyCertSign,cRLSign")
_SERVER = ("-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1", "-ext", "eku=serverAuth")
_PROPERTIES = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
listener.name.sasl_ssl.ssl.keystore.type=PKCS12
listener.name.sasl_ssl.ssl.keystore.location={store}
listener.name.sasl_ssl.ssl.keystore.password={password}
"""


class NoCertificate(DeployError):
    """The JDK's keytool made none; the message has its last word."""


@dataclass(frozen=True, slots=True)
class SecuredListener:
    """port: it listens on, for clients of this machine. user, password: of its one client, letters, digits, - and _
    only, at least 6 of the password, which locks the key store too. folder: of key and certificates."""

    folder: Path
    port: int
    user: str
    password: str = field(repr=False)

    @property
    def bootstrap(self) -> str:
        """What kafka.bootstrap is set to, with kafka.security_protocol SASL_SSL."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """The listener as Kafka's configuration names it."""
        return f"SASL_SSL://{self.bootstrap}"

    @property
    def ca_file(self) -> Path:
        """What kafka.ca_file is set to; there once the server was started."""
        return self.folder / "ca.pem"

    def properties(self) -> str:
        """Lines of server.properties, the password among them; makes the certificates. Raises NoCertificate."""
        store = make_certificates(self.folder, self.password)
        return _PROPERTIES.format(user=self.user, password=self.password, store=store.absolute())


def make_certificates(folder: Path, password: str) -> Path:
    """A new authority (its certificate in folder/ca.pem, its key thrown away) and the key store, PKCS 12, of a server
    on this machine that it signed for. Returns the key store. Raises NoCertificate."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = folder / "server.p12"
    store.unlink(missing_ok=True)
    _keytool(store, password, "-genkeypair", "-alias", "ca", *_KEY, *_AUTHORITY)
    _keytool(store, password, "-genkeypair", "-alias", "server", "-signer", "ca", *_KEY, *_SERVER)
    (folder / "ca.pem").write_text(_keytool(store, password, "-exportcert", "-rfc", "-alias", "ca"))
    store.chmod(0o600)
    # Kafka takes any key it finds in the store for its own
    _keytool(store, password, "-delete", "-alias", "ca")
    return store


def _keytool(store: Path, password: str, *words: str) -> str:
    tool = Path(shutil.which("java") or "java").resolve().with_name("keytool")
    done = subprocess.run(
        # by the environment: a command line is there for everybody to read
        [str(tool), *words, "-keystore", str(store), "-storetype", "PKCS12", "-storepass:env", "P2ES_STORE"],
        env={**os.environ, "P2ES_STORE": password}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise NoCertificate(f"keytool {words[0]} failed: {(done.stdout + done.stderr).strip().splitlines()[-1:]}")
    return done.stdout
