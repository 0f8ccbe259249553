"""The options of ``driftline reference`` that several of its commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

RowsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Training or reference rows: .parquet, .csv, .ndjson or .jsonl.", show_default=False
    ),
]
EitherArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A .profile, or rows: .parquet, .csv, .ndjson, .jsonl.", show_default=False),
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Where to write the profile.", show_default=False)]
TheModelOption = Annotated[str, typer.Option("--model", "-m", help="Name of the model.", show_default=False)]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Name of the model.", show_default=False)]
VersionOption = Annotated[
    str | None, typer.Option("--model-version", help="Version of the model, as its events name it.", show_default=False)
]
PredictionOption = Annotated[
    str | None,
    typer.Option(
        "--prediction-column",
        help="Column of the predictions; by default as the configuration maps them, or `prediction`.",
        show_default=False,
    ),
]
ScoreOption = Annotated[
    str | None,
    typer.Option(
        "--score-column",
        help="Column of the scores; by default as the configuration maps them, or `score`.",
        show_default=False,
    ),
]
LabelOption = Annotated[
    str | None, typer.Option("--label-column", help="Column of the labels; by default `label`.", show_default=False)
]
TimeOption = Annotated[
    str | None,
    typer.Option(
        "--time-column",
        help="Column of the event times; by default as the configuration maps them, or `ts`.",
        show_default=False,
    ),
]


class TimeUnitName(StrEnum):
    """Units of times that are numbers."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


TimeUnitOption = Annotated[
    TimeUnitName | None,
    typer.Option(
        "--time-unit",
        help="Unit of times that are numbers; by default as the configuration has it, or ms.",
        show_default=False,
    ),
]
DropOption = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="COLUMN", help="Column to leave out; may be repeated.", show_default=False),
]
HalfLifeOption = Annotated[
    str | None,
    typer.Option(
        "--half-life",
        metavar="DURATION",
        help="Age at which a row, relative to the last one, has half the weight: `7d`.",
        show_default=False,
    ),
]
ImportancesOption = Annotated[
    Path | None,
    typer.Option(
        "--importances",
        metavar="FILE",
        help="Importance of each column to the model: .json (name to number) or .csv (name, number).",
        show_default=False,
    ),
]
EffectiveOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="First event time that the profile applies to: RFC 3339 or `beginning`.",
        show_default=False,
    ),
]


class RowsOptions(NamedTuple):
    """Options that apply only to a table of rows: how it is read and counted."""

    prediction_column: str | None
    score_column: str | None
    label_column: str | None
    time_column: str | None
    drop: tuple[str, ...]
    half_life: str | None
    importances: Path | None
    time_unit: TimeUnitName | None = None

    def half_life_ms(self) -> int | None:
        """Return the half-life in milliseconds; None where none is given.

        Raises
        ------
        ParameterError
            When it is no duration above zero.
        """
        from driftline.config.durations import Duration
        from driftline.errors import ParameterError

        if self.half_life is None:
            return None
        duration = Duration.parse(self.half_life, "--half-life")
        if duration <= 0:
            raise ParameterError("a duration above zero", self.half_life, "--half-life")
        return int(duration)
