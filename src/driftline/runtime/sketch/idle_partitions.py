"""Which source partitions are idle: at the broker's end, not only at that of what was fetched, for the idle timeout."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from driftline.runtime.sketch.source_progress import SourceProgress
    from driftline.runtime.sketch.source_topics import SourceTopics
    from driftline.sketching.sketcher import Sketcher

_log = get_logger(__name__)


def mark_idle(consumer: Consumer, topics: SourceTopics, progress: SourceProgress, sketcher: Sketcher) -> None:
    """Tell the sketcher which partitions are idle, and which no longer are."""
    for source, end in progress.quiet(time.monotonic()):
        try:
            _low, high = consumer.get_watermark_offsets(topics.place(source), timeout=1.0)
        except KafkaException as error:
            _log.warning(
                "cannot ask the broker for the end of a quiet partition", source=topics.name(source), error=str(error)
            )
            continue
        if high <= end:
            progress.confirm_idle(source)
    for source in progress.lively():
        sketcher.mark_idle(source, idle=False)
    for source in progress.idle():
        sketcher.mark_idle(source, idle=True, quiet_ms=progress.quiet_ms(source, time.monotonic()))
