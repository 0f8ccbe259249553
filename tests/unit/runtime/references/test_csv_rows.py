from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import ParameterError, ProfileError
from driftline.events.model_key import ModelKey
from driftline.events.times import TimeForm
from driftline.profiles.building.roles import Roles
from driftline.profiles.remark import Contradiction
from driftline.profiles.task import NO_TIME
from driftline.runtime.references.reference_files import read_table
from driftline.runtime.references.table_options import TableOptions, checked_separator, kinds_of

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.model import ColumnKind
    from driftline.profiles.building.table import ReferenceRows

KEY = ModelKey("m", "")
NAN = float("nan")


def column(*cells: str) -> bytes:
    return "\n".join(("x,n", *(f"{cell},{row % 2}" for row, cell in enumerate(cells)), "")).encode()


def read(path: Path, data: bytes, how: TableOptions = TableOptions(), roles: Roles | None = None) -> ReferenceRows:  # noqa: B008  # immutable
    path.write_bytes(data)
    return read_table(path, KEY, roles, how=how)


def values(reading: ReferenceRows, name: str = "x") -> object:
    found = reading.table.features[name]
    return [None if value != value else value for value in found.tolist()] if isinstance(found, np.ndarray) else found  # noqa: PLR0124


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2.5", "1e3", ".5", "7."], [1, -2.5, 1000, 0.5, 7]),
        ([" 1", "2 "], [1, 2]),
        (['"1"', '"2"'], [1, 2]),
        (["1", "", "3"], [1, None, 3]),
        (["1", "NA", "nan", "NULL", "None", "N/A", "<NA>", '""', "2"], [1, *[None] * 7, 2]),
        (["1", "inf", "-Infinity", "+inf"], [1, np.inf, -np.inf, np.inf]),
        (["9007199254740993", "18446744073709551615", "1772366400000000001"], [2.0**53, 2.0**64, 1772366400000000000]),
        (["02139", "94110"], ["02139", "94110"]),
        (["-01", "2"], ["-01", "2"]),
        (["0", "0.5", "-0.25"], [0, 0.5, -0.25]),
        (["NA", "DE", "nan", "NULL", "None"], ["NA", "DE", "nan", "NULL", "None"]),
        (["NA", "NA"], ["NA", "NA"]),
        (["a", "", '""'], ["a", None, ""]),
        (["", "", ""], [None, None, None]),
        (["True", "False", ""], [True, False, None]),
        (["true", "false"], [True, False]),
        (["True", "no"], ["True", "no"]),
        (["+491701234", "+441711234"], ["+491701234", "+441711234"]),
        (["1,5".join('""'), "a"], ["1,5", "a"]),
        (['"say ""no""\nor yes"', "b"], ['say "no"\nor yes', "b"]),
    ],
)
def test_cells_are_numbers_only_where_all_of_them_are_plain_ones(
    tmp_path: Path, cells: list[str], expected: list[object]
) -> None:
    assert values(read(tmp_path / "t.csv", column(*cells))) == expected


@pytest.mark.parametrize(
    ("kind", "cells", "expected"),
    [
        ("categorical", ["94110", "10001"], ["94110", "10001"]),
        ("categorical", ["1.10", "1.1", ""], ["1.10", "1.1", None]),
        ("categorical", ["7.0", "8.0"], ["7.0", "8.0"]),
        ("categorical", ["7.0", "", "8.0"], ["7", None, "8"]),
        ("categorical", ["1", "NA", "nan"], ["1", "NA", "nan"]),
        ("categorical", ["2026-03-01", "2026-03-02"], ["2026-03-01", "2026-03-02"]),
        ("categorical", ["True", "False"], [True, False]),
        ("numeric", ["02139", "94110"], [2139, 94110]),
        ("numeric", ["+1.5", "2", "NA", ""], [1.5, 2, None, None]),
        ("numeric", ["1", "unknown", "", "3"], [1, "unknown", None, 3]),
        ("numeric", ["unknown", "unknown"], ["unknown", "unknown"]),
    ],
)
def test_the_configuration_says_what_cells_are(
    tmp_path: Path, kind: ColumnKind, cells: list[str], expected: list[object]
) -> None:
    how = TableOptions(kinds=kinds_of(ModelSettings(columns={"x": ColumnSettings(kind=kind)})))
    assert values(read(tmp_path / "t.csv", column(*cells), how)) == expected


