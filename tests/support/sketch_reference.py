"""The sketch stage written down plainly, one record and one value at a time: what the fast paths must equal."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xxhash

from driftline.events import dead_letter as reasons
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.source import SEGMENT_ALL, Source, Watermark
from driftline.events.times import EARLIEST_MS, LATEST_MS
from driftline.events.unusable import Unusable
from driftline.panes.flush_record import PaneDelta, chunks
from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, WRONG_TYPE, CategoricalColumn
from driftline.sketches.columns import canonical_category as canonical
from driftline.sketches.fixed_point import split
from driftline.sketches.layout import EVENTS, LATE, UNEXPECTED
from driftline.sketches.packed import SampleRow
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.events.record_batch import RecordBatch
    from driftline.profiles.profile import Profile
    from driftline.profiles.profiles import Profiles
    from driftline.sketches.columns import Column
    from driftline.sketches.layout import Place


class RefusedError(Exception):
    """A record that is no event, by its reason code."""


class Event(NamedTuple):
    """One prediction as the reference sees it."""

    prediction_id: str
    key: ModelKey
    time_ms: int
    features: bytes
    prediction: Any
    score: Any


def read_event(value: bytes | None, stamp_ms: int, max_future_ms: int) -> Event:
    """Return the event of a record in the default mapping, or raise RefusedError."""
    if not value:
        raise RefusedError(reasons.EMPTY)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise RefusedError(reasons.NOT_UTF8) from None
    try:
        record = json.loads(text)
    except ValueError:
        raise RefusedError(reasons.NOT_JSON) from None
    _check_types(record)
    features = record.get("features")
    ts = record.get("ts")
    time_ms = stamp_ms if ts is None else _epoch_ms(ts, stamp_ms)
    if not isinstance(record.get("features", {}), (dict, type(None))):
        raise RefusedError(reasons.INVALID_TYPE)
    score = record.get("score")
    if ts is None and stamp_ms < 0:
        raise RefusedError(reasons.MISSING_FIELD)
    if ts is not None and 0 <= stamp_ms < time_ms - max_future_ms:
        raise RefusedError(reasons.FUTURE)
    version = record.get("model_version")
    return Event(
        _id(record["prediction_id"]),
        ModelKey(record["model"], "" if version is None else str(version)),
        time_ms,
        b"" if features is None else raw_features(text, features),
        record.get("prediction"),
        _score(score),
    )


def raw_features(text: str, features: object) -> bytes:
    """Return the features as they stand in the record; where it is no strict JSON, as Python writes them."""
    try:
        json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except ArithmeticError:
        return json.dumps(features).encode()
    start = text.index('"features": ') + len('"features": ')
    return text[start : json.JSONDecoder().raw_decode(text, start)[1]].encode()


def _no_constant(name: str) -> float:
    raise ArithmeticError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ArithmeticError(text)
    return number


def _check_types(record: Any) -> None:  # noqa: ANN401  # any JSON
    if not isinstance(record, dict):
        raise RefusedError(reasons.INVALID_TYPE)
    kinds: dict[str, tuple[type, ...]] = {
        "prediction_id": (str, int, float),
        "model": (str,),
        "model_version": (str, int, float, type(None)),
        "ts": (str, int, float, type(None)),
    }
    for name, allowed in kinds.items():  # the first one that is wrong counts
        if name not in record:
            if name in ("prediction_id", "model"):
                raise RefusedError(reasons.MISSING_FIELD)
            continue
        value = record[name]
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise RefusedError(reasons.INVALID_TYPE)
        if name == "prediction_id" and isinstance(value, float) and not value.is_integer():
            raise RefusedError(reasons.INVALID_TYPE)


def _id(value: object) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def _score(score: Any) -> Any:  # noqa: ANN401  # any JSON
    if score in (None, {}):
        return None
    return {name: _number(each) for name, each in score.items()} if isinstance(score, dict) else _number(score)


def _number(value: object) -> Any:  # noqa: ANN401  # a number, or what is none
    """Return what a score says: a text is the number that it reads, and rounding beyond 0 and 1 does not count."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return ()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ()
    return min(max(value, 0.0), 1.0) if -1e-6 <= value <= 1 + 1e-6 else value


def one_score(score: Any, positive: str | None) -> Any:  # noqa: ANN401  # a number, None, or what is none
    """Return one score of a map: of one with an odd value, that value."""
    if not isinstance(score, dict):
        return score
    odd = [value for value in score.values() if value == () or not 0 <= value <= 1]
    if odd:
        return odd[0]
    return float(score[positive] if positive in score else max(score.values()))


