"""Enhanced volumes and scores of every row of Tables 1 and 2, and of what the figures show.

A method's ``kind`` is

``learned``       networks on coronal and sagittal images (``model: msd``) or on stacks (``saint``, ``rplhr``)
``interpolation`` the scan itself, interpolated linearly: the tables' "original";
``merged``        the mean of another method's coronal and sagittal results;
``mean``          the floor: one grey value everywhere;
``truth``         the ceiling: the reference, as rounded as all results are.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mlmi2023.cohorts.forms.ct_stacks.reader import Stacks, open_stacks
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.sr4zct.data import images_of, scaled, upscaled, volume_of
from mlmi2023.papers.sr4zct.measures import scoring
from mlmi2023.papers.sr4zct.members import VIEWS, Member, members
from mlmi2023.tasks.restoration import Target, enhance, mean_of, read_images, score
from mlmi2023.tasks.runs import kind_of, ready

__all__ = ["predict", "score"]

KINDS = ("learned", "interpolation", "merged", "mean", "truth")
#: kinds whose score is the same for all scans and views of a volume; it stands under no setting
CONTROLS = ("mean", "truth")


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Enhance all test scans; see :func:`mlmi2023.tasks.restoration.enhance`.

    ``<scan>.npz`` holds the volumes ``cor`` and ``sag``, (rows, Y, X) float16 in [0, 1]; only of scans that
    the method's ``keep`` names ([thickness, overlap] pairs, of the first volume; ``all`` keeps everything).

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = kind_of(job, KINDS)
    cohort = open_stacks(job.data)

    def interpolated(member: Member) -> Tensor:
        return upscaled(member.stack, job.task)

    makers: dict[str, Callable[[Any], Any]] = {
        "interpolation": interpolated,
        "mean": mean_of(interpolated),
        "merged": partial(merged, job),
    }
    restore = learned(job, weights, cohort) if kind == "learned" else makers.get(kind)
    enhance(job, out, targets(job, cohort), restore, scoring(bool(job.method_options.get("ssim", True))))


def targets(job: Job, cohort: Stacks) -> list[Target]:
    """Return what is enhanced: every member of the method, of the controls one for each volume."""
    control = job.method_options["kind"] in CONTROLS
    found: dict[Any, Target] = {}
    for number, member in enumerate(members(job, cohort)):
        volume, views = member.volume, (member.view,) if member.view else VIEWS
        truth = None if volume.reference_file is None else partial(reference, job, member)
        if not control or (truth and volume.name not in found):
            found[volume.name if control else number] = Target(
                member,
                member.file,
                volume.name,
                {view: "" if control else member.setting(view) for view in views},
                truth,
                (volume.label,),
                _keeps(job, member, cohort),
            )
    return list(found.values())


def reference(job: Job, member: Member) -> Tensor:
    """Return the true volume of a member's scan, (rows, Y, X) in [0, 1]."""
    return scaled(member.volume.reference(), job.task)


def merged(job: Job, member: Member) -> Tensor:
    """Return the mean of both views of the used method."""
    of = job.method_options["of"]
    if of not in job.used:
        raise InputError(f"config key methods.{job.method}: '{of}' is missing under 'uses'; add it there")
    views = read_images(job.used[of].predictions, member.file)
    return torch.stack([views[view] for view in VIEWS]).mean(dim=0)


def learned(job: Job, weights: Path | None, cohort: Stacks) -> Callable[[Member], Any]:
    """Return what a method's networks make of a member's scan: volumes by view, or one for both."""
    if job.method_options["model"] != "msd":
        from mlmi2023.papers.sr4zct.slabs import enhancer

        return enhancer(job, weights, cohort)
    from mlmi2023.papers.sr4zct.train import build_net

    found = members(job, cohort)
    net, device = ready(job, build_net(job, len(found)), weights)
    depth: Any = net.depth
    before: dict[Any, Tensor] = {}

    def restore(member: Member) -> dict[str, Tensor]:
        number, stack = found.index(member), member.stack
        if stack.file not in before:  # neighbouring members share a scan
            before.clear()
            before[stack.file] = upscaled(stack, job.task)
        answer = {}
        for view in (member.view,) if member.view else VIEWS:
            images = images_of(before[stack.file], view)
            parts = [
                net(part.contiguous().to(device), number).clamp(0, 1).cpu()
                for part in images.split(_at_once(images, depth, device))
            ]
            answer[view] = volume_of(torch.cat(parts), view)
        return answer

    return restore


def _at_once(images: Tensor, depth: int, device: torch.device) -> int:
    """Return how many images go through a network at once: maps of 512 MB on a GPU, of 8 MB on a CPU."""
    size = images.shape[1] * images.shape[2] * (depth + 10) * 4
    return max(1, (2**29 if device.type == "cuda" else 2**23) // size)


def _keeps(job: Job, member: Member, cohort: Stacks) -> bool:
    keep = job.method_options.get("keep") or []
    if keep == "all":
        return True
    first = member.volume.name == cohort.tested()[0].name
    own = [member.stack.thickness, member.stack.overlap]
    return first and own in [[float(v) for v in pair] for pair in keep]
