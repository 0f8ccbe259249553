"""A word such as NA beside numbers is missing, in references and in the files of a backtest alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from driftline.config.input_settings import PredictionFields
from driftline.events.identity import text_of
from driftline.runtime.files.event_lines import event_lines
from driftline.runtime.files.number_words import INFINITE_WORDS, MISSING_WORDS, number_columns
from driftline.runtime.references.csv_cells import feature_cells

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = [
    ["1", "NA", "2.5"],
    ["1", "", "-.5e3"],
    ["DE", "NA", "FR"],
    ["007", "NA", "1"],
    ["NA", "null", ""],
    ["+44", "NA", "1"],
    ["true", "NA", "false"],
    ["inf", "-Infinity", "1"],
    [" 1", "NA", "2 "],
    ["1,5", "NA", "2"],
    *(["7", word, "8"] for word in (*MISSING_WORDS, *INFINITE_WORDS) if word),
]


def as_reference(cells: list[str]) -> list[object]:
    column = pa.array([cell or None for cell in cells], pa.large_string())
    return [*feature_cells(column, None).values.to_pylist()]


def in_one_form(value: object) -> object:
    """Return a value as numbers and texts that are equal count as equal."""
    return {"Infinity": "inf", "-Infinity": "-inf"}.get(str(value)) or text_of(value)


@pytest.mark.parametrize("cells", COLUMNS, ids=map(str, COLUMNS))
def test_cells_of_numbers_and_words_mean_the_same_in_both_kinds_of_files(tmp_path: Path, cells: list[str]) -> None:
    path = tmp_path / "events.csv"
    path.write_text("prediction_id,x\n" + "".join(f'p,"{cell}"\n' for cell in cells))
    found = [json.loads(line)["features"]["x"] for line in event_lines(path, PredictionFields())]
    expected = as_reference(cells)
    assert [*map(in_one_form, found)] == [*map(in_one_form, expected)]
    of_numbers = any(type(value) in (int, float) for value in expected)
    assert of_numbers <= all(type(value) in (int, float) or value in (None, "Infinity", "-Infinity") for value in found)


def test_names_keep_their_text(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("prediction_id\tx\n1\tNA\nNA\t2\n")
    found = [json.loads(line) for line in event_lines(path, PredictionFields())]
    assert found == [{"prediction_id": "1", "features": {"x": None}}, {"prediction_id": "NA", "features": {"x": 2}}]


def test_a_text_far_below_makes_the_column_one_of_texts() -> None:
    rows = [["1"]] * 25_000
    assert number_columns(lambda: iter([["NA"], *rows])) == {0}
    assert number_columns(lambda: iter([["NA"], *rows, ["x"]])) == frozenset()


def test_what_cannot_be_read_is_for_the_reader_of_the_rows_to_say() -> None:
    assert number_columns(lambda: iter([["NA", "1"], ["1"]])) == frozenset()
