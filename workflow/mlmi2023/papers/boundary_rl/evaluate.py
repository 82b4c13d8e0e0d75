"""Predictions and scores of every row of Table 1, of rows of ours, and of the classifier itself.

A method's ``kind`` is ``learned`` (``model: classifier``, ``controller``, ``mil``, ``segmenter``),
``sliding`` (another method's network), ``ruled`` (walks without a network), ``shifted`` (another method's
points), ``paired_tests``, or a control: ``background``, the floor, or ``truth``, the ceiling.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job, Used
from mlmi2023.metrics.segmentation import count
from mlmi2023.papers.boundary_rl import classifier, controller
from mlmi2023.papers.boundary_rl.cases import Glands, centroid
from mlmi2023.papers.boundary_rl.comparing import boundary_distance, compare, dice
from mlmi2023.papers.boundary_rl.environment import Rules
from mlmi2023.papers.boundary_rl.mil import PooledUnet, windows
from mlmi2023.papers.boundary_rl.outline import drawn_in, filled, kept, outside
from mlmi2023.papers.boundary_rl.patch_table import PatchChunks, PatchTable
from mlmi2023.papers.boundary_rl.patches import cut, with_margin
from mlmi2023.papers.boundary_rl.walking import Policy, Walked, by_chance, learned, straight, walks_of
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value, kind_of, read_arrays, ready, start

KINDS = ("learned", "sliding", "ruled", "shifted", "paired_tests", "background", "truth")
#: patches, or images, at once
AT_ONCE = 256
#: of the classifier
ANSWERS = "answers.npz"


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Outline the gland in tested images and write the folder ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, cases = kind_of(job, KINDS), Glands(job)
    model = job.method_options.get("model") if kind == "learned" else kind
    if model == "classifier":
        _predict_patches(job, cases, weights, out)
    elif model == "controller":
        net, device = ready(job, controller.build(job.method_options.get("net") or {}, _side(job)), weights)
        own = job.method_options
        policy = learned(net, bool(own.get("greedy")))  # type: ignore[arg-type]
        about = {"parameters": sum(p.numel() for p in net.parameters())}
        _predict_walks(job, cases, device, policy, about, out)
    elif model == "ruled":
        policy = by_chance if job.method_options["policy"] == "random" else straight
        _predict_walks(job, cases, start(job), policy, {}, out)
    elif model in ("mil", "sliding"):
        _predict_bags(job, cases, weights, out)
    elif model == "shifted":
        _predict_shifted(job, cases, out)
    elif model == "paired_tests":
        segmentation.write(out, cases, [], {"pairs": job.method_options["pairs"]})
    else:
        segmentation.predict(cases, weights, out)


def _side(job: Job) -> int:
    return int(job.task["patch"])


def _predict_patches(job: Job, cases: Glands, weights: Path | None, out: Path) -> None:
    """Keep the classifier's probability for each tested patch, and the sizes that it has."""
    options = job.method_options.get("net") or {}
    net, device = ready(job, classifier.build(options, _side(job)), weights)
    padded = with_margin(cases.grey(list(range(len(cases.images)))), _side(job)).to(device)
    chunks = PatchChunks(PatchTable(cases, "test"), AT_ONCE)
    with torch.inference_mode():
        own = [
            torch.sigmoid(
                net(cut(padded, c["row"].to(device), c["centre"].to(device), _side(job)).float() / 255)
            )
            for c in (chunks[number] for number in range(len(chunks)))
        ]
    about = {"net": dict(options), "parameters": sum(p.numel() for p in net.parameters())}
    with atomic(out) as part:
        segmentation.write(part, cases, [], about)
        np.savez_compressed(part / ANSWERS, chances=torch.cat(own).cpu().numpy())


def walked(job: Job, cases: Glands, device: torch.device, policy: Policy, rows: list[int]) -> Walked:
    """Return the walks of some images. Only a policy that walks straight knows where a gland is."""
    fires = classifier.presence_of(job).to(device)
    target = None
    if policy is straight:
        middles = [centroid(cases.truth(row)) for row in range(len(cases.images))]
        target = torch.tensor(middles, dtype=torch.float32, device=device)
    images = cases.grey(list(range(len(cases.images)))).to(device)
    where = bool((job.method_options.get("net") or {}).get("where"))
    return walks_of(job, images, fires, Rules.of(job), policy, torch.tensor(rows), AT_ONCE, target, where)


