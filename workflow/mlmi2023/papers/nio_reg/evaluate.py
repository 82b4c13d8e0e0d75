"""Prediction and scores of every row of Tables 1 and 2.

A method's ``kind`` is

``learned``   a network and its weights: LapIRN, MPR, ULAE;
``nio``       LapIRN adapted to each pair, at one resolution or several (NIO, NIO_m);
``io``        the field of LapIRN, improved value by value (IO);
``syn``, ``niftyreg``   classical; the latter has no row where its executables are not there;
``identity``  the floor, and a row of the paper: affine alignment alone;
``truth``     the ceiling: the fixed image's own labels and landmarks.
"""

import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.papers.nio_reg.cases import Case, groups, open_cohort
from mlmi2023.papers.nio_reg.images import Images
from mlmi2023.papers.nio_reg.measures import METRICS, measure, worst_mean
from mlmi2023.papers.nio_reg.methods import KINDS, Register, make_methods
from mlmi2023.training.loop.device import make_deterministic, pick_device

EMPTY = "skipped.json"


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Register every test pair and write ``out``.

    ``<case>.npz`` holds ``displacement``, (3, X, Y, Z) float16 in voxels of the fixed grid (none for the
    ceiling); ``cases.json`` lists the pairs; ``seconds.json`` has the time of each, from images in memory
    to the field in memory, and ``chosen.json`` what validation pairs decided, such as IO's rate.

    Args:
        job: ``task`` says which pairs, ``method_options`` which method.
        weights: safetensors file; only for learned methods.
        out: folder to make.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    packed = open_cohort(job.data, job.task)
    kind = job.method_options.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")
    make_deterministic(job.threads, pick_device(job.device))
    found = groups(packed, job.task)
    with atomic(out) as part:
        part.mkdir()
        cases = [case for group in found for case in group.test]
        write_json(part / "cases.json", [vars(case) for case in cases])
        methods = make_methods(job, weights, packed, found)
        if methods is None:
            print(f"method '{job.method}' is left out: NiftyReg is not installed", flush=True)
            write_json(part / EMPTY, {"why": "NiftyReg is not installed"})
            return
        write_json(part / "chosen.json", [method.chosen for method in methods])
        seconds, images = {}, Images(packed, job.task)
        for method, group in zip(methods, found):
            for case in group.test:
                if method.register is not None:
                    u, seconds[case.name] = _timed(method.register, images, case)
                    _write(part / f"{case.name}.npz", u, job.method)
        write_json(part / "seconds.json", seconds)


def _timed(register: Register, images: Images, case: Case) -> tuple[np.ndarray, float]:
    moving, fixed = images.array(case.moving), images.array(case.fixed)
    start = time.perf_counter()
    u = register(moving, fixed)
    return u, time.perf_counter() - start


def _write(file: Path, u: np.ndarray, method: str) -> None:
    if not np.isfinite(u).all():
        raise InputError(
            f"method '{method}' gave a field with NaN or infinity for {file.stem}; its training or "
            "optimisation diverged, lower its rate"
        )
    np.savez_compressed(file, displacement=u.astype(np.float16))


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Score what :func:`predict` wrote.

    ``task.metrics`` picks among dsc, dsc30 (one value per run: the mean of the 30 % lowest cases),
    std_jac, tre (mm), within (% of landmarks nearer than ``task.near``) and t_test (s). What the cohort
    has no truth for is left out.

    Returns:
        Rows {dataset, setting, method, seed, fold, case, label, metric, value} of the tidy table.

    Raises:
        InputError: an unknown metric, or a broken prediction.
    """
    if unknown := [m for m in job.task["metrics"] if m not in METRICS]:
        raise InputError(f"config key task.metrics names {unknown[0]!r}; choose from {', '.join(METRICS)}")
    torch.set_num_threads(max(1, job.threads))
    packed, predictions = open_cohort(job.data, job.task), Path(predictions)
    if (predictions / EMPTY).is_file():
        return []
    same = {"dataset": job.dataset, "setting": "", "method": job.method, "seed": job.seed, "fold": job.fold}
    rows: list[dict[str, Any]] = []

    def add(case: str, label: str, metric: str, value: float) -> None:
        if not np.isnan(value):
            rows.append({**same, "case": case, "label": label, "metric": metric, "value": value})

    means = []
    for entry in read_json(predictions / "cases.json"):
        case = Case(**entry)
        u = None
        if job.method_options.get("kind") != "truth":
            u = read_displacement(predictions / f"{case.name}.npz", packed.shape)
        for name, label, metric, value in measure(case, u, packed, job.task):
            add(name, label, metric, value)
            if (label, metric) == ("mean", "dsc"):
                means.append(value)
    if means and "dsc30" in job.task["metrics"]:
        add("", "", "dsc30", worst_mean(means))
    if "t_test" in job.task["metrics"] and job.method_options.get("kind") != "identity":
        for name, seconds in read_json(predictions / "seconds.json").items():
            add(name, "", "t_test", float(seconds))
    return rows


def read_displacement(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a stored field, (3, X, Y, Z) float32 in voxels.

    Raises:
        InputError: the file cannot be read or is of another cohort.
    """
    try:
        with np.load(path) as content:
            u = content["displacement"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and predict again") from error
    if u.shape != (3, *shape):
        raise InputError(f"{path}: has shape {u.shape}, the cohort {shape}; delete it and predict again")
    return u
