from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

import driftline
from driftline.config.model import ModelSettings
from driftline.errors import ParameterError, ProfileError
from driftline.profiles.building.frames import build_profile_from_frame, table_of_frame
from driftline.profiles.building.json_rows import table_of_rows
from driftline.profiles.building.roles import Roles
from driftline.profiles.effective import READ_MS, effective_from, parse_effective_from
from driftline.profiles.remarks import remarks_of
from driftline.profiles.task import NO_TIME

NO_TIMES = (
    "no event times: how much unchanged traffic varies will be learnt from production, and its hours of the week are "
    "not known; name their column with --time-column"
)
FRAME = pa.table(
    {
        "prediction_id": ["a", "b", "c"],
        "age": [41, None, 62],
        "income": [1.5, float("nan"), None],
        "fee": pa.array([Decimal("1.50"), None, Decimal("2.25")]),
        "channel": ["web", None, "app"],
        "plan": pa.array(["x", None, "y"]).dictionary_encode(),
        "active": [True, None, False],
        "born": [date(1980, 1, 1)] * 3,
        "nested": [{"a": 1}] * 3,
        "prediction": [1, None, 0],
        "score": [0.5, None, float("nan")],
        "outcome": [True, False, None],
    }
)


def test_numbers_become_arrays_and_others_lists() -> None:
    table, remarks = table_of_frame(FRAME, Roles(label="outcome"))
    assert table.n == 3
    assert list(table.features) == ["age", "income", "fee", "channel", "plan", "active", "nested.a"]
    for name, values in {"age": [41, np.nan, 62], "income": [1.5, np.nan, np.nan], "fee": [1.5, np.nan, 2.25]}.items():
        array = table.features[name]
        assert isinstance(array, np.ndarray)
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, values)
    assert table.features["channel"] == ["web", None, "app"]
    assert table.features["plan"] == ["x", None, "y"]
    assert table.features["active"] == [True, None, False]
    assert (table.prediction, table.score, table.label) == ([1, None, 0], [0.5, None, None], [True, False, None])
    assert len(remarks) == 2
    assert remarks[0] == "column `prediction_id` identifies events: it is left out"
    assert remarks[1].startswith("column `born` holds dates: it is left out")
    assert table.left_out == ("prediction_id", "born")


def test_columns_can_be_named_and_dropped() -> None:
    roles = Roles(prediction="age", drop=("prediction", "born", "nested", "prediction_id"))
    table, remarks = table_of_frame(FRAME, roles)
    assert table.prediction == [41, None, 62]
    assert table.label is None
    assert "prediction" not in table.features
    assert remarks == ()


@pytest.mark.parametrize("roles", [Roles(label="defaulted"), Roles(drop=("defaulted",))])
def test_a_named_column_must_be_there(roles: Roles) -> None:
    with pytest.raises(ProfileError, match=r"^train.parquet: there is no column `defaulted`, only prediction_id, age"):
        table_of_frame(FRAME, roles, at="train.parquet")


def test_a_map_of_class_to_probability_is_one_score() -> None:
    frame = pa.table({"score": [{"no": 0.7, "yes": 0.3}, None]})
    assert table_of_frame(frame, positive="yes").table.score == [0.3, None]
    assert table_of_frame(frame).table.score == [0.7, None]


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"Expected a dataframe that narwhals knows, got list"):
        table_of_frame([1, 2])  # type: ignore[arg-type]  # that is the point


def test_rows_are_a_table_with_what_is_absent_missing() -> None:
    rows: list[dict[str, object]] = [
        {"age": 1, "prediction": 0, "ts": 5, "error": None},
        {"channel": "web", "score": {"no": 0.25, "yes": 0.75}},
    ]
    table, remarks = table_of_rows(rows, Roles(), positive="yes", at="rows")
    assert table.features == {"age": [1, None], "channel": [None, "web"]}
    assert (table.prediction, table.score, table.label) == ([0, None], [None, 0.75], None)
    assert table.times_ms is not None
    assert table.times_ms.tolist() == [5, NO_TIME]
    assert remarks == ("column `error` identifies events: it is left out",)


