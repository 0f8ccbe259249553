"""Reference rows and profiles in files: Parquet, CSV, NDJSON, and a format of our own for profiles."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from driftline.config.field_places import TimeAt
from driftline.config.settings import PredictionFields
from driftline.errors import EventError, FormatError, ProfileError
from driftline.events.documents import Documents
from driftline.events.features import features_json
from driftline.events.mapping import pointer_parts
from driftline.events.plain_mapping import pointers_of
from driftline.events.prediction import PredictionDecoder, mapped_root_names
from driftline.events.times import EARLIEST_MS, LATEST_MS, MILLISECONDS, TimeForm
from driftline.events.unusable import WRONG_TYPE, Unusable
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.building.importance import checked
from driftline.profiles.building.json_rows import remarks_on, table_of_events, table_of_rows
from driftline.profiles.building.roles import NO_FEATURES, Roles
from driftline.profiles.building.table import ReferenceRows
from driftline.profiles.building.times import or_none
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.task import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.events.model_key import ModelKey
    from driftline.events.prediction import Prediction
    from driftline.profiles.profile import Profile

PROFILE_SUFFIX: Final = ".profile"
TABLE_SUFFIXES: Final = (".parquet", ".csv", ".ndjson", ".jsonl")
_FORMAT: Final = "driftline-profile"
_VERSION: Final = 1
_METADATA: Final = "kafka"
"""Member of an NDJSON line that says which record the event was."""
_DECODER: Final = msgspec.json.Decoder()


class _ProfileFile(msgspec.Struct, frozen=True, array_like=True):
    format: str
    version: int
    records: list[tuple[bytes, bytes]]


def is_profile(path: Path) -> bool:
    """Return whether a file's name says that it is a profile."""
    return path.suffix == PROFILE_SUFFIX


def write_profile(path: Path | str, profile: Profile) -> None:
    """Write a profile to a file, whole or not at all: the same records that the references topic holds.

    Parameters
    ----------
    path : pathlib.Path or str
        Conventionally ends in ``.profile``.
    profile : Profile
    """
    target = Path(path)
    data = msgspec.msgpack.encode(_ProfileFile(_FORMAT, _VERSION, encode_profile(profile)))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        message = f"Expected to write a profile, got {error.strerror} - at `{target}`"
        raise ProfileError(message) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    Path(name).chmod(0o644)
    Path(name).replace(target)


def read_profile(path: Path | str) -> Profile:
    """Read a profile from a file.

    Raises
    ------
    ProfileError
        When the file cannot be read.
    FormatError
        When it is no profile, damaged, or of another version.
    """
    source = Path(path)
    data = _read_bytes(source)
    try:
        content = msgspec.msgpack.decode(data, type=_ProfileFile)
    except msgspec.DecodeError as error:
        message = (
            f"Expected a profile as `driftline reference build` writes it, got {data[:16]!r} ({error}) - at `{source}`"
        )
        raise FormatError(message) from error
    if (content.format, content.version) != (_FORMAT, _VERSION):
        message = (
            f"Expected {_FORMAT} of version {_VERSION}, got {content.format!r} of version {content.version} "
            f"- at `{source}`. Build it again from the reference rows with this version"
        )
        raise FormatError(message)
    return decode_profile([value for _, value in content.records], str(source))


