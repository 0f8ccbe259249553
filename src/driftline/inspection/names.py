"""What the names of fields say about what stands there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from driftline.inspection.survey import Path

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_IDS: Final = {
    "predictionid": 12,
    "inferenceid": 10,
    "predid": 10,
    "scoringid": 9,
    "decisionid": 9,
    "requestid": 8,
    "transactionid": 8,
    "applicationid": 7,
    "eventid": 7,
    "orderid": 7,
    "recordid": 7,
    "id": 7,
    "uuid": 7,
    "guid": 7,
    "instanceid": 6,
    "correlationid": 6,
    "messageid": 5,
    "traceid": 5,
    "ceid": 5,
    "key": 5,
}
_ID_WORDS: Final = frozenset(("id", "uuid", "guid", "key", "ref", "reference", "number", "no", "nr"))
_ENTITIES: Final = frozenset(
    [
        "customer",
        "user",
        "account",
        "model",
        "session",
        "device",
        "client",
        "merchant",
        "store",
        "product",
        "item",
        "member",
        "schema",
        "tenant",
        "run",
        "job",
        "host",
        "experiment",
        "partition",
        "offset",
    ]
)
_TIMES: Final = {
    "ts": 10,
    "timestamp": 9,
    "eventtime": 10,
    "eventtimestamp": 10,
    "predictiontime": 10,
    "predictiontimestamp": 10,
    "inferencetime": 10,
    "scoredat": 9,
    "predictedat": 9,
    "labeledat": 9,
    "labelledat": 9,
    "observedat": 9,
    "time": 8,
    "occurredat": 8,
    "datetime": 7,
    "createdat": 7,
    "created": 6,
    "date": 6,
    "tsms": 4,
    "cetime": 3,
}
_TIME_WORDS: Final = frozenset(("time", "timestamp", "ts", "at", "date", "datetime", "millis", "ms", "epoch", "on"))
_OTHER_TIMES: Final = frozenset(
    [
        "birth",
        "birthday",
        "due",
        "expiry",
        "expires",
        "expiration",
        "updated",
        "deleted",
        "opened",
        "start",
        "end",
        "until",
        "valid",
        "since",
        "employment",
    ]
)
_MODELS: Final = {"model": 10, "modelname": 10, "modelid": 9, "deployment": 5, "deploymentname": 5, "algorithm": 4}
_VERSIONS: Final = {"modelversion": 10, "version": 6, "modelrevision": 6, "deploymentversion": 5, "modelhash": 3}
_OTHER_VERSIONS: Final = frozenset(("event", "spec", "specversion", "schema", "api", "format", "protocol", "message"))
_PREDICTIONS: Final = {
    "prediction": 10,
    "predictedlabel": 10,
    "predictedclass": 10,
    "predictedvalue": 10,
    "prediktion": 8,
    "predicted": 9,
    "predictions": 8,
    "pred": 8,
    "ypred": 9,
    "yhat": 9,
    "forecast": 8,
    "decision": 7,
    "estimate": 6,
    "output": 5,
    "outputs": 5,
    "class": 5,
    "classlabel": 5,
    "result": 5,
    "outcome": 4,
    "label": 4,
    "verdict": 4,
    "response": 3,
}
_SCORES: Final = {
    "score": 10,
    "probability": 10,
    "probabilities": 10,
    "proba": 10,
    "scores": 9,
    "prob": 9,
    "probs": 9,
    "predictedprobability": 10,
    "predictionprobability": 10,
    "predictproba": 10,
    "confidence": 8,
    "classprobabilities": 10,
    "likelihood": 7,
    "risk": 6,
    "riskscore": 8,
    "modelscore": 9,
    "logit": 7,
    "margin": 7,
    "percent": 4,
    "p": 3,
    "endpointoutputdata": 6,
}
_LABELS: Final = {
    "label": 10,
    "truelabel": 10,
    "actual": 9,
    "outcome": 9,
    "target": 9,
    "groundtruth": 10,
    "truth": 9,
    "ytrue": 10,
    "y": 5,
    "actuallabel": 10,
    "actualvalue": 9,
    "actualclass": 9,
    "observed": 6,
    "isfraud": 7,
    "fraud": 6,
    "class": 5,
    "result": 6,
    "value": 3,
    "status": 4,
    "defaulted": 6,
    "churned": 6,
    "converted": 6,
    "clicked": 6,
    "feedback": 4,
    "verdict": 5,
    "decision": 3,
}
_FEATURES: Final = {
    "features": 10,
    "featurevalues": 9,
    "inputs": 8,
    "input": 8,
    "inputdata": 8,
    "instance": 7,
    "instances": 7,
    "attributes": 5,
    "row": 5,
    "rows": 5,
    "variables": 6,
    "x": 4,
    "data": 2,
    "endpointinputdata": 9,
}
_LATENCIES: Final = {
    "latencyms": 12,
    "latency": 11,
    "latencymillis": 11,
    "latencymilliseconds": 11,
    "latencys": 10,
    "latencysec": 10,
    "latencyseconds": 10,
    "latencyus": 10,
    "latencymicros": 10,
    "latencyns": 10,
    "latencynanos": 10,
    "inferencelatency": 11,
    "inferencelatencyms": 11,
    "predictionlatency": 11,
    "predictionlatencyms": 11,
    "modellatency": 11,
    "modellatencyms": 11,
    "responsetimems": 9,
    "responsetime": 8,
    "inferencetimems": 9,
    "processingtimems": 8,
    "executiontimems": 8,
    "executiondurationms": 8,
    "elapsedms": 8,
    "tookms": 8,
    "durationms": 7,
    "elapsed": 6,
    "took": 6,
    "durationseconds": 6,
    "duration": 5,
}
_ERRORS: Final = {
    "error": 10,
    "errormessage": 10,
    "errorcode": 9,
    "errortype": 9,
    "errorreason": 9,
    "exception": 9,
    "exceptiontype": 8,
    "failurereason": 9,
    "failure": 7,
    "err": 6,
}
TABLES: Final[dict[str, dict[str, int]]] = {
    "id": _IDS,
    "time": _TIMES,
    "model": _MODELS,
    "version": _VERSIONS,
    "prediction": _PREDICTIONS,
    "score": _SCORES,
    "label": _LABELS,
    "features": _FEATURES,
    "latency": _LATENCIES,
    "error": _ERRORS,
}
_SUFFIX_WEIGHT: Final = 0.6
"""Of a name that only ends in words of a table: ``fraud_score``."""


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name, in lower case.

    Examples
    --------
    >>> words_of("modelVersion"), words_of("ce_time"), words_of("HTTPStatus")
    (('model', 'version'), ('ce', 'time'), ('http', 'status'))
    """
    return tuple(word.lower() for word in _WORD.findall(name))


