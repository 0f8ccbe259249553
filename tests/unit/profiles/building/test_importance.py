from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import ProfileError
from driftline.profiles.building.importance import checked, unknown, with_importances
from driftline.runtime.references.importance_files import read_importances

if TYPE_CHECKING:
    from pathlib import Path


def test_importances_come_from_json_and_csv(tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text('{"age": 3, "income": 0.5}', encoding="utf-8")
    (tmp_path / "i.csv").write_text('\ufefffeature,gain\nage,3\n\n"income",0.5,more\n', encoding="utf-8")
    for name in ("i.json", "i.csv"):
        assert read_importances(tmp_path / name) == {"age": 3.0, "income": 0.5}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("i.json", '{"age": -1}', "Expected an importance at or above zero, got -1 - at `age`"),
        ("i.json", '{"age": true}', "Expected an importance at or above zero, got True - at `age`"),
        ("i.json", '{"age": "much"}', "Expected an importance at or above zero, got 'much' - at `age`"),
        ("i.json", '{"age": Infinity}', "Expected an importance at or above zero, got inf - at `age`"),
        ("i.json", "[1]", "Expected a JSON object"),
        ("i.csv", "name,gain\nage,much\n", "Expected an importance at or above zero, got 'much' - at `age`"),
        ("i.csv", "name,gain\nage,nan\n", "Expected an importance at or above zero, got nan - at `age`"),
        ("i.csv", "name,gain\nage\n", "i.csv:2: this line has no number beside the name: 'age'"),
        ("i.txt", "", "i.txt: importances are read from files that end in .json or .csv"),
    ],
)
def test_what_is_no_importance_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match=message):
        read_importances(tmp_path / name)


def test_a_configured_importance_stands_and_kinds_are_kept() -> None:
    columns = {"a": ColumnSettings(importance=2.0), "b": ColumnSettings(kind="categorical")}
    found = with_importances(ModelSettings(columns=columns), checked({"a": 9, "b": 3, "c": 0}, "x")).columns
    assert {name: column.importance for name, column in found.items()} == {"a": 2.0, "b": 3.0, "c": 0.0}
    assert found["b"].kind == "categorical"


def test_importances_of_absent_columns_are_remarked_upon() -> None:
    assert unknown(["a"], ["a", "b"]) is None
    assert unknown(["a", "z"], ["a"]) == "there is no column `z`, to which an importance is given"
    many = unknown([f"f{i}" for i in range(13)], [])
    assert many is not None
    assert "`f9` and 3 more, to which" in many
