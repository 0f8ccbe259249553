"""Simulated predictions and labels as JSON events, in the field names that need no mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from driftline.simulation.population import CHANNELS, EMPLOYMENTS, NEW_REGION, REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.simulation.operations import Operations
    from driftline.simulation.population import Applicants

THRESHOLD: Final = 0.5
"""A score from here on predicts a default."""
_CHANNELS: Final = np.array(list(CHANNELS), dtype=object)
_REGIONS: Final = np.array([*REGIONS, NEW_REGION], dtype=object)
_EMPLOYMENTS: Final = np.array(list(EMPLOYMENTS), dtype=object)


def feature_columns(applicants: Applicants) -> dict[str, list[Any]]:
    """Return the features as lists of JSON values, None where the model was not told."""
    return {
        "age": applicants.age.tolist(),
        "income": _with_gaps(applicants.income, applicants.no_income),
        "debt_ratio": applicants.debt_ratio.tolist(),
        "credit_lines": applicants.credit_lines.tolist(),
        "tenure_months": _with_gaps(applicants.tenure_months, applicants.no_tenure),
        "channel": _CHANNELS[applicants.channel].tolist(),
        "region": _REGIONS[applicants.region].tolist(),
        "employment": _with_gaps(_EMPLOYMENTS[applicants.employment], applicants.no_employment),
    }


def timestamps(times_ms: NDArray[np.int64]) -> list[str]:
    """Return times as RFC 3339 in UTC with milliseconds."""
    texts = np.datetime_as_string(times_ms.astype("datetime64[ms]"), unit="ms", timezone="UTC")
    listed: list[str] = texts.tolist()
    return listed


def prediction_events(
    model: str,
    version: str,
    ids: Sequence[str],
    times_ms: NDArray[np.int64],
    applicants: Applicants,
    operations: Operations | None = None,
) -> list[bytes]:
    """Return prediction events as JSON, in the order of the applicants, with how they were made where that is given."""
    events = _prediction_objects(model, version, ids, times_ms, applicants)
    if operations is None:
        return [orjson.dumps(event) for event in events]
    made = zip(events, operations.latency_ms.tolist(), operations.reason.tolist(), strict=True)
    return [
        orjson.dumps(
            {**event, "latency_ms": latency, "error": reason}
            if reason is None
            else {**event, "prediction": None, "score": None, "latency_ms": latency, "error": reason}
        )
        for event, latency, reason in made
    ]


def _prediction_objects(
    model: str, version: str, ids: Sequence[str], times_ms: NDArray[np.int64], applicants: Applicants
) -> Iterator[dict[str, Any]]:
    columns = feature_columns(applicants)
    names = tuple(columns)
    predicted = (applicants.score >= THRESHOLD).astype(np.int64).tolist()
    rows = zip(
        ids,
        timestamps(times_ms),
        zip(*columns.values(), strict=True),
        predicted,
        applicants.score.tolist(),
        strict=True,
    )
    for id_, ts, features, prediction, score in rows:
        yield {
            "prediction_id": id_,
            "model": model,
            "model_version": version,
            "ts": ts,
            "features": dict(zip(names, features, strict=True)),
            "prediction": prediction,
            "score": score,
        }


def label_events(ids: Sequence[str], times_ms: NDArray[np.int64], labels: NDArray[np.int64]) -> list[bytes]:
    """Return label events as JSON."""
    return [
        f'{{"prediction_id":"{id_}","label":{label},"ts":"{ts}"}}'.encode()
        for id_, label, ts in zip(ids, labels.tolist(), timestamps(times_ms), strict=True)
    ]


def _with_gaps(values: NDArray[Any], absent: NDArray[np.bool_]) -> list[Any]:
    listed: list[Any] = values.tolist()
    for row in np.flatnonzero(absent).tolist():
        listed[row] = None
    return listed