def read_table(
    path: Path | str,
    key: ModelKey,
    roles: Roles | None = None,
    *,
    fields: PredictionFields | None = None,
    positive: str | None = None,
) -> ReferenceRows:
    """Read reference rows.

    Parameters
    ----------
    path : pathlib.Path or str
        ``.parquet``, ``.csv``, ``.ndjson`` or ``.jsonl``. Lines of NDJSON are prediction events, or flat rows where
        the first one has no object of features.
    key : ModelKey
        Prediction events of other models are left out.
    roles : Roles, optional
        Which columns are not features. Of prediction events only ``label`` counts (a name at the top of the line)
        and ``drop``.
    fields : PredictionFields, optional
        Where the fields of prediction events stand. A column of a table that is called as the mapped prediction or
        score (``/churns``: ``churns``) is taken as such where the roles name none.
    positive : str, optional
        The class whose probability is the score, where scores are maps of class to probability.

    Raises
    ------
    ProfileError
        When the file cannot be read, or holds nothing that can be used; says where.
    """
    source = Path(path)
    fields = fields or PredictionFields()
    roles = roles or Roles()
    roles = _mapped(roles, fields)
    if source.suffix in {".ndjson", ".jsonl"}:
        reading = _read_lines(source, key, roles, fields, positive)
    elif source.suffix == ".parquet":
        reading = table_of_frame(_read_parquet(source), roles, positive=positive, at=str(source))
    elif source.suffix == ".csv":
        reading = table_of_frame(_read_csv(source), roles, positive=positive, at=str(source))
    else:
        message = f"Expected a file that ends in {', '.join((*TABLE_SUFFIXES, PROFILE_SUFFIX))}, got `{source.name}`"
        raise ProfileError(message)
    if reading.table.n == 0:
        message = f"Expected at least one reference row, got none - at `{source}`"
        raise ProfileError(message)
    return reading


def read_importances(path: Path | str) -> dict[str, float]:
    """Read how much each column matters to the model.

    Parameters
    ----------
    path : pathlib.Path or str
        ``.json``: an object of name to number; ``.csv``: names in the first column, numbers in the second, with a
        header.

    Raises
    ------
    ProfileError
        When the file cannot be read, or holds something else.
    """
    source = Path(path)
    if source.suffix == ".json":
        return checked(_object(_read_bytes(source), str(source)), str(source))
    if source.suffix != ".csv":
        message = f"Expected importances in a file that ends in .json or .csv, got `{source.name}`"
        raise ProfileError(message)
    rows = list(csv.reader(_read_bytes(source).decode("utf-8-sig", "replace").splitlines()))[1:]
    importances: dict[str, object] = {}
    for number, row in enumerate(rows, start=2):
        if len(row) < 2:  # noqa: PLR2004  # a name and a number
            if row:
                message = f"Expected a name and a number, got {row!r} - at `{source}:{number}`"
                raise ProfileError(message)
            continue
        try:
            importances[row[0]] = float(row[1])
        except ValueError:
            importances[row[0]] = row[1]
    return checked(importances, str(source))


def _mapped(roles: Roles, fields: PredictionFields) -> Roles:
    """Return the roles of columns, where those that are not named follow the mapping of events."""
    prediction, score, time = (_path(place) for place in (fields.prediction, fields.score, fields.ts))
    usual = (
        prediction[0] if len(prediction) == 1 else "prediction",
        score[0] if len(score) == 1 else "score",
        "label",
    )
    identity = msgspec.structs.replace(fields, prediction="", score="")
    return roles._replace(
        no_features=NO_FEATURES | (mapped_root_names(fields) - {"prediction", "score", "features"}),
        usual=usual,
        mapped=frozenset((*prediction[:1], *score[:1])) - mapped_root_names(identity),
        usual_time=time[0] if len(time) == 1 else "ts",
        time_form=_time_form(fields) if roles.time_form == MILLISECONDS else roles.time_form,
    )


def _time_form(fields: PredictionFields) -> TimeForm:
    if isinstance(fields.ts, TimeAt):
        return TimeForm(fields.ts.unit, fields.ts.format, f"pointer: {fields.ts.pointer}")
    return TimeForm(shown=f"pointer: {fields.ts}")


def _path(place: object) -> tuple[str, ...]:
    """Return the steps to a field that stands under one pointer; none where it is made of something else."""
    pointers = pointers_of(place)
    return pointer_parts(pointers[0]) if len(pointers) == 1 else ()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"Expected a readable file, got {error.strerror} - at `{path}`"
        raise ProfileError(message) from error


def _read_parquet(path: Path) -> Any:  # noqa: ANN401  # pyarrow publishes no types
    import pyarrow as pa  # noqa: PLC0415  # half a second that no other reader needs
    from pyarrow import parquet  # noqa: PLC0415

    try:
        return parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        message = f"Expected a Parquet file, got {error} - at `{path}`"
        raise ProfileError(message) from error


