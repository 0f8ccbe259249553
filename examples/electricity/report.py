"""The summary in words and numbers, and what of it failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from examples.electricity.claims import findings_by_column, severities
from examples.electricity.market import TRAINING_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.electricity.scenario import Outcome

TOLERANCE = 1e-9


def failures(outcome: Outcome) -> list[str]:
    """Return what did not hold; nothing where all did."""
    return [*outcome.account.problems, *_not_found(outcome), *_taken_for_changes(outcome), *_not_measured(outcome)]


def _not_found(outcome: Outcome) -> Iterator[str]:
    for opening in outcome.openings:
        if opening.before:
            yield f"{opening.column}: {len(opening.before)} findings before it varied"
        if not opening.in_time(outcome.window_ms):
            yield f"{opening.column}: no finding within one window after {opening.opened}"
    if outcome.page is None:
        yield "no page on all three columns within one window after they opened"


def _taken_for_changes(outcome: Outcome) -> Iterator[str]:
    for season in outcome.seasons:
        if season.findings:
            yield f"{season.column}: {len(season.findings)} findings, where only its season changed"
        for finding in season.early_besides_christmas:
            yield f"{season.column}: {finding['check']} at {finding['window']['end']}, where only its season changed"
        if season.n_same_hours != season.n_windows:
            yield f"{season.column}: {season.n_same_hours} of {season.n_windows} windows by hour of the week"


def _not_measured(outcome: Outcome) -> Iterator[str]:
    for window in outcome.measured:
        if window.n_labelled != window.n_rows or window.coverage != 1:
            yield f"{window.start}: {window.n_labelled} of {window.n_rows} rows labelled"
        if abs(window.accuracy - window.accuracy_expected) > TOLERANCE:
            yield f"{window.start}: accuracy {window.accuracy}, not {window.accuracy_expected}"
        if abs(window.auc - window.auc_expected) > window.auc_error_bound:
            yield f"{window.start}: AUC {window.auc}, not {window.auc_expected}"
    ends = [window.end for window in outcome.measured]
    if not ends or ends[-1] != outcome.marks.performance_end or len(set(ends)) != len(ends):
        yield f"performance windows up to {ends[-1:]}, not {outcome.marks.performance_end}"


def show(outcome: Outcome) -> None:
    """Print the summary."""
    _show_openings(outcome)
    _show_seasons(outcome)
    _show_performance(outcome)
    _show_account(outcome)
    _show_findings(outcome)
    problems = failures(outcome)
    print("\nall of it holds" if not problems else "\nwhat does not hold:\n  " + "\n  ".join(problems))


def _show_openings(outcome: Outcome) -> None:
    print("\n(a) The other market opens")
    for opening in outcome.openings:
        print(f"  {opening.column} varies from {opening.opened} on; findings before that: {len(opening.before)}")
        if opening.first is not None:
            window = opening.first["window"]
            print(f"    first found in the window {window['start'][:10]} to {window['end'][:10]}:")
            print(f"    {opening.first['severity']}, {opening.first['message']}")

    page = outcome.page
    if page is not None:
        print(f"  page at {page['updated_at']}, {page['notified_for']}: {page['title']}")


def _show_seasons(outcome: Outcome) -> None:
    print("\n(b) Demand has its seasons, against the same hours of the week")
    for season in outcome.seasons:
        print(
            f"  {season.column:<9} findings: {len(season.findings)} in {season.n_same_hours} windows; "
            f"greatest PSI (corrected) {season.greatest_psi:.2f}, least p {season.least_p:.2g}; "
            f"e-detectors: {len(season.early)}"
        )
        for finding in season.early:
            print(f"    {finding['window']['end']}, {finding['severity']}, {finding['message']}")


def _show_performance(outcome: Outcome) -> None:
    windows = outcome.measured
    print(f"\n(c) Accuracy in {len(windows)} windows of prediction time, last revisions, beside scikit-learn")
    difference = max(abs(window.accuracy - window.accuracy_expected) for window in windows)
    worst = min(windows, key=lambda window: window.accuracy)
    print(f"  greatest difference of accuracy: {difference:g}, over {sum(w.n_rows for w in windows):,} rows")
    bound = max(window.auc_error_bound for window in windows)
    print(
        f"  greatest difference of AUC: {max(abs(w.auc - w.auc_expected) for w in windows):.1g}, "
        f"within the stated bound of each window (at most {bound:.1g})"
    )
    print(f"  lowest accuracy: {worst.accuracy:.3f} in the window from {worst.start[:10]}")


def _show_account(outcome: Outcome) -> None:
    account = outcome.account
    print("\n(d) Every record accounted for")
    print(
        f"  predictions: {account.predictions_sent:,} sent = {account.sketched:,} sketched + {account.late} late "
        f"+ {account.predictions_refused} dead letters"
    )
    print(
        f"  labels:      {account.labels_sent:,} sent = {account.labels_joined:,} joined "
        f"+ {account.labels_refused} dead letters"
    )
    print(
        f"  sketched and late: {account.in_windows:,} in the windows that got a verdict "
        f"+ {account.still_open} after the last of them"
    )
    reasons = Counter(account.refused.values())
    print("  dead letters: " + ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items())))
    shares = [", ".join(f"{n:,.0f}" for n in each) for each in (outcome.records_by_worker, outcome.panes_by_worker)]
    print(
        f"  records read by each sketch worker: {shares[0]}; flush records applied by each detect worker: {shares[1]}"
    )


def _show_findings(outcome: Outcome) -> None:
    events = outcome.events
    print(
        f"\nAll findings since row {TRAINING_ROWS:,}, in {len(events.verdicts())} windows with a verdict "
        f"({dict(sorted(severities(events).items()))})"
    )
    print("  column      check                    findings  first       last")
    for column, check, n, first, last in findings_by_column(events):
        print(f"  {column:<11} {check:<24} {n:>8}  {first[:10]}  {last[:10]}")
    print("Alerts")
    for alert in outcome.alerts:
        print(
            f"  {alert['root']:<17} {alert['state']:<9} opened {alert['opened_at'][:10]}, "
            f"updated {alert['updated_at'][:10]}, {alert['severity']}, revision {alert['revision']}, "
            f"{alert['notification']} pages" + (", forgotten since" if alert["forgotten"] else "")
        )
