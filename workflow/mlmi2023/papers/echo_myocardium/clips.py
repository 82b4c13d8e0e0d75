"""Training clips and validated frames (Sect. 2.1): which frames they have, and the pixels on the device."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.sequences.reader import Sequences
from mlmi2023.core.errors import InputError
from mlmi2023.training.data.augment2d import DRAWS, Augment2D


class DeviceFrames(nn.Module):
    """The frames of some sequences on the module's device, and the labels of ED and ES alone.

    Args:
        cohort: of the sequences.
        rows: which they are.
        augment: of training clips.

    Attributes:
        place: where the first frame of each sequence is.
    """

    frames: Tensor
    labels: Tensor
    labelled: Tensor

    def __init__(self, cohort: Sequences, rows: Sequence[int], augment: Augment2D) -> None:
        super().__init__()
        used = sorted(set(rows))
        starts = np.cumsum([0, *(cohort.counts[row] for row in used)])
        self.place = {row: int(start) for row, start in zip(used, starts)}
        frames = np.concatenate([np.asarray(cohort.frames[cohort.span(row)]) for row in used])
        labels, known = np.zeros_like(frames), np.zeros(len(frames), bool)
        for row in used:
            for frame in cohort.marks[row].values():
                labels[self.place[row] + frame] = cohort.labels[cohort.first[row] + frame]
                known[self.place[row] + frame] = True
        for name, array in (("frames", frames), ("labels", labels), ("labelled", known)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.augment = augment

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return clips (B, N, 1, H, W) in 0 to 1, labels (B, N, H, W) and which frames have some (B, N).

        All frames of a clip are shifted and scaled alike, so that motion stays what it was.
        """
        rows = batch["frames"]
        clip, labels = self.frames[rows].float() / 255, self.labels[rows].long()
        if train:
            clip, labels = self.augment(clip, labels, batch["draw"])
        return clip[:, :, None], labels, self.labelled[rows]


class Clips(Dataset):
    """Clips of N frames, each with an ED or an ES among them.

    An item is one of those frames; which others come with it is drawn: their interval, and where the frame
    stands among them.

    Args:
        cohort: of the sequences.
        place: of the first frame of each.
        rows: sequences that train.
        frames: N.
        steps: intervals that are drawn from, as far as a sequence is long enough.

    Raises:
        InputError: a sequence is shorter than N frames at every interval.
    """

    def __init__(
        self,
        cohort: Sequences,
        place: Mapping[int, int],
        rows: Sequence[int],
        frames: int,
        steps: Sequence[int],
    ) -> None:
        self.place, self.frames, self.counts = place, frames, cohort.counts
        self.anchors = [(row, frame) for row in rows for frame in cohort.marks[row].values()]
        self.steps = {row: [t for t in steps if (frames - 1) * t < cohort.counts[row]] for row in rows}
        for row, own in self.steps.items():
            if not own:
                raise InputError(
                    f"sequence {cohort.subjects[row]} has {cohort.counts[row]} frames, clips of {frames} at "
                    f"intervals of {min(steps)} or more do not fit; lower task.frames or task.steps"
                )

    def __len__(self) -> int:
        return len(self.anchors)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row, frame = self.anchors[index]
        steps = self.steps[row]
        step = steps[int(torch.randint(len(steps), ()))]
        last = self.counts[row] - 1
        starts = [frame - k * step for k in range(self.frames)]
        fitting = [s for s in starts if s >= 0 and s + (self.frames - 1) * step <= last]
        start = fitting[int(torch.randint(len(fitting), ()))]
        return {
            "frames": self.place[row] + start + step * torch.arange(self.frames),
            "draw": torch.rand(DRAWS),
        }


class Validated(Dataset):
    """Batches of labelled frames, each with a neighbour: ``which`` of the two is judged.

    Args:
        cohort: of the sequences.
        place: of the first frame of each.
        rows: sequences that validate.
        step: interval to the neighbour.
        size: frames of a batch.
    """

    def __init__(
        self, cohort: Sequences, place: Mapping[int, int], rows: Sequence[int], step: int, size: int
    ) -> None:
        pairs, which = [], []
        for row in rows:
            for frame in cohort.marks[row].values():
                after = frame + step < cohort.counts[row]
                other = frame + step if after else max(frame - step, 0)
                pairs.append([place[row] + f for f in ((frame, other) if after else (other, frame))])
                which.append(0 if after else 1)
        self.frames, self.which = torch.tensor(pairs), torch.tensor(which)
        self.count, self.size = len(pairs), size

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        part = slice(index * self.size, (index + 1) * self.size)
        return {
            "frames": self.frames[part],
            "which": self.which[part],
            "case": torch.arange(self.count)[part],
        }
