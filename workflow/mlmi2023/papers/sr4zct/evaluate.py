"""Enhanced volumes and scores of every row of Tables 1 and 2, and of what the figures show.

A method's ``kind`` is

``learned``       networks on coronal and sagittal images (``model: msd``) or on stacks (``saint``, ``rplhr``)
``interpolation`` the scan itself, interpolated linearly: the tables' "original";
``merged``        the mean of another method's coronal and sagittal results;
``mean``          the floor: one grey value everywhere;
``truth``         the ceiling: the reference, as rounded as all results are.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.ct_stacks.reader import Stacks, open_stacks
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.papers.sr4zct.data import images_of, scaled, upscaled, volume_of
from mlmi2023.papers.sr4zct.measures import central_box, view_scores
from mlmi2023.papers.sr4zct.members import VIEWS, Member, members
from mlmi2023.training.loop.device import make_deterministic, pick_device

KINDS = ("learned", "interpolation", "merged", "mean", "truth")
#: kinds whose score is the same for all scans of a volume; it stands under no setting
CONTROLS = ("mean", "truth")
SCORES = "scores.csv"

#: member, and the volumes (rows, Y, X) in [0, 1] of the views that it answers for
Result = tuple[Member, dict[str, Tensor]]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Enhance all test scans and write the folder ``out``.

    ``scores.csv`` has case, label, setting, metric and value, where there is a reference. ``<scan>.npz``
    holds the volumes ``cor`` and ``sag``, (rows, Y, X) float16 in [0, 1]; only of scans that the method's
    ``keep`` names ([thickness, overlap] pairs, of the first volume; ``all`` keeps everything).

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = job.method_options.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")
    cohort = open_stacks(job.data)
    rows: list[dict[str, Any]] = []
    with atomic(out) as part:
        part.mkdir()
        for member, found in _results(job, weights, cohort):
            # every result is rounded as it would be when stored, so that all are judged alike
            kept = {view: volume.half() for view, volume in found.items()}
            rows += _scored(job, member, {view: volume.float() for view, volume in kept.items()})
            if _keeps(job, member, cohort):
                _store(part / f"{member.file}.npz", {view: v.numpy() for view, v in kept.items()})
        columns = ["case", "label", "setting", "metric", "value"]
        pd.DataFrame(rows, columns=columns).to_csv(
            part / SCORES, index=False, float_format="%.7g", lineterminator="\n"
        )


def _results(job: Job, weights: Path | None, cohort: Stacks) -> Iterator[Result]:
    kind = job.method_options["kind"]
    if kind == "learned":
        yield from _learned(job, weights, cohort)
        return
    simple: dict[str, Callable[[Member], Tensor]] = {
        "interpolation": lambda m: upscaled(m.stack, job.task),
        "mean": lambda m: _grey(upscaled(m.stack, job.task)),
        "truth": lambda m: scaled(m.volume.reference(), job.task),
        "merged": lambda m: _merged(job, m),
    }
    done = set()
    for member in members(job, cohort):
        if kind in CONTROLS and (member.volume.name in done or member.volume.reference_file is None):
            continue
        done.add(member.volume.name)
        yield member, dict.fromkeys(VIEWS, simple[kind](member))


def _grey(volume: Tensor) -> Tensor:
    return torch.full_like(volume, float(volume.mean()))


def _merged(job: Job, member: Member) -> Tensor:
    """Return the mean of both views of the used method."""
    of = job.method_options["of"]
    if of not in job.used:
        raise InputError(f"config key methods.{job.method}: '{of}' is missing under 'uses'; add it there")
    found = read_volumes(job.used[of].predictions, member)
    return torch.stack([torch.from_numpy(found[view]).float() for view in VIEWS]).mean(dim=0)


def _learned(job: Job, weights: Path | None, cohort: Stacks) -> Iterator[Result]:
    from mlmi2023.training.loop.weights import load_weights

    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    if job.method_options["model"] != "msd":
        from mlmi2023.papers.sr4zct.slabs import enhanced

        yield from enhanced(job, weights, cohort, device)
        return
    from mlmi2023.papers.sr4zct.train import build_net

    found = members(job, cohort)
    net = build_net(job, len(found))
    load_weights(net, weights)
    net.to(device).eval()
    before: tuple[Any, Tensor] | None = None
    with torch.inference_mode():
        for number, member in enumerate(found):
            # neighbouring members share a scan
            if before is None or before[0] != member.stack:
                before = member.stack, upscaled(member.stack, job.task)
            views = (member.view,) if member.view else VIEWS
            answer = {}
            for view in views:
                images = images_of(before[1], view)
                parts = [
                    net(part.contiguous().to(device), number).clamp(0, 1).cpu()
                    for part in images.split(_at_once(images, net.depth, device))
                ]
                answer[view] = volume_of(torch.cat(parts), view)
            yield member, answer


def _at_once(images: Tensor, depth: int, device: torch.device) -> int:
    """Return how many images go through a network at once: maps of 512 MB on a GPU, of 8 MB on a CPU."""
    size = images.shape[1] * images.shape[2] * (depth + 10) * 4
    return max(1, (2**29 if device.type == "cuda" else 2**23) // size)


def _scored(job: Job, member: Member, found: dict[str, Tensor]) -> Iterator[dict[str, Any]]:
    if member.volume.reference_file is None:
        return
    reference = scaled(member.volume.reference(), job.task)
    box = central_box(reference)
    with_ssim = bool(job.method_options.get("ssim", True))
    each = {
        view: dict(view_scores(volume, reference, view, box, with_ssim)) for view, volume in found.items()
    }
    settings = {member.setting(view): scores for view, scores in each.items()}
    if job.method_options["kind"] in CONTROLS:
        shared = set.intersection(*(set(scores) for scores in each.values()))
        settings = {"": {m: float(np.mean([each[v][m] for v in each])) for m in sorted(shared)}}
    for setting, scores in settings.items():
        for metric, value in scores.items():
            yield {
                "case": member.volume.name,
                "label": member.volume.label,
                "setting": setting,
                "metric": metric,
                "value": value,
            }


def _keeps(job: Job, member: Member, cohort: Stacks) -> bool:
    keep = job.method_options.get("keep") or []
    if keep == "all":
        return True
    first = member.volume.name == cohort.tested()[0].name
    own = [member.stack.thickness, member.stack.overlap]
    return first and own in [[float(v) for v in pair] for pair in keep]


def _store(file: Path, views: dict[str, np.ndarray]) -> None:
    """Write volumes; a method with a network per view comes twice and gets one file."""
    if file.exists():
        with np.load(file) as there:
            views = {**{view: there[view] for view in there.files}, **views}
    np.savez(file, **views)  # type: ignore[arg-type]


def read_volumes(folder: Path, member: Member) -> dict[str, np.ndarray]:
    """Return the volumes that :func:`predict` kept of a member's scan, by view.

    Raises:
        InputError: they were not kept, or the file is broken.
    """
    file = Path(folder) / f"{member.file}.npz"
    try:
        with np.load(file) as content:
            return {view: content[view] for view in content.files}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{file}: no such volumes ({error}); add the scan to the method's key 'keep' and predict again"
        ) from error


def read_scores(folder: Path) -> pd.DataFrame:
    """Return the table that :func:`predict` wrote.

    Raises:
        InputError: it cannot be read.
    """
    file = Path(folder) / SCORES
    try:
        return pd.read_csv(file, dtype={"case": str, "label": str, "setting": str}, keep_default_na=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete {folder} and predict again") from error


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Return the tidy rows of :func:`predict`'s folder: a case per volume, its label the kind of test."""
    same = {"dataset": job.dataset, "method": job.method, "seed": job.seed, "fold": job.fold}
    found = read_scores(predictions).to_dict("records")
    return [same | {str(key): value for key, value in row.items()} for row in found]
