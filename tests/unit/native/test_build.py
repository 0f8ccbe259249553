"""Building the native library where Rust is missing, or fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "build_native.py"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the script, in a tree without a crate and with an old library."""
    for folder in ("scripts", "native", "src/driftline/native"):
        (tmp_path / folder).mkdir(parents=True)
    script = tmp_path / "scripts" / SCRIPT.name
    script.write_bytes(SCRIPT.read_bytes())
    old = tmp_path / "src/driftline/native" / name()
    old.write_bytes(b"old")
    return script


def name() -> str:
    return {"darwin": "libdriftline_native.dylib"}.get(sys.platform, "libdriftline_native.so")


def build(script: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert not done.stdout
    return done.returncode, done.stderr


def libraries(script: Path) -> list[str]:
    return [each.name for each in (script.parents[1] / "src/driftline/native").iterdir()]


def test_without_cargo_one_line_says_so_and_the_old_library_goes(copied: Path) -> None:
    code, said = build(copied, PATH="", HOME=str(copied.parent))
    assert code == 0
    assert said == "driftline without its native library: slower, otherwise the same (cargo is not installed)\n"
    assert libraries(copied) == []


def test_where_cargo_fails_one_line_says_why(copied: Path) -> None:
    cargo = copied.parent / "cargo"
    cargo.write_text("#!/bin/sh\necho 'error: linker `cc`\n  not found' >&2\nexit 101\n", encoding="utf-8")
    cargo.chmod(0o755)
    code, said = build(copied, PATH=str(cargo.parent))
    assert code == 0
    assert said.count("\n") == 1
    assert "(cargo failed: error: linker `cc` not found)" in said
    assert libraries(copied) == []


def test_where_it_is_required_a_build_fails(copied: Path) -> None:
    code, said = build(copied, PATH="", HOME=str(copied.parent), DRIFTLINE_NATIVE="require")
    assert code == 1
    assert said == "the native library is required, and cannot be built: cargo is not installed\n"
    assert build(copied, "--check", PATH="", HOME=str(copied.parent), DRIFTLINE_NATIVE="require")[0] == 1
    assert build(copied, "--check", PATH="", HOME=str(copied.parent))[0] == 0


def test_switched_off_it_is_not_built(copied: Path) -> None:
    code, said = build(copied, DRIFTLINE_NATIVE="off")
    assert code == 0
    assert "(DRIFTLINE_NATIVE is `off`)" in said
    assert libraries(copied) == []


def test_a_library_from_elsewhere_is_taken(copied: Path) -> None:
    made = copied.parent / "made.so"
    made.write_bytes(b"made")
    assert build(copied, PATH="", DRIFTLINE_NATIVE_LIBRARY=str(made)) == (0, "")
    assert libraries(copied) == [name()]
    assert (copied.parents[1] / "src/driftline/native" / name()).read_bytes() == b"made"
