"""The traffic again, as producers would write it that know nothing of joins: predictions by customer, labels anyhow."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import yaml

from driftline.config.load import load_settings
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from tests.support.expected import Output, configuration, normalised
from tests.support.traffic import CLOSING_MS, Sent, profiles, traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.events.output_record import OutputRecord

Topics = dict[str, list[list[Sent]]]
"""Records by topic and partition, in the order of their offsets."""
CUSTOMERS = 41
N_PARTITIONS = {"predictions": 3, "labels": 5}
ALIKE = {"predictions": 4, "labels": 4}
"""Partitions of topics whose numbers do not show that they are scattered."""


@cache
def scattered(*, alike: bool = False) -> Topics:
    """Return the traffic with predictions on the partition of a customer, and each label on any."""
    n_partitions = ALIKE if alike else N_PARTITIONS
    rng = random.Random(5)
    customers = {record.key: rng.randrange(CUSTOMERS) for record in traffic().predictions}
    topics: Topics = {kind: [[] for _ in range(n)] for kind, n in n_partitions.items()}
    for record in _before_the_end(traffic().predictions):
        _append(topics["predictions"], customers[record.key] % n_partitions["predictions"], record)
    for record in _before_the_end(traffic().labels):
        _append(topics["labels"], rng.randrange(n_partitions["labels"]), record)
    return _closed(topics)


def _before_the_end(records: Sequence[Sent]) -> list[Sent]:
    return [record for record in records if record.timestamp_ms != CLOSING_MS]


def _append(parts: list[list[Sent]], partition: int, record: Sent) -> None:
    parts[partition].append(record._replace(partition=partition))


def _closed(topics: Topics) -> Topics:
    """Add to each partition a record that closes all windows."""
    for kind, records in (("predictions", traffic().predictions), ("labels", traffic().labels)):
        last = next(record for record in records if record.timestamp_ms == CLOSING_MS)
        for partition, part in enumerate(topics[kind]):
            part.append(last._replace(partition=partition))
    return topics


def in_time(topics: Topics) -> Topics:
    """Return the records that can be used, those of each partition in the order of their event times."""
    return {kind: [_in_time(part) for part in parts] for kind, parts in topics.items()}


def _in_time(records: Sequence[Sent]) -> list[Sent]:
    usable = [(json.loads(record.value or b""), record) for record in records if record.reason is None]
    timed = [record._replace(timestamp_ms=event.get("ts", record.timestamp_ms)) for event, record in usable]
    return sorted(timed, key=lambda record: record.timestamp_ms)


def by_id(topics: Topics, n_partitions: int) -> Topics:
    """Return records as producers write them that use the prediction id as the key."""
    found: Topics = {}
    for kind, parts in topics.items():
        found[kind] = [[] for _ in range(n_partitions)]
        for record in sorted(chain(*parts), key=lambda each: each.timestamp_ms):
            if record.timestamp_ms != CLOSING_MS:
                number = json.loads(record.value or b"{}")["prediction_id"].encode()[-1] % n_partitions
                _append(found[kind], number, record)
    return _closed(found)


def backtest(topics: Topics, sections: Mapping[str, Mapping[str, object]]) -> frozenset[Output]:
    """Return the events and alerts of a backtest over records."""
    found: list[Output] = []

    def emit(output: OutputRecord) -> None:
        found.append(Output(output.channel, output.key, normalised(output.headers, "backtest"), output.value))

    with TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "driftline.yaml"
        config.write_text(yaml.safe_dump(configuration("localhost:1", "backtest", "backtest", **sections)))
        paths = {kind: _write(folder / f"{kind}.ndjson", parts) for kind, parts in topics.items()}
        counts = [len(parts) for parts in topics.values()]
        Backtest(load_settings(config, {}), Profiles(profiles()), *counts).run(
            paths["predictions"], paths["labels"], emit
        )
    assert len(set(found)) == len(found), "a backtest repeats nothing"
    return frozenset(found)


def _write(path: Path, parts: Sequence[Sequence[Sent]]) -> Path:
    lines: list[tuple[int, bytes]] = []
    for partition, part in enumerate(parts):
        for offset, record in enumerate(part):
            if record.reason is None and record.value is not None:
                place = {"partition": partition, "offset": offset, "timestamp": record.timestamp_ms}
                event: dict[str, Any] = json.loads(record.value) | {"kafka": place}
                lines.append((record.timestamp_ms, json.dumps(event).encode()))
    path.write_bytes(b"\n".join(line for _, line in sorted(lines, key=lambda each: each[0])))
    return path


@cache
def expected(*, alike: bool = False) -> frozenset[Output]:
    """Return what every run over the scattered traffic must say."""
    return backtest(scattered(alike=alike), {"join": {"repartition": True}})


_HASH: Final = re.compile(rb'"settings":"[0-9a-f]{16}"')


def whatever_the_settings(outputs: Iterable[Output]) -> frozenset[Output]:
    """Return outputs without the hash of the settings, in which `true` and `auto` differ."""
    return frozenset(each._replace(value=_HASH.sub(b"", each.value or b"") or None) for each in outputs)
