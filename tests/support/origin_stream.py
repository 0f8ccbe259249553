"""A stream of three producers on three partitions, of which some may break, through both stages in one process."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from msgspec import json as msgspec_json
from msgspec.structs import replace

from driftline.config.durations import Duration
from driftline.config.field_places import OriginAt
from driftline.config.input_settings import PredictionInput
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings, WindowSettings
from driftline.config.settings import IntakeSettings, Settings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.effective import BEGINNING_MS
from driftline.profiles.profiles import Profiles
from driftline.runtime.in_process import InProcessStages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.field_places import Origin
    from driftline.profiles.profile import Profile

    Change = Callable[["Event"], "Event"]

KEY: Final = ModelKey("shop", "1")
START_MS: Final = 1_772_366_400_000
MINUTE_MS: Final = 60_000
N_PARTITIONS: Final = 3
N: Final = 3_600
STEP_MS: Final = 1_000
"""One hour: six windows of ten minutes."""
BREAK: Final = 2_077
"""Number of the first event of the change, in the middle of a pane."""
PRODUCERS: Final = ("producer-0", "producer-3", "producer-7")

SETTINGS: Final = Settings(
    predictions=PredictionInput(origins=("partition", OriginAt(header="producer"), OriginAt(field="/app_version"))),
    intake=IntakeSettings(window=Duration(10 * MINUTE_MS)),
    defaults=ModelSettings(
        windows=WindowSettings(
            verdict=(Duration(10 * MINUTE_MS), Duration(30 * MINUTE_MS)),
            display=Duration(60 * MINUTE_MS),
            hop=Duration(60 * MINUTE_MS),
            min_samples=100,
        ),
        checks=CheckSettings(dispersion=DispersionSettings(mode="independent"), detectors=()),
    ),
)


class Event(NamedTuple):
    """One event before it is written; a change may replace any of it."""

    number: int
    producer: str
    partition: int
    features: dict[str, Any]
    value: bytes | None = None
    """Written in its place, where that is given."""
    version: str = "1.4.0"


@cache
def profile() -> Profile:
    """Return the reference of unchanged events."""
    rng = random.Random(1)
    rows = [_features(rng) for _ in range(4_000)]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    columns |= {name: np.array(columns[name], dtype=np.float64) for name in ("amount", "age")}
    return build_profile(KEY, ReferenceTable(len(rows), columns), SETTINGS.defaults, BEGINNING_MS, "training")


def _features(rng: random.Random) -> dict[str, Any]:
    return {
        "amount": round(rng.gauss(50, 10), 2),
        "age": rng.randrange(20, 70),
        "country": rng.choice(["AT", "CH", "DE", "FR", "IT"]),
    }


def events(change: Change) -> list[Event]:
    """Return the events in order; those from ``BREAK`` on are changed."""
    rng = random.Random(5)
    made = []
    for number in range(N):
        event = Event(number, rng.choice(PRODUCERS), rng.randrange(N_PARTITIONS), _features(rng))
        made.append(change(event) if number >= BREAK else event)
    return made


def records(made: Sequence[Event]) -> list[list[tuple[int, bytes | None, dict[str, bytes], Event]]]:
    """Return timestamp, value, headers and event of the records of each partition."""
    parts: list[list[tuple[int, bytes | None, dict[str, bytes], Event]]] = [[] for _ in range(N_PARTITIONS)]
    for event in made:
        ts = START_MS + event.number * STEP_MS
        document = {
            "prediction_id": f"e{event.number}",
            "model": KEY.model,
            "model_version": KEY.version,
            "ts": ts,
            "app_version": event.version,
            "features": event.features,
        }
        value = json.dumps(document).encode() if event.value is None else event.value
        headers = {"producer": event.producer.encode()} if event.producer else {}
        parts[event.partition].append((ts, value, headers, event))
    return parts


def first_offsets(made: Sequence[Event], is_meant: Callable[[Event], bool]) -> dict[str, int]:
    """Return the first offset of meant events from the break on, by partition."""
    return {
        str(partition): next(
            offset for offset, (*_, event) in enumerate(part) if event.number >= BREAK and is_meant(event)
        )
        for partition, part in enumerate(records(made))
        if any(event.number >= BREAK and is_meant(event) for *_, event in part)
    }


def outputs(
    made: Sequence[Event], *, batch: int = 500, flush_every: int = 4, origins: tuple[Origin, ...] | None = None
) -> list[dict[str, Any]]:
    """Return all that both stages say, given how records are cut."""
    settings = SETTINGS
    if origins is not None:
        settings = replace(settings, predictions=replace(settings.predictions, origins=origins))
    profiles = Profiles([profile()])
    stages = InProcessStages(settings, settings, profiles, {"predictions": N_PARTITIONS}, "origins")
    stages.start()
    parts = records(made)
    found: list[dict[str, Any]] = []

    def flush() -> None:
        done = stages.flush()
        if done is not None:
            for _, said in stages.apply(done):
                found.extend(msgspec_json.decode(each.value) for each in said if each.value)

    n_batches = 0
    for start in range(0, max(map(len, parts)), batch):
        for partition, part in enumerate(parts):
            chosen = part[start : start + batch]
            if not chosen:
                continue
            stages.sketcher.add(
                RecordBatch(
                    Source("predictions", partition),
                    "scores",
                    [value for _, value, _, _ in chosen],
                    [*range(start, start + len(chosen))],
                    [ts for ts, *_ in chosen],
                    headers=[headers for _, _, headers, _ in chosen],
                )
            )
            n_batches += 1
            if n_batches % flush_every == 0:
                flush()
    stages.sketcher.advance_to(START_MS + N * STEP_MS + 2 * MINUTE_MS)
    stages.sketcher.close_intake()
    flush()
    stages.close()
    return found
