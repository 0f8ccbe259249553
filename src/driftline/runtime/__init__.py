"""The only layer that knows Kafka, Faust, the clock and the disk: workers, stores, topics, telemetry."""

from __future__ import annotations
