"""The chain on a real Kafka behind TLS and a password (SASL_SSL, PLAIN): the same record, and who is shut out is told
why. Where and when it is skipped: see real_servers.py."""

import secrets
import subprocess
import time

import pytest

from deploy.stack.export import export_session, recorded_until_ns
from deploy.testbed.secured import SecuredListener, make_certificates
from deploy.testbed.servers import free_port
from ingest.session import session_id, start_ns
from stream.messages import GRID_FS_HZ, GRID_STEP_NS
from tests.integration.real_servers import demo_recording, real_servers, replay, stages, truth

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("other servers")]
PASSWORD = "P2ES_KAFKA__SASL_PASSWORD"  # the variable; the word itself is made for each run


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    return SecuredListener(tmp_path_factory.mktemp("tls"), free_port(), "ward", secrets.token_urlsafe(16))


@pytest.fixture(scope="module")
def servers(tmp_path_factory, secured):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(PASSWORD, secured.password)
        with real_servers(tmp_path_factory.mktemp("secured"), secured) as one:
            yield one


def test_the_doctor_finds_all_well(servers, secured):
    said = servers.run("doctor")
    assert said.count("ok  ") == 6
    assert f"ok   broker and topics: {secured.bootstrap}, every topic with 4 partitions" in said


def test_points_and_record_are_those_of_generate(servers, secured, tmp_path):
    wanted = truth(tmp_path / "wanted", "locked")
    recording = demo_recording()
    session = servers.folder / "recordings" / "locked" / session_id(recording)
    end_ns = start_ns(recording) + (recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1) * GRID_STEP_NS
    with stages(servers):
        assert replay(servers, "locked").wait(60) == 0
        assert servers.wait_for("locked", wanted) == wanted
        deadline = time.monotonic() + 30
        while recorded_until_ns(session) < end_ns and time.monotonic() < deadline:
            time.sleep(0.2)
    path, _ = export_session(session, recording, tmp_path)
    for suffix in (".dat", ".hea", ".json"):
        expected = (tmp_path / "wanted" / path.name).with_suffix(suffix)
        assert path.with_suffix(suffix).read_bytes() == expected.read_bytes(), suffix
    logs = list((servers.folder / "logs").iterdir())
    assert len(logs) == 5
    assert not [one for one in [*logs, servers.file] if secured.password in one.read_text()]


@pytest.mark.parametrize("wrong", ["password", "no ca", "another ca", "no tls"])
def test_who_is_shut_out_is_told_why_in_one_line(servers, secured, tmp_path, wrong):
    if wrong == "another ca":
        make_certificates(tmp_path, "stranger")
    broker = f"Kafka broker at {secured.bootstrap}"
    setting, said = {
        "password": (
            "kafka.sasl_password=wrong",
            f"the {broker} does not let ward in (Authentication failed: Invalid username or password): "
            "are kafka.sasl_username and kafka.sasl_password right?",
        ),
        "no ca": ("kafka.ca_file=/nowhere/ca.pem", "kafka.ca_file /nowhere/ca.pem: No such file or directory"),
        "another ca": (
            f"kafka.ca_file={tmp_path / 'ca.pem'}",
            f"the certificate of the {broker} is not trusted (self",  # "-signed" or " signed": by OpenSSL's version
        ),
        "no tls": ("kafka.security_protocol=PLAINTEXT", f"no {broker}"),
    }[wrong]
    options = ("--set", setting, "--set", "kafka.patience_s=1", "--log-level", "error")
    everybody = wrong == "password"  # all ask through the same function: the other cases look at what it says
    asking = [("topics", "init"), ("window",), *[("infer",), ("record",)] * everybody]
    running = [
        subprocess.Popen(servers.command(*options, *one), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for one in asking
    ]
    for one, (out, error) in [(one, one.communicate(timeout=60)) for one in running]:
        assert (one.returncode, out) == (2, ""), error
        assert error.startswith(f"p2es: {said}")
        assert len(error.splitlines()) == 1, error
    if everybody:
        report = servers.run(*options, "doctor", expect=1).splitlines()
        assert [line for line in report if line.startswith("FAIL")] == [line for line in report if said in line]
