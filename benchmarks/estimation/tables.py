"""Differences from NannyML against their tolerance, and the tables that show them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from benchmarks.estimation.ours import table_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.estimation.ours import Data, Said

NAMES = {"auc": "roc_auc"}
"""Metrics that NannyML names otherwise."""
EXACT, AREA, BOTH_MODELS = 1e-6, 1e-3, 6.0
"""Tolerances: of the same calibrator; of its binned AUC; in model errors, of another calibrator or loss model."""
LEAST_BAND, SIMULATED = 0.8, 1.11
"""Standard error over what chance does: the part that scores or features leave, and three errors of the simulation."""
SHOWN = {"car_loan": ("accuracy", "auc"), "car_price": ("mae", "rmse"), "credit_card": ("accuracy", "f1")}
N_SAMPLES = 400
COLUMNS = (
    "metric",
    "largest difference",
    "tolerance",
    "sampling error",
    "model error",
    "NannyML's",
    "by chance",
    "mean error",
    "in the band",
)


class Metric(NamedTuple):
    """One metric of one data set, as arrays over the windows."""

    name: str
    value: np.ndarray
    sampling: np.ndarray
    model: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    theirs: np.ndarray
    their_error: np.ndarray
    realised: np.ndarray
    tolerance: np.ndarray
    by_chance: float
    """Standard deviation of the realised metric over samples of the reference, of a window's size."""


class Compared(NamedTuple):
    """One data set."""

    data: Data
    starts: list[str]
    metrics: list[Metric]
    record: dict[str, dict[str, float]]
    failures: list[str]


def compared(folder: Path, data: Data, said: Said, theirs: dict[str, list[dict[str, float]]]) -> Compared:
    """Hold estimates against NannyML's."""
    metrics, failures = [], []
    chance = _by_chance(folder, data, said)
    for name in said.first[0]["metrics"]:
        their_name = NAMES.get(name, name)
        if their_name not in theirs:
            continue
        rows = [event["metrics"][name] for event in said.first]
        told = theirs[their_name]
        assert len(rows) == len(told) == len(said.matured), (data.name, name, len(rows), len(told), len(said.matured))
        value, model = (np.array([row[part] for row in rows]) for part in ("value", "model_error"))
        metric = Metric(
            name,
            value,
            np.array([row["sampling_error"] for row in rows]),
            model,
            np.array([row["lower"] for row in rows]),
            np.array([row["upper"] for row in rows]),
            np.array([each["value"] for each in told]),
            np.array([each["sampling_error"] for each in told]),
            np.array([each["realised"] for each in told]),
            _tolerance(data, name, model),
            chance.get(name, math.nan),
        )
        metrics.append(metric)
        off = np.abs(metric.value - metric.theirs) > metric.tolerance
        failures += [
            f"Expected {name} within {metric.tolerance[i]:.2g} of NannyML's {metric.theirs[i]:.6g}, got {value[i]:.6g} "
            f"- at `{data.name}`, window {i}"
            for i in np.flatnonzero(off)
        ]
    return Compared(
        data, [event["window"]["start"] for event in said.first], metrics, said.matured[-1]["record"], failures
    )


def _tolerance(data: Data, name: str, model: np.ndarray) -> np.ndarray:
    if data.name == "car_loan":
        return np.full(model.shape, AREA if name == "auc" else EXACT)
    return BOTH_MODELS * model


def _by_chance(folder: Path, data: Data, said: Said) -> dict[str, float]:
    """Return the standard deviation of each realised metric over samples of the reference."""
    rows = table_of(folder, data, "reference")
    task = said.profile.task
    predicted, actual = (task.encode(rows[name].to_pylist()) for name in ("prediction", "label"))
    scores = np.array(rows["score"].to_pylist()) if isinstance(data.score, str) and data.score else None
    rng = np.random.default_rng(1)
    found: dict[str, list[float]] = {}
    for _ in range(N_SAMPLES):
        chosen = rng.integers(0, predicted.size, data.chunk)
        p, a = predicted[chosen], actual[chosen]
        if task.kind == "regression":
            errors = (p - a) * task.spread
            mse = float((errors**2).mean())
            values: dict[str, Any] = {"mae": np.abs(errors).mean(), "mse": mse, "rmse": math.sqrt(mse)}
        else:
            average = "binary" if task.kind == "binary" else "macro"
            values = {
                "accuracy": (p == a).mean(),
                "precision": precision_score(a, p, average=average),
                "recall": recall_score(a, p, average=average),
                "f1": f1_score(a, p, average=average),
            }
            if scores is not None:
                values |= {"specificity": recall_score(a, p, pos_label=0), "auc": roc_auc_score(a, scores[chosen])}
        for name, value in values.items():
            found.setdefault(name, []).append(float(value))
    return {name: float(np.std(values)) for name, values in found.items()}


def page_of(found: Compared) -> str:
    """Return the tables of a data set as Markdown."""
    parts = [f"### {found.data.name.replace('_', ' ').capitalize()}", _differences(found)]
    parts += [_windows(metric, found) for metric in found.metrics if metric.name in SHOWN[found.data.name]]
    return "\n\n".join(parts)


def _differences(found: Compared) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    for metric in found.metrics:
        half = metric.value.size // 2  # before the change
        off = np.abs(metric.value - metric.theirs)
        record = found.record.get(metric.name)
        cells = [
            metric.name,
            f"{off.max():.2g}",
            f"{metric.tolerance.min():.2g}",
            f"{metric.sampling[:half].mean():.3g}",
            f"{metric.model[:half].mean():.3g}",
            f"{metric.their_error[:half].mean():.3g}",
            "–" if math.isnan(metric.by_chance) else f"{metric.by_chance:.3g}",
            "–" if record is None else f"{record['mean_error']:+.3g}",
            "–" if record is None else f"{record['within']:.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _windows(metric: Metric, found: Compared) -> str:
    digits = 1 if found.data.name == "car_price" else 4
    lines = [
        f"`{metric.name}`, window by window:",
        "",
        "| window | estimate | band | NannyML | its band | realised | in our band |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for i, start in enumerate(found.starts):
        reach = 3 * metric.their_error[i]
        inside = metric.lower[i] <= metric.realised[i] <= metric.upper[i]
        cells = [
            start[11:16],
            f"{metric.value[i]:.{digits}f}",
            f"{metric.lower[i]:.{digits}f} – {metric.upper[i]:.{digits}f}",
            f"{metric.theirs[i]:.{digits}f}",
            f"{metric.theirs[i] - reach:.{digits}f} – {metric.theirs[i] + reach:.{digits}f}",
            f"{metric.realised[i]:.{digits}f}",
            "yes" if inside else "**no**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
