from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.cli import main
from driftline.cli.profile_comparison import compare_profiles
from driftline.config.model import ColumnSettings, ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.runtime.references.profile_files import write_profile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

    Values = NDArray[np.float64] | list[str] | list[None]

N = 4_000


def profile(
    seed: int, *, shift: float = 0.0, version: str = "1", settings: ModelSettings | None = None, **more: Values
) -> Profile:
    rng = np.random.default_rng(seed)
    features = {"x": rng.normal(shift, 1, N), "steady": rng.normal(0, 1, N), "c": rng.choice(["a", "b"], N).tolist()}
    table = ReferenceTable(N, {**features, **more}, rng.choice([0, 1], N).tolist())
    return build_profile(ModelKey("m", version), table, settings or ModelSettings(), 0, "training")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def test_equal_profiles_do_not_differ() -> None:
    comparison = compare_profiles(profile(1), profile(1))
    assert {change.status for change in comparison.columns} == {"same"}
    assert all(change.psi == 0 for change in comparison.columns)
    assert comparison.task == []


def test_what_moved_is_told_from_what_was_drawn_anew() -> None:
    comparison = compare_profiles(profile(1), profile(2, shift=0.5))
    by_name = {change.name: change for change in comparison.columns}
    moved, steady = by_name["x"], by_name["steady"]
    assert comparison.columns[0].name == "x"
    assert moved.psi is not None
    assert moved.psi > 0.15
    assert moved.kolmogorov_smirnov == pytest.approx(0.197, abs=0.03), "of two normals half a deviation apart"
    assert moved.mean is not None
    assert moved.mean.after == pytest.approx(0.5, abs=0.06)
    assert not moved.exact
    assert steady.psi is not None
    assert steady.psi < 0.02
    assert by_name["c"].psi is not None
    assert by_name["c"].mean is None


def test_distances_between_grids_are_those_of_the_values() -> None:
    rng = np.random.default_rng(3)
    old, new = rng.normal(0, 1, N), rng.normal(0.3, 1.2, N)
    pair = [
        build_profile(ModelKey("m", ""), ReferenceTable(N, {"x": values}), ModelSettings(), 0, "training")
        for values in (old, new)
    ]
    change = compare_profiles(*pair).columns[0]
    at = np.sort(np.concatenate([old, new]))
    exact = np.abs(np.searchsorted(np.sort(old), at, "right") - np.searchsorted(np.sort(new), at, "right")).max() / N
    assert change.kolmogorov_smirnov == pytest.approx(exact, abs=2 / 200), "to within a bin of either grid"


def test_columns_and_tasks_that_come_go_or_change_kind_are_named_first() -> None:
    first = profile(1, gone=np.zeros(N), other=np.arange(N, dtype=np.float64))
    labels = ModelSettings(task="multiclass", columns={"x": ColumnSettings(importance=5.0)})
    second = profile(1, version="2", settings=labels, new=np.ones(N), other=["z"] * N)
    comparison = compare_profiles(first, second)
    assert [(change.name, change.status) for change in comparison.columns[:3]] == [
        ("gone", "removed"),
        ("new", "added"),
        ("other", "kind"),
    ]
    assert comparison.task == ["the profiles are of m@1 and of m@2", "the task was binary and is multiclass"]
    assert {change.name: change.importance for change in comparison.columns}["x"] == 5.0


def test_classes_that_differ_are_named() -> None:
    first, second = profile(1), profile(1, settings=ModelSettings(positive_class="0"))
    assert compare_profiles(first, second).task == ["the positive class was 1 and is 0"]


def test_a_column_without_values_can_be_compared() -> None:
    empty = profile(1, e=[None] * N)
    assert {c.name: c.psi for c in compare_profiles(empty, profile(1, e=np.ones(N))).columns}["e"] is None
    column = {c.name: c for c in compare_profiles(profile(1, e=np.full(N, np.nan)), profile(1, e=np.ones(N))).columns}[
        "e"
    ]
    assert (column.status, column.psi) == ("moved", None)
    assert column.missing is not None
    assert (column.missing.before, column.missing.after) == (1.0, 0.0)


def test_the_command_prints_a_table_or_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, two = tmp_path / "one.profile", tmp_path / "two.profile"
    write_profile(one, profile(1))
    write_profile(two, profile(2, shift=1.0, version="2"))
    code, text, error = run(capsys, "reference", "diff", one, two)
    assert (code, error) == (0, "")
    for words in ("(4000 rows) to", "of m@1 and of m@2", "moved", "x ", "the grids differ"):
        assert words in text
    code, text, _ = run(capsys, "reference", "diff", one, two, "--json")
    found = json.loads(text)
    assert found["columns"][0]["name"] == "x"
    code, text, _ = run(capsys, "reference", "diff", one, one)
    assert "4 columns without any change" in text
    code, text, error = run(capsys, "reference", "diff", one, tmp_path / "three.profile")
    assert (code, text) == (4, "")
    assert "no such file" in error
