"""A profile in the terminal: what was found, and its histograms; and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from rich.table import Table
from rich.text import Text

from driftline.cli.profile_comparison import mean_of
from driftline.cli.reference_history import dispersion_line, dispersion_of, history_lines, history_object, week_strip
from driftline.events.cloudevents import rfc3339
from driftline.performance import metrics_of
from driftline.profiles.effective import shown
from driftline.sketches.columns import QUALITY, CategoricalColumn, DateColumn, EmbeddingColumn, NumericColumn
from driftline.sketches.view import bars, quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

WIDTH: Final = 40
"""Characters of the longest bar."""
MAX_SHOWN: Final = 20
"""Categories that are drawn; the others are summed up."""
_LEVELS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def summary(profile: Profile) -> Iterator[RenderableType]:
    """Yield a header and a table of the columns."""
    yield from _header(profile)
    table = Table(box=None, pad_edge=False, header_style="dim")
    weight = ("importance",) if profile.importances else ()
    for name in ("column", "role", "kind", *weight, "missing", "values"):
        table.add_column(name, overflow="fold")
    for index, column in enumerate(profile.columns):
        missing = _quality(profile, index)["missing"]
        kind = _kind(column)
        importance = [f"{profile.importances.get(column.name, 1.0):g}" for _ in weight]
        values = Text(_values(profile, index, column))
        table.add_row(Text(column.name), column.role, kind, *importance, percent(missing), values)
    yield table


def drawn(profile: Profile) -> Iterator[RenderableType]:
    """Yield the header, the hours of the week where they are known, and one histogram a column."""
    yield from _header(profile)
    if profile.history is not None:
        yield from week_strip(profile.history)
    for index, column in enumerate(profile.columns):
        yield Text()
        importance = profile.importances.get(column.name)
        about = column.role if importance is None else f"{column.role}, importance {importance:g}"
        yield Text.assemble((column.name, "bold"), f"  ({about})  ", (_values(profile, index, column), "dim"))
        if isinstance(column, CategoricalColumn):
            yield from _category_bars(profile, index, column)
        else:
            yield from _numeric_bars(profile, index, column)
        absent = [f"{name.replace('_', ' ')} {percent(share)}" for name, share in _quality(profile, index).items()]
        yield Text(f"  {', '.join(absent)}", style="dim")
        varies = dispersion_line(profile, index)
        if varies is not None:
            yield varies


def as_json(profile: Profile) -> str:
    """Return all that is drawn, and the whole histograms, as one JSON object."""
    return msgspec.json.encode(
        {
            "profile_id": profile.profile_id,
            "model": profile.key.model,
            "model_version": profile.key.version,
            "origin": profile.origin,
            "effective_from": rfc3339(profile.effective_from_ms),
            "effective_from_ms": profile.effective_from_ms,
            "n": profile.n_events,
            "decay": profile.decay,
            "history": history_object(profile.history),
            "task": profile.task.kind,
            "classes": profile.task.classes,
            "performance": _performance(profile),
            "estimator": _estimator(profile),
            "left_out": profile.left_out,
            "columns": [_column_object(profile, index, column) for index, column in enumerate(profile.columns)],
        }
    ).decode()


def _header(profile: Profile) -> Iterator[Text]:
    task = profile.task
    classes = f", classes {', '.join(task.classes)}" if task.classes else ""
    positive = f" (positive: {task.positive})" if task.positive is not None else ""
    yield Text.assemble((str(profile.key), "bold"), f"  profile {profile.profile_id}, {profile.origin}")
    yield Text(f"  {profile.n_events} rows, holds from {shown(profile.effective_from_ms)}")
    yield from history_lines(profile)
    yield Text(f"  task {task.kind}{classes}{positive}")
    performance = _performance(profile)
    if performance:
        listed = ", ".join(f"{name} {value:.4g}" for name, value in performance.items() if value is not None)
        yield Text(f"  baseline {listed}")
    estimator = _estimator(profile)
    if estimator is not None:
        calibrated = {True: "of calibrated scores", False: "of scores as they are", None: "of a model of the loss"}
        how = calibrated[estimator["calibrated"]]
        yield Text(f"  estimates before labels by means {how}, fitted on {estimator['n_labelled']} labelled rows")
    if profile.left_out:
        yield Text(f"  not watched: {', '.join(name or '(without a name)' for name in profile.left_out)}")


def _kind(column: Column) -> str:
    if isinstance(column, CategoricalColumn):
        return "categorical"
    if isinstance(column, EmbeddingColumn):
        return "embedding"
    if isinstance(column, DateColumn):
        return {"age": "days before the event", "hour": "hour of the day", "weekday": "day of the week"}[column.measure]
    return "numeric, in text" if column.reads_text else "numeric"


def _performance(profile: Profile) -> dict[str, float | None] | None:
    if profile.performance is None:
        return None

    return metrics_of(profile.task, profile.performance)


def _estimator(profile: Profile) -> dict[str, Any] | None:
    estimator = profile.estimator
    if estimator is None:
        return None
    return {
        "id": profile.estimator_id,
        "method": estimator.method,
        "calibrated": estimator.calibrated,
        "n_labelled": estimator.n_labelled,
    }


def _column_object(profile: Profile, index: int, column: Column) -> dict[str, Any]:
    counts = profile.reference.counts[profile.layout.places[index].bins]
    common = {
        "name": column.name,
        "role": column.role,
        "importance": profile.importances.get(column.name, 1.0),
        "quality": _quality(profile, index),
        "counts": counts.tolist(),
        "dispersion": dispersion_of(profile, index),
    }
    if isinstance(column, CategoricalColumn):
        return {**common, "kind": "categorical", "categories": column.categories}
    values = quantiles(column, counts, np.array(_LEVELS))
    return {
        **common,
        "kind": "numeric",
        "edges": column.edges.tolist(),
        "mean": column.mean,
        "spread": column.spread,
        "minimum": column.minimum,
        "maximum": column.maximum,
        "quantiles": {str(level): value for level, value in zip(_LEVELS, values.tolist(), strict=True)},
    }


def _quality(profile: Profile, index: int) -> dict[str, float]:
    """Return the share of each way in which a value can be absent."""
    counts = profile.reference.counts[profile.layout.places[index].quality]
    return {name: int(count) / max(1, profile.n_of(index)) for name, count in zip(QUALITY, counts, strict=True)}


def _values(profile: Profile, index: int, column: Column) -> str:
    """Return the values of a column in a few words."""
    counts = profile.reference.counts[profile.layout.places[index].bins]
    if isinstance(column, CategoricalColumn):
        order = np.argsort(-counts[:-1], kind="stable")[:3]
        listed = ", ".join(f"{column.categories[i]} {percent(counts[i] / max(1, counts.sum()))}" for i in order)
        more = len(column.categories) - len(order)
        return listed + (f" and {more} more" if more > 0 else "")
    if not column.edges.size:
        return "no values"
    median = float(quantiles(column, counts, np.array([0.5]))[0])
    mean = mean_of(profile, index)
    return f"{short(column.minimum)} to {short(column.maximum)}, median {short(median)}, mean {short(mean or 0.0)}"


def _numeric_bars(profile: Profile, index: int, column: NumericColumn) -> Iterator[Text]:
    drawn_bars = bars(column, profile.reference.counts[profile.layout.places[index].bins])
    labels = [short(bar.low) if bar.low == bar.high else f"{short(bar.low)} to {short(bar.high)}" for bar in drawn_bars]
    notes = [f"up to {percent(bar.below)}" for bar in drawn_bars]
    yield from _lines(labels, [bar.share for bar in drawn_bars], notes)


def _category_bars(profile: Profile, index: int, column: CategoricalColumn) -> Iterator[Text]:
    counts = profile.reference.counts[profile.layout.places[index].bins]
    shares = counts / max(1, int(counts.sum()))
    order = [int(i) for i in np.argsort(-shares[:-1], kind="stable")]
    labels = [column.categories[i] for i in order[:MAX_SHOWN]]
    heights = [float(shares[i]) for i in order[:MAX_SHOWN]]
    if len(order) > MAX_SHOWN:
        labels.append(f"{len(order) - MAX_SHOWN} more")
        heights.append(float(shares[order[MAX_SHOWN:]].sum()))
    if counts[column.unlisted]:
        labels.append("not listed")
        heights.append(float(shares[column.unlisted]))
    yield from _lines(labels, heights, [""] * len(labels))


def _lines(labels: list[str], shares: list[float], notes: list[str]) -> Iterator[Text]:
    width = max((len(label) for label in labels), default=0)
    top = max(shares, default=0.0) or 1.0
    for label, share, note in zip(labels, shares, notes, strict=True):
        eighths = round(share / top * WIDTH * 8)
        bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
        yield Text.assemble(
            f"  {label:>{width}} ", (f"{bar:<{WIDTH}}", "cyan"), f" {percent(share):>7}", (f"  {note}", "dim")
        )


def short(value: float) -> str:
    """Return a number as people read it, in about four digits."""
    size = abs(value)
    if size >= 1e6 or (0 < size < 1e-3):  # noqa: PLR2004  # beyond, an exponent is shorter
        return f"{value:.3g}"
    return f"{value:,.0f}" if size >= 1_000 else f"{value:.4g}"  # noqa: PLR2004  # thousands need no decimals


def percent(share: float) -> str:
    """Return a share in percent, in three digits."""
    return f"{100 * share:.3g} %"
