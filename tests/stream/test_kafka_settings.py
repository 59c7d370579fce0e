"""Credentials that cannot work are named."""

from dataclasses import replace

import pytest

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