def _read_csv(path: Path) -> Any:  # noqa: ANN401  # pyarrow publishes no types
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    options = arrow_csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    try:
        return arrow_csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowException) as error:
        message = f"Expected a CSV file with a header, got {error} - at `{path}`"
        raise ProfileError(message) from error


def _read_lines(
    path: Path, key: ModelKey, roles: Roles, fields: PredictionFields, positive: str | None
) -> ReferenceRows:
    lines = list(_lines(path))
    objects = [_object(line, f"{path}:{number}") for number, line in lines]
    if not objects:
        message = f"Expected at least one reference row, got an empty file - at `{path}`"
        raise ProfileError(message)
    if not _has_features(objects[0], fields):
        return table_of_rows([_without_metadata(row) for row in objects], roles, positive=positive, at=str(path))
    decode = PredictionDecoder(fields)
    label = roles.label or "label"
    features, scores, labels, times = [], [], [], []
    predictions: list[Any] = []
    for (number, line), whole in zip(lines, objects, strict=True):
        try:
            event = decode(line)
        except EventError as error:
            message = f"{error} ({path}:{number})"
            raise ProfileError(message) from error
        _require_usable(event, f"{path}:{number}")
        if (event.model, event.version) != (key.model, key.version):
            continue
        features.append(_object(features_json(event.features) or b"{}", f"{path}:{number}"))
        predictions.append(event.prediction)
        scores.append(event.score)
        labels.append(whole.get(label))
        times.append(_time(event, whole))
    n_others = len(lines) - len(features)
    if not features:
        message = f"Expected predictions of `{key}`, got {n_others} of other models - at `{path}`"
        raise ProfileError(message)
    if roles.label is not None and all(value is None for value in labels):
        message = f"Expected a member `{roles.label}` in the events, got none - at `{path}`"
        raise ProfileError(message)
    times_ms = or_none(np.array(times, dtype=np.int64))
    table = table_of_events(features, predictions, scores, labels, roles.drop, times_ms=times_ms, positive=positive)
    others = (f"{n_others} events are of other models: they are left out",) if n_others else ()
    return ReferenceRows(table, (*others, *remarks_on(table, roles.drop)))


def _require_usable(event: Prediction, at: str) -> None:
    for name, value in (("prediction", event.prediction), ("score", event.score)):
        if isinstance(value, Unusable):
            expected = "a class or a number" if name == "prediction" else "a probability in [0, 1]"
            got = "another type" if value == WRONG_TYPE else repr(value.value)
            message = f"Expected {expected}, got {got} - at `$.{name}` ({at})"
            raise ProfileError(message)


def _time(event: Prediction, line: dict[str, Any]) -> int:
    """Return an event's own time, or else its record's Kafka timestamp."""
    if event.ts_ms is not None:
        return event.ts_ms
    record = line.get(_METADATA)
    stamp = record.get("timestamp") if isinstance(record, dict) else None
    return stamp if isinstance(stamp, int) and EARLIEST_MS <= stamp <= LATEST_MS else NO_TIME


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(_read_bytes(path).split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _object(line: bytes, at: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _loose(line, at)
    if not isinstance(value, dict):
        message = f"Expected a JSON object, got {line[:40]!r} - at `{at}`"
        raise ProfileError(message)
    return value


def _loose(line: bytes, at: str) -> object:
    """Decode JSON with NaN and Infinity, as Python's own encoder writes them."""
    try:
        value: object = json.loads(line)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"Expected a JSON object, got {line[:40]!r} ({error}) - at `{at}`"
        raise ProfileError(message) from error
    return value


def _has_features(row: dict[str, Any], fields: PredictionFields) -> bool:
    """Whether a row is a prediction event whose features are an object of their own."""
    (value,) = Documents([row]).column(_path(fields.features))
    return fields.features != "" and isinstance(value, dict)


def _without_metadata(row: dict[str, Any]) -> dict[str, Any]:
    if isinstance(row.get(_METADATA), dict):
        return {name: value for name, value in row.items() if name != _METADATA}
    return row
