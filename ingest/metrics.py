"""What the collector counts, for Prometheus.

| metric | labels | meaning |
|---|---|---|
| p2es_frames_total | driver | notifications received |
| p2es_bad_frames_total | driver | notifications that could not be read |
| p2es_frames_dropped_total | driver | notifications lost because the queue was full |
| p2es_samples_total | stream | samples timed and passed on: ppg, motion |
| p2es_device_state | device, state | 1 for the state a device is in |
| p2es_connections_total | driver, outcome | connections: made, failed |
| p2es_spool_bytes | | waiting on the disk for the broker |
| p2es_spool_dropped_total | | messages given up because the spool was full |
"""

from prometheus_client import Counter, Gauge

__all__ = [
    "BAD_FRAMES",
    "CONNECTIONS",
    "DEVICE_STATE",
    "DROPPED_FRAMES",
    "FRAMES",
    "SAMPLES",
    "SPOOL_BYTES",
    "SPOOL_DROPPED",
]

FRAMES = Counter("p2es_frames", "notifications received", ["driver"])
BAD_FRAMES = Counter("p2es_bad_frames", "notifications that could not be read", ["driver"])
DROPPED_FRAMES = Counter("p2es_frames_dropped", "notifications lost because the queue was full", ["driver"])
SAMPLES = Counter("p2es_samples", "samples timed and passed on: ppg, motion", ["stream"])
DEVICE_STATE = Gauge("p2es_device_state", "1 for the state a device is in", ["device", "state"])
CONNECTIONS = Counter("p2es_connections", "connections: made, failed", ["driver", "outcome"])
SPOOL_BYTES = Gauge("p2es_spool_bytes", "waiting on the disk for the broker")
SPOOL_DROPPED = Counter("p2es_spool_dropped", "messages given up because the spool was full")
