"""Files of events: the same events come out of NDJSON, CSV, TSV and Parquet, packed or not."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from driftline.config.field_places import Constant
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.errors import FormatError
from driftline.events.label import LabelDecoder
from driftline.events.output_record import tombstone
from driftline.events.prediction import PredictionDecoder
from driftline.runtime.files.event_files import EventFile, metadata_of, partitions_named
from driftline.runtime.files.event_lines import event_lines
from driftline.runtime.files.table_rows import RowShape
from driftline.runtime.files.written_events import structured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIELDS = PredictionFields()
EVENTS = [
    {
        "prediction_id": f"{i:03}",
        "model": "loan",
        "model_version": "1",
        "ts": 1_772_366_400_000 + i,
        "prediction": i % 2,
        "score": 0.25,
        "features": {"age": 40 + i, "zip": "01234", "income": None if i == 1 else 1.5, "note": "ä, ö"},
    }
    for i in range(3)
]


def flat(event: dict[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in event.items() if name != "features"}, **event["features"]}


def as_ndjson(_path: Path) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\r\n\n" for event in EVENTS)


def separated(separator: str) -> Callable[[Path], bytes]:
    def write(_path: Path) -> bytes:
        rows = [[*flat(EVENTS[0])], *([*flat(event).values()] for event in EVENTS)]
        cells = [
            [f'"{cell}"' if separator in str(cell) else "" if cell is None else str(cell) for cell in row]
            for row in rows
        ]
        return "\ufeff".encode() + "\r\n".join(separator.join(row) for row in cells).encode()

    return write


def as_parquet(path: Path) -> bytes:
    parquet.write_table(pa.Table.from_pylist([flat(event) for event in EVENTS]), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("e.ndjson", as_ndjson),
        ("e.JSONL", as_ndjson),
        ("e.csv", separated(",")),
        ("e.CSV", separated(",")),
        ("e.tsv", separated("\t")),
        ("e.parquet", as_parquet),
        ("e.PARQUET", as_parquet),
    ],
)
@pytest.mark.parametrize("ending", ["", ".GZ"])
def test_every_kind_of_file_gives_the_same_events(
    tmp_path: Path, name: str, write: Callable[[Path], bytes], ending: str
) -> None:
    data = write(tmp_path / "written")
    path = tmp_path / f"{name}{ending}"
    path.write_bytes(gzip.compress(data) if ending else data)
    if ending and "parquet" in name.lower():
        with pytest.raises(FormatError, match="unpack it first"):
            event_lines(path, FIELDS)
        return
    events = event_lines(path, FIELDS)
    assert [json.loads(line) for line in events] == EVENTS
    assert events.position() == path.stat().st_size
    decoded = [PredictionDecoder(FIELDS)(line) for line in event_lines(path, FIELDS)]
    assert [each.prediction_id for each in decoded] == ["000", "001", "002"]


def test_many_row_groups_are_read_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    parquet.write_table(pa.table({"prediction_id": [str(i) for i in range(25_000)]}), path, row_group_size=7_000)
    events = event_lines(path, FIELDS)
    reached = [(json.loads(line)["prediction_id"], events.position()) for line in events]
    assert [each for each, _ in reached] == [str(i) for i in range(25_000)]
    assert min(position for _, position in reached) == 0
    assert len({position for _, position in reached}) > 2


def test_types_of_parquet_become_what_json_can_say(tmp_path: Path) -> None:
    when = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    table = pa.table(
        {
            "prediction_id": pa.array([b"p-1"], pa.binary()),
            "ts": pa.array([when], pa.timestamp("ns", "UTC")),
            "price": pa.array([Decimal("1.50")], pa.decimal128(8, 2)),
            "kind": pa.array(["a"]).dictionary_encode(),
            "nothing": pa.array([float("nan")]),
            "endless": pa.array([float("-inf")]),
            "segments": pa.array([[("country", "DE")]], pa.map_(pa.string(), pa.string())),
            "__index_level_0__": pa.array([7]),
        }
    )
    path = tmp_path / "e.parquet"
    parquet.write_table(table, path)
    (line,) = event_lines(path, FIELDS)
    assert json.loads(line) == {
        "prediction_id": "p-1",
        "ts": "2026-03-01T12:00:00.123456Z",
        "segments": {"country": "DE"},
        "features": {"price": 1.5, "kind": "a", "nothing": None, "endless": "-Infinity"},
    }


@pytest.mark.parametrize(
    ("fields", "columns", "row", "event"),
    [
        (
            PredictionFields(features="", model=Constant("loan")),
            ["prediction_id", "age", "label"],
            ["p", 41, 1],
            {"prediction_id": "p", "age": 41, "label": 1},
        ),
        (
            PredictionFields(prediction_id="/meta/id", features="/row"),
            ["meta.id", "age", "latency_ms"],
            ["p", 41, 12],
            {"meta": {"id": "p"}, "row": {"age": 41}, "latency_ms": 12},
        ),
        (
            FIELDS,
            ["prediction_id", "features", "age"],
            ["p", '{"age": 41}', 12],
            {"prediction_id": "p", "features": {"age": 41}, "age": 12},
        ),
        (
            FIELDS,
            ["prediction_id", "features"],
            ["p", "{no json"],
            {"prediction_id": "p", "features": "{no json"},
        ),
        (
            FIELDS,
            ["prediction_id", "ts", "age", "kafka.partition", "kafka.offset"],
            ["p", None, None, 2, None],
            {"prediction_id": "p", "features": {"age": None}, "kafka": {"partition": 2}},
        ),
        (
            LabelFields(),
            ["prediction_id", "label", "age"],
            ["p", None, 3],
            {"prediction_id": "p", "label": None, "age": 3},
        ),
    ],
)
def test_columns_go_where_the_mapping_expects_them(
    fields: PredictionFields | LabelFields, columns: list[str], row: list[object], event: dict[str, object]
) -> None:
    assert RowShape(columns, fields).event(row) == event


def test_labels_of_a_table_are_read_and_empty_ones_retract(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("prediction_id,label,ts\n007,1,2026-03-01 12:00:00\n008,,2026-03-01T12:00:00Z\n", encoding="utf-8")
    labels = [LabelDecoder(LabelFields())(line) for line in event_lines(path, LabelFields())]
    assert [(each.prediction_id, each.label, each.ts_ms) for each in labels] == [
        ("007", 1, 1_772_366_400_000),
        ("008", None, 1_772_366_400_000),
    ]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("e.csv", b"a,b\n1,2\n1,2,3\n", "line 3: the row has 3 cells, the header has 2"),
        ("e.csv", b"a,b\n1,\xff\n", "cannot be read as a table of text"),
        ("e.parquet", b"PAR1", "cannot be read as a Parquet file"),
        ("e.csv", b"a,b,a\n1,2,3\n", "the column 'a' stands there twice"),
        ("e.ndjson.gz", b"{}\n", "cannot be unpacked with gzip"),
        ("e.ndjson.gz", gzip.compress(b"{}\n" * 99, mtime=0)[:-9], "cannot be unpacked with gzip"),
        ("e.ndjson.gz", gzip.compress(b"{}\n", mtime=0)[:10] + b"\xff" * 20, "cannot be unpacked with gzip"),
        ("e.csv.gz", gzip.compress(b"a\n1\n" * 99, mtime=0)[:-9], "cannot be unpacked with gzip"),
    ],
)
def test_a_broken_table_is_named_with_its_place(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(FormatError, match=message) as refused:
        list(event_lines(path, FIELDS))
    assert str(path) in str(refused.value)


def test_a_column_of_a_field_goes_before_one_that_has_no_object_in_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    nested = '"' + '{""a"":' * 5_000 + '"'
    path.write_text(f"kafka,kafka.offset,features\n5,7,{nested}\n", encoding="utf-8")
    (line,) = event_lines(path, FIELDS)
    assert json.loads(line)["kafka"] == {"offset": 7}


@pytest.mark.parametrize(
    "place",
    [
        '"partition": 1000000000',
        '"offset": 9223372036854775807',
        '"timestamp": 1e30',
        '"timestamp": 9999999999999999999',
    ],
)
def test_a_position_that_kafka_cannot_have_is_refused_with_its_place(place: str) -> None:
    with pytest.raises(FormatError, match=r"\$\.kafka.* - at `e.ndjson:3`"):
        metadata_of(f'{{"kafka": {{{place}}}}}'.encode(), "e.ndjson:3")


def test_a_line_can_say_that_its_record_has_no_value(tmp_path: Path) -> None:
    path = tmp_path / "l.ndjson"
    path.write_text(
        '{"prediction_id": "a"}\nnull\n{"prediction_id": "b", "kafka": {"partition": 1, "tombstone": true}}\n',
        encoding="utf-8",
    )
    assert partitions_named(event_lines(path, LabelFields()), str(path)) == 2
    file = EventFile(
        event_lines(path, LabelFields()), str(path), "labels", "labels", 2, lambda lines: ["a"] * len(lines)
    )
    ((batches, n_bytes),) = file.batches(10)
    assert n_bytes == path.stat().st_size
    values = {batch.source.partition: batch.values for batch in batches}
    assert sum(len(each) for each in values.values()) == 3
    assert values[1][-1] is None
    assert sum(value is None for each in values.values() for value in each) == 2


def test_a_tombstone_is_written_with_its_key_and_no_data() -> None:
    assert json.loads(structured(tombstone("alert-7"))) == {"key": "alert-7", "data": None}
