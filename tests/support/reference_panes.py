"""Panes counted plainly, one value at a time: what the fast sketches must equal."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from driftline.events.source import SEGMENT_ALL
from driftline.panes.flush_record import PaneDelta
from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, WRONG_TYPE, CategoricalColumn
from driftline.sketches.columns import canonical_category as canonical
from driftline.sketches.fixed_point import split
from driftline.sketches.layout import EVENTS, UNEXPECTED
from driftline.sketches.pane_sketch import PaneSketch
from tests.support.reference_events import Event, one_score

if TYPE_CHECKING:
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column
    from driftline.sketches.layout import Place
    from driftline.sketches.packed import SampleRow


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
