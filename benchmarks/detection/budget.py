"""The budget: how many false alarms hundreds of unchanged models get in 30 days, and findings beside their levels.

A model is 50 features, a prediction and a score over 30 days under a reference of a fortnight or of four weeks, redrawn
for each model; dispersion and hours of the week come from that reference. Results are kept one model a line.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from benchmarks.detection.full import Run, quiet, run_full
from benchmarks.detection.lean import P_VALUES, PAGES, run_lean
from benchmarks.detection.reference import SimulatedModel, built, counted
from benchmarks.detection.traffic import PER_PANE, STREAM_NAMES, fifty_features
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.settings import Settings
from driftline.profiles.profile import JointReference
from driftline.sketches.joint import Joint

if TYPE_CHECKING:
    from pathlib import Path

DAYS: Final = 30
LEVELS: Final = (1e-2, 1e-3, 1e-4)
"""Beside the level of the budget."""
REFERENCE_DAYS: Final = (14, 28)
"""Of models with an even and with an odd seed."""


UNTIMED: Final = ", learnt"
"""Of the name of a stream: the reference has no timestamps, and the dispersion is learnt from production."""
N_COUNTED: Final = 10
"""Models of a stream whose p-values are counted as well; of the others only notifications are."""
N_ROWS: Final = 20_000
"""Of a reference without timestamps: a random sample of a fortnight."""
BUDGET_STREAMS: Final = (*STREAM_NAMES, *(f"{name}{UNTIMED}" for name in STREAM_NAMES))


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of one model.

    Parameters
    ----------
    stream : str
    seed : int
    reference_days : int
    n_windows : dict of int to int
        Verdict windows by size in ms.
    n_columns : int
    small : dict of str to list of int
        By ``size/family``: tests with a p-value up to the budget's level, then up to each of :data:`LEVELS`.
    levels : dict of int to float
        The level of each test, by size.
    found : dict of str to int
        Findings within the budget, by check.
    pages : dict of str to int
        Pages by cause.
    seconds : float
        Processor time.
    """

    stream: str
    seed: int
    reference_days: int
    n_windows: dict[int, int]
    n_columns: int
    small: dict[str, list[int]]
    levels: dict[int, float]
    found: dict[str, int]
    pages: dict[str, int]
    seconds: float


def model_of(stream: str, seed: int) -> SimulatedModel:
    """Return a model of the budget's table."""
    kind = stream.removesuffix(UNTIMED)
    days, rows = (REFERENCE_DAYS[seed % len(REFERENCE_DAYS)], None) if kind == stream else (REFERENCE_DAYS[0], N_ROWS)
    kinds = fifty_features(STREAM_NAMES[kind].marginal)
    return SimulatedModel(kinds, STREAM_NAMES[kind], seed, days, PER_PANE, "budget", rows)


def joint_of(stream: str, folder: Path) -> tuple[Joint, JointReference]:
    """Return what the correlations of a stream are held against, from a model that is in no table; kept in a file."""
    stream = stream.removesuffix(UNTIMED)
    path = folder / f"joint-{stream}.msgpack"
    if not path.exists():
        kinds = fifty_features(STREAM_NAMES[stream].marginal)
        model = SimulatedModel(kinds, STREAM_NAMES[stream], 0, REFERENCE_DAYS[0], PER_PANE, "joint")
        profile = built(model, model.traffic(0)[0], quiet(model.settings()))
        beside = path.with_suffix(f".{time.time_ns()}")
        beside.write_bytes(msgspec.msgpack.encode((profile.joint, profile.joint_reference)))
        beside.replace(path)
    return msgspec.msgpack.decode(path.read_bytes(), type=tuple[Joint, JointReference])


def run_model(stream: str, seed: int, folder: Path) -> Outcome:
    """Run one model through the checks."""
    begin = time.process_time()
    model = model_of(stream, seed)
    settings = quiet(model.settings())
    reference, days = model.traffic(DAYS)
    profile = counted(model, reference, settings, joint_of(stream, folder))
    run = run_lean(profile, model.kinds, settings, days, P_VALUES if seed <= N_COUNTED else PAGES)
    return outcome_of(model, stream, run, time.process_time() - begin)


def outcome_of(model: SimulatedModel, stream: str, run: Run, seconds: float) -> Outcome:
    """Return the counts of a run."""
    context = ErrorBudget.of(Settings(defaults=quiet(model.settings())), "simulated")
    levels = {size: context.column_level(size, len(model.kinds)).level for size in sorted(run.n_windows)}
    small: dict[str, list[int]] = {}
    for each in run.tested:
        counts = small.setdefault(f"{each.size_ms}/{each.family}", [0] * (1 + len(LEVELS)))
        for i, level in enumerate((levels[each.size_ms], *LEVELS)):
            counts[i] += each.p_value <= level
    return Outcome(
        stream=stream,
        seed=model.seed,
        reference_days=model.reference_days,
        n_windows=run.n_windows,
        n_columns=len(model.kinds),
        small=dict(sorted(small.items())),
        levels=levels,
        found=dict(Counter(each.check for each in run.found)),
        pages=dict(Counter(page.cause for page in run.pages)),
        seconds=seconds,
    )


def compare(stream: str, seed: int, n_days: int) -> tuple[int, list[str]]:
    """Run one model through the whole pipeline and through the checks alone; return how much was compared, and what
    differs.
    """
    model = model_of(stream, seed)
    settings = quiet(model.settings())
    reference, days = model.traffic(n_days)
    held = list(days)
    whole = built(model, reference, settings)
    assert whole.joint is not None
    assert whole.joint_reference is not None
    quick = counted(model, reference, settings, (whole.joint, whole.joint_reference))
    differs = []
    if quick.history != whole.history or bool((quick.reference.counts != whole.reference.counts).any()):
        differs.append("the references")
    one = run_full(whole, model.kinds, settings, held)
    two, three = (run_lean(quick, model.kinds, settings, held, roughly) for roughly in (P_VALUES, PAGES))
    p_values = [{each[:5]: each.p_value for each in run.tested if each.p_value <= LEVELS[0]} for run in (one, two)]
    differs += [
        f"{key}" for key in p_values[0].keys() | p_values[1].keys() if p_values[0].get(key) != p_values[1].get(key)
    ]
    for run in (two, three):
        if (one.found, one.pages, one.n_windows) != (run.found, run.pages, run.n_windows):
            differs.append("findings, pages or windows")
    return len(p_values[0]), differs


def _job(job: tuple[str, int, Path]) -> Outcome:
    return run_model(*job)


def run(folder: Path, seeds: range, processes: int, streams: tuple[str, ...]) -> list[Outcome]:
    """Run the models that no line is kept of yet, seed by seed; return all outcomes."""
    path = folder / "budget.ndjson"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # of the processes that are started; they are many enough
    done = {(each.stream, each.seed): each for each in kept(path)}
    for stream in streams:
        joint_of(stream, folder)
    jobs = [(stream, seed, folder) for seed in seeds for stream in streams]
    missing = [job for job in jobs if job[:2] not in done]
    with get_context("spawn").Pool(processes) as pool, path.open("ab") as lines:
        for outcome in pool.imap_unordered(_job, missing):
            lines.write(msgspec.json.encode(outcome) + b"\n")
            lines.flush()
            done[outcome.stream, outcome.seed] = outcome
    return [each for each in done.values() if each.stream in streams and each.seed in seeds]


def kept(path: Path) -> list[Outcome]:
    """Return the outcomes of a file; a last line that was not finished is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=Outcome) for line in lines]
