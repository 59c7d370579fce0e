"""What the testbed is made of: the one place where its versions stand."""

from __future__ import annotations

__all__ = ["INFLUXDB", "KAFKA", "PKG_CONFIG", "SCALA"]

KAFKA, SCALA = "4.1.1", "2.13"
INFLUXDB = "2.7.12"
PKG_CONFIG = "0.3.0"  # github.com/influxdata/pkg-config, with which Go finds InfluxDB's Rust part