@pytest.mark.parametrize(
    ("cells", "kind", "words", "contradicts"),
    [
        (["02139", "94110"], None, "has leading zeros (`02139`): it is read as text; `kind: numeric` reads it", False),
        (["1", "NA", "n/a"], None, "has 2 cells that say `NA`, `n/a`: beside numbers they are missing values", False),
        (["a", '""'], None, 'has 1 cells of two quotation marks (""): they are a category; `--na ""`', False),
        (["7.0", ""], "categorical", "is written with `.0`, as data frames write whole numbers where some", False),
        (["True", "False"], "categorical", "holds true and false: they are read as such", False),
        (["1,5".join('""'), "2,25".join('""')], None, "has numbers with a decimal comma (`1,5`)", True),
        (
            [*map(str, range(1, 20)), "unknown"],
            None,
            "because 1 of its 20 cells are no plain numbers (`unknown`)",
            True,
        ),
        (["2026-03-01", "2026-03-02 10:00:00+01:00"], None, "holds dates or times: it is left out", False),
        (["12:30", "23:59:59.5"], None, "holds dates or times: it is left out", False),
    ],
)
def test_what_cells_may_also_be_is_remarked_upon(
    tmp_path: Path, cells: list[str], kind: ColumnKind | None, words: str, *, contradicts: bool
) -> None:
    how = TableOptions(kinds={} if kind is None else {"x": kind})
    reading = read(tmp_path / "t.csv", column(*cells), how)
    (remark,) = (each for each in reading.remarks if "column `x`" in each)
    assert words in remark
    assert isinstance(remark, Contradiction) is contradicts
    assert reading.table.left_out == (("x",) if "left out" in words else ())


def test_ordinary_columns_are_read_without_a_remark(tmp_path: Path) -> None:
    data = b"age,channel,active,prediction,score,label\n41,web,True,1,0.75,0\n,app,False,0,0.25,1\n"
    table, remarks = read(tmp_path / "t.csv", data)
    assert remarks == ()
    assert (table.prediction, table.score, table.label) == ([1, 0], [0.75, 0.25], [0, 1])
    assert list(table.features) == ["age", "channel", "active"]


def test_further_texts_for_missing_values_can_be_named(tmp_path: Path) -> None:
    how = TableOptions(missing=("unknown", "-1", ""))
    reading = read(tmp_path / "t.csv", b'x,y,label\n1,a,0\nunknown,unknown,1\n-1,"",unknown\n', how)
    assert (values(reading), values(reading, "y")) == ([1, None, None], ["a", None, None])
    assert reading.table.label == [0, 1, None]


@pytest.mark.parametrize(
    "times",
    [
        ["1772366400000", "1772366401000"],
        ["2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"],
        ["2026-03-01 12:00:00", "2026-03-01 12:00:01"],
        ["2026-03-01 13:00:00+01:00", "2026-03-01 13:00:01+01:00"],
        ["2026-03-01 12:00:00.000000001", "2026-03-01 12:00:01.000000001"],
    ],
)
def test_times_are_read_as_they_are_usually_written(tmp_path: Path, times: list[str]) -> None:
    data = "\n".join(("ts,x", *(f"{time},1" for time in times), ",2", "")).encode()
    found = read(tmp_path / "t.csv", data).table.times_ms
    assert found is not None
    assert found.tolist() == [1_772_366_400_000, 1_772_366_401_000, NO_TIME]


def test_times_follow_the_unit_and_the_format_that_are_named(tmp_path: Path) -> None:
    for cells, form in (
        (("1772366400", "1772366401"), TimeForm("s")),
        (("1772366400000000000", "1772366401000000000"), TimeForm("ns")),
        (("20260301120000", "20260301120001"), TimeForm(format="%Y%m%d%H%M%S")),
    ):
        data = "\n".join(("ts,x", *(f"{cell},1" for cell in cells), ",2", "")).encode()
        found = read(tmp_path / "t.csv", data, roles=Roles(time_form=form)).table.times_ms
        assert found is not None
        assert found.tolist() == [1_772_366_400_000, 1_772_366_401_000, NO_TIME]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_first_rows(tmp_path: Path, separator: str) -> None:
    rows = [("fee", "text", "label"), ("1.5", '"a, b; c | d"', "0"), ("2", '"e\tf"', "1")]
    data = "".join(separator.join(row) + "\r\n" for row in rows).encode()
    assert list(read(tmp_path / "t.csv", data).table.features) == ["fee", "text"]


def test_a_separator_that_is_named_goes_first(tmp_path: Path) -> None:
    data = b"a:b\n1,5:2\n2,5:3\n"
    reading = read(tmp_path / "t.csv", data, TableOptions(separator=checked_separator(":")))
    assert values(reading, "b") == [2, 3]
    assert list(read(tmp_path / "t.tsv", b"a,b\tc\n1\t2\n").table.features) == ["a,b", "c"]
    for wrong in ("", ";;", '"', "é"):
        with pytest.raises(ParameterError, match=r"Expected one character, such as `;`, or `tab`"):
            checked_separator(wrong)


