"""The groups that a join remembers are those of the bins that the pane counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.config.model import ColumnSettings, ModelSettings, PerformanceSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.feature_errors import words_of
from driftline.sketches.column_encoder import ColumnEncoder
from driftline.sketching.joins.feature_codes import FeatureCodes

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile
    from driftline.profiles.task import Origin

SETTINGS = ModelSettings(
    performance=PerformanceSettings(by_feature=3),
    columns={"text": ColumnSettings(kind="numeric"), "born": ColumnSettings(kind="ignore")},
)
ODD: tuple[dict[str, Any], ...] = (
    {},
    {"age": None},
    {"age": "old", "channel": 7},
    {"age": 1e308, "channel": ["web"]},
    {"age": True, "text": "x"},
)


class Rows:
    """Events with features alone."""

    def __init__(self, features: list[bytes]) -> None:
        self.features = features
        self.predictions: list[None] = [None] * len(features)
        self.scores: list[None] = [None] * len(features)
        self.pane_ms = np.zeros(len(features), dtype=np.int64)

    def hashes(self) -> np.ndarray:
        return np.zeros(len(self.features), dtype=np.uint64)


def profile_of(origin: Origin = "training") -> Profile:
    rng, n = np.random.default_rng(3), 1_000
    features = {
        "age": rng.normal(40, 9, n).round(),
        "channel": rng.choice(["web", "shop", "app"], n).tolist(),
        "text": [f"{each:.2f}" for each in rng.normal(size=n)],
        "unused": rng.normal(size=n),
    }
    table = ReferenceTable(n, features, ["0", "1"] * (n // 2))
    return build_profile(ModelKey("m", "1"), table, SETTINGS, 0, origin)


def test_codes_are_those_of_the_bins_whatever_the_values_are() -> None:
    profile, rng = profile_of(), np.random.default_rng(4)
    events: list[dict[str, Any]] = [
        {"age": float(rng.normal(40, 15)), "channel": str(rng.choice(["web", "app", "new"])), "text": "0.5", "more": 1}
        for _ in range(300)
    ]
    events += [*ODD, {"age": 40, "unused": 2.0, "born": "1970-01-01", "text": 1}]
    features = [json.dumps(each).encode() for each in events]
    encode = ColumnEncoder(
        profile.columns, profile.task.positive, frozenset({"born"}), texts=frozenset({"text"}), names=None
    )
    columns, _ = encode(Rows(features))
    codes = FeatureCodes.of(profile, SETTINGS)
    assert codes is not None
    expected = words_of(profile.feature_groups[:3], columns.bins)
    assert codes(features, np.zeros(len(features), dtype=np.int64)).tolist() == expected.tolist()
    objects = codes([json.loads(each) for each in features], np.zeros(len(features), dtype=np.int64))
    assert objects.tolist() == expected.tolist(), "the same of dictionaries"
    assert len({*expected.tolist()}) > 20


@pytest.mark.parametrize(
    ("origin", "settings"),
    [
        ("bootstrap", SETTINGS),
        ("training", ModelSettings()),
    ],
)
def test_nothing_is_remembered_where_nothing_is_compared(origin: Origin, settings: ModelSettings) -> None:
    assert FeatureCodes.of(profile_of(origin), settings) is None
    assert FeatureCodes.of(None, SETTINGS) is None
