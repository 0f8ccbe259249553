"""k of n: which checks came out in enough of their latest windows, and which of these findings are used up.

A page takes k findings of one check (check, column and size of window) in n windows in a row, and uses them up: no
finding counts for two pages. So there are never more pages than findings / k, whatever the dependence between
windows; the expected number of false pages is at most the sum of the levels / k, and each level may be k times larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from driftline.events.alert import Cause  # msgspec reads it where a state is restored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.finding import FindingEvent


class OpeningRule(Struct, frozen=True):
    """How many findings of one check make a page.

    Parameters
    ----------
    findings : int, at least 1
        k.
    windows : int, at least `findings`
        n: they must come within so many windows of one size in a row.
    """

    findings: int = 1
    windows: int = 1


class UnusedFindings(Struct, frozen=True):
    """Findings that no page has used up yet.

    *State*: of each size of window a number; of each check, column and size that came out at most k numbers. So at most
    (columns × checks × sizes × k) numbers, and few of them, as findings are rare.

    Examples
    --------
    >>> rule = OpeningRule(findings=2, windows=3)
    >>> tally = UnusedFindings().counted(60).noted(60, "data drift", ["60/psi/x"], rule)
    >>> tally.complete("data drift", ["60/psi/x"], rule)
    []
    >>> tally = tally.counted(60).counted(60).noted(60, "data drift", ["60/psi/x"], rule)
    >>> tally.complete("data drift", ["60/psi/x"], rule)
    ['60/psi/x']
    >>> tally.spent("data drift", ["60/psi/x"]).found
    {}
    """

    windows: dict[int, int] = field(default_factory=dict)
    """Windows seen, by size in ms."""
    found: dict[Cause, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    """By cause and check: numbers of the windows with a finding that is not used up, ascending."""

    def counted(self, size_ms: int) -> UnusedFindings:
        """Return the tally with one more window of a size."""
        return UnusedFindings({**self.windows, size_ms: self.windows.get(size_ms, 0) + 1}, self.found)

    def noted(self, size_ms: int, cause: Cause, keys: Iterable[str], rule: OpeningRule) -> UnusedFindings:
        """Return the tally with the findings of the latest window of a size; those n windows old are forgotten."""
        now = self.windows[size_ms]
        entries = dict(self.found.get(cause, {}))
        for key in keys:
            recent = (number for number in entries.get(key, ()) if number > now - rule.windows)
            entries[key] = (*recent, now)[-rule.findings :]
        return self._with(cause, entries)

    def complete(self, cause: Cause, keys: Iterable[str], rule: OpeningRule) -> list[str]:
        """Return those of ``keys`` that came out in k of their last n windows."""
        entries = self.found.get(cause, {})
        return [key for key in keys if len(entries.get(key, ())) >= rule.findings]

    def spent(self, cause: Cause, keys: Iterable[str]) -> UnusedFindings:
        """Return the tally without the findings of these checks: a page has used them up."""
        gone = set(keys)
        return self._with(cause, {key: each for key, each in self.found.get(cause, {}).items() if key not in gone})

    def forgotten(self, cause: Cause) -> UnusedFindings:
        """Return the tally without any finding of a cause."""
        return self._with(cause, {})

    def _with(self, cause: Cause, entries: dict[str, tuple[int, ...]]) -> UnusedFindings:
        rest = {each: found for each, found in self.found.items() if each != cause}
        return UnusedFindings(self.windows, {**rest, cause: entries} if entries else rest)


def key_of(finding: FindingEvent, size_ms: int) -> str:
    """Return what counts as one check: its name, column and size of window."""
    return f"{size_ms}/{finding.check}/{finding.role or ''}/{finding.column or ''}"


def counts_windows(finding: FindingEvent) -> bool:
    """Whether it takes k windows to page; a detector pages at once, as its own threshold bounds its alarms."""
    return finding.family != "detector"