def test_the_public_function_builds_a_profile() -> None:
    frame = pa.table({"x": np.arange(2_000.0), "p": [0, 1] * 1_000, "y": [0, 1] * 1_000})
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    profile = driftline.build_profile_from_frame(
        frame, "m", "1", roles=driftline.Roles("p", None, "y"), settings=ModelSettings(), effective_from=moment
    )
    assert (str(profile.key), profile.n_events, profile.effective_from_ms) == ("m@1", 2_000, 1_772_366_400_000)
    assert profile.performance is not None
    assert remarks_of(profile) == [NO_TIMES]
    with pytest.raises(ProfileError, match=r"Expected a time with an offset from UTC"):
        build_profile_from_frame(frame, "m", effective_from=datetime(2026, 3, 1))  # noqa: DTZ001  # that is the point
    with pytest.raises(AttributeError, match=r"no attribute 'absent'"):
        _ = driftline.absent


def test_what_is_unusual_is_remarked_upon() -> None:
    frame = pa.table(
        {
            "constant": [1.0] * 400,
            "empty": pa.array([None] * 400, pa.float64()),
            "sparse": [1.0, 2.0] + [None] * 398,
            "one": ["a"] * 400,
            "many": [f"m{i}" for i in range(400)],
            "infinite": [float("inf"), *range(399)],
        }
    )
    unless = "if the model does not use it"
    many = (
        "column `many` has more than 256 categories: 36% of its values are not listed; leave it out with `--drop many` "
        f"{unless}, or group its values"
    )
    infinite = (
        "column `infinite` has 1 values that are infinite: they are counted apart; mend them if production has none"
    )
    no_prediction = (
        "no prediction column: drift of predictions cannot be told, and there is no baseline performance; name it with "
        "--prediction-column"
    )
    assert remarks_of(build_profile_from_frame(frame, "m")) == [
        "only 400 rows: with fewer than 1000 only gross drift can be told; give more rows",
        NO_TIMES,
        no_prediction,
        f"column `constant` is constant (1): leave it out with `--drop constant` {unless}",
        f"column `empty` has no values at all: leave it out with `--drop empty` {unless}",
        f"column `sparse` is missing in 100% of the rows: leave it out with `--drop sparse` {unless}",
        f"column `one` has only one value: leave it out with `--drop one` {unless}",
        many,
        infinite,
    ]


def test_categories_of_which_not_even_the_hashes_are_kept_are_remarked_upon() -> None:
    frame = pa.table({"many": [f"m{i}" for i in range(10_000)]})
    (remark,) = [each for each in remarks_of(build_profile_from_frame(frame, "m")) if "`many`" in each]
    assert "97% of its values are not listed, and new categories cannot be told from these; leave it out" in remark


def test_a_profile_holds_from_when_no_event_has_been_written_yet() -> None:
    now, ahead = 1_772_366_400_000, 600_000
    least = now + ahead + READ_MS
    assert effective_from(None, now, ahead) == least
    assert effective_from(least + 1, now, ahead) == least + 1
    with pytest.raises(ProfileError, match=r"hold from 2026-03-01T12:11:00.000Z or later, got 2026-03-01T12:10:59"):
        effective_from(least - 1, now, ahead)
    with pytest.raises(ProfileError, match=r"got the beginning .* give --before-start if no worker has read events"):
        effective_from(0, now, ahead)
    assert effective_from(None, now, ahead, before_start=True) == 0
    assert effective_from(5, now, ahead, before_start=True) == 5


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00", "yesterday", "1772366400000", ""])
def test_a_time_needs_an_offset(text: str) -> None:
    with pytest.raises(ParameterError, match=r"Expected RFC 3339 with an offset, .* at `--effective-from`"):
        parse_effective_from(text)
