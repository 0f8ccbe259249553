"""Reference rows from files of every kind, and from databases: what is read, by the name of the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from driftline.config.field_places import TimeAt
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.errors import EventError, ParameterError, ProfileError
from driftline.events.documents import Documents
from driftline.events.features import features_json
from driftline.events.mapping import pointer_parts
from driftline.events.plain_mapping import pointers_of
from driftline.events.prediction import PredictionDecoder, fields_beside, mapped_root_names
from driftline.events.times import EARLIEST_MS, LATEST_MS, MILLISECONDS, TimeForm
from driftline.events.unusable import WRONG_TYPE, Unusable
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.building.json_rows import RowsOptions, remarks_on, table_of_events, table_of_rows
from driftline.profiles.building.roles import NO_FEATURES, Roles
from driftline.profiles.building.table import ReferenceRows
from driftline.profiles.building.times import or_none
from driftline.profiles.task import NO_TIME
from driftline.runtime.references.arrow_files import ARROW, PARQUET, read_arrow, read_parquet
from driftline.runtime.references.csv_rows import DELIMITED, table_of_csv
from driftline.runtime.references.file_store import FileStore
from driftline.runtime.references.json_files import DOCUMENT, LINES, read_json
from driftline.runtime.references.json_values import json_object
from driftline.runtime.references.sql_rows import read_query
from driftline.runtime.references.table_options import TableOptions

if TYPE_CHECKING:
    from driftline.events.model_key import ModelKey
    from driftline.events.prediction import Prediction

TABLE_SUFFIXES: Final = (*PARQUET, *ARROW, *DELIMITED, *LINES, *DOCUMENT)
AS_FOUND: Final = TableOptions()
"""Files say themselves how they are read."""
_METADATA: Final = "kafka"
"""Member of an NDJSON line that says which record the event was."""


def read_table(
    path: Path | str,
    key: ModelKey,
    roles: Roles | None = None,
    *,
    fields: PredictionFields | None = None,
    labels: LabelFields | None = None,
    positive: str | None = None,
    how: TableOptions = AS_FOUND,
) -> ReferenceRows:
    """Read reference rows.

    Parameters
    ----------
    path : pathlib.Path or str
        A file whose name ends in one of :data:`TABLE_SUFFIXES`, in capitals or not, with ``.gz`` after it where it is
        text; or a folder of Parquet files. Rows of JSON are prediction events, or flat rows where the first one has no
        object of features.
    key : ModelKey
        Prediction events of other models are left out.
    roles : Roles, optional
        Which columns are not features. Of prediction events only ``label`` counts (a name at the top of the line)
        and ``drop``.
    fields : PredictionFields, optional
        Where the fields of prediction events stand. A column of a table that is called as the mapped prediction or
        score (``/churns``: ``churns``) is taken as such where the roles name none.
    labels : LabelFields, optional
        Where the fields of label events stand. A column of a table that is called as the mapped label is taken as such.
    positive : str, optional
        The class whose probability is the score, where scores are maps of class to probability.
    how : TableOptions, optional
        What the file does not say itself, and which kinds of columns are configured.

    Raises
    ------
    ProfileError
        When the file cannot be read, or holds nothing that can be used; says where.
    ParameterError
        When an option is given that files of this kind do not have.
    """
    source = Path(path)
    fields = fields or PredictionFields()
    roles = _mapped(roles or Roles(), fields, labels)
    kind = _kind(source)
    _check_options(source, kind, how)
    if kind in {*LINES, *DOCUMENT}:
        reading = _read_lines(source, key, roles, fields, positive, how)
    elif kind in DELIMITED:
        reading = table_of_csv(source, roles, how, positive=positive)
    else:
        table = read_arrow(source) if kind in ARROW else read_parquet(source)
        reading = table_of_frame(
            table, roles, positive=positive, at=str(source), configured=how.kinds, store=FileStore()
        )
    return _some(reading, str(source))


def read_selected(
    query: str,
    uri: str,
    roles: Roles | None = None,
    *,
    fields: PredictionFields | None = None,
    labels: LabelFields | None = None,
    positive: str | None = None,
    how: TableOptions = AS_FOUND,
) -> ReferenceRows:
    """Read reference rows from a database: :func:`~driftline.runtime.references.sql_rows.read_query`.

    The other parameters are those of :func:`read_table`.

    Raises
    ------
    ProfileError
        When the driver is not installed, the database refuses the query, or there are no rows.
    ParameterError
        When no driver is known for the URI, or an option is given that only files have.
    """
    _check_options(Path("--sql"), "", how)
    roles = _mapped(roles or Roles(), fields or PredictionFields(), labels)
    table = read_query(query, uri)
    return _some(table_of_frame(table, roles, positive=positive, at="--sql", configured=how.kinds), "--sql")


def _kind(path: Path) -> str:
    """Return the ending that says what a file is, in small letters and without ``.gz``."""
    if path.is_dir():
        return PARQUET[0]
    name = path.name.lower().removesuffix(".gz")
    kind = name[name.rfind(".") :] if "." in name else ""
    if kind not in TABLE_SUFFIXES:
        message = (
            f"{path}: rows are read from files that end in {', '.join(TABLE_SUFFIXES)} (text also in .gz), and from "
            "folders of Parquet files; save them as one of these"
        )
        raise ProfileError(message)
    return kind


def _check_options(path: Path, kind: str, how: TableOptions) -> None:
    """Refuse options that would have no effect."""
    if kind not in DELIMITED:
        for option, given in (("--separator", how.separator), ("--na", how.missing)):
            if given:
                raise ParameterError("this option with CSV files alone", str(path), option)
        if how.encoding is not None and kind not in {*LINES, *DOCUMENT}:
            raise ParameterError("this option with files of text alone", str(path), "--encoding")


def _some(reading: ReferenceRows, at: str) -> ReferenceRows:
    if reading.table.n == 0:
        message = f"{at} has no rows: at least one is expected"
        raise ProfileError(message)
    return reading


def _mapped(roles: Roles, fields: PredictionFields, labels: LabelFields | None) -> Roles:
    """Return the roles of columns, where those that are not named follow the mapping of events."""
    label = (labels or LabelFields()).label
    prediction, score, truth, time = (_path(place) for place in (fields.prediction, fields.score, label, fields.ts))
    usual = (
        prediction[0] if len(prediction) == 1 else "prediction",
        score[0] if len(score) == 1 else "score",
        truth[0] if len(truth) == 1 else "label",
    )
    identity = msgspec.structs.replace(fields, prediction="", score="")
    return roles._replace(
        no_features=NO_FEATURES
        | ((mapped_root_names(fields) | fields_beside(fields)) - {"prediction", "score", "features"}),
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


def _read_lines(
    path: Path, key: ModelKey, roles: Roles, fields: PredictionFields, positive: str | None, how: TableOptions
) -> ReferenceRows:
    rows, remarks = read_json(path, how.encoding)
    if not rows:
        message = f"{path} is empty: at least one row is expected, one JSON object a line"
        raise ProfileError(message)
    if not _has_features(rows[0].value, fields):
        flat = [_without_metadata(row.value) for row in rows]
        reading = table_of_rows(flat, roles, positive=positive, at=str(path), configured=how.kinds)
        return reading._replace(remarks=(*remarks, *reading.remarks))
    decode, beside = PredictionDecoder(fields), fields_beside(fields)
    label = roles.label or "label"
    features, scores, labels, times = [], [], [], []
    predictions: list[Any] = []
    for at, line, whole in rows:
        try:
            event = decode(line)
        except EventError as error:
            message = f"{error} ({at})"
            raise ProfileError(message) from error
        _require_usable(event, at)
        if (event.model, event.version) != (key.model, key.version):
            continue
        members = json_object(features_json(event.features) or b"{}", at)
        features.append({name: value for name, value in members.items() if name not in beside})
        predictions.append(event.prediction)
        scores.append(event.score)
        labels.append(whole.get(label))
        times.append(_time(event, whole))
    n_others = len(rows) - len(features)
    if not features:
        message = (
            f"{path}: no event is a prediction of `{key}`, all {n_others} are of other models; name the model with "
            "--model and --model-version"
        )
        raise ProfileError(message)
    if roles.label is not None and all(value is None for value in labels):
        message = f"{path}: no event has a member `{roles.label}`; name that of the labels with --label-column"
        raise ProfileError(message)
    times_ms = or_none(np.array(times, dtype=np.int64))
    known = RowsOptions(times_ms, positive, how.kinds)
    table = table_of_events(features, predictions, scores, labels, roles.drop, known)
    others = (f"{n_others} events are of other models: they are left out",) if n_others else ()
    return ReferenceRows(table, (*remarks, *others, *remarks_on(table, roles.drop)))


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


def _has_features(row: dict[str, Any], fields: PredictionFields) -> bool:
    """Whether a row is a prediction event whose features are an object of their own."""
    (value,) = Documents([row]).column(_path(fields.features))
    return fields.features != "" and isinstance(value, dict)


def _without_metadata(row: dict[str, Any]) -> dict[str, Any]:
    if isinstance(row.get(_METADATA), dict):
        return {name: value for name, value in row.items() if name != _METADATA}
    return row
