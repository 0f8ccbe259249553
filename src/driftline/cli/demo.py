"""``driftline demo``: a model watched while its data drifts, on a broker inside this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from driftline.cli.app import app
from driftline.cli.common import out
from driftline.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftline.runtime.demo.demo_run import DemoPlan, DemoResult

SpeedOption = Annotated[float, typer.Option("--speed", min=1.0, help="Seconds of event time per second.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the simulated traffic.")]
_STYLES = {"open": "bold red", "resolved": "bold green"}


@app.command()
def demo(speed: SpeedOption = 400.0, seed: SeedOption = 42) -> None:
    """Run six hours of simulated traffic with a drift in the fourth, and print what driftline reports.

    Needs no Kafka: the embedded broker is the mock cluster inside confluent-kafka's own library.
    """
    from driftline.config.settings import TelemetrySettings
    from driftline.runtime.demo.demo_run import DemoPlan, run_demo
    from driftline.runtime.operations.logs import configure_logs

    configure_logs(TelemetrySettings(log_level="warning"))
    plan = DemoPlan.of(seed, speed)
    _introduce(plan)
    result = run_demo(plan, _tell)
    _summarise(result)
    if not result.first_alerts:
        raise typer.Exit(ExitCode.FOUND)


def _introduce(plan: DemoPlan) -> None:
    scenario = plan.scenario
    out.rule("driftline demo")
    out.print(
        f"A credit-risk model makes {scenario.rate:g} predictions per second for six hours of event time, at "
        f"{plan.speed:g} times real time. Labels follow some minutes later.\n"
        f"At {_clock_ms(scenario.drift_at_ms or 0)} incomes grow by 35 % and high debt no longer means risk; at "
        f"{_clock_ms(scenario.drift_until_ms or 0)} both changes end.\n"
        "Expected: one incident. An alert on the data opens within minutes and notifies; when "
        "labels show that accuracy fell, an alert that belongs to it follows and notifies nobody. Both are resolved "
        "after two clean windows.\n",
        highlight=False,
    )


def _tell(kind: str, data: dict[str, Any]) -> None:
    """Print an event in a line; estimates and label arrivals are counted alone."""
    to_line = _LINES.get(kind)
    line = None if to_line is None else to_line(data)
    if line is not None:
        out.print(line, highlight=False)


def _window_line(data: dict[str, Any]) -> str | None:
    window = data["window"]
    if window["kind"] != "tumbling":
        return None
    worst = max(data["columns"], key=_corrected)
    what = f"{data['n']:,} predictions, {data['late']} late; largest PSI {_corrected(worst):.3f} ({worst['name']})"
    return f"[dim]{_clock(window['end'])}[/]  window {_span(window)}: {what}"


def _performance_line(data: dict[str, Any]) -> str | None:
    if not data["tested"]:
        return None
    what = f"{data['metrics']['accuracy']:.1%}, with {data['coverage']:.0%} of its labels"
    return f"[dim]{_clock(data['window']['end'])}[/]  accuracy of {_span(data['window'])}: {what}"


def _finding_line(data: dict[str, Any]) -> str | None:
    if data["severity"] == "info":
        return None
    return f"[dim]{_clock(data['window']['end'])}[/]    [yellow]finding[/] {data['message']}"


def _alert_line(data: dict[str, Any]) -> str:
    style = _STYLES[data["state"]]
    of_incident = "" if data["incident"] == data["alert_id"] else ", of the same incident"
    notified = ", notifies" if data["notify"] else ""
    state = f"[{style}]ALERT {data['state']}[/] ({data['severity']}, update {data['revision']}{of_incident}{notified})"
    return f"[dim]{_clock(data['updated_at'])}[/]    {state}: {data['title']}, since {_clock(data['since'])}"


_LINES: Final[dict[str, Callable[[dict[str, Any]], str | None]]] = {
    "window": _window_line,
    "performance": _performance_line,
    "finding": _finding_line,
    "alert": _alert_line,
}


def _summarise(result: DemoResult) -> None:
    from driftline.events.cloudevents import epoch_ms

    out.rule("what happened")
    events = ", ".join(f"{n} {kind}" for kind, n in sorted(result.events.items()))
    out.print(
        f"in:  {result.n_predictions:,} predictions and {result.n_labels:,} labels in {result.seconds:.0f} s\n"
        f"out: {sum(result.events.values()):,} events ({events}); {result.n_informative} of the findings are "
        "information, which opens no alert",
        highlight=False,
    )
    for alert in result.first_alerts.values():
        delay_min = round((epoch_ms(alert["opened_at"]) - result.drift_at_ms) / 60_000)
        minutes = "1 minute" if delay_min == 1 else f"{delay_min} minutes"
        last = result.last_states[alert["alert_id"]]
        ended = f"resolved at {_clock(last['resolved_at'])}" if last["state"] == "resolved" else "still open"
        out.print(
            f"{alert['kind']}: opened at {_clock(alert['opened_at'])}, {minutes} of event time after the "
            f"drift began at {_clock_ms(result.drift_at_ms)}; {ended}",
            highlight=False,
        )
        out.print(f"  {alert['sentence']}", style="dim", highlight=False, markup=False)
    alerts = list(result.last_states.values())
    n_incidents, n_notified = len({alert["incident"] for alert in alerts}), sum(a["notification"] for a in alerts)
    out.print(f"incidents: {n_incidents}; notifications: {n_notified}", highlight=False)
    false = [alert for alert in result.first_alerts.values() if epoch_ms(alert["opened_at"]) <= result.drift_at_ms]
    out.print(f"alerts before the drift: {len(false)}", highlight=False)


def _corrected(column: dict[str, Any]) -> float:
    distance = column["distances"].get("psi") or {}
    return float(distance.get("corrected") or 0.0)


def _span(window: dict[str, Any]) -> str:
    return f"{_clock(window['start'])}-{_clock(window['end'])}"


def _clock(rfc3339: str) -> str:
    return rfc3339[11:16]


def _clock_ms(time_ms: int) -> str:
    from driftline.events.cloudevents import rfc3339

    return _clock(rfc3339(time_ms))
