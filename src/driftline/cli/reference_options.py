"""The options of ``driftline reference`` that several of its commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.config.model import ModelSettings
    from driftline.profiles.building.roles import Roles
    from driftline.runtime.references.table_options import TableOptions

RowsArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help=(
            "Training or reference rows: .parquet, .csv, .tsv, .ndjson, .json, .arrow, .feather, or a folder of "
            "Parquet files; text also in .gz. Or give --sql."
        ),
        show_default=False,
    ),
]
EitherArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="A .profile, or rows as `reference build` reads them. Or give --sql.",
        show_default=False,
    ),
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
    str | None,
    typer.Option(
        "--label-column",
        help="Column of the labels; by default as the configuration maps them, or `label`.",
        show_default=False,
    ),
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


SeparatorOption = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="CHARACTER",
        help="Between the cells of CSV rows, `tab` for the tabulator; by default found in the first rows.",
        show_default=False,
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Of rows in a text file, such as `latin-1`; by default UTF-8, or what its byte-order mark says.",
        show_default=False,
    ),
]
MissingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--na",
        metavar="TEXT",
        help="Text of CSV cells that stands for a missing value; may be repeated.",
        show_default=False,
    ),
]
SqlOption = Annotated[
    str | None,
    typer.Option(
        "--sql", metavar="QUERY", help="Read the rows that this query selects from --uri.", show_default=False
    ),
]
UriOption = Annotated[
    str | None,
    typer.Option(
        "--uri",
        metavar="URI",
        help="Database of --sql: sqlite:///rows.db, postgresql://..., through its ADBC driver.",
        show_default=False,
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Fail where rows contradict themselves or the configuration.")
]


class RowsOptions(NamedTuple):
    """Options that apply only to a table of rows: how it is read and counted."""

    prediction_column: str | None
    score_column: str | None
    label_column: str | None
    time_column: str | None
    drop: list[str] | None
    half_life: str | None
    importances: Path | None
    separator: str | None
    encoding: str | None
    na: list[str] | None
    sql: str | None
    uri: str | None
    strict: bool
    time_unit: TimeUnitName | None = None

    def roles(self) -> Roles:
        """Return which columns are not features."""
        from driftline.events.times import MILLISECONDS, TimeForm
        from driftline.profiles.building.roles import Roles

        named = (self.prediction_column, self.score_column, self.label_column)
        form = MILLISECONDS if self.time_unit is None else TimeForm(self.time_unit.value)
        return Roles(*named, drop=tuple(self.drop or ()), time=self.time_column, time_form=form)

    def table_options(self, settings: ModelSettings) -> TableOptions:
        """Return how the rows are read.

        Raises
        ------
        ParameterError
            When separator or encoding are none.
        """
        from driftline.runtime.references.table_options import TableOptions, checked_separator, kinds_of
        from driftline.runtime.references.text_files import checked_encoding

        return TableOptions(
            checked_separator(self.separator),
            checked_encoding(self.encoding),
            tuple(self.na or ()),
            kinds_of(settings),
        )

    def refuse_with_profile(self, **more: object) -> None:
        """Refuse options beside a .profile, which only apply to rows.

        Raises
        ------
        ParameterError
            When one is given.
        """
        from driftline.errors import ParameterError

        for option, value in _given({**more, **self._asdict()}):
            raise ParameterError(
                "no such option with a .profile: it was fixed when the profile was built", value, option
            )

    def refuse_without_rows(self) -> None:
        """Refuse options where there are no rows that they could apply to.

        Raises
        ------
        ParameterError
            When one is given.
        """
        from driftline.errors import ParameterError

        for option, value in _given(self._asdict()):
            raise ParameterError("no such option without rows: give --reference or --sql", value, option)

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


def _given(options: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the options that were given, as they are written."""
    for name, value in options.items():
        if value:
            yield f"--{name.replace('_', '-')}", value
