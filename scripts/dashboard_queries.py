#!/usr/bin/env python3
"""Run the query of every panel of every dashboard against a Prometheus, and say which return no data.

    scripts/dashboard_queries.py http://localhost:9090 [--set model=credit-risk]

Variables get the first value that exists, or all of them where Grafana would start with all. Exit code 1 where a panel
or a variable has no data.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER: Final = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"
RATE_INTERVAL: Final = "1m"
TIMEOUT_S: Final = 30
_LABEL_VALUES: Final = re.compile(r"label_values\((?P<series>.*), (?P<label>\w+)\)")


class Prometheus:
    """The HTTP API of a Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def _get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - what the API's JSON holds
        address = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the operator's own address
            return json.load(answer)["data"]

    def values(self, label: str, series: str) -> list[str]:
        """Return the values of a label of some series, sorted."""
        return sorted(self._get(f"label/{label}/values", **{"match[]": series}))

    def query(self, expression: str) -> list[Any]:
        """Return the series that an expression has now."""
        series: list[Any] = self._get("query", query=expression)["result"]
        return series


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with the variables in it replaced."""
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"${name}", values[name])
    return text


def choose(prometheus: Prometheus, variables: list[dict[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables' values as Grafana would choose them; one without any value is empty."""
    chosen = {"__rate_interval": RATE_INTERVAL}
    for variable in variables:
        if variable["type"] != "query":
            continue
        name, match = variable["name"], _LABEL_VALUES.fullmatch(variable["query"]["query"])
        assert match is not None, variable["query"]["query"]  # noqa: S101 - dashboards.py writes no other
        found = prometheus.values(match["label"], filled(match["series"], chosen))
        preferred = given.get(name, variable["current"]["value"])
        if variable["includeAll"] and name not in given:
            chosen[name] = variable["allValue"] if found else ""
        else:
            chosen[name] = preferred if preferred in found else next(iter(found), "")
    return chosen


def problems(prometheus: Prometheus, dashboard: dict[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """Yield what a dashboard has no data for."""
    values = choose(prometheus, dashboard["templating"]["list"], given)
    yield from (f"{dashboard['title']}: the variable {name} has no value" for name in values if not values[name])
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            expression = filled(target["expr"], values)
            if not prometheus.query(expression):
                yield f"{dashboard['title']}: {panel['title']}: no data for {expression}"


def main() -> int:
    """Check all dashboards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the Prometheus")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="value of a variable")
    arguments = parser.parse_args()
    given = dict(each.split("=", 1) for each in arguments.set)
    prometheus = Prometheus(arguments.url)
    dashboards = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    found = [problem for dashboard in dashboards for problem in problems(prometheus, dashboard, given)]
    for problem in found:
        print(problem)
    n_queries = sum(len(panel.get("targets", ())) for dashboard in dashboards for panel in dashboard["panels"])
    print(f"{n_queries} queries of {len(dashboards)} dashboards, {len(found)} problems")
    return 1 if found or not dashboards else 0


if __name__ == "__main__":
    sys.exit(main())
