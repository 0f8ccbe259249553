"""The producers in other languages under tests/foreign: made ready in build/foreign, and run."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.real_broker import ROOT, in_ci, patient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SOURCES = ROOT / "tests" / "foreign"
BUILD = ROOT / "build" / "foreign"
AVRO_SCHEMA = SOURCES / "java" / "prediction.avsc"
_GO_FOLDERS = ("/usr/local/go/bin", "/usr/lib/go/bin")


def tool(name: str, *folders: str) -> str:
    """Return the path of a program; without it the test is skipped, or fails in CI."""
    places = [None, *folders]
    found = next((path for place in places if (path := shutil.which(name, path=place)) is not None), None)
    if found is None:
        reason = f"no foreign producer: {name} is not on the PATH"
        if in_ci():
            pytest.fail(f"{reason}; in CI it is required")
        pytest.skip(reason)
    return found


def run(command: Sequence[object], folder: Path = ROOT, deadline_s: float = 150) -> None:
    """Run a program to its end."""
    done = subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, check=False, timeout=patient(deadline_s)
    )
    assert done.returncode == 0, f"{command[0]}:\n{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}"


def write_by_go(*arguments: object) -> None:
    """Build the producer with franz-go, and run it."""
    go = tool("go", *_GO_FOLDERS)
    program = BUILD / "go" / "foreign"
    run([go, "build", "-mod=readonly", "-o", program, "."], SOURCES / "go")
    run([program, *arguments])


def write_by_node(*arguments: object) -> None:
    """Install kafkajs in the version that package.json pins, and run the producer."""
    node, npm = tool("node"), tool("npm")
    folder = BUILD / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "main.js"):
        shutil.copyfile(SOURCES / "node" / name, folder / name)
    run([npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    run([node, folder / "main.js", *arguments])


def write_by_java(*arguments: object) -> None:
    """Copy the jars that the POM names, and run the producer as a single-file source."""
    java, mvn = tool("java"), tool("mvn")
    libs = BUILD / "java"
    stamp = libs / "pom.xml"
    pom = SOURCES / "java" / "pom.xml"
    if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
        run([mvn, "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={libs}"])
        shutil.copyfile(pom, stamp)
    run([java, "-cp", f"{libs}/*", SOURCES / "java" / "Foreign.java", *arguments, AVRO_SCHEMA])