HINTED: Final = 4.0
"""From this weight on a name hints at a role, so that other evidence can decide."""
LIKELY: Final = 5.0
"""From this weight on a name makes a role likely."""
CLEAR: Final = 8.0
"""From this weight on a name says a role by itself."""


def weight(role: str, path: Path) -> float:
    """Return how much the last name of a path says that its field has a role; 0 for nothing, 12 for certain.

    Examples
    --------
    >>> weight("id", ("payload", "request_id")), weight("id", ("customer_id",)), weight("score", ("fraudScore",))
    (8.0, 1.0, 6.0)
    >>> weight("model", ("model", "name")), weight("id", ("amount",))
    (10.0, 0.0)
    """
    names = [step for step in path if step != "*"]
    words = words_of(names[-1]) if names else ()
    if not words:
        return 0.0
    table = TABLES[role]
    whole = "".join(words)
    best = float(table.get(whole, 0))
    if len(names) > 1:  # {"model": {"name": ...}}
        best = max(best, float(table.get("".join((*words_of(names[-2]), *words)), 0)))
    for start in range(1, len(words)):
        best = max(best, _SUFFIX_WEIGHT * table.get("".join(words[start:]), 0))
    if role == "id":
        best = _of_id(best, words, known=whole in table)
    elif role == "time":
        best = _of_time(best, words)
    elif role == "version" and _OTHER_VERSIONS.intersection(words):
        best = 0.0
    return best


def _of_id(best: float, words: tuple[str, ...], *, known: bool) -> float:
    if known:
        return best
    if words[0] in _ENTITIES and words[-1] in _ID_WORDS:
        return 1.0
    return max(best, 5.0) if words[-1] in _ID_WORDS else best


def _of_time(best: float, words: tuple[str, ...]) -> float:
    if _OTHER_TIMES.intersection(words):
        return 1.0
    return max(best, 4.0) if words[-1] in _TIME_WORDS else best


def is_discouraged(path: Path) -> bool:
    """Whether a path leads through what was before a change, or describes the record."""
    return any(step in ("before", "schema", "source", "transaction") for step in path[:-1])