def usable_score(score: Any, positive: str | None) -> float | None:  # noqa: ANN401  # as above
    """Return one probability, or None where there is none."""
    one = one_score(score, positive)
    return float(one) if isinstance(one, int | float) and 0 <= one <= 1 else None


def kept_score(score: Any) -> Any:  # noqa: ANN401  # as above
    """Return a score as it is handed on where no profile is known."""
    one = one_score(score, None)
    if one is None or usable_score(score, None) is not None:
        return score
    return Unusable() if one == () else Unusable(one)


def _is_other_unit(ts: float, stamp_ms: int) -> bool:
    """Whether a time is far off in milliseconds, and plausible in seconds, micro- or nanoseconds."""
    year_ms = 365 * 86_400_000
    others = [ts * 1000, ts / 1000, ts / 1_000_000]
    if abs(ts) <= 1e8:
        return False
    if stamp_ms >= 946_684_800_000 and EARLIEST_MS <= ts <= LATEST_MS:
        return abs(ts - stamp_ms) > 10 * year_ms and any(abs(other - stamp_ms) <= 2 * year_ms for other in others)
    far = 0 <= ts < year_ms or ts > 4_102_444_800_000
    return far and any(946_684_800_000 <= other <= 4_102_444_800_000 for other in others)


def _moment_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(reasons.INVALID_VALUE) from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _epoch_ms(ts: str | float, stamp_ms: int) -> int:
    if isinstance(ts, str):
        return _moment_ms(ts)
    if _is_other_unit(ts, stamp_ms):
        raise RefusedError(reasons.IMPLAUSIBLE_TIME)
    if not EARLIEST_MS <= ts <= LATEST_MS:
        raise RefusedError(reasons.INVALID_VALUE)
    return round(ts)


