"""p2es decode: a line for a line, every kind of answer, and a bad line among good ones."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.commands.decode import decoded
from ingest.devices.driver import MOTION, PPG, Block, Driver, Facts, Numbers, Started, Stopped, StreamFormat
from ingest.devices.registry import driver_named
from ingest.errors import FrameError, UnknownDriver

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "ble" / "vectors.json").read_text())["vectors"]
ROOT = Path(__file__).parents[2]


def run(*arguments, text=""):
    return CliRunner().invoke(app, ["decode", *map(str, arguments)], input=text)


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def answers(name, *lines):
    return list(decoded(driver_named(name), lines))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["id"])
def test_every_vector_is_told_as_json(vector):
    result = run("--driver", vector["driver"], "--json", text=f"{vector['characteristic']} {vector['frame_hex']}\n")
    (said,), expected = objects(result), dict(vector["expected"])
    if expected.pop("error", False):
        assert result.exit_code == 1
        assert list(said) == ["error"]
        return
    assert result.exit_code == 0
    if "first_ns" in expected:
        assert said["time_ns"] == expected["first_ns"]
    if "rr_1024" in expected:
        assert [one * 1.024 for one in said["rr_ms"]] == expected["rr_1024"]
    for name in ("samples", "heart_rate_bpm", "spo2_percent", "contact"):
        assert said.get(name) == expected.get(name)


def test_what_is_not_there_is_left_out():
    assert answers("heart_rate", "0055") == [{"heart_rate_bpm": 85.0}]
    assert answers("plx", "00ff07ff07") == [{}]


def test_blank_lines_and_comments_are_no_notifications():
    assert answers("heart_rate", "# a strap", "", "0055") == [{"heart_rate_bpm": 85.0}]


@pytest.mark.parametrize("name", ["2a19", "2A19", "0x2A19", "00002A19-0000-1000-8000-00805F9B34FB"])
def test_a_characteristic_may_be_written_short_or_long_in_any_case(name):
    assert answers("heart_rate", f"{name} 50") == [{"battery_percent": 80.0}]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("zz", "not hexadecimal"),
        ("005", "not hexadecimal"),
        ("2a99 00", "does not listen to 2a99"),
        ("strap 00", "no 16-bit or 128-bit UUID"),
        ("2a37 00 55", "was expected"),
        ("170101", "no RR intervals"),
        ("005\ufffd", "not hexadecimal"),
    ],
)
def test_a_bad_line_is_answered_by_an_error_and_the_rest_goes_on(line, why):
    first, bad, last = answers("heart_rate", "0055", line, "0056")
    assert (first["heart_rate_bpm"], last["heart_rate_bpm"]) == (85.0, 86.0)
    assert list(bad) == ["error"]
    assert why in bad["error"]


def test_one_bad_line_makes_the_exit_status_1():
    result = run("--driver", "heart_rate", "--json", text="0055\nzz\n0056\n")
    assert (result.exit_code, len(objects(result))) == (1, 3)
    assert run("--driver", "heart_rate", text="0055\n").exit_code == 0
    assert run("--driver", "heart_rate", text="").exit_code == 0


def test_a_file_is_read_like_standard_input(tmp_path):
    path = tmp_path / "frames.txt"
    path.write_bytes(b"\xef\xbb\xbf# from an Excel\r\n0055\r\n\r\n\xff\xfe\r\n")
    result = run("--driver", "heart_rate", "--json", path)
    assert result.exit_code == 1
    assert objects(result)[0] == {"heart_rate_bpm": 85.0}
    assert "not hexadecimal" in objects(result)[1]["error"]


def test_a_packet_over_two_lines_is_joined():
    first, second = answers("berrymed", "873205", "4861")
    assert first == {}
    assert second == {"samples": [[50]], "heart_rate_bpm": 72.0, "spo2_percent": 97.0, "contact": True}


def test_muse_channels_are_not_joined_here():
    frame = "0001" + "000001" * 6
    said = answers("muse", frame, f"273e0011-4c4d-454d-96be-f03bac821358 {frame}")
    assert said == [{"samples": [[1]] * 6}] * 2


def test_settings_stand_under_their_name():
    assert answers("nonin", "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b 0a141d020000077f01ff") == [
        {"contact": True, "settings": {"battery_mv": 2900}}
    ]


class Scripted:
    """Answers with what stands under the notification's first byte."""

    def __init__(self, items):
        self._items = items

    def feed(self, characteristic, frame):
        found = self._items[frame[0]]
        if isinstance(found, Exception):
            raise found
        return found


