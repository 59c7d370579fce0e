"""What the sinks count, for Prometheus. One table: name, what it means.

| metric | labels | meaning |
|---|---|---|
| p2es_influx_lines_total | | lines confirmed by InfluxDB |
| p2es_influx_refused_total | | lines InfluxDB will never take (dead letters) |
| p2es_influx_retries_total | | sends that have to be repeated: away, busy, timed out |
| p2es_influx_write_seconds | | one confirmed write |
| p2es_influx_confirmed_after_seconds | | from the closing of a window to its confirmed write |
| p2es_record_flush_seconds | | one flush of the recorder to disk |
| p2es_monitor_pages | | live pages connected |
"""

from prometheus_client import Counter, Gauge, Histogram

__all__ = [
    "CONFIRMED_AFTER",
    "FLUSH_SECONDS",
    "PAGES",
    "REFUSED_LINES",
    "RETRIES",
    "WRITE_SECONDS",
    "WRITTEN_LINES",
]

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

WRITTEN_LINES = Counter("p2es_influx_lines", "lines confirmed by InfluxDB")
REFUSED_LINES = Counter("p2es_influx_refused", "lines InfluxDB will never take (dead letters)")
RETRIES = Counter("p2es_influx_retries", "sends that have to be repeated: away, busy, timed out")
WRITE_SECONDS = Histogram("p2es_influx_write_seconds", "one confirmed write", buckets=_SECONDS)
CONFIRMED_AFTER = Histogram(
    "p2es_influx_confirmed_after_seconds", "from the closing of a window to its confirmed write", buckets=_SECONDS
)
FLUSH_SECONDS = Histogram("p2es_record_flush_seconds", "one flush of the recorder to disk", buckets=_SECONDS)
PAGES = Gauge("p2es_monitor_pages", "live pages connected")