def test_a_row_index_and_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    table, remarks = read(tmp_path / "t.csv", b",age,\n0,41,\n1,35,\n")
    assert (list(table.features), table.left_out) == (["age"], ("",))
    assert [remark[:36] for remark in remarks] == [
        "column 3 has no name: it is left out",
        "a column without a name is left out,",
    ]


def test_columns_within_an_object_are_dropped_and_ignored_with_it(tmp_path: Path) -> None:
    data = b"user.id,user.home,x\n01,1;5,1\n02,2;5,2\n"
    table, remarks = read(tmp_path / "t.csv", data, roles=Roles(drop=("user",)))
    assert (list(table.features), table.left_out, remarks) == (["x"], ("user",), ())
    assert read(tmp_path / "t.csv", data, TableOptions(kinds={"user": "ignore"})).remarks == ()
    with pytest.raises(ProfileError, match=r"there is no column `use`, only user\.id, user\.home, x"):
        read(tmp_path / "t.csv", data, roles=Roles(drop=("use",)))


def test_scores_of_classes_in_columns_of_their_own_are_one_map(tmp_path: Path) -> None:
    data = b"score.good,score.bad,x,prediction\n0.75,0.25,1,good\n,,2,bad\n"
    table, _ = read(tmp_path / "t.csv", data)
    assert table.score_maps == [{"good": 0.75, "bad": 0.25}, None]
    assert (list(table.features), table.left_out) == (["x"], ())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"t\.csv is empty: a header with the names of the columns is expected"),
        (b"\n \n", r"t\.csv is empty"),
        (b"a,b\n", r"t\.csv has no rows: at least one is expected"),
        (b"a,b,a\n1,2,3\n", r"t\.csv:1: columns 1 and 3 are both called `a`: rename or remove one of them"),
        (b'a,b\n1,"2\n3"\n4,5,6\n', r"t\.csv:4: this row has 3 cells, and the header has 2 \(separated by ','\)"),
        (b"a,b\n1,2\n3\n", r"t\.csv:3: this row has 1 cell, and the header has 2"),
        (b"PAR1....", r"t\.csv is a Parquet file: give it a name that ends in \.parquet"),
        (b"PK\x03\x04...", r"t\.csv is a ZIP or Excel file: save the rows as CSV"),
        ("a,b\n1,2\n".encode("utf-16-le"), r"has zero bytes, as UTF-16 without a byte-order mark .* utf-16-le`"),
        (b"\x1f\x8b\x08damaged", r"t\.csv cannot be read: "),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ProfileError, match=message) as raised:
        read(tmp_path / "t.csv", data)
    assert "\n" not in str(raised.value)


def test_a_header_of_numbers_is_doubted(tmp_path: Path) -> None:
    remarks = read(tmp_path / "t.csv", b"41,0.5,7\n35,0.25,8\n").remarks
    assert isinstance(remarks[0], Contradiction)
    assert "has numbers only (41, 0.5, 7, ...) and is taken as the header" in remarks[0]
    assert read(tmp_path / "p.csv", b"0,1,2\n35,0.25,8\n").remarks == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_with_or_without_a_mark(tmp_path: Path, encoding: str) -> None:
    reading = read(tmp_path / "t.csv", "größe,x\n1,ü\n2,ß\n".encode(encoding))
    assert (list(reading.table.features), values(reading)) == (["größe", "x"], ["ü", "ß"])
    assert reading.remarks == ()


def test_other_encodings_are_guessed_with_a_remark_or_named(tmp_path: Path) -> None:
    data = "n,x\n1,a\n2,Zürich €\n".encode("cp1252")
    reading = read(tmp_path / "t.csv", data)
    assert values(reading) == ["a", "Zürich €"]
    assert "t.csv:3 is not UTF-8: the file is read as Windows-1252 (latin-1)" in reading.remarks[0]
    named = read(tmp_path / "t.csv", data, TableOptions(encoding="cp1252"))
    assert (values(named), named.remarks) == (["a", "Zürich €"], ())
    with pytest.raises(ProfileError, match=r"t\.csv is not written in ascii .* name its encoding with --encoding"):
        read(tmp_path / "t.csv", data, TableOptions(encoding="ascii"))
    assert values(read(tmp_path / "t.csv", b"n,x\n1,\x81\n")) == ["\x81"], "which Windows-1252 has no character for"
