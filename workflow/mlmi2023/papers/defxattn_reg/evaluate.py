"""Prediction and scores of one method on the test pairs (Sect. 4, Table 1).

A method's ``kind`` is ``learned`` (a network and its weights), ``convexadam`` and ``syn`` (optimisation),
``identity`` (floor: nothing moves) or ``truth`` (ceiling: the fixed labels themselves).
"""

import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.pairs import pairs
from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.papers.defxattn_reg.measures import METRICS, measure
from mlmi2023.training.loop.device import make_deterministic, peak_memory_mb, pick_device

TIMED = ("learned", "convexadam", "syn")
KINDS = (*TIMED, "identity", "truth")

#: (moving, fixed) volumes (X, Y, Z) float32 -> displacement (3, X, Y, Z), or None for the ceiling.
Register = Callable[[np.ndarray, np.ndarray], np.ndarray | None]


def _learned(job: Job, weights: Path | None, packed: Packed) -> Register:
    from mlmi2023.papers.defxattn_reg.model import build_net
    from mlmi2023.training.loop.weights import load_weights

    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    device = pick_device(job.device)
    net = build_net(job.method_options, packed.shape)
    load_weights(net, weights)
    net.to(device).eval()
    return _on_device(net, device)


def _on_device(register: Callable[[Tensor, Tensor], Tensor], device: torch.device) -> Register:
    """Turn a function of batches of one pair into one of volumes; reading the result waits for the GPU."""

    def one_pair(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            pair = [torch.from_numpy(a)[None, None].to(device) for a in (moving, fixed)]
            return register(*pair)[0].float().cpu().numpy()

    return one_pair


def _method(job: Job, weights: Path | None, packed: Packed) -> Register:
    kind = job.method_options.get("kind")
    if kind == "learned":
        return _learned(job, weights, packed)
    if kind == "convexadam":
        from mlmi2023.papers.defxattn_reg.convexadam import ConvexAdam

        return _on_device(ConvexAdam.from_config(job.method_options).register, pick_device(job.device))
    if kind == "syn":
        from mlmi2023.classical.syn import load_ants, syn

        load_ants(job.threads)  # now, since the first pair's time is a result
        return lambda moving, fixed: syn(
            moving, fixed, packed.spacing, job.method_options, job.seed, job.threads
        )
    if kind == "identity":
        return lambda moving, fixed: np.zeros((3, *fixed.shape), np.float32)
    if kind == "truth":
        return lambda moving, fixed: None
    raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Register every test pair and write ``out``.

    ``<case>.npz`` holds ``displacement``, (3, X, Y, Z) float16 in voxels of the fixed grid (no file for
    the ceiling); ``cases.json`` lists case, moving, fixed (rows of the packed cohort), seconds and
    peak_mb. A network or ConvexAdam runs the first pair once more before, so that times are those of a warm
    start, from volumes in memory to the field in memory; controls have none. peak_mb is the GPU's and null
    on CPU, where no method's share of the process can be told.

    Args:
        job: ``task`` says which pairs and modalities, ``method_options`` which method.
        weights: safetensors file; only for learned methods.
        out: folder to make.

    Raises:
        InputError: no test pairs, an unknown method kind, missing weights or modalities.
    """
    packed = open_packed(job.data)
    moving_images, fixed_images = (packed.images(job.task[role]) for role in ("moving", "fixed"))
    chosen = pairs(packed.subjects, packed.splits, job.task, "test")
    if not chosen:
        raise InputError(
            f"cohort '{packed.name}' has no test pairs for task.kind {job.task['kind']}; "
            "give its split 'test' more subjects"
        )
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    register = _method(job, weights, packed)
    kind = job.method_options["kind"]
    on_gpu = kind in ("learned", "convexadam") and device.type == "cuda"
    cases = []
    with atomic(out) as part:
        part.mkdir()
        for number, (moving, fixed) in enumerate(chosen):
            pair = (
                np.asarray(moving_images[moving], np.float32),
                np.asarray(fixed_images[fixed], np.float32),
            )
            if number == 0 and kind in ("learned", "convexadam"):
                register(*pair)
            if on_gpu:
                torch.cuda.reset_peak_memory_stats(device)
            start = time.perf_counter()
            displacement = register(*pair)
            seconds = time.perf_counter() - start
            case = f"{packed.subjects[moving]}-to-{packed.subjects[fixed]}"
            if displacement is not None:
                if not np.isfinite(displacement).all():
                    raise InputError(
                        f"method '{job.method}' gave a field with NaN or infinity for {case}; "
                        "its training diverged, lower train.learning_rate"
                    )
                np.savez_compressed(part / f"{case}.npz", displacement=displacement.astype(np.float16))
            row = {"case": case, "moving": moving, "fixed": fixed}
            row |= {
                "seconds": seconds if kind in TIMED else None,
                "peak_mb": peak_memory_mb(device) if on_gpu else None,
            }
            cases.append(row)
        write_json(part / "cases.json", cases)


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Score what :func:`predict` wrote.

    ``task.metrics`` picks among dice, hd95 (voxels; both per structure and as label ``mean``), sdlogj,
    pct_fold, ndv (percent), tre (mean over landmarks, mm) and seconds. Labels are warped with nearest
    neighbours. A metric whose truth the cohort lacks is left out, and so is any NaN (a structure that
    neither map has). ``task.labels`` is ``all`` or a list of ids; ``task.ndv_region`` is ``grid`` or
    ``moving_labels``.

    Args:
        job: the job that was predicted.
        predictions: its folder.

    Returns:
        Rows {dataset, setting, method, seed, fold, case, label, metric, value} of the tidy table.

    Raises:
        InputError: an unknown metric or label, or a broken prediction.
    """
    if unknown := [m for m in job.task["metrics"] if m not in METRICS]:
        raise InputError(f"config key task.metrics names {unknown[0]!r}; choose from {', '.join(METRICS)}")
    torch.set_num_threads(max(1, job.threads))
    packed = open_packed(job.data)
    same = {"dataset": job.dataset, "setting": "", "method": job.method, "seed": job.seed, "fold": job.fold}
    rows = []
    for case in read_json(Path(predictions) / "cases.json"):
        u = None
        if job.method_options.get("kind") != "truth":
            u = read_displacement(Path(predictions) / f"{case['case']}.npz", packed.shape)
        for metric, label, value in measure(case, u, packed, job.task):
            if not np.isnan(value):
                rows.append({**same, "case": case["case"], "label": label, "metric": metric, "value": value})
    return rows


def read_displacement(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a stored field, (3, X, Y, Z) float32; a broken or foreign file is an :class:`InputError`."""
    try:
        with np.load(path) as content:
            u = content["displacement"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and predict again") from error
    if u.shape != (3, *shape):
        raise InputError(f"{path}: has shape {u.shape}, the cohort {shape}; delete it and predict again")
    return u