def scripted(*items):
    def steps(*_):
        yield from ()
        return Started({})

    return Driver(
        name="scripted",
        title="",
        matches=lambda advert: False,
        services=(),
        notify=("a",),
        main="a",
        decoder=lambda: Scripted(items),
        streams={PPG: StreamFormat(("a", "b"), 50.0), MOTION: StreamFormat(("x",), 25.0)},
        start=steps,
        stop=steps,
        frame_s=1.0,
    )


def block(rows, stream=PPG, **more):
    return Block(stream, tuple("xyz"[: len(rows[0])]), np.array(rows, np.int64), **more)


def test_several_blocks_of_one_notification_are_one_list():
    driver = scripted([block([[1, 2]], last_ns=1000), block([[3, 4]], last_ns=20_001_000)])
    assert list(decoded(driver, ["00"])) == [{"samples": [[1, 2], [3, 4]], "time_ns": 1000}]


def test_the_time_is_that_of_the_first_sample():
    driver = scripted([block([[1, 1]] * 5, last_ns=10**9)], [block([[1, 1]] * 5, last_ns=1_100_000_000)])
    assert [one["time_ns"] for one in decoded(driver, ["00", "01"])] == [920_000_000, 1_020_000_000]


def test_motion_is_named_and_light_is_not():
    driver = scripted([block([[5]], MOTION)], [block([[5, 6]])])
    assert list(decoded(driver, ["00", "01"])) == [{"samples": [[5]], "stream": "motion"}, {"samples": [[5, 6]]}]


def test_numbers_facts_and_an_end_are_told():
    driver = scripted(
        [Numbers(heart_rate_bpm=60.0, rr_ms=(1000.0,)), Numbers(spo2_percent=97.0, rr_ms=(990.0,), contact=False)],
        [Facts({"gain": 3, "slots": [1, 2]}), Stopped("charging")],
        [Facts({"gain": 3}), Facts({"gain": 4})],
        FrameError("cut off"),
    )
    assert list(decoded(driver, ["00", "01", "02", "03"])) == [
        {"heart_rate_bpm": 60.0, "spo2_percent": 97.0, "rr_ms": [1000.0, 990.0], "contact": False},
        {"settings": {"gain": 3, "slots": [1, 2]}, "stopped": "charging"},
        {"settings": [{"gain": 3}, {"gain": 4}]},
        {"error": "cut off"},
    ]


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("heart_rate", "1f0101320101000201ffff", "257 bpm, RR 1 252 63999 ms, on the skin"),
        ("heart_rate", "04ff", "255 bpm, not on the skin"),
        ("plx", "00ff07ff07", "nothing that is used"),
        ("muse", "0001" + "000001" * 6, "6 light samples: 1; 1; 1; ..."),
        ("openearable", "041015cd5b0700000000" + "01000000" * 4, "1 light samples at 123.457 s: 1 1 1 1"),
        ("heart_rate", "zz", "error: zz is not hexadecimal"),
        ("nonin", "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b 0a041d020000076101ff",
         "SpO2 97 %, not on the skin, settings: {'battery_mv': 2900}"),
        ("heart_rate", "2a19 50", "battery 80 %"),
    ],
)  # fmt: skip
def test_a_line_for_eyes(name, line, said):
    assert run("--driver", name, text=line + "\n").stdout == said + "\n"


def test_an_unknown_driver_is_bad_input_and_the_names_are_listed():
    assert isinstance(run("--driver", "berymed").exception, UnknownDriver)
    line = [sys.executable, "-m", "deploy.cli", "decode", "--driver", "berymed"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT, input="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("p2es: no driver is called berymed; there are polar, ")


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    assert isinstance(run("--driver", "plx", tmp_path / "none").exception, FileNotFoundError)
