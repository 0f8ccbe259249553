"""What estimates cost the sketch stage: processor time an event, in process, with and without the profile's estimator.

Usage: ``python -m benchmarks.estimation.cost FOLDER``, after the comparison has written its files there. Both are
measured in turns, on the same records; the least of the turns counts.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from benchmarks.estimation.ours import DATA, SETTINGS, Data, table_of
from driftline.config.durations import Duration
from driftline.config.settings import TimeSettings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.profiles.building.frames import build_profile_from_frame
from driftline.profiles.building.roles import Roles
from driftline.profiles.profiles import Profiles
from driftline.sketching.sketcher import Sketcher

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

BATCH = 10_000
TURNS = 7
PANES_S = (10, 600)
"""With 5,000 events an hour: 14 and 833 in a pane."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("| data | pane | without, µs an event | with, µs an event | ratio |\n| --- | --- | --- | --- | --- |")
    for data in DATA:
        roles = Roles(prediction="prediction", label="label", score="score" if data.score else None)
        profile = build_profile_from_frame(table_of(folder, data, "reference"), data.name, "1", roles=roles)
        plain = replace(profile, estimator=None)
        records = (folder / f"{data.name}.predictions.ndjson").read_bytes().splitlines()[:-1]
        for pane_s in PANES_S:
            costs: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(TURNS):
                for with_it, each in ((False, plain), (True, profile)):
                    costs[with_it].append(_cost(each, data, records, pane_s))
            without, with_it_too = min(costs[False]), min(costs[True])
            print(f"| {data.name} | {pane_s} s | {without:.2f} | {with_it_too:.2f} | {with_it_too / without:.3f} |")


def _cost(profile: Profile, data: Data, records: list[bytes], pane_s: int) -> float:
    stores: Any = None  # no labels are read: no store is asked for
    settings = structs.replace(SETTINGS, labels=None, time=TimeSettings(pane=Duration(pane_s * 1_000)))
    sketcher = Sketcher(settings, Profiles([profile]), 1, stores)
    source = Source("predictions", 0)
    sketcher.assign(source, None)
    began = time.process_time()
    for start in range(0, len(records), BATCH):
        values: list[bytes | None] = [*records[start : start + BATCH]]
        offsets = list(range(start, start + len(values)))
        sketcher.add(RecordBatch(source, "predictions", values, offsets, [-1] * len(values)))
        sketcher.flush()
        sketcher.committed()
    assert len(records) > 10 * data.chunk - 1
    return (time.process_time() - began) / len(records) * 1e6


if __name__ == "__main__":
    main()