def _predict_walks(
    job: Job, cases: Glands, device: torch.device, policy: Policy, about: Mapping[str, Any], out: Path
) -> None:
    """Keep outline, points and steps of each image; and how far points lie outside of validation glands."""
    rule = Rules.of(job).walk

    def ring(points: np.ndarray, hits: np.ndarray) -> np.ndarray:
        return kept(points[hits], rule.outliers, rule.neighbours)

    rows, held = cases.rows("test"), cases.rows("val")
    found, before = (walked(job, cases, device, policy, part) for part in (rows, held))
    far = [
        outside(ring(p, h), cases.truth(row))
        for row, p, h in zip(held, before.points, before.hits)
        if h.any()
    ]
    offset = float(np.concatenate(far).mean()) if far else 0.0
    arrays = (
        (
            row,
            {
                "labels": filled(ring(points, hits), cases.shape(row)),
                "points": points,
                "hits": hits,
                "steps": steps,
                "calls": np.array(steps.sum()),
            },
        )
        for row, points, hits, steps in zip(rows, found.points, found.hits, found.steps)
    )
    segmentation.write(out, cases, arrays, {**about, "offset": offset})


def _predict_bags(job: Job, cases: Glands, weights: Path | None, out: Path) -> None:
    """Keep the pixels whose mean probability over windows is above a half.

    Raises:
        InputError: a sliding window's network does not stand under ``uses``.
    """
    options, overlap = job.method_options.get("net"), 0.0
    if job.method_options["kind"] == "sliding":
        used = _used(job)
        options, weights = segmentation.read_about(used.predictions)["net"], used.weights
        overlap = float(job.method_options.get("overlap", 0.5))
    net, device = ready(job, PooledUnet(dict(options or {}), _side(job)), weights)

    def looked(row: int) -> dict[str, np.ndarray]:
        image: Tensor = cases.grey([row])[0].to(device).float() / 255
        chance, calls = windows(net, image, _side(job), overlap)  # type: ignore[arg-type]
        labels = (chance > 0.5).to(torch.uint8).cpu().numpy()
        return {"labels": labels, "chance": chance.half().cpu().numpy(), "calls": np.array(calls)}

    about = {"net": options, "parameters": sum(p.numel() for p in net.parameters())}
    with torch.inference_mode():
        segmentation.write(out, cases, ((row, looked(row)) for row in cases.rows("test")), about)


def _used(job: Job) -> Used:
    """Return what the method of the key ``of`` has left.

    Raises:
        InputError: it does not stand under ``uses``.
    """
    of = job.method_options["of"]
    if of not in job.used:
        raise InputError(f"config key methods.{job.method}: '{of}' is missing under 'uses'; add it there")
    return job.used[of]


def _predict_shifted(job: Job, cases: Glands, out: Path) -> None:
    """Keep the outline of another method's points after they are drawn in.

    Raises:
        InputError: the method does not stand under ``uses``.
    """
    rule, folder = Rules.of(job).walk, _used(job).predictions
    offset = float(segmentation.read_about(folder)["offset"])

    def drawn(row: int) -> dict[str, np.ndarray]:
        stored = segmentation.read_case(folder, cases, row)
        ring = kept(stored["points"][stored["hits"]], rule.outliers, rule.neighbours)
        return {**stored, "labels": filled(drawn_in(ring, offset), cases.shape(row))}

    segmentation.write(out, cases, ((row, drawn(row)) for row in cases.rows("test")), {"offset": offset})


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield Dice, distance between outlines and, where a method looks at patches, how often; or t-tests."""
    cases, options = Glands(job), job.method_options
    if options["kind"] == "paired_tests":
        yield from compare(job, cases)
        return
    if options.get("model") == "classifier":
        yield from _patch_scores(job, cases, predictions)
        return
    for pair in segmentation.pairs(predictions, cases):
        yield Value("dice", dice(pair.found, pair.truth), pair.case)
        yield Value("distance", boundary_distance(pair.found, pair.truth), pair.case)
        calls = 1 if options.get("model") == "segmenter" else pair.kept.get("calls")
        if calls is not None:
            yield Value("calls", float(calls), pair.case)
        if "hits" in pair.kept:
            yield Value("hits", 100 * float(pair.kept["hits"].mean()), pair.case)
            yield Value("steps", float(pair.kept["steps"].mean()), pair.case)
    if "offset" in segmentation.read_about(predictions):
        yield Value("offset", float(segmentation.read_about(predictions)["offset"]))


def _patch_scores(job: Job, cases: Glands, predictions: Path) -> Iterator[Value]:
    """Yield how the classifier fires on tested patches, over all of them and image by image."""
    table, fires = PatchTable(cases, "test"), float(job.task.get("threshold", 0.9))
    found = (read_arrays(predictions / ANSWERS)["chances"] > fires).astype(np.uint8)
    rows, labels = table.rows.numpy(), table.labels.numpy().astype(np.uint8)
    counts = {
        cases.name(row): count(found[rows == row], labels[rows == row]) for row in np.unique(rows).tolist()
    }
    names = {f"patch_{rate}": rate for rate in ("accuracy", "sensitivity", "specificity")}
    yield from segmentation.rate_values(counts, names, {}, factor=100)