class Pane:
    """What is known of one pane under one profile."""

    def __init__(self, profile: Profile | None, texts: frozenset[str]) -> None:
        self.profile = profile
        self.texts = texts
        self.n_events = 0
        self.n_late = 0
        self.offsets: dict[int, tuple[int, int]] = {}
        self.kept: list[SampleRow] = []
        if profile is not None:
            self.sketch = PaneSketch(profile.layout)
            self.sums = [[0, 0, 0] for _ in range(profile.layout.n_numeric)]
            self.tail_sums = [0] * profile.layout.n_tails
            self.joint = [0] * profile.layout.n_joint
            self.units: dict[int, int] = {}
            self.rows: dict[int, bytes] = {}
            self.names: list[Counter[str]] = [Counter() for _ in profile.columns]
            self.unknown: Counter[str] = Counter()

    def add(self, event: Event, ignored: frozenset[str]) -> None:
        """Count an event that is in time."""
        assert self.profile is not None
        self.sketch.counts[EVENTS] += 1
        known = {column.name for column in self.profile.columns if column.role == "feature"}
        ignored |= set(self.profile.left_out)
        features = flat(json.loads(event.features) if event.features else {}, known | ignored)
        outer = {name.rsplit(".", n)[0] for name in known | ignored for n in range(1, name.count(".") + 1)}
        unknown = {name for name, value in features.items() if value is not None or name not in outer}
        unknown -= known | {name for name in unknown if ignored & {name, name.split(".")[0]}}
        if unknown:
            self.sketch.counts[UNEXPECTED] += 1
            self.unknown.update(unknown)
        for index, column in enumerate(self.profile.columns):
            if column.role == "feature":
                value = self._as_written(column, features.get(column.name))
            elif column.role == "prediction":
                value = event.prediction
            else:
                value = one_score(event.score, self.profile.task.positive)
            self._add_value(index, column, value)
        self._add_joint(xxhash.xxh3_64_intdigest(event.prediction_id.encode()))

    def _add_joint(self, digest: int) -> None:
        """Count the event as a whole where every joint feature has a value."""
        assert self.profile is not None
        joint, units = self.profile.joint, self.units
        self.units = {}
        if joint is None or not units.keys() >= set(joint.columns):
            return
        z = [min(max((units[column] + 2**15) // 2**16, -2048), 2048) for column in joint.columns]
        row = np.array(z, dtype="<i2").tobytes()
        self.rows[digest] = min(self.rows.get(digest, row), row)
        cells = [1]
        if joint.cross:
            cells += z + [a * b for i, a in enumerate(z) for b in z[i:]]
        for weights, offset in zip(joint.weights.tolist(), joint.offsets.ravel().tolist(), strict=True):
            phase = sum(int(weight) * value for weight, value in zip(weights, z, strict=True)) + offset
            turn = (phase + 2**15) // 2**16 % 4096 / 4096
            cells.append(round(4096 * math.cos(2 * math.pi * turn)))
        self.joint = [known + cell for known, cell in zip(self.joint, cells, strict=True)]

    def _as_written(self, column: Column, value: Any) -> Any:  # noqa: ANN401  # any JSON
        """Return a feature's value, where text and truth values are read as what they mean."""
        words: dict[object, int] = {"true": 1, "True": 1, "TRUE": 1, "false": 0, "False": 0, "FALSE": 0}
        if isinstance(column, CategoricalColumn):
            two = set(column.categories) == {"0", "1"} and isinstance(value, str)
            return words.get(value, value) if two else value
        if column.name in self.texts:
            value = _text_read(value)
        if column.name == "bit":
            value = {**words, "0": 0, "1": 1}.get(value, value) if isinstance(value, str) else value
            value = int(value) if isinstance(value, bool) else value
        return value

    def _add_value(self, index: int, column: Column, value: Any) -> None:  # noqa: ANN401  # any JSON
        assert self.profile is not None
        place = self.profile.layout.places[index]
        counts = self.sketch.counts
        if isinstance(column, CategoricalColumn):
            text = canonical(value)
            if text is None:
                counts[place.quality.start + (MISSING if value is None else WRONG_TYPE)] += 1
                return
            code = column.codes.get(text, column.unlisted)
            counts[place.bins.start + code] += 1
            if code == column.unlisted:
                self.names[index][text] += 1
            return
        problem = _problem(value)
        if problem is not None:
            counts[place.quality.start + problem] += 1
            if problem == WRONG_TYPE and isinstance(value, str) and column.role == "feature":
                self.names[index][value] += 1
            return
        number = float(value)
        counts[place.bins.start + bisect_right(column.edges.tolist(), number)] += 1
        z = (number - column.mean) / (column.spread if column.spread > 0 else 1.0)
        sums = self.sums[place.moments]
        sums[2] += abs(z) > 256
        if not column.minimum <= number <= column.maximum:
            self._add_tail(place, bisect_right(column.edges.tolist(), number), z)
        z = min(max(z, -256.0), 256.0)
        units = round(z * 2**24)
        self.units[index] = units
        sums[0] += units
        sums[1] += round(z * z * 2**16)
        extremes = self.sketch.extremes[place.moments]
        extremes[:] = max(extremes[0], -units), max(extremes[1], units)

    def _add_tail(self, place: Place, bin_: int, z: float) -> None:
        units = round(min(max(z, -(2.0**40)), 2.0**40) * 2**20)
        cell = place.tails.start + place.tail_bins.tolist().index(bin_)
        self.tail_sums[cell] += units
        extremes = self.sketch.tail_extremes
        extremes[cell] = max(extremes[cell], -units if z < 0 else units)

    def delta(self, key: ModelKey, pane_ms: int) -> PaneDelta:
        """Return what the flush record says of the pane."""
        packed = None
        if self.profile is not None:
            for row, sums in enumerate(self.sums):
                self.sketch.sums[:, row] = split(np.array(sums, dtype=np.int64))
            self.sketch.tail_sums[:] = split(np.array(self.tail_sums, dtype=np.int64))
            self.sketch.rows = dict(sorted(self.rows.items())[:300])
            self.sketch.joint[:] = split(np.array(self.joint, dtype=np.int64))
            for index, names in enumerate(self.names):
                hashed = {xxhash.xxh3_64_intdigest(name.encode()): (name[:64], n) for name, n in names.items()}
                if hashed:
                    self.sketch.unseen[index] = dict(sorted(hashed.items())[:8])
            hashed = {xxhash.xxh3_64_intdigest(name.encode()): (name[:64], n) for name, n in self.unknown.items()}
            if hashed:
                self.sketch.unseen[-1] = dict(sorted(hashed.items())[:8])
            packed = self.sketch.pack()
        profile_id = "" if self.profile is None else self.profile.profile_id
        offsets = dict(sorted(self.offsets.items()))
        return PaneDelta(key, SEGMENT_ALL, pane_ms, profile_id, self.n_events, offsets, packed, self.kept, self.n_late)


def flat(features: dict[str, Any], whole: set[str] | frozenset[str]) -> dict[str, Any]:
    """Return features by their path, objects opened but those of the names in ``whole``."""
    found: list[tuple[int, str, Any]] = []

    def open_up(depth: int, name: str, value: Any) -> None:  # noqa: ANN401  # any JSON
        if not isinstance(value, dict) or depth == 6 or name in whole:
            found.append((depth, name, value))
            return
        for key, member in value.items():
            open_up(depth + 1, f"{name}.{key}", member)

    for key, member in features.items():
        open_up(1, key, member)
    result: dict[str, Any] = {}
    for _, name, value in sorted(found, key=lambda each: each[0]):
        if result.get(name) is None:
            result[name] = value
    return result


def _text_read(value: Any) -> Any:  # noqa: ANN401  # any JSON
    """Return the number that a text holds, or what stands for one that it does not hold."""
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    if value.lower() in {"nan", "inf", "-inf", "infinity", "-infinity"}:
        return float(value)
    plain = all(character in "0123456789+-.eE" for character in value)
    try:
        return float(value) if plain else value
    except ValueError:
        return value


def _problem(value: object) -> int | None:
    if value is None:
        return MISSING
    if value in ("NaN", "Infinity", "-Infinity"):
        return NOT_A_NUMBER if value == "NaN" else INFINITE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return WRONG_TYPE
    try:
        number = float(value)
    except OverflowError:
        return INFINITE
    return NOT_A_NUMBER if math.isnan(number) else INFINITE if math.isinf(number) else None


class ReferenceSketcher:
    """Takes predictions in record by record; gives the flush's pane records and the reasons of what was refused."""

    def __init__(self, settings: Settings, book: Profiles, sources: list[Source]) -> None:
        self._settings = settings
        self._book = book
        self.maximum: dict[Source, int | None] = dict.fromkeys(sources)
        self.refused: list[tuple[int, int, str]] = []
        self._panes: dict[tuple[ModelKey, int, str], Pane] = {}
        self.n_events = self.n_late = 0
        names = {n for n, column in settings.defaults.columns.items() if column.kind == "ignore"}
        self._ignored = frozenset(names)
        self._texts = frozenset(n for n, column in settings.defaults.columns.items() if column.kind == "numeric")

    def add(self, batch: RecordBatch) -> list[tuple[Event, int, int]]:
        """Take a batch in; return its events with their offsets and effective times."""
        taken = []
        time = self._settings.time
        for value, offset, stamp in zip(batch.values, batch.offsets, batch.timestamps_ms, strict=True):
            try:
                event = read_event(value, stamp, int(time.max_future))
            except RefusedError as error:
                self.refused.append((batch.source.partition, offset, str(error)))
                continue
            before = self.maximum[batch.source]
            self.maximum[batch.source] = highest = event.time_ms if before is None else max(before, event.time_ms)
            taken.append((event, offset, max(event.time_ms, highest - int(time.lateness))))
            self._count(event, before, batch.source.partition, offset)
        return taken

    def _count(self, event: Event, before: int | None, partition: int, offset: int) -> None:
        width = int(self._settings.time.pane)
        start = event.time_ms - event.time_ms % width
        late = before is not None and start + width <= before - int(self._settings.time.lateness)
        if late:
            assert before is not None
            start = before - before % width
        profile = self._book.at(event.key, start)
        at = (event.key, start, "" if profile is None else profile.profile_id)
        pane = self._panes.setdefault(at, Pane(profile, self._texts))
        if late:
            self.n_late += 1
            if profile is not None:
                pane.sketch.counts[LATE] += 1
            else:
                pane.n_late += 1
            return
        self.n_events += 1
        pane.n_events += 1
        low, high = pane.offsets.get(partition, (offset, offset))
        pane.offsets[partition] = (min(low, offset), max(high, offset))
        if profile is not None:
            pane.add(event, self._ignored)
            return
        digest = xxhash.xxh3_64_intdigest(event.prediction_id.encode())
        prediction = Unusable() if isinstance(event.prediction, list) else event.prediction
        pane.kept.append(SampleRow(digest, event.features, prediction, kept_score(event.score)))

    def records(self) -> dict[int, list[bytes]]:
        """Return the pane records of a flush of everything so far."""
        n_panes = self._settings.kafka.panes_partitions
        deltas: dict[int, list[PaneDelta]] = {number: [] for number in range(n_panes)}
        for (key, pane_ms, _), pane in sorted(self._panes.items(), key=lambda item: item[0]):
            deltas[panes_partition(key, n_panes)].append(pane.delta(key, pane_ms))
        lateness = int(self._settings.time.lateness)
        watermarks = [
            Watermark(source, len(self.maximum), None if top is None else top - lateness, idle=False)
            for source, top in sorted(self.maximum.items())
        ]
        self._panes.clear()
        return {number: chunks(deltas[number], [], watermarks) for number in range(n_panes)}
