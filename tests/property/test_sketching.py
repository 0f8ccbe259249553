"""The sketch stage, with all its fast paths, says byte for byte what a plain reference says, whatever it is given."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput, PredictionFields, PredictionInput
from driftline.config.model import BootstrapSettings, CheckSettings, ColumnSettings, ModelSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.errors import EventError
from driftline.events.features import features_json, json_members
from driftline.events.model_key import ModelKey
from driftline.events.prediction import PredictionDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.panes.flush_record import decode as decode_flush
from driftline.panes.flush_record import encode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.profiles.raw_values import raw_values
from driftline.sketching.joins.pending_block import decode_block
from driftline.sketching.joins.waiting.digests import digests_of
from driftline.sketching.sketcher import Sketcher
from tests.support.examples import examples
from tests.support.pending import MemoryStores, keys_of
from tests.support.reference_events import usable_score
from tests.support.sketch_reference import ReferenceSketcher

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

START_MS = 1_772_366_400_000
SOURCES = [Source("predictions", 0), Source("predictions", 1)]
SETTINGS = Settings(
    predictions=PredictionInput(origins=()),  # the plain reference counts none
    time=TimeSettings(pane=Duration(10_000), lateness=Duration(15_000), max_future=Duration(60_000)),
    defaults=ModelSettings(
        bootstrap=BootstrapSettings(sample=5, events=10),
        columns={"ignored": ColumnSettings(kind="ignore"), "price": ColumnSettings(kind="numeric")},
        checks=CheckSettings(multivariate=("correlation", "mean_embedding", "domain_classifier")),
    ),
)


def profile(key: ModelKey, effective_from_ms: int, *, regression: bool = False, shift: float = 0.0) -> Profile:
    rng = np.random.default_rng(3)
    n = 400
    features: dict[str, Any] = {
        "amount": rng.normal(10 + shift, 3, n),
        "count": rng.integers(0, 5, n).astype(float),
        "flat": np.full(n, 2.0),
        "channel": ["web", "app", "shop", "1"] * (n // 4),
        "flag": [True, False] * (n // 2),
        "price": rng.normal(5, 2, n),
        "bit": rng.integers(0, 2, n).astype(float),
        "user.age": rng.normal(40, 9, n),
        "user.home.city": ["Bern", "Genf"] * (n // 2),
    }
    prediction = (rng.normal(0, 1, n) if regression else rng.integers(0, 2, n)).tolist()
    score = None if regression else rng.random(n).tolist()
    table = ReferenceTable(n, features, prediction, score, left_out=("born", "user.tags"))
    return build_profile(key, table, SETTINGS.defaults, effective_from_ms, "training")


BOOK = Profiles(
    [
        profile(ModelKey("risk", "1"), 0),
        profile(ModelKey("risk", "1"), START_MS + 20_000, shift=1.0),
        profile(ModelKey("price", ""), 0, regression=True),
    ]
)

NUMBERS = st.one_of(st.floats(-50, 50), st.integers(-3, 12), st.just(2.0), st.floats(allow_nan=False))
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, "x", "NaN", "Infinity", [1], {}, float("nan"), float("-inf"), 10**400, -(2**70)]
)
CATEGORIES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        ["web", "app", "shop", "1", 1, 1.0, True, False, 0, None, "0", "new", "ü", "neu" * 40, 0.5, [], {}]
    ),
    st.text(max_size=4).filter(str.isprintable),
)
HOME = st.fixed_dictionaries(
    {}, optional={"city": CATEGORIES, "zip": st.just("02139"), "a": st.just({"b": {"c": {"d": {"e": 1}}}})}
)
USER = st.fixed_dictionaries(
    {},
    optional={
        "age": NUMBERS | ODD,
        "home": HOME | HOME | st.sampled_from([None, 1, []]),
        "tags": st.just([1, 2]),
        "home.city": st.sampled_from(["Bern", None]),
        "new": st.just({"x": 1}),
    },
)
FEATURES = st.fixed_dictionaries(
    {},
    optional={
        "amount": NUMBERS | NUMBERS | ODD,
        "count": NUMBERS | ODD,
        "flat": NUMBERS,
        "channel": CATEGORIES,
        "flag": CATEGORIES,
        "ignored": ODD,
        "surprise": st.just(1),
        "another": st.just("a"),
        "price": NUMBERS
        | st.sampled_from(["5.25", "-1e2", "", "nan", "1,000", "1_000", "\u0661", " 1", "02139", "x", True]),
        "bit": st.sampled_from([0, 1, True, False, "true", "False", "1", "yes", None, 2, []]),
        "born": st.sampled_from(["1990-01-01", None, {"year": 1990}]),
        "user": st.one_of(USER, USER, st.sampled_from([None, {}, 3, [1], "x"])),
        "user.age": st.sampled_from([None, 30, "x"]),
        "user.home": HOME,
    },
)
USUAL_FEATURES = st.fixed_dictionaries(
    {
        "amount": st.floats(0, 20),
        "count": st.integers(0, 5),
        "flat": st.just(2),
        "channel": st.sampled_from(["web", "app"]),
        "flag": st.booleans(),
    }
)
TIMES = st.integers(START_MS, START_MS + 60_000)
ODD_TIMES = st.one_of(
    st.none(),
    st.floats(START_MS, START_MS + 60_000),
    st.sampled_from(
        [0, 10**30, 10**18, -1, 1e300, START_MS + 200_000, "2026-03-01T12:00:07.5Z", "2026-03-01T12:00:08"]
    ),
    st.sampled_from(["yesterday", True, [], {}]),
)
ODD_SCORES = st.sampled_from(
    [
        *(None, 0, 1, -0.1, 1.5, 1.0000001, -1e-9, "0.5", "high", True),
        *(
            {},
            {"0": 0.25, "1": 0.75},
            {"a": 0.2, "b": 0.3, "c": 0.5},
            {"a": 7},
            {"a": "0.5", "b": 0.5},
            {"0": [], "1": 1},
        ),
    ]
)
USUAL = st.fixed_dictionaries(
    {
        "prediction_id": st.integers(0, 10**6).map(str),
        "model": st.just("risk"),
        "model_version": st.just("1"),
        "ts": TIMES,
        "features": USUAL_FEATURES,
        "prediction": st.sampled_from([0, 1]),
        "score": st.floats(0, 1),
    }
)
ODD_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "prediction_id": st.sampled_from([1, 2**40, "é", "a", True, None, 1.5, 2.0]),
        "model": st.sampled_from(["risk", "price", "unknown", "price", 3, None]),
        "model_version": st.sampled_from(["1", 1, "", None, "2", 1.5]),
        "ts": TIMES | ODD_TIMES,
        "features": st.one_of(FEATURES, FEATURES, FEATURES, st.sampled_from([None, [], "x", 3, True])),
        "prediction": st.sampled_from([0, 1, "1", True, None, 0.5, "other", -3.25, []]) | st.floats(-3, 3),
        "score": ODD_SCORES | st.floats(0, 1),
    },
)
GARBAGE = st.sampled_from(
    [
        None,
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"not json",
        b'{"prediction_id": "1", "model": "risk"} x',
        b'"text"',
        b"NaN",
    ]
)
ODD_VALUES = st.one_of(
    st.tuples(USUAL, ODD_EVENTS).map(lambda both: json.dumps({**both[0], **both[1]}).encode()),
    st.tuples(USUAL, FEATURES).map(lambda both: json.dumps({**both[0], "features": both[1]}).encode()),
    ODD_EVENTS.map(lambda event: json.dumps(event, ensure_ascii=False).encode()),
    USUAL.map(lambda event: json.dumps(event).encode().replace(b"risk", b"r\xffisk")),
    GARBAGE,
)
USUAL_VALUES = USUAL.map(lambda event: json.dumps(event).encode())
STAMPS = st.sampled_from([-1, START_MS + 30_000, START_MS + 60_000, START_MS - 100_000])
USUAL_RECORDS = st.lists(st.tuples(USUAL_VALUES, st.just(-1)), min_size=1, max_size=12)
MIXED_RECORDS = st.lists(st.tuples(USUAL_VALUES | ODD_VALUES, STAMPS), min_size=1, max_size=12)
TRAFFIC = st.lists(st.tuples(st.sampled_from(SOURCES), USUAL_RECORDS | MIXED_RECORDS), min_size=1, max_size=5)
Traffic = list[tuple[Source, list[tuple[bytes | None, int]]]]


def batches_of(traffic: Traffic) -> list[RecordBatch]:
    start = dict.fromkeys(SOURCES, 0)
    batches = []
    for source, records in traffic:
        values, stamps = [value for value, _ in records], [stamp for _, stamp in records]
        offsets = list(range(start[source], start[source] + len(records)))
        start[source] += len(records)
        batches.append(RecordBatch(source, "predictions", values, offsets, stamps))
    return batches


def sketcher_for(settings_: Settings) -> Sketcher:
    sketcher = Sketcher(settings_, BOOK, len(SOURCES), MemoryStores)
    for source in SOURCES:
        sketcher.assign(source, None)
    return sketcher


def without_intake(record: bytes) -> bytes:
    """Return a flush record without what it says of the records as such, which the reference does not know.

    Features that wait for a profile are there as JSON, some as it came and some written anew: spaces are left out.
    """
    flush = decode_flush(record, "")
    panes = [
        msgspec.structs.replace(
            pane,
            rows=[
                msgspec.structs.replace(row, features=features_json(json_members(row.features))) for row in pane.rows
            ],
        )
        for pane in flush.panes
    ]
    return encode(msgspec.structs.replace(flush, intake=[], panes=panes))


@examples(120)
@given(TRAFFIC, st.integers(1, 5))
def test_flushes_equal_those_of_the_plain_reference(traffic: Traffic, flush_every: int) -> None:
    sketcher, reference = sketcher_for(SETTINGS), ReferenceSketcher(SETTINGS, BOOK, SOURCES)
    batches = batches_of(traffic)
    for number, batch in enumerate(batches, 1):
        sketcher.add(batch)
        reference.add(batch)
        if number % flush_every and number < len(batches):
            continue
        flush = sketcher.flush()
        assert flush is not None
        refused = [(letter.partition, letter.offset, letter.reason) for letter in flush.dead_letters]
        assert refused == reference.refused
        expected = {at: [without_intake(r) for r in records] for at, records in reference.records().items()}
        got = {at: [without_intake(r) for r in records] for at, records in flush.panes.items()}
        assert {at: [decode_flush(r, "") for r in records] for at, records in got.items()} == {
            at: [decode_flush(r, "") for r in records] for at, records in expected.items()
        }
        assert got == expected
        assert (flush.n_events, flush.n_late) == (reference.n_events, reference.n_late)
        assert {
            source: at.running_max_ms for source, at in flush.positions.items()
        }.items() <= reference.maximum.items()
        sketcher.committed()
        reference.refused, reference.n_events, reference.n_late = [], 0, 0


@examples(60)
@given(TRAFFIC)
def test_dead_letters_say_what_the_decoder_says_of_each_record_alone(traffic: Traffic) -> None:
    sketcher = sketcher_for(SETTINGS)
    decode = PredictionDecoder(PredictionFields())
    said = {}
    for batch in batches_of(traffic):
        sketcher.add(batch)
        for value, offset in zip(batch.values, batch.offsets, strict=True):
            try:
                decode(value)  # which knows no Kafka timestamp: no time here is plausible with it alone
            except EventError as error:
                place = (batch.source.partition, offset)
                said[place] = f"{error} ({batch.topic}-{batch.source.partition}@{offset})"
    flush = sketcher.flush()
    assert flush is not None
    found = {(letter.partition, letter.offset): letter.message for letter in flush.dead_letters}
    assert {at: message for at, message in found.items() if at in said} == said
    assert all("ts" in message for at, message in found.items() if at not in said)


def predicted(event: Any, task: Any) -> float:  # noqa: ANN401  # of the reference, of a profile
    """What the join remembers as predicted: a class code, or a standardised number."""
    value = event.prediction
    if task.kind == "regression":
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**300
        return float(value) / task.spread if is_number else float("nan")
    if value is not None and not isinstance(value, list):
        whole = not isinstance(value, str) and float(value).is_integer()
        text = str(int(value)) if whole else str(value)
        known = {"0": 0, "-1": 0, "1": 1}  # the classes of the reference are 0 and 1
        unknown = (1 << 51) + (xxhash.xxh3_64_intdigest(text.encode()) >> 13)
        return float(known.get(text, unknown))
    score = plain_score(event, task)
    return float(score >= 0.5) if score == score else float("nan")  # noqa: PLR0124  # not-a-number


def told(event: Any, profile_: Profile | None) -> tuple[str, float, float]:  # noqa: ANN401  # as above
    """What the join remembers: under which name, predicted, and the score."""
    if profile_ is not None:
        return profile_.profile_id, predicted(event, profile_.task), plain_score(event, profile_.task)
    raw = float(raw_values([event.prediction])[0])
    pair = isinstance(event.score, dict) and len(event.score) == 2
    score = usable_score(event.score, max(event.score) if pair else None)
    key = [event.key.model, event.key.version]
    return "~" + msgspec.json.encode(key).decode(), raw, math.nan if score is None else score


def plain_score(event: Any, task: Any) -> float:  # noqa: ANN401  # as above
    score = usable_score(event.score, task.positive)
    return float("nan") if score is None else score


@examples(60)
@given(TRAFFIC)
def test_predictions_that_wait_for_labels_equal_those_of_the_plain_reference(traffic: Traffic) -> None:
    with_labels = msgspec.structs.replace(SETTINGS, labels=LabelInput())
    sketcher, reference = sketcher_for(with_labels), ReferenceSketcher(SETTINGS, BOOK, SOURCES)
    expected: dict[int, list[tuple[Any, ...]]] = {}
    for batch in batches_of(traffic):
        sketcher.add(batch)
        for event, offset, effective_ms in reference.add(batch):
            profile_ = BOOK.at(event.key, event.time_ms - event.time_ms % 10_000)
            name, code, score = told(event, profile_)
            if not (math.isnan(code) and (profile_ or math.isnan(score))):  # a label can be compared with it
                row = (event.time_ms, effective_ms, offset, code, score, effective_ms)
                where = expected.setdefault(batch.source.partition, [])
                where.append((offset, keys_of(digests_of([event.prediction_id]))[0], name, *map(repr, row)))
    flush = sketcher.flush()
    assert flush is not None
    found: dict[int, list[tuple[Any, ...]]] = {}
    for partition, blocks in flush.pending.items():
        for block in (decode_block(data, "") for data in blocks):
            records = block.prediction_rows().records
            for key, record in zip(keys_of(block.prediction_rows().digests), records, strict=True):
                names = ("time_ms", "effective_ms", "offset", "predicted", "score", "joined_ms")
                profile_id = block.profile_ids[record["profile"]]
                values = [record[name].item() for name in names]
                assert np.isnan(record["actual"])
                found.setdefault(partition, []).append((values[2], key, profile_id, *map(repr, values)))
    assert {partition: sorted(rows) for partition, rows in found.items()} == {
        partition: sorted(rows) for partition, rows in expected.items()
    }


@pytest.mark.parametrize("size", [1, 7, 100])
def test_batch_sizes_do_not_change_a_flush(size: int) -> None:
    rng = np.random.default_rng(0)
    values: list[bytes | None] = []
    for i in range(500):
        event = {
            "prediction_id": f"id{i}",
            "model": "risk" if rng.random() < 0.9 else "price",
            "model_version": "1",
            "ts": START_MS + 40 * i,
            "features": {"amount": float(rng.normal(10, 3)), "channel": str(rng.choice(["web", "new"]))},
            "prediction": int(rng.integers(2)),
            "score": None if rng.random() < 0.1 else float(rng.random()),
        }
        values.append(json.dumps(event).encode() if rng.random() < 0.98 else b"broken")
    flushes = []
    for step in (size, 500):
        sketcher = sketcher_for(SETTINGS)
        for start in range(0, 500, step):
            part = values[start : start + step]
            offsets = list(range(start, start + len(part)))
            sketcher.add(RecordBatch(SOURCES[0], "predictions", part, offsets, [-1] * len(part)))
        flushes.append(sketcher.flush())
    assert flushes[0] == flushes[1]
