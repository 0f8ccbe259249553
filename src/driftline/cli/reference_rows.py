"""Reference rows on the command line: read, made a profile, and what is to be said about them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from driftline.cli.common import err, progress
from driftline.errors import ParameterError, ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from driftline.cli.reference_options import RowsOptions
    from driftline.config.model import ModelSettings
    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.building.table import ReferenceRows
    from driftline.profiles.profile import Profile


def profile_of_rows(
    file: Path | None, settings: Settings, key: ModelKey, rows: RowsOptions, start_ms: int
) -> tuple[Profile, list[str]]:
    """Return the profile of the rows of a file or of a query, and the remarks on both.

    Parameters
    ----------
    file : pathlib.Path, optional
        None where the rows come from ``--sql``.
    settings : Settings
    key : ModelKey
    rows : RowsOptions
    start_ms : int
        First event time that the profile applies to.

    Raises
    ------
    ParameterError
        When an option is out of range, or there are both or neither a file and a query.
    ProfileError
        When the rows cannot be read, or make no profile.
    """
    from driftline.profiles.building.build import READINGS, TimeOptions, build_profile
    from driftline.profiles.building.importance import unknown, with_importances
    from driftline.profiles.building.table_remarks import table_remarks
    from driftline.runtime.references.importance_files import read_importances

    half_life_ms = rows.half_life_ms()
    importances: Mapping[str, float] = {} if rows.importances is None else read_importances(rows.importances)
    chosen = with_importances(settings.model(key.model), importances)
    with err.status(f"reading {file or '--sql'}") if err.is_terminal else nullcontext():
        reading = _read(file, settings, key, rows, chosen)
    table = reading.table
    with progress("values", READINGS * table.n * table.n_columns) as advance:
        in_time = TimeOptions(int(settings.time.pane), half_life_ms, advance)
        profile = build_profile(key, table, chosen, start_ms, "training", in_time=in_time)
    absent = unknown(importances, {column.feature for column in profile.columns})
    remarks = [*reading.remarks, *([absent] if absent else []), *table_remarks(reading.table, chosen)]
    return profile, [*remarks, *profile_remarks(profile, settings)]


def profile_remarks(profile: Profile, settings: Settings) -> list[str]:
    """Return what is unusual about a profile, and of what it does not show how much it varies."""
    from driftline.profiles.remarks import remarks_of
    from driftline.runtime.references.table_options import kinds_of

    chosen = settings.model(profile.key.model)
    return [*remarks_of(profile, kinds_of(chosen)), *unknown_variation(profile, settings)]


def unknown_variation(profile: Profile, settings: Settings) -> list[str]:
    """Return of which windows, and of which errors, a profile does not show how much they vary, or what they are."""
    from driftline.checks.labels.error_bets import error_remarks
    from driftline.checks.labels.feature_evidence import feature_remarks
    from driftline.checks.references.learning_remarks import learning_remarks

    chosen = settings.model(profile.key.model)
    of_errors = [] if settings.labels is None else [*error_remarks(profile, chosen), *feature_remarks(profile, chosen)]
    return [*learning_remarks(profile, chosen, int(settings.time.pane)), *of_errors]


def tell_remarks(remarks: Iterable[str]) -> None:
    """Print remarks to standard error, one a line."""
    for remark in remarks:
        err.print(f"remark: {remark}", style="yellow", markup=False)


def refuse_contradictions(remarks: Iterable[str], *, strict: bool) -> None:
    """Refuse rows that contradict themselves, where ``--strict`` asks for it.

    Raises
    ------
    ProfileError
        When a remark is a :class:`~driftline.profiles.remark.Contradiction`.
    """
    from driftline.profiles.remark import Contradiction

    found = [remark for remark in remarks if isinstance(remark, Contradiction)]
    if strict and found:
        more = f" and {len(found) - 1} more above" if found[1:] else ""
        message = f"with --strict, what contradicts itself is an error: {found[0]}{more}"
        raise ProfileError(message)


def _read(
    file: Path | None, settings: Settings, key: ModelKey, rows: RowsOptions, chosen: ModelSettings
) -> ReferenceRows:
    from driftline.runtime.references.reference_files import read_selected, read_table

    fields, how = settings.predictions.fields, rows.table_options(chosen)
    labels = None if settings.labels is None else settings.labels.fields
    positive = chosen.positive_class
    if file is not None and rows.sql is None and rows.uri is None:
        return read_table(file, key, rows.roles(), fields=fields, labels=labels, positive=positive, how=how)
    if file is None and rows.sql is not None and rows.uri is not None:
        return read_selected(rows.sql, rows.uri, rows.roles(), fields=fields, labels=labels, positive=positive, how=how)
    given = ", ".join(
        name for name, value in ((f"{file}", file), ("--sql", rows.sql), ("--uri", rows.uri)) if value is not None
    )
    raise ParameterError("either a file of rows, or --sql with --uri", given or None, "rows")
