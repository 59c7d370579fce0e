"""Credentials that cannot work are named."""

from dataclasses import replace
from ssl import SSLCertVerificationError

import pytest
from aiokafka.errors import SaslAuthenticationFailed, UnsupportedSaslMechanismError

from stream.errors import BrokerUnavailable
from stream.kafka import KafkaSettings, Publisher

SECURE = KafkaSettings(
    "127.0.0.1:9", patience_s=0.1, security_protocol="SASL_SSL", sasl_username="u", sasl_password="p"
)


def test_a_certificate_file_that_is_not_there_or_none_is_named(tmp_path):
    with pytest.raises(BrokerUnavailable, match=r"kafka\.ca_file /nowhere: No such file"):
        replace(SECURE, ca_file="/nowhere").client_options()
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(BrokerUnavailable, match=r"kafka\.ca_file .*ca\.pem"):
        replace(SECURE, ca_file=str(tmp_path / "ca.pem")).client_options()


async def test_a_secured_broker_that_does_not_let_us_in_is_not_only_called_away():
    with pytest.raises(BrokerUnavailable, match="wrong user, password or certificate"):
        async with Publisher(SECURE):
            pass
    with pytest.raises(BrokerUnavailable) as plain:
        async with Publisher(replace(SECURE, security_protocol="PLAINTEXT")):
            pass
    assert "password" not in str(plain.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SaslAuthenticationFailed("no such user"), r"127\.0\.0\.1:9 does not let u in \(no such user\): are kafka\."),
        (UnsupportedSaslMechanismError("x"), r"127\.0\.0\.1:9 does not take kafka\.sasl_mechanism PLAIN"),
        (
            SSLCertVerificationError(1, "x"),
            r"the certificate of the Kafka broker at 127\.0\.0\.1:9 is not trusted \(expired\): is kafka\.ca_file",
        ),
    ],
)
async def test_a_refusal_is_named_and_not_waited_for(monkeypatch, error, said):
    async def refuse(*_, **__):
        raise error

    if isinstance(error, SSLCertVerificationError):
        error.verify_message = "expired"
    monkeypatch.setattr("stream.cluster.create_conn", refuse)
    with pytest.raises(BrokerUnavailable, match=said):
        async with Publisher(replace(SECURE, patience_s=3600)):
            pass


def test_security_that_cannot_be_meant_is_named():
    with pytest.raises(BrokerUnavailable, match=r"SASL_SSL needs kafka\.sasl_username and kafka\.sasl_password"):
        replace(SECURE, sasl_password=None).client_options()
    with pytest.raises(BrokerUnavailable, match=r"kafka\.security_protocol: PLAINTEXT, .*, not sasl_ssl"):
        replace(SECURE, security_protocol="sasl_ssl").client_options()
