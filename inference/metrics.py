"""What the diffusion worker and the alert process count, for Prometheus.

| metric | labels | meaning |
|---|---|---|
| p2es_infer_windows_total | outcome | windows: estimated, abstained (in part or whole), skipped |
| p2es_infer_seconds | | one batch through the networks |
| p2es_infer_batch_windows | | windows in it |
| p2es_alerts_total | rule, state | changes of alerts |
"""

from prometheus_client import Counter, Histogram

__all__ = ["BATCH_WINDOWS", "CHANGES", "INFER_SECONDS", "WINDOWS"]

WINDOWS = Counter("p2es_infer_windows", "windows: estimated, abstained (in part or whole), skipped", ["outcome"])
INFER_SECONDS = Histogram(
    "p2es_infer_seconds", "one batch through the networks", buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
)
BATCH_WINDOWS = Histogram("p2es_infer_batch_windows", "windows in a batch", buckets=(1, 2, 4, 8, 16, 32, 64))
CHANGES = Counter("p2es_alerts", "changes of alerts", ["rule", "state"])
