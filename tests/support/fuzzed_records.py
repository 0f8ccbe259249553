"""Records as producers write them, and with bytes changed, left out, doubled or put in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

NOW_MS: Final = 1_772_366_400_000
_TOKENS: Final = (
    *("null", "true", "false", "0", "-0", "-0.0", "1", "01", "1.", ".5", "+1", "1e5", "1E-7", "1e400", "-1e-400"),
    *(
        "9007199254740993",
        "123456789012345678",
        "9223372036854775808",
        "1" * 40,
        "0.1000000000000000055511151231257827",
    ),
    *(
        "1.0",
        "5.0",
        "NaN",
        "Infinity",
        "[]",
        "[1,2]",
        "[0.25,0.75]",
        "{}",
        '{"a":1}',
        '{"a":0.5,"b":0.5}',
        '{"a":0.5,"a":1}',
    ),
    *('""', '"1"', '"1.5"', '"007"', '"1e3"', '"NaN"', '"true"', '"web"', '"\\u0077eb"', '"a\\"b"', '"\\ud83d\\ude00"'),
    *('"\\ud800"', '"\\q"', '"\u00e9"', '"\x01"', '"\x7f"', '"2026-03-01T12:00:00Z"', '"2026-03-01T12:00:00.123456Z"'),
    *(
        '"2026-02-30T12:00:00Z"',
        '"2026-03-01T12:00:00.5+00:00"',
        "1772366400000",
        "1772366400",
        "tru",
        "nul",
        "[[",
        "{",
    ),
    *(" ", "\n", ",", ":", '"', "\\", "}", "]", "\ufeff"),
)
_TEXTS: Final = ("web", "app", "ü", "a b", 'say "hi"', "x\\y", "\n", "1", "5", "true", "x" * 70, "\U0001f600")
_NAMES: Final = ("x", "bit", "price", "flag", "c", "new", "a.b", "née")


class Producer:
    """Writes n records that resemble each other, as one producer's do; some of them are damaged."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._ascii = random.random() < 0.5
        self._spaces = (",", ":") if random.random() < 0.5 else (", ", ": ")
        self._nested = random.random() < 0.3
        self._more = random.random() < 0.3
        self._damaged = random.choice((0.0, 0.1, 0.6))
        self._shuffled = random.random() < 0.2

    def predictions(self, n: int) -> list[bytes | None]:
        """Return predictions."""
        return [self._written(self._prediction(number)) for number in range(n)]

    def labels(self, n: int) -> list[bytes | None]:
        """Return labels."""
        return [self._written(self._label(number)) for number in range(n)]

    def _prediction(self, number: int) -> dict[str, Any]:
        random = self._random
        event: dict[str, Any] = {
            "prediction_id": random.choice((f"p{number}", number, f"ü{number}")),
            "model": random.choice(("credit", "credit", "fraud")),
            "model_version": random.choice(("1", "1", 2, None, 1.5)),
            "ts": random.choice((NOW_MS + number, NOW_MS + number, "2026-03-01T12:00:00Z", None, NOW_MS + 0.5)),
            "features": self._features(),
            "prediction": random.choice((0, 1, "yes", True, 0.5, None)),
            "score": random.choice((0.25, 1, 1.0, None, {"no": 0.75, "yes": 0.25}, [0.75, 0.25], "0.5", 1.7)),
        }
        if self._more:
            event |= {"trace": random.choice(_TEXTS), "meta": {"of": [1, {"x": None}]}, "latency_ms": 12, "error": ""}
        return self._in_some_order(event)

    def _label(self, number: int) -> dict[str, Any]:
        label = self._random.choice((0, 1, "yes", True, 0.5, None, "x" * 1_030))
        return self._in_some_order({"prediction_id": f"p{number}", "label": label, "ts": NOW_MS + number, "weight": 2})

    def _features(self) -> dict[str, Any]:
        random = self._random
        found: dict[str, Any] = {
            "x": random.choice((random.gauss(0, 1), round(random.gauss(0, 1), 4), random.randint(-3, 3), 1e6, None)),
            "bit": random.choice((0, 1, True, False, "true", 1.0)),
            "price": random.choice((1.5, "1.5", "2", "", "1,5", "1e2")),
            "flag": random.choice((0, 1, True, "0", "yes", None)),
            "c": random.choice((*_TEXTS, 1, 5, 7, 1.0, 0.5, -1, None)),
        }
        if self._nested:
            found["user"] = {"x": random.gauss(0, 1), "home": random.choice(({"c": "web"}, None, {}, {"c": 1, "d": 2}))}
        if self._more:
            found["new"] = random.choice((1, "a", [1], None, {"deep": 1}))
        return self._in_some_order(found)

    def _in_some_order(self, members: dict[str, Any]) -> dict[str, Any]:
        if not self._shuffled:
            return members
        names = [*members]
        self._random.shuffle(names)
        return {name: members[name] for name in names if self._random.random() < 0.95}

    def _written(self, event: dict[str, Any]) -> bytes | None:
        text = json.dumps(event, ensure_ascii=self._ascii, separators=self._spaces)
        return text.encode() if self._random.random() >= self._damaged else self._damage(text.encode())

    def _damage(self, record: bytes) -> bytes | None:
        random = self._random
        start = random.randrange(len(record))
        end = min(len(record), start + random.choice((0, 1, 1, 2, 8)))
        way = random.randrange(5)
        if way == 0:
            return record[:start] + bytes((random.randrange(256),)) + record[start + 1 :]
        if way == 1:
            return record[:start] + record[end:]
        if way == 2:
            return record[:start] + random.choice(_TOKENS).encode("utf-8", "surrogatepass") + record[end:]
        if way == 3:  # another value behind a colon, or another member behind a comma
            return self._other_member(record)
        return random.choice((None, b"", record[:start], record + record, b"[" + record + b"]", b" " + record + b"\n"))

    def _other_member(self, record: bytes) -> bytes:
        random = self._random
        places = [place for place, byte in enumerate(record) if byte in b":,"]
        if not places:
            return record
        place = random.choice(places)
        token = random.choice(_TOKENS).encode("utf-8", "surrogatepass")
        if record[place] == ord(","):
            name = random.choice(_NAMES)
            return record[: place + 1] + json.dumps(name).encode() + b":" + token + b"," + record[place + 1 :]
        end = next((other for other in places if other > place), len(record) - 1)
        return record[: place + 1] + token + record[end:]
