"""What NannyML says of its synthetic data, chunk by chunk: to be run in an environment with requirements.txt.

Usage: ``python benchmarks/estimation/oracle.py FOLDER``. Writes for each data set the reference and the analysis period
with its labels as Parquet, and ``<name>.json``: by metric, a list of chunks with estimate, sampling error and realised
value.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # read when it is imported
warnings.filterwarnings("ignore")

import nannyml as nml  # noqa: E402  # see above

CARDS = ("prepaid_card", "highstreet_card", "upmarket_card")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    loans = nml.CBPE(
        y_pred_proba="y_pred_proba",
        y_pred="y_pred",
        y_true="repaid",
        metrics=["accuracy", "precision", "recall", "specificity", "f1", "roc_auc"],
        chunk_size=5_000,
        problem_type="classification_binary",
    )
    run(folder, "car_loan", nml.load_synthetic_car_loan_dataset(), loans)
    prices = nml.DLE(
        feature_column_names=[
            "car_age",
            "km_driven",
            "price_new",
            "accident_count",
            "door_count",
            "fuel",
            "transmission",
        ],
        y_pred="y_pred",
        y_true="y_true",
        metrics=["mae", "mse", "rmse"],
        chunk_size=6_000,
    )
    run(folder, "car_price", nml.load_synthetic_car_price_dataset(), prices)
    cards = nml.CBPE(
        y_pred_proba={card: f"y_pred_proba_{card}" for card in CARDS},
        y_pred="y_pred",
        y_true="y_true",
        metrics=["accuracy", "precision", "recall", "specificity", "f1"],
        chunk_size=5_000,
        problem_type="classification_multiclass",
    )
    run(folder, "credit_card", nml.load_synthetic_multiclass_classification_dataset(), cards)


def run(folder: Path, name: str, data: tuple[Any, Any, Any], estimator: Any) -> None:  # noqa: ANN401  # of NannyML
    reference, analysis, labels = data
    analysis = analysis.merge(labels, on="id")
    reference.to_parquet(folder / f"{name}-reference.parquet")
    analysis.to_parquet(folder / f"{name}-analysis.parquet")
    estimator.fit(reference)
    found = estimator.estimate(analysis).filter(period="analysis").to_df()
    metrics = [metric.column_name for metric in estimator.metrics]
    said = {
        metric: [
            {"value": value, "sampling_error": error, "realised": realised}
            for value, error, realised in zip(
                *(found[metric][part].tolist() for part in ("value", "sampling_error", "realized")), strict=True
            )
        ]
        for metric in metrics
    }
    (folder / f"{name}.json").write_text(json.dumps({"nannyml": nml.__version__, "metrics": said}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
