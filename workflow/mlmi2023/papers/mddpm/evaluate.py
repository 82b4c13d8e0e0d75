"""Reconstructions, anomaly maps and scores of every method (Sect. 3.2, Table 1).

On diseased heads the threshold is that with the highest mean Dice on the validation split, which never sees
the test split; what the best threshold of the test split itself would have given is scored apart. On healthy
heads the error of the reconstruction is scored.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.core.json_files import read_object
from mlmi2023.papers.mddpm.heads import Head, Heads
from mlmi2023.papers.mddpm.maps import anomaly_map, candidates, dice, found, sweep
from mlmi2023.papers.mddpm.reconstruct import over_heads, reconstruction
from mlmi2023.tasks.runs import AGAIN, Value, kind_of, read_arrays

KINDS = ("learned", "intensity", "noise", "truth")
ABOUT = "about.json"


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write ``<subject>.npz`` for each head: ``healthy``, the reconstruction, and on diseased heads ``map``.

    ``about.json`` keeps the threshold, and the mean Dice of the validation split at each one tried.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind_of(job, KINDS)
    heads = Heads(job)
    healthy = job.task["kind"] == "healthy"
    splits = {split: heads.rows(split) for split in (("test",) if healthy else ("val", "test"))}
    with atomic(out) as part:
        part.mkdir()
        maps, truths = [], []
        rows = [row for own in splits.values() for row in own]
        for row, (name, answer) in zip(rows, _answers(job, heads, weights, rows), strict=True):
            arrays = {"healthy": answer.astype(np.float16)}
            if not healthy:
                head = heads.head(row)
                arrays["map"] = _map(job, heads, head, answer).astype(np.float16)
                if row in splits["val"]:
                    maps.append(arrays["map"].astype(np.float32))
                    truths.append(head.lesions)
            np.savez_compressed(part / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        if not healthy:
            tried = candidates(maps, heads.task.thresholds)
            values = sweep(maps, truths, tried, heads.task.component)
            write_json(
                part / ABOUT,
                {
                    "threshold": float(tried[values.argmax()]),
                    "thresholds": [float(t) for t in tried],
                    "dice": [float(v) for v in values],
                },
            )


def _answers(
    job: Job, heads: Heads, weights: Path | None, rows: list[int]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and reconstruction (S, H, W); slices with too little foreground stay as they are."""
    kind = job.method_options["kind"]
    if kind in ("truth", "intensity"):
        for head in heads.heads(rows):
            yield head.name, head.image if kind == "truth" else np.zeros_like(head.image)
        return
    first = heads.head(rows[0])
    run = reconstruction(job, weights, (first.image.shape[1], first.image.shape[2]))

    def cases() -> Iterator[tuple[str, np.ndarray]]:
        for head in heads.heads(rows):
            shown = heads.shown(head)
            yield head.name, head.image[shown] if shown.any() else head.image[:1]

    for row, (name, answer) in zip(rows, over_heads(job, cases(), heads.task.batch, run)):
        head = heads.head(row)
        whole, shown = head.image.copy(), heads.shown(head)
        if shown.any():
            whole[shown] = answer
        yield name, whole


def _map(job: Job, heads: Heads, head: Head, answer: np.ndarray) -> np.ndarray:
    if job.method_options["kind"] == "truth":
        return head.lesions.astype(np.float32)
    return anomaly_map(np.abs(head.image - answer), head.brain, heads.task)


def read_head(folder: Path, head: Head) -> dict[str, np.ndarray]:
    """Return what :func:`predict` wrote of a head, float32.

    Raises:
        InputError: it is missing or broken.
    """
    arrays = read_arrays(Path(folder) / f"{head.name}.npz", head.image.shape)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def read_sweep(folder: Path) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the threshold, the thresholds tried and their mean Dice on the validation split."""
    about = read_object(
        Path(folder) / ABOUT, {"threshold": float, "thresholds": list[float], "dice": list[float]}, AGAIN
    )
    return about["threshold"], np.array(about["thresholds"]), np.array(about["dice"])


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method, in percent.

    Healthy heads: ``l1``, the mean absolute error in the brain, per head. Others: ``dice`` at the threshold
    of the validation split, ``auprc`` and ``prevalence``, what a map without knowledge has in its place, per
    head, and ``dice_oracle``, at the threshold that is best on the tested heads.
    """
    heads = Heads(job)
    rows = heads.rows("test")
    if job.task["kind"] == "healthy":
        for head in heads.heads(rows):
            off = np.abs(head.image - read_head(predictions, head)["healthy"])
            yield Value("l1", 100 * float(off[head.brain].mean()), head.name)
        return
    # all that is known of a case is its map, its lesions and its brain; slices are small
    tested = list(heads.heads(rows))
    maps = [read_head(predictions, head)["map"] for head in tested]
    truths = [head.lesions for head in tested]
    component = heads.task.component
    if job.method_options["kind"] == "truth":
        component, threshold, best = 0, 0.5, 0.5
    else:
        threshold, _, _ = read_sweep(predictions)
        tried = np.append(candidates(maps, heads.task.thresholds), threshold)
        best = float(tried[sweep(maps, truths, tried, component).argmax()])
    for head, anomaly in zip(tested, maps):
        yield Value("dice", 100 * dice(found(anomaly, threshold, component), head.lesions), head.name)
        yield Value("dice_oracle", 100 * dice(found(anomaly, best, component), head.lesions), head.name)
        known, truth = anomaly[head.brain | head.lesions], head.lesions[head.brain | head.lesions]
        yield Value("prevalence", 100 * float(truth.mean()), head.name)
        if truth.any():
            yield Value("auprc", 100 * float(average_precision_score(truth, known)), head.name)
