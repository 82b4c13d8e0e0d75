"""Prediction and scores of one method on the test pairs (Sect. 4, Tables 1 and 2).

A method's ``kind`` is ``learned`` (a network and its weights), ``syn`` (classical), ``identity`` (affine
only, the floor) or ``truth`` (the fixed labels themselves, the ceiling). The implicit solver has no part
here: what counts is the field that the network predicts.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.volumes.pairs import pairs
from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.papers.implicit_reg.candidates import build_candidates, choose
from mlmi2023.papers.implicit_reg.losses import WEIGHTS
from mlmi2023.papers.implicit_reg.measures import METRICS, measure
from mlmi2023.papers.implicit_reg.timing import time_iterations
from mlmi2023.training.loop.device import make_deterministic, pick_device
from mlmi2023.training.loop.weights import load_weights

KINDS = ("learned", "syn", "identity", "truth")
# the setting of a dataset whose weights are given and not searched for
GIVEN: dict[str, dict[str, Any]] = {"": {}}


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Register every test pair and write ``out``.

    ``cases.json`` lists case, moving and fixed (rows of the packed cohort). ``chosen.json`` has the
    regulariser that each setting of ``task.settings`` chose and the folder of its fields:
    ``<number>/<case>.npz`` holds ``displacement``, (3, X, Y, Z) float16 in voxels of the fixed grid (none for
    the ceiling). A setting whose limit no candidate keeps is left out. ``iterations.json`` has milliseconds,
    if ``task.metrics`` asks for t_iter.

    Args:
        job: ``task`` says which pairs and modalities, ``method_options`` which method.
        weights: safetensors file; only for learned methods.
        out: folder to make.

    Raises:
        InputError: no test pairs, an unknown method kind, missing weights or modalities.
    """
    packed = open_packed(job.data)
    kind = job.method_options.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")
    found = pairs(packed.subjects, packed.splits, job.task, "test")
    if not found:
        raise InputError(
            f"cohort '{packed.name}' has no test pairs for task.kind {job.task['kind']}; "
            "give its split 'test' more subjects"
        )
    make_deterministic(job.threads, pick_device(job.device))
    cases = [
        {"case": f"{packed.subjects[m]}-to-{packed.subjects[f]}", "moving": m, "fixed": f} for m, f in found
    ]
    with atomic(out) as part:
        part.mkdir()
        write_json(part / "cases.json", cases)
        if kind == "learned":
            _predict_learned(job, weights, packed, cases, part)
        else:
            write_json(part / "chosen.json", {"": {"number": 0, "regulariser": {}}})
            if kind != "truth":
                _write_fields(job, packed, cases, part / "0", kind)


def _predict_learned(
    job: Job, weights: Path | None, packed: Packed, cases: list[dict[str, Any]], part: Path
) -> None:
    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    device = pick_device(job.device)
    net = build_candidates(job.method_options, packed.shape)
    load_weights(net, weights)
    net.to(device).eval()
    chosen = {}
    for setting, rule in (job.task.get("settings") or GIVEN).items():
        number = choose(net.validation.cpu().numpy(), (rule or {}).get("max_std_logj"))
        if number is None:
            print(f"setting {setting}: no candidate is that smooth on validation pairs; left out", flush=True)
            continue
        chosen[setting] = {"number": number, "regulariser": job.method_options["regularisers"][number]}
    write_json(part / "chosen.json", chosen)
    for number in sorted({row["number"] for row in chosen.values()}):
        _write_fields(job, packed, cases, part / str(number), net.nets[number])
    if "t_iter" in job.task["metrics"]:
        pair = cases[0]["moving"], cases[0]["fixed"]
        times = time_iterations(job.method_options, job.task, packed, pair, device)
        write_json(part / "iterations.json", times)


def _write_fields(
    job: Job, packed: Packed, cases: list[dict[str, Any]], folder: Path, method: "str | torch.nn.Module"
) -> None:
    """Register all cases by a network, or by the kind of another method."""
    folder.mkdir()
    volumes = [packed.images(job.task[role]) for role in ("moving", "fixed")]
    for case in cases:
        moving, fixed = (np.asarray(v[case[r]], np.float32) for v, r in zip(volumes, ("moving", "fixed")))
        if method == "identity":
            u = np.zeros((3, *fixed.shape), np.float32)
        elif method == "syn":
            from mlmi2023.classical.syn import syn

            u = syn(moving, fixed, packed.spacing, job.method_options, job.seed, job.threads)
        else:
            assert isinstance(method, torch.nn.Module)
            device = next(method.parameters()).device
            with torch.inference_mode():
                pair = [torch.from_numpy(a)[None, None].to(device) for a in (moving, fixed)]
                u = method(*pair)[0].float().cpu().numpy()
        if not np.isfinite(u).all():
            raise InputError(
                f"method '{job.method}' gave a field with NaN or infinity for {case['case']}; "
                "its training diverged, lower train.learning_rate"
            )
        np.savez_compressed(folder / f"{case['case']}.npz", displacement=u.astype(np.float16))


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Score what :func:`predict` wrote.

    ``task.metrics`` picks among dice (per structure and as label ``mean``), std_logj, neg_j, tre (mean over
    landmarks, mm), t_iter (ms) and weights (alpha, sigma and gamma of the chosen regulariser). Labels are
    warped with nearest neighbours. A metric whose truth the cohort lacks is left out, and so is any NaN.

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
    packed, predictions = open_packed(job.data), Path(predictions)
    same = {"dataset": job.dataset, "method": job.method, "seed": job.seed, "fold": job.fold}
    rows = []

    def add(setting: str, case: str, label: str, metric: str, value: float) -> None:
        if not np.isnan(value):
            rows.append(
                {**same, "setting": setting, "case": case, "label": label, "metric": metric, "value": value}
            )

    for setting, row in read_json(predictions / "chosen.json").items():
        for case in read_json(predictions / "cases.json"):
            u = None
            if job.method_options.get("kind") != "truth":
                u = read_displacement(predictions / str(row["number"]) / f"{case['case']}.npz", packed.shape)
            for metric, label, value in measure((case["moving"], case["fixed"]), u, packed, job.task):
                add(setting, case["case"], label, metric, value)
        if "weights" in job.task["metrics"]:
            for name in WEIGHTS:
                if name in row["regulariser"]:
                    add(setting, "chosen", "", name, float(row["regulariser"][name]))
    if (predictions / "iterations.json").is_file():
        for number, value in enumerate(read_json(predictions / "iterations.json")):
            add("", f"iteration-{number}", "", "t_iter", float(value))
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
