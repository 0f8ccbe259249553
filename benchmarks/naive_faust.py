"""What a user would write first: one Faust agent that decodes JSON and feeds detectors, feature by feature.

Run as a process: ``python benchmarks/naive_faust.py BOOTSTRAP TOPIC GROUP MESSAGES FOLDER``. After so
many messages it prints one line of JSON, with the seconds from the first to the last; whoever started it then stops it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import faust
from river.drift import ADWIN, PageHinkley


def application(bootstrap: str, topic: str, group: str, n_messages: int, folder: str) -> faust.App:
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="memory://",
        value_serializer="raw",
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        broker_max_poll_records=10_000,
    )
    source = app.topic(topic, value_serializer="raw")
    detectors: dict[str, tuple[Any, Any]] = {}

    @app.agent(source)
    async def watch(stream: Any) -> None:  # noqa: ANN401  # Faust publishes no types that hold
        seen, drifts, started = 0, 0, 0.0
        async for value in stream:
            if not seen:
                started = time.perf_counter()
            for name, feature in json.loads(value)["features"].items():
                if not isinstance(feature, float):
                    continue
                pair = detectors.get(name)
                if pair is None:
                    pair = detectors[name] = (ADWIN(), PageHinkley())  # type: ignore[no-untyped-call]  # river has no types here
                for detector in pair:
                    detector.update(feature)
                    drifts += detector.drift_detected
            seen += 1
            if seen == n_messages:
                seconds = time.perf_counter() - started
                print(json.dumps({"n_records": seen, "seconds": seconds, "n_drifts": drifts}), flush=True)

    return app


if __name__ == "__main__":
    _bootstrap, _topic, _group, _n, _folder = sys.argv[1:]
    faust.Worker(application(_bootstrap, _topic, _group, int(_n), _folder), loglevel="ERROR").execute_from_commandline()
