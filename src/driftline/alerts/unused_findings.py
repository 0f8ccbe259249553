"""The k-of-n rule: a check notifies after k findings in n windows, and each finding counts for one notification.

A notification takes k findings of one check (check, column and size of window) in n windows in a row, and uses them up.
So there are at most findings / k notifications, whatever the dependence between windows. The expected number of false
notifications is at most the sum of the significance levels / k, and each level may be k times larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from driftline.alerts.policy import check_key
from driftline.events.alert import Cause  # msgspec reads it where a state is restored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.finding import FindingEvent


class OpeningRule(Struct, frozen=True):
    """How many findings of one check make a notification."""

    findings: int = 1
    """k, at least 1."""
    windows: int = 1
    """n, at least k: they must come within this many windows of one size in a row."""


class FoundIn(Struct, frozen=True, array_like=True):
    """A window with a finding."""

    number: int
    """Of the windows of its size, from 1."""
    start_ms: int
    end_ms: int


class UnusedFindings(Struct, frozen=True):
    """Findings that no notification has used up yet.

    *State*: one number per size of window; at most k windows per check, column and size with findings. So at most
    (columns × checks × sizes × k) numbers, and few of them, as findings are rare.

    Examples
    --------
    >>> rule = OpeningRule(findings=2, windows=3)
    >>> unused = UnusedFindings().counted(60).noted(60, "data drift", ["60/psi/x"], rule)
    >>> unused.complete("data drift", ["60/psi/x"], rule)
    []
    >>> unused = unused.counted(60).counted(60).noted(60, "data drift", ["60/psi/x"], rule)
    >>> unused.complete("data drift", ["60/psi/x"], rule)
    ['60/psi/x']
    >>> unused.spent("data drift", ["60/psi/x"]).found
    {}
    """

    windows: dict[int, int] = field(default_factory=dict)
    """Number of windows, by size in ms."""
    found: dict[Cause, dict[str, tuple[FoundIn, ...]]] = field(default_factory=dict)
    """Windows with an unused finding, the oldest first, by cause and check."""

    def counted(self, size_ms: int) -> UnusedFindings:
        """Return a copy with one more window of a size."""
        return UnusedFindings({**self.windows, size_ms: self.windows.get(size_ms, 0) + 1}, self.found)

    def noted(
        self, size_ms: int, cause: Cause, keys: Iterable[str], rule: OpeningRule, span_ms: tuple[int, int] = (0, 0)
    ) -> UnusedFindings:
        """Return a copy with the findings of the latest window of a size, which spans from a moment to another.

        Findings n windows old are dropped.
        """
        now = FoundIn(self.windows[size_ms], *span_ms)
        entries = dict(self.found.get(cause, {}))
        for key in keys:
            recent = (each for each in entries.get(key, ()) if each.number > now.number - rule.windows)
            entries[key] = (*recent, now)[-rule.findings :]
        return self._with(cause, entries)

    def complete(self, cause: Cause, keys: Iterable[str], rule: OpeningRule) -> list[str]:
        """Return the checks among ``keys`` with findings in k of their last n windows."""
        entries = self.found.get(cause, {})
        return [key for key in keys if len(entries.get(key, ())) >= rule.findings]

    def onset(self, cause: Cause, keys: Iterable[str]) -> tuple[int, int] | None:
        """Return the span of the first window in which any of these checks had an unused finding; None without one."""
        entries = self.found.get(cause, {})
        spans = [(each.start_ms, each.end_ms) for key in keys for each in entries.get(key, ())]
        return min(spans, default=None)

    def spent(self, cause: Cause, keys: Iterable[str]) -> UnusedFindings:
        """Return a copy without the findings of these checks, which a notification has used up."""
        used = set(keys)
        return self._with(cause, {key: each for key, each in self.found.get(cause, {}).items() if key not in used})

    def forgotten(self, cause: Cause) -> UnusedFindings:
        """Return a copy without any finding of a cause."""
        return self._with(cause, {})

    def _with(self, cause: Cause, entries: dict[str, tuple[FoundIn, ...]]) -> UnusedFindings:
        rest = {each: numbers for each, numbers in self.found.items() if each != cause}
        return UnusedFindings(self.windows, {**rest, cause: entries} if entries else rest)


def key_of(finding: FindingEvent, size_ms: int) -> str:
    """Return the key of a check: its name, column and size of window."""
    return f"{size_ms}/{check_key(finding.check, finding.role, finding.column)}"


def counts_windows(finding: FindingEvent) -> bool:
    """Whether the k-of-n rule applies; a detector notifies at once, as its own threshold bounds its alarms."""
    return finding.family != "detector" and finding.window.kind != "pane"
