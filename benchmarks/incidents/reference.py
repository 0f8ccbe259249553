"""The references of the models: four weeks of events with times and labels, weekends included."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.incidents.encoding import listed
from benchmarks.incidents.population import draw
from benchmarks.incidents.scenario import DAY_MS, PANE_MS, START_MS
from benchmarks.incidents.settings import model
from benchmarks.incidents.stream import arrivals, season_of
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import encode_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.incidents.scenario import Scenario
    from driftline.profiles.profile import Profile

WEEKS: Final = 4
RATE: Final = 200.0
"""Events of an hour that training kept."""


def reference(*, seasonal: bool, weeks: int = WEEKS, rate: float = RATE) -> Profile:
    """Return the profile of models with the same population; see :func:`profiles`."""
    rng = np.random.default_rng([7, seasonal])
    times = arrivals(rng, (START_MS - weeks * 7 * DAY_MS, START_MS), rate, seasonal=seasonal)
    rows = draw(rng, times, season_of(times, seasonal=seasonal))
    names = [name for name in rows if name not in {"score", "label"}]
    features: dict[str, Any] = {
        name: rows[name].astype(np.float64) if rows[name].dtype.kind == "f" else listed(rows, name) for name in names
    }
    score = rows["score"]
    table = ReferenceTable(
        n=times.size,
        features=features,
        prediction=(score >= 0.5).astype(np.int64).tolist(),  # the decision
        score=score.tolist(),
        label=rows["label"].tolist(),
        times_ms=times,
    )
    key = ModelKey("orders", "1")
    return build_profile(key, table, model(), START_MS - 365 * DAY_MS, "training", in_time=TimeOptions(PANE_MS))


def encoded_reference(*, seasonal: bool) -> list[bytes]:
    """Return the records of a reference, for another process."""
    return [value for _, value in encode_profile(reference(seasonal=seasonal))]


def profiles(chosen: Sequence[Scenario], made: Mapping[bool, Profile] | None = None) -> list[Profile]:
    """Return the profile of each version of each model, of references by whether they are seasonal."""
    if made is None:
        made = {seasonal: reference(seasonal=seasonal) for seasonal in {each.seasonal for each in chosen}}
    return [
        replace(made[each.seasonal], key=ModelKey(each.model, version))
        for each in chosen
        for version in sorted({"1", each.version_after})
    ]
