"""The thirteen scenarios and a model that nothing happens to, with what has to come of each."""

from __future__ import annotations

from typing import Final

from benchmarks.incidents import changes
from benchmarks.incidents.scenario import DAY_MS, ONSET_MS, START_MS, Scenario

LABELS_END_MS: Final = ONSET_MS + 5 * DAY_MS
"""A week of labels has to be known before labels can be missed."""
AGEING_MS: Final = START_MS + DAY_MS
STEADY: Final = Scenario(0, "steady", "nothing", onset_ms=None, days=15.5, rate=150)
SCENARIOS: Final = (
    Scenario(
        1,
        "broken-join",
        "a join upstream breaks: 20 of 25 features are missing together",
        frozenset({"missing values", "schema change"}),
        ("20 features", "19 more"),
        seen=changes.join_broken,
    ),
    Scenario(
        2,
        "frozen-feature",
        "one feature has the same value in every event",
        frozenset({"frozen values"}),
        ("temperature",),
        seen=changes.frozen,
    ),
    Scenario(3, "cents", "amounts come in cents", frozenset({"unit change"}), ("amount",), seen=changes.cents),
    Scenario(
        4,
        "new-country",
        "12 % of the orders come from a new country",
        frozenset({"new category"}),
        ("country",),
        world=changes.new_country,
    ),
    Scenario(
        5,
        "bots",
        "bots order on the web shop of one country: 40 % more events",
        frozenset({"changed mix", "feature shift", "volume"}),
        ("country", "channel", "device", "n_items", "amount", "session_s", "pages", "tenure", "orders", "events a"),
        world=changes.bots,
        extra=0.4,
    ),
    Scenario(
        6,
        "mix",
        "FR goes from 24 to 52 % of the traffic; nothing else changes",
        frozenset({"changed mix"}),
        ("country",),
        world=changes.other_mix,
    ),
    Scenario(
        7,
        "worse-model",
        "version 2 is deployed, and its scores are worse than its reference says",
        frozenset({"prediction shift", "performance"}),
        version_after="2",
        noise=2.5,
    ),
    Scenario(
        8,
        "no-labels",
        "no label comes any more, while those of other models do",
        frozenset({"silence", "late labels"}),
        ("labels: none", "labels come late"),
        onset_ms=LABELS_END_MS,
        days=10,
        labels_end=True,
    ),
    Scenario(
        9,
        "wrong-schema",
        "one producer of three renames a feature and writes another as text",
        frozenset({"schema change", "missing values", "wrong type"}),
        ("discount", "weight_kg"),
        by_producer=2,
        as_schema=changes.other_schema,
    ),
    Scenario(
        10,
        "duplicates",
        "one producer of three sends every event twice",
        frozenset({"repeated ids"}),
        again=1,
    ),
    Scenario(
        11,
        "ageing",
        "incomes grow by 12 % in ten days, and 5 % of the outcomes become others",
        frozenset({"performance", "feature shift"}),
        ("income", "accuracy"),
        onset_ms=AGEING_MS,
        abrupt=False,
        days=11,
        world=changes.ageing_world,
        flipped=changes.ageing,
    ),
    Scenario(
        12,
        "concept",
        "a fifth of the same orders has the other outcome",
        frozenset({"performance"}),
        ("accuracy",),
        flipped=changes.concept,
    ),
    Scenario(
        13,
        "weekend-sale",
        "each weekend brings a sale, as in the reference: 2.5 times the events, larger baskets, more of them by app",
        onset_ms=None,
        days=14,
        seasonal=True,
    ),
)
END_MS: Final = STEADY.end_ms
"""End of all streams: labels go on to come after the last of the scenarios, and the steady model goes on."""
SALE_H: Final = (4 * 24 + 17, 7 * 24)
"""From Friday, 17:00, to the end of Sunday, in hours since Monday."""
