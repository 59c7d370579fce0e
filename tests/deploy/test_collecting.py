"""What the settings say of a device reaches its collector."""

from dataclasses import replace

from deploy.collecting import Wish, _collector
from deploy.settings import Settings
from ingest.collector import Collector
from ingest.devices.polar import DRIVER
from ingest.pipeline import Frame
from ingest.settings import CollectSettings, DeviceSettings
from ingest.steady_clock import SteadyClock
from tests.ingest.test_collector import Outbox


def collector(**chosen) -> Collector:
    wish = Wish("A0:9E:1A:9B:9F:38", DeviceSettings(patient="bed7"))
    return _collector(replace(Settings(), collect=CollectSettings(**chosen)), wish, DRIVER, Outbox(), SteadyClock())


def test_raw_frames_are_kept_up_to_the_limit_or_not_at_all(tmp_path):
    raw = collector(folder=tmp_path, raw_mb=1.0).raw
    assert raw is not None
    for number in range(2000):
        raw.frame(Frame(number, 1, DRIVER.main, bytes(512)))
    raw.close()
    kept = [path.stat().st_size for path in tmp_path.glob("bed7/*/raw*.jsonl")]
    assert len(kept) == 8
    assert 750_000 < sum(kept) <= 1_000_000
    assert collector(folder=tmp_path, keep_raw=False).raw is None
