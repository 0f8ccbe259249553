"""The native library and Python make the same of every record: what the one leaves, the other reads."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.config.model import ModelSettings
from driftline.config.settings import Settings
from driftline.events.label import LabelDecoder
from driftline.events.model_key import ModelKey
from driftline.events.prediction import PredictionDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.native.library import VARIABLE
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketches.column_encoder import ColumnEncoder
from driftline.sketches.columns import CategoricalColumn, Column, NumericColumn, TextNumericColumn
from driftline.sketches.grid import build_edges
from driftline.sketches.numeric_encoding import NumericEncoder
from driftline.sketching.intake import take_in_labels, take_in_predictions
from driftline.sketching.rows import AllRows
from driftline.sketching.sketcher import Sketcher
from tests.support.examples import examples
from tests.support.fuzzed_records import NOW_MS, Producer
from tests.support.native import BOTH, require_native, run_as

if TYPE_CHECKING:
    from driftline.sketches.encoding import EncodedColumns
    from driftline.sketching.intake import Intake

EDGES: Final = build_edges(np.linspace(-2, 2, 200)).tobytes()
FEW_EDGES: Final = np.array([-1.0, 0.0, 0.5]).tobytes()
COLUMNS: Final[tuple[Column, ...]] = (
    NumericColumn("x", "feature", EDGES, 0.0, 1.0, -2.0, 2.0),
    NumericColumn("bit", "feature", build_edges(np.array([0.0, 1.0])).tobytes(), 0.5, 0.5, 0.0, 1.0),
    TextNumericColumn("price", "feature", FEW_EDGES, 0.0, 1.0, -2.0, 2.0),
    CategoricalColumn("flag", "feature", ("0", "1")),
    CategoricalColumn("c", "feature", ("web", "1", "ü", "-1")),
    NumericColumn("user.x", "feature", EDGES, 0.0, 0.0, -2.0, 2.0),
    CategoricalColumn("user.home.c", "feature", ("web", "app")),
    CategoricalColumn("prediction", "prediction", ("0", "1")),
    NumericColumn("score", "score", EDGES, 0.5, 0.25, 0.0, 1.0),
)
FUZZED: Final = int(os.environ.get("DRIFTLINE_FUZZED_RECORDS", "20000"))
"""Records that are tried with one fixed seed."""
AT_ONCE: Final = 40


class Readers:
    """Everything that reads records, made with the library or without it."""

    def __init__(self, way: str) -> None:
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = way
        self.prediction = PredictionDecoder(PredictionFields(), with_segments=True)
        self.label = LabelDecoder(LabelFields(weight="/weight"))
        self.encode = ColumnEncoder(COLUMNS, None, frozenset(("a",)))
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


@pytest.fixture(scope="module")
def both() -> tuple[Readers, Readers]:
    require_native()
    return Readers("auto"), Readers("off")


def batch(kind: Any, values: list[bytes | None]) -> RecordBatch:  # noqa: ANN401  # a literal
    return RecordBatch(Source(kind, 0), "t", values, [*range(len(values))], [NOW_MS] * len(values))


def said(values: Any) -> list[str]:  # noqa: ANN401  # a column
    """Return values in a form in which not-a-number equals itself and 1 is not True."""
    return [repr(bytes(value) if type(value).__name__ == "Raw" else value) for value in values]


def encoded(columns: EncodedColumns, unexpected: Any) -> list[Any]:  # noqa: ANN401  # an array
    assert columns.scores is not None
    arrays = (columns.bins, columns.z, columns.squares, columns.clipped, *columns.tails, columns.scores, unexpected)
    return [
        *(array.tobytes() for array in arrays),
        {column: sorted(pairs) for column, pairs in columns.unlisted.items() if pairs},
        {name: sorted(rows.tolist()) for name, rows in columns.unknown.items()},
    ]


def compare(both: tuple[Readers, Readers], seed: int, n: int) -> int:
    """Let both read the same records; return how many events were in them."""
    producer = Producer(Random(seed))
    predictions, labels = batch("predictions", producer.predictions(n)), batch("labels", producer.labels(n))
    found: list[Intake[Any]] = [take_in_predictions(predictions, each.prediction, 3_600_000) for each in both]
    outcomes: list[Intake[Any]] = [take_in_labels(labels, each.label, 3_600_000) for each in both]
    for one, other in (found, outcomes):
        assert one.refused == other.refused
        assert [*map(said, one.events)] == [*map(said, other.events)]
        assert (one.times_ms.tolist(), one.offsets.tolist()) == (other.times_ms.tolist(), other.offsets.tolist())
    events, times_ms = found[0].events, found[0].times_ms
    features = [bytes(each) if isinstance(each, msgspec.Raw) else each for each in events.features]
    none = np.zeros(times_ms.size, dtype=np.int64)
    ids, made, scores = ([*column] for column in (events.prediction_ids, events.predictions, events.scores))
    rows = AllRows(none, ids, none, times_ms, none > 0, features, made, scores)
    natively, in_python = (encoded(*readers.encode(rows)) for readers in both)
    assert natively == in_python
    return times_ms.size


@examples(100)
@given(seed=st.integers(0, 1 << 40), n=st.integers(1, 60))
def test_both_make_the_same_of_records(both: tuple[Readers, Readers], seed: int, n: int) -> None:
    compare(both, seed, n)


def test_both_make_the_same_of_many_damaged_records(both: tuple[Readers, Readers]) -> None:
    n_events = sum(compare(both, seed, AT_ONCE) for seed in range(FUZZED // (2 * AT_ONCE)))
    assert n_events > FUZZED // 8  # most of what is tried can be read


@pytest.mark.parametrize("seed", range(3))
def test_both_flush_the_same_bytes(both: tuple[Readers, Readers], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert both
    rows = Random(seed)
    table = ReferenceTable(
        500,
        {"x": [rows.gauss(0, 1) for _ in range(500)], "c": [rows.choice(("web", "1", "ü")) for _ in range(500)]},
        [rows.randint(0, 1) for _ in range(500)],
        [rows.random() for _ in range(500)],
    )
    profile = build_profile(ModelKey("credit", "1"), table, ModelSettings(), 0, "training")
    batches = [batch("predictions", Producer(rows).predictions(AT_ONCE)) for _ in range(20)]
    flushes = []
    for way in BOTH:
        run_as(way, monkeypatch)
        sketcher = Sketcher(Settings(), Profiles([profile]), 1, lambda *_: pytest.fail("nothing is joined"))
        source = Source("predictions", 0)
        sketcher.assign(source, None)
        for number, each in enumerate(batches):
            sketcher.add(each._replace(offsets=[AT_ONCE * number + offset for offset in each.offsets]))
        flush = sketcher.flush()
        assert flush is not None
        flushes.append((flush.panes, flush.dead_letters, flush.positions))
    assert flushes[0] == flushes[1]


FLOATS: Final = st.floats(-300, 300) | st.floats() | st.sampled_from([-2.0, 2.0, 0.5, np.nextafter(0.5, 0), 256.0])


@examples(200)
@given(
    edges=st.lists(st.floats(-1e3, 1e3), unique=True, max_size=40).map(sorted),
    values=st.lists(FLOATS, min_size=1, max_size=20),
    mean=st.floats(-10, 10),
    spread=st.sampled_from([0.0, 1e-3, 0.7, 1.0, 3.3, 1e200]),
)
def test_both_put_numbers_into_the_same_bins(
    both: tuple[Readers, Readers], edges: list[float], values: list[float], mean: float, spread: float
) -> None:
    assert both
    packed = np.array(edges).tobytes()
    low, high = (edges[0], edges[-1]) if edges else (0.0, 0.0)
    encoder = NumericEncoder([NumericColumn("x", "feature", packed, mean, spread, low, high)] * 2)
    numbers = np.array([values, values[::-1]])
    found = []
    for encode in (encoder, encoder._in_blocks):
        bins = np.empty((3, len(values)), dtype=np.int64)
        exceptions = [(), [(0, 1)] if np.isnan(numbers[1, 0]) else ()]
        z, squares, clipped, tails = encode(numbers, exceptions, bins, [2, 0])
        with_bin = bins[np.array([2, 0])[tails.numeric], tails.rows] >= 0  # the others are counted nowhere
        tails_with_bin = [part[with_bin].tolist() for part in tails]
        found.append([bins[[0, 2]].tolist(), z.tolist(), squares.tolist(), clipped.tolist(), tails_with_bin])
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", range(3))
def test_both_read_the_same_numbers(both: tuple[Readers, Readers], seed: int) -> None:
    random = Random(seed)
    texts = [_decimal(random) for _ in range(FUZZED // 3)]
    features = [f'{{"x":{text}}}'.encode() for text in texts]
    numbers = [readers.encode._encode_features for readers in both]
    none = np.zeros(len(texts), dtype=np.int64)
    bins = np.empty((len(COLUMNS), len(texts)), dtype=np.int64)
    one, other = (encode(features, none, bins).numbers[0] for encode in numbers)
    assert one.tobytes() == other.tobytes()
    assert [value for value in one.tolist() if np.isfinite(value)] == [
        float(text) for text in texts if np.isfinite(float(text))
    ]


def _decimal(random: Random) -> str:
    """Return a number as JSON may have it, of any length and size."""
    if random.random() < 0.3:
        return repr(random.uniform(-1, 1) * 10.0 ** random.randint(-320, 308))
    whole = str(random.randrange(10 ** random.randint(1, 25)))
    fraction = "".join(random.choices("0123456789", k=random.randint(1, 25)))
    power = random.choice(("", "", f"e{random.randint(-340, 320)}", f"E+{random.randint(0, 20)}"))
    return random.choice(("", "-")) + whole + random.choice((f".{fraction}", "")) + power
