"""The images of a cohort of the form ``tissue`` with nuclei: what networks see, and are judged on."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.tissue.reader import open_tissue
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import keys_of, options
from mlmi2023.papers.sppnet.options import Learned, Sppnet, Task
from mlmi2023.papers.sppnet.source import Drawn, Source
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.training.data.chunks import RowChunks


class Nuclei(Cases):
    """Images (N, H, W, 3) whose nuclei are one structure, judged at their own size.

    Raises:
        InputError: the cohort is of another form, or knows of no nuclei.
    """

    together = 4

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_tissue(job.data)
        if self.cohort.nuclei is None:
            raise InputError(
                f"cohort '{self.cohort.name}': knows of no single nuclei, in which points are drawn; set its "
                "key 'read.nuclei'"
            )
        self.task = options(Task, dict(job.task), "config", "task")
        self.classes, self.channels, self.size = ["nuclei"], 3, self.task.size
        self.source = Source(self.cohort.images, self.cohort.nuclei, self.task, point_of(job))

    def shape(self, row: int) -> tuple[int, ...]:
        """Return rows and columns of the image itself."""
        return self.cohort.images.shape[1:3]

    def truth(self, row: int) -> np.ndarray:
        """Return the mask of all nuclei, (H, W) uint8."""
        assert self.cohort.nuclei is not None
        return (self.cohort.nuclei[row] > 0).astype(np.uint8)

    def inputs(self, row: int) -> np.ndarray:
        """Return the image, (1, H, W, 3) uint8."""
        return self.cohort.images[row][None]

    def targets(self, row: int) -> Tensor:
        """Return the true mask as networks are asked for it, (1, S, S) uint8."""
        return self.source.frame.mask(torch.from_numpy(self.truth(row))[None]).to(torch.uint8)

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return a mask (1, S, S) at the image's own size."""
        return self.source.frame.restored(2.0 * found[None].float() - 1)[0].numpy().astype(np.uint8)

    def samples(self, select: str, augment: Any) -> Samples:
        """Return all images on the device; augmentation is the task's."""
        held = self.rows(select)
        at_once = int(self.job.train.get("val_batch", self.together))
        return Samples(self.source, Drawn(self.rows("train")), RowChunks(held, at_once), len(held))


def learned(job: Job) -> Learned:
    """Return the keys of a learned method."""
    # others, such as `uses`, are the workflow's
    own = {key: value for key, value in job.method_options.items() if key in keys_of(Learned)}
    return options(Learned, own, "config", f"methods.{job.method}")


def point_of(job: Job) -> str | None:
    """Return where a method's first point is drawn; None for one that sees no points."""
    if job.method_options.get("kind") != "learned":
        return None
    keys = learned(job)
    return keys.point if isinstance(keys.net, Sppnet) else None
