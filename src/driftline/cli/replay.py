"""``driftline replay``: a configuration tried on what the topics still hold, against the alerts that came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    PrefixOption,
    err,
    out,
    overrides,
    progress,
    quiet_logs,
    read_credentials,
    read_settings,
)
from driftline.cli.exit_codes import ExitCode
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from driftline.alerts.comparison import Span

_NOW: Final = "now"
_END_OF_TIME_MS: Final = 1 << 62
FromOption = Annotated[
    str,
    typer.Option("--from", metavar="TIME", help="First event time: RFC 3339 or `beginning`.", show_default=False),
]
ToOption = Annotated[
    str,
    typer.Option("--to", metavar="TIME", help="Event time to stop before: RFC 3339, or `now`, the latest there is."),
]
WarmUpOption = Annotated[
    str | None,
    typer.Option(
        "--warm-up",
        metavar="DURATION",
        help="Event time before --from that is read too, such as `3d`; by default all that the topics still hold.",
        show_default=False,
    ),
]


@app.command()
def replay(
    start: FromOption,
    end: ToOption = _NOW,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    warm_up: WarmUpOption = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object per difference.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with code 1 if there is a difference.")] = False,
) -> None:
    """Read the topics again and show which alerts a configuration would have brought, against those that came.

    Both stages run in this process over the records of predictions and labels; nothing is written and no group is
    joined. The alerts that opened between both times are compared with those on the alerts topic: which would have
    come, which would be gone, and which would have opened at another time, with another severity or with more or fewer
    notifications. The configuration of the workers themselves gives no difference.
    """
    from driftline.alerts.comparison import Span, compare
    from driftline.cli.replay_report import as_json, drawn, remarks, summary
    from driftline.config.durations import Duration
    from driftline.profiles.effective import parse_effective_from
    from driftline.runtime.replay.replay import Replay
    from driftline.runtime.replay.standing_alerts import require_driftline, standing_alerts

    start_ms = parse_effective_from(start, "--from")
    end_ms = _END_OF_TIME_MS if end == _NOW else parse_effective_from(end, "--to")
    if end_ms <= start_ms:
        raise ParameterError("a time after --from", end, "--to")
    warm_up_ms = None if warm_up is None else int(Duration.parse(warm_up, "--warm-up"))
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    quiet_logs(settings)
    credentials = read_credentials(settings)
    span: Span = Span(start_ms, end_ms)
    require_driftline(settings, credentials)
    run = Replay(settings, credentials, span, warm_up_ms)
    standing = standing_alerts(settings, credentials)
    with progress("replay", run.n_records) as advance:
        replayed = run.run(advance)
    lost = replayed.forgotten - standing.alerts.keys()
    found = [alert for name, alert in replayed.alerts.items() if name not in lost]
    comparison = compare(standing.alerts.values(), found, span)
    if json_lines:
        for difference in comparison.differences:
            out.print(as_json(difference), markup=False, soft_wrap=True)
    elif comparison.differences:
        for line in drawn(comparison):
            out.print(line, soft_wrap=True)
    (err if json_lines else out).print(summary(comparison, span), markup=False, soft_wrap=True)
    for remark in remarks(replayed, standing, settings, span, warm_up_ms):
        err.print(remark, style="yellow", markup=False)
    if check and comparison.differences:
        raise typer.Exit(ExitCode.FOUND)
