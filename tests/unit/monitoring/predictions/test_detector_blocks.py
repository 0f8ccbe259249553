from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.checks.columns.detector_findings import DetectedChange, constant_bin, examine_detection
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.model import CheckSettings, ModelSettings
from driftline.config.settings import Settings
from driftline.detectors import Block, Detection
from driftline.events.model_key import ModelKey
from driftline.monitoring.predictions.column_detectors import ColumnDetectors
from driftline.monitoring.predictions.detector_blocks import BlockMaker
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.column_values import encode_values, numeric_column
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.grid import bin_of
from driftline.sketches.pane_sketch import count

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile


@pytest.mark.parametrize("value", [0.0, 5.0, -1e-9, 0.02, 1e12])
def test_a_constant_has_a_bin_of_its_own_that_no_other_value_enters(value: float) -> None:
    column = numeric_column("x", "feature", np.full(500, value))
    cell = constant_bin(column)
    assert cell is not None
    others = np.array([np.nextafter(value, -np.inf), np.nextafter(value, np.inf), value + 1e-3, value - 1e-3])
    assert bin_of(column.edges, np.array([value]))[0] == cell
    assert cell not in bin_of(column.edges, others[others != value])


def test_columns_that_vary_or_hold_nothing_have_no_constant() -> None:
    assert constant_bin(numeric_column("x", "feature", np.array([1.0, 2.0]))) is None
    assert constant_bin(numeric_column("x", "feature", np.array([]))) is None
    assert constant_bin(CategoricalColumn("x", "feature", ("a",))) is None


def test_a_constant_that_changes_by_a_hair_is_found() -> None:
    """Standardised by 1, a constant of 0.02 that becomes 0.021 would pass as nothing."""
    bank = ColumnDetectors(CheckSettings(detectors=("adwin", "page_hinkley", "hddm_a")), 10_000, "detectors")
    found = []
    for pane in range(200):
        share = 1.0 if pane >= 100 else 0.0
        found += bank.update(pane * 10_000, [(0, Block(50, share, 0.0))], (0,))
    assert {one.detector for one in found} == {"adwin", "page_hinkley", "hddm_a"}


KEY = ModelKey("m", "1")


def _profile() -> Profile:
    x, still = np.random.default_rng(1).normal(10, 2, 500), np.full(500, 0.02)
    return build_profile(KEY, ReferenceTable(n=500, features={"still": still, "x": x}), ModelSettings(), 0, "training")


def test_blocks_hold_standardised_values_and_of_a_constant_column_how_many_differ() -> None:
    profile = _profile()
    values = {"still": np.array([0.02, 0.03, 0.02, 0.02]), "x": np.array([10.0, 12.0, 10.0, 12.0])}
    encoded = [encode_values(column, values[column.name]) for column in profile.columns]
    (sketch,) = count(profile.layout, encoded, np.zeros(4, dtype=np.int64), 1)
    maker = BlockMaker(profile, with_counts=True)
    blocks = {profile.columns[index].name: block for index, block in maker.blocks(sketch)}
    assert {profile.columns[index].name for index in maker.bounded} == {"still"}
    assert (blocks["still"].count, blocks["still"].mean, blocks["still"].variance) == (4, 0.25, 0.1875)
    assert blocks["x"].mean == pytest.approx(0.5, abs=0.1)
    for block in blocks.values():
        assert block.counts is not None
        assert sum(block.counts) == 4
        assert len(block.counts) <= 40
    assert all(block.counts is None for _, block in BlockMaker(profile).blocks(sketch))


def test_a_finding_says_what_was_measured_and_warns_nobody() -> None:
    profile = _profile()
    names = [column.name for column in profile.columns]
    context = ErrorBudget.of(Settings(), KEY.model)
    for column, expected in (("still", "still, share of values that differ"), ("x", "x: ")):
        (finding,) = examine_detection(
            profile,
            DetectedChange(
                key=KEY,
                segment="all",
                start_ms=0,
                end_ms=10_000,
                detector="adwin",
                column=names.index(column),
                detection=Detection(
                    index=9,
                    statistic=3.0,
                    threshold=None,
                    mean_before=0.0,
                    mean_after=0.5,
                    since_blocks=None,
                    since_events=None,
                ),
                since_ms=None,
                n=10,
                offsets={},
            ),
            context,
        ).findings
        assert finding.severity == "info"
        assert finding.message.startswith(expected)
        assert ("0 -> 0.5" if column == "still" else "-> 1") in finding.message
