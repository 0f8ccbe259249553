"""Ids of lines that are decoded together are those of each line by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.errors import EventError
from driftline.events.label import LabelDecoder
from driftline.events.prediction import PredictionDecoder
from driftline.runtime.files.event_files import EventFile, partitions_named
from driftline.runtime.files.event_lines import event_lines
from driftline.runtime.files.line_ids import ids_by
from driftline.runtime.kafka.partitioning import partition_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GOOD = [
    json.dumps({"prediction_id": f"p-{i}", "model": "m", "ts": 1_772_366_400_000 + i, "features": {}}).encode()
    for i in range(300)
]
ODD = [
    b"null",
    b"{",
    b'{"model": "m"}',
    b'{"prediction_id": 7, "model": "m", "ts": 1772366400, "features": {}}',
    b'{"prediction_id": "late", "model": "m", "ts": 1772366400, "features": {}}',
    b'{"prediction_id": "x", "model": "m", "features": [1]}',
]


def test_ids_are_those_of_lines_one_by_one() -> None:
    for decode in (PredictionDecoder(PredictionFields()), LabelDecoder(LabelFields())):
        expected: list[str | None] = []
        lines = [*GOOD, *ODD, *GOOD[:40]]
        for line in lines:
            try:
                expected.append(decode(line).prediction_id)
            except EventError:
                expected.append(None)
        ids_of = ids_by(decode)
        assert [*ids_of(lines)] == expected
        assert [*ids_of(GOOD)] == expected[:300]


def test_lines_are_in_the_partition_of_their_id(tmp_path: Path) -> None:
    path = tmp_path / "p.ndjson"
    path.write_bytes(b"\n".join([*GOOD, b'{"kafka": {"partition": 2}, "prediction_id": "p-1"}']))
    ids_of = ids_by(PredictionDecoder(PredictionFields()))
    file = EventFile(event_lines(path, PredictionFields()), "p", "predictions", "predictions", 3, ids_of)
    ((batches, _),) = file.batches(1_000)
    found = {line: batch.source.partition for batch in batches for line in batch.values}
    assert [found[line] for line in GOOD] == [partition_of(f"p-{i}".encode(), 3) for i in range(300)]
    assert next(place for line, place in found.items() if line is not None and b"kafka" in line) == 2


def test_a_table_that_names_no_partition_is_not_read_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, placed = tmp_path / "p.csv", tmp_path / "k.csv"
    plain.write_text("prediction_id,model,x\na,m,1\n", encoding="utf-8")
    placed.write_text("prediction_id,model,x,kafka.partition\na,m,1,4\n", encoding="utf-8")
    assert partitions_named(event_lines(placed, PredictionFields()), "k") == 5
    events = event_lines(plain, PredictionFields())
    monkeypatch.setattr(type(events), "__iter__", None)
    assert partitions_named(events, "p") == 0
