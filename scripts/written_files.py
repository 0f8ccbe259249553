"""Write generated files, or say which are not current: what the scripts that generate have in common."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROOT: Final = Path(__file__).resolve().parent.parent


def holds(path: Path, text: str) -> bool:
    """Whether a file holds exactly a text."""
    return path.is_file() and path.read_text(encoding="utf-8") == text


def write_or_check(
    description: str | None,
    written: Callable[[], Mapping[Path, str]],
    *,
    same: Callable[[Path, str], bool] = holds,
    strays: Callable[[], Iterable[Path]] = tuple,
) -> int:
    """Do what the command line of a script asks for; return its exit code.

    Parameters
    ----------
    description : str or None
        Of the script, for its help.
    written : callable
        Returns the files that there are to be, with their texts.
    same : callable
        Whether a file is current, given the text that it would be given.
    strays : callable
        Returns files that may be left over: they are removed where ``written`` does not name them.

    Returns
    -------
    int
        1 with ``--check`` where a file is not current, else 0.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is not current")
    checking = parser.parse_args().check
    files = written()
    left_over = set(strays()) - files.keys()
    stale = sorted(left_over.union(path for path, text in files.items() if not same(path, text)))
    for path in stale:
        if checking:
            print(f"{path.relative_to(ROOT)} is not current; run scripts/{Path(sys.argv[0]).name}", file=sys.stderr)
        elif path in left_over:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
    return 1 if checking and stale else 0
