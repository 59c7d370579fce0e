"""What every reader and writer of Kafka counts, and the window stage, for Prometheus.

| metric | labels | meaning |
|---|---|---|
| p2es_published_total | topic | messages the broker acknowledged |
| p2es_consumed_total | topic | messages processed and committed |
| p2es_dead_letters_total | topic | messages set aside, by the topic they came from |
| p2es_lag_messages | topic, partition | behind the newest message, as of the last poll |
| p2es_windows_total | | windows closed and sent |
| p2es_chunks_total | result | chunks of PPG: taken, late |
"""

from prometheus_client import Counter, Gauge

__all__ = ["CHUNKS", "CONSUMED", "DEAD_LETTERS", "LAG", "PUBLISHED", "WINDOWS"]

PUBLISHED = Counter("p2es_published", "messages the broker acknowledged", ["topic"])
CONSUMED = Counter("p2es_consumed", "messages processed and committed", ["topic"])
DEAD_LETTERS = Counter("p2es_dead_letters", "messages set aside, by the topic they came from", ["topic"])
LAG = Gauge("p2es_lag_messages", "behind the newest message, as of the last poll", ["topic", "partition"])
WINDOWS = Counter("p2es_windows", "windows closed and sent")
CHUNKS = Counter("p2es_chunks", "chunks of PPG: taken, late", ["result"])
