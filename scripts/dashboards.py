#!/usr/bin/env python3
"""Write deploy/grafana/dashboards/*.json from deploy/grafana/dashboards.yml, or say with --check whether they are
current.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import yaml
from written_files import ROOT, write_or_check

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = ROOT / "deploy" / "grafana"
SOURCE: Final = FOLDER / "dashboards.yml"
TARGET: Final = FOLDER / "dashboards"
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
KINDS: Final = {"timeseries": "timeseries", "stat": "stat", "bars": "bargauge", "table": "table", "text": "text"}
WIDTH: Final = 24
HEIGHTS: Final = {"stat": 4, "text": 8}
HEIGHT: Final = 8


def variable(name: str, described: dict[str, Any]) -> dict[str, Any]:
    """Return a variable whose values are those of a label."""
    query = f"label_values({described['values']}, {described['label']})"
    several = described.get("all", False)
    preferred = described.get("prefer")
    chosen = {"text": "All", "value": "$__all"} if several else {"text": preferred or "", "value": preferred or ""}
    return {
        "name": name,
        "label": described["title"],
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": several,
        "allValue": ".*" if several else None,
        "current": chosen,
    }


def links(name: str, kind: str) -> list[dict[str, Any]]:
    """Return the link from a series or row to the dashboard of its model or column."""
    labels = ["model", "column"] if name == "feature" else ["model"]
    of = "__data.fields" if kind == "table" else "__field.labels"
    values = "&".join(f"var-{label}=${{{of}.{label}}}" for label in labels)
    return [{"title": f"open: {labels[-1]}", "url": f"/d/driftline-{name}?{values}&${{__url_time_range}}"}]


def panel(number: int, described: dict[str, Any], place: dict[str, int]) -> dict[str, Any]:
    """Return one panel."""
    kind = described.get("kind", "timeseries")
    made: dict[str, Any] = {
        "id": number,
        "title": described["title"],
        "type": KINDS[kind],
        "gridPos": place,
        "description": described.get("description", ""),
    }
    if kind == "text":
        return {**made, "options": {"mode": "markdown", "content": described["text"]}}
    latest = kind != "timeseries"
    defaults: dict[str, Any] = {"unit": described.get("unit", "short")}
    if "scale" in described:
        defaults["custom"] = {"scaleDistribution": {"type": described["scale"], "log": 10}}
    if "link" in described:
        defaults["links"] = links(described["link"], kind)
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "expr": expression,
            "legendFormat": legend or "__auto",
            "instant": latest,
            "range": not latest,
            "format": "table" if kind == "table" else "time_series",
        }
        for index, (legend, expression) in enumerate(described["queries"].items())
    ]
    made |= {"datasource": DATASOURCE, "targets": targets, "fieldConfig": {"defaults": defaults, "overrides": []}}
    if kind == "bars":
        made["options"] = {"orientation": "horizontal", "displayMode": "basic"}
    return made


def dashboard(name: str, described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard in Grafana's own form."""
    panels = []
    x = y = height = 0
    for number, each in enumerate(described["panels"], start=1):
        kind = each.get("kind", "timeseries")
        width = each.get("width", WIDTH // 2)
        if x + width > WIDTH:
            x, y, height = 0, y + height, 0
        tall = HEIGHTS.get(kind, HEIGHT)
        panels.append(panel(number, each, {"x": x, "y": y, "w": width, "h": tall}))
        x, height = x + width, max(height, tall)
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": f"driftline-{name}",
        "title": described["title"],
        "tags": ["driftline"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "links": [{"type": "dashboards", "title": "driftline", "tags": ["driftline"], "keepTime": True}],
        "templating": {"list": [source, *(variable(each, variables[each]) for each in described["variables"])]},
        "panels": panels,
    }


def written() -> dict[Path, str]:
    """Return every dashboard's text."""
    described = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return {
        TARGET / f"{name}.json": json.dumps(dashboard(name, each, described["variables"]), indent=1) + "\n"
        for name, each in described["dashboards"].items()
    }


def main() -> int:
    """Write the dashboards, or check them."""
    return write_or_check(__doc__, written, strays=lambda: TARGET.glob("*.json"))


if __name__ == "__main__":
    sys.exit(main())
