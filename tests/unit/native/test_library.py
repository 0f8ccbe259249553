"""Which of the two runs: the native library or Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.errors import ConfigurationError, FormatError
from driftline.native import library as under_test
from driftline.native.library import ABI, VARIABLE, description, library, problem
from driftline.native.program import Program
from driftline.native.transcoder import AVRO, Transcoder, transcoder
from tests.support.native import require_native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    under_test._load.cache_clear()
    yield
    under_test._load.cache_clear()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the library is looked for, without one."""
    monkeypatch.setattr(under_test, "_FOLDER", tmp_path)
    return tmp_path


def test_the_library_runs_where_it_is_built_unless_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    require_native()
    monkeypatch.delenv(VARIABLE, raising=False)
    assert description() == f"native {ABI}"
    monkeypatch.setenv(VARIABLE, "off")
    assert description() == "portable"
    assert problem() is None
    assert transcoder(Program(AVRO)) is None


def test_without_a_library_python_does_its_work(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "auto")
    assert not [*empty.iterdir()]
    assert (library(), description(), problem()) == (None, "portable", None)


def test_a_library_that_is_required_and_missing_is_an_error(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "require")
    with pytest.raises(ConfigurationError) as caught:
        library()
    assert not [*empty.iterdir()]
    (said,) = caught.value.problems
    assert said == (
        "DRIFTLINE_NATIVE is `require`, but this installation has no native library. Install Rust (cargo, and a linker "
        "such as gcc), then install driftline again; or set DRIFTLINE_NATIVE to `auto` to go on without the library, "
        "which is slower"
    )


def test_a_file_that_is_no_library_is_said_and_not_used(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty / "libdriftline_native.so").write_text("no library", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, "auto")
    assert description() == "portable"
    assert (problem() or "").startswith("the native library cannot be loaded (")
    monkeypatch.setenv(VARIABLE, "off")
    assert problem() is None
    monkeypatch.setenv(VARIABLE, "require")
    with pytest.raises(ConfigurationError, match="the native library cannot be loaded"):
        library()


def test_a_library_with_another_interface_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    require_native()
    under_test._load.cache_clear()
    monkeypatch.setattr(under_test, "ABI", ABI + 1)
    monkeypatch.setenv(VARIABLE, "auto")
    assert description() == "portable"
    assert problem() == f"the native library has the interface {ABI}, and this version of driftline needs {ABI + 1}"
    monkeypatch.setenv(VARIABLE, "require")
    with pytest.raises(ConfigurationError, match="has the interface"):
        library()


def test_another_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "yes")
    with pytest.raises(ConfigurationError, match="must be `auto`, `off` or `require`; it is `yes`"):
        library()


@pytest.mark.parametrize(
    "words",
    [
        [],
        [1],
        [2, 0, 0],
        [3, 1, 0],
        [1, 1, 99],
        [1, 1, 15, 7],
        [1, 1, 17, 1, 0, 9, 0],
        [1, 1, 17, 4_000_000_000],
        [1, 1, 10, 23],
        [1, 1, 0, 0],
        [2, 1, 0, 1, 0],
        [2, 1, 0, 0, 1, 1, 16, 1, 0, 0, 0, 0],
    ],
)
def test_a_damaged_program_is_an_error_and_no_crash(words: list[int]) -> None:
    require_native()
    functions = library()
    assert functions is not None
    program = Program(AVRO)
    program.words = words
    with pytest.raises(FormatError, match="The native library failed"):
        Transcoder(functions, program)([b"x"])
