"""Sequences of a packed cohort as networks see and answer them; a case is a sequence of T frames."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.cohorts.forms.sequences.reader import open_sequences
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.echo_myocardium.clips import Clips, DeviceFrames, Validated
from mlmi2023.papers.echo_myocardium.model import Answer
from mlmi2023.papers.echo_myocardium.options import Task
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.training.data.augment2d import Augment2D

#: cavity and myocardium
STRUCTURES = 2


class SequenceCases(Cases):
    """Sequences of frames in 0 to 1.

    Args:
        job: of the paper.

    Raises:
        InputError: the cohort has other structures than cavity and myocardium.
    """

    channels = 1

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_sequences(job.data)
        self.task = options(Task, job.task, "config", "task")
        self.classes = list(self.cohort.classes)
        if len(self.classes) != STRUCTURES:
            raise InputError(
                f"cohort '{self.cohort.name}' has the labels {', '.join(self.classes)}; this paper needs "
                "two, the cavity and then the myocardium: set the cohort's read.classes"
            )
        side = self.cohort.frames.shape[1]
        self.size = (side, side)

    def shape(self, row: int) -> tuple[int, ...]:
        """Return frames, rows and columns of a sequence."""
        return (self.cohort.counts[row], *self.size)

    def marks(self, row: int) -> dict[str, int]:
        """Return the frames of a sequence that are ED and ES."""
        return self.cohort.marks[row]  # type: ignore[no-any-return]

    def spacing(self, row: int) -> tuple[float, ...]:
        """Return mm of rows and columns."""
        return self.cohort.spacings[row]  # type: ignore[no-any-return]

    def truth(self, row: int) -> np.ndarray:
        """Return the labels (T, H, W); frames without are 0."""
        return np.asarray(self.cohort.labels[self.cohort.span(row)])

    def true_flow(self, row: int) -> np.ndarray | None:
        """Return the known motion (T - 1, 2, H, W), pixels from each frame to the next; None if not known."""
        if self.cohort.flow is None:
            return None
        return np.asarray(self.cohort.flow[self.cohort.span(row)][:-1])

    def inputs(self, row: int) -> np.ndarray:
        """Return the frames, (T, H, W, 1) uint8."""
        return np.asarray(self.cohort.frames[self.cohort.span(row)])[..., None]

    def prepare(self, image: Tensor) -> Tensor:
        """Return frames in 0 to 1."""
        return image / 255

    def targets(self, row: int) -> Tensor:
        """Return the labels (T, H, W)."""
        return torch.from_numpy(np.array(self.truth(row)))

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return labels (T, H, W) as they are: frames are judged at the size that networks see."""
        return found.numpy()

    def clip(self, row: int, step: int, device: torch.device) -> tuple[Tensor, list[list[int]]]:
        """Return frames (T, 1, H, W) in 0 to 1, and the frames of the clips that answer for a sequence.

        Args:
            row: of the sequence.
            step: between neighbours of a clip; with 2, every other frame is in one of two clips.
            device: where the frames are wanted.
        """
        frames = torch.from_numpy(self.inputs(row)[..., 0].copy()).to(device).float()[:, None]
        count = len(frames)
        step = min(step, count // 2)
        return self.prepare(frames), [list(range(start, count, step)) for start in range(step)]

    def samples(self, select: str, augment: Any) -> Samples:
        """Return training clips and the validated frames of ``select``, ED and ES of each sequence.

        Labels of all other frames are not given.

        Raises:
            InputError: a sequence is shorter than a clip.
        """
        rows, held = self.rows("train"), self.rows(select)
        source = DeviceFrames(self.cohort, [*rows, *held], Augment2D.from_config(augment))
        clips = Clips(self.cohort, source.place, rows, self.task.frames, self.task.steps)
        val = Validated(
            self.cohort, source.place, held, self.task.tested_step, int(self.job.train.get("val_batch", 16))
        )
        return Samples(source, clips, val, val.count)


def answered(net: nn.Module, cases: SequenceCases, row: int, device: torch.device) -> Mapping[str, Tensor]:
    """Return what a network says of a sequence.

    Returns:
        ``logits`` (T, 2, H, W) and, of a network with flow whose clips have every frame, ``flow``
        (T - 1, 2, H, W), pixels from each frame to the next.
    """
    frames, clips = cases.clip(row, cases.task.tested_step, device)
    parts: list[Answer] = [net(frames[own][None]) for own in clips]
    order = torch.tensor([frame for own in clips for frame in own]).argsort()
    found = {"logits": torch.cat([part.logits[0][0] for part in parts])[order]}
    if parts[0].forward is not None and len(clips) == 1:
        found["flow"] = parts[0].forward[0]
    return found
