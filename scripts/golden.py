#!/usr/bin/env python3
"""Write tests/golden/stream.ndjson anew: what driftline says of a small stream of events.

A change of it is a change that users see, and needs a line in CHANGELOG.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.golden.stream import write_stream  # noqa: E402 - found only once the root is on the path

OUT: Final = ROOT / "tests" / "golden" / "stream.ndjson"


def main() -> None:
    """Write the file, and say whether it changed."""
    before = OUT.read_bytes() if OUT.exists() else b""
    with tempfile.TemporaryDirectory() as scratch:
        write_stream(OUT, Path(scratch))
    n_lines = OUT.read_bytes().count(b"\n")
    changed = "unchanged" if OUT.read_bytes() == before else "changed: say so in CHANGELOG.md"
    print(f"{OUT.relative_to(ROOT)}: {n_lines} events, {OUT.stat().st_size:,} bytes, {changed}")


if __name__ == "__main__":
    main()
