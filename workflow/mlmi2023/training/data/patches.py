"""Patches of labelled volumes, cut on the device from a whole cohort that lies there.

Volumes are packed as (X, Y, Z); patches come as (T, H, W) = (Z, Y, X), so that the depth of a stack of
slices is the first axis. A sample is a few numbers: which scan, where the patch begins, and what its
augmentation uses. It is drawn on the CPU from the sample's own random state, and the device makes the patch
of it without waiting.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.scans.reader import Scans
from mlmi2023.core.errors import InputError

#: random numbers of a sample's augmentation
DRAWS = 20
#: foreground voxels of a scan that patches are centred on, at most: more make no difference to where they lie
MOST = 2**16

Augmentation = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class DrawnPatches(Dataset):
    """Training samples: a scan, the corner of a patch in it, and the random numbers of its augmentation.

    Args:
        scans: the cohort.
        rows: the scans to draw from; an item of the data set is one of them.
        size: (T, H, W) of a patch.
        positive: share of patches whose centre is a labelled voxel; the others have theirs in the background.
        within: the background counts only where the first image is above this value; None: everywhere.
        modalities: the channels; with several, a sample says by ``present`` (C,) which of them its scan has.

    A patch lies inside its scan where that is large enough, and is moved there if need be.
    """

    def __init__(
        self,
        scans: Scans,
        rows: Sequence[int],
        size: Sequence[int],
        positive: float,
        within: float | None = None,
        modalities: Sequence[str] | None = None,
    ) -> None:
        if not 0 <= positive <= 1:
            raise InputError(f"config key train.positive is {positive!r}; give a share from 0 to 1")
        if len(size) != 3 or min(size) < 1:
            raise InputError(
                f"config key train.patch is {list(size)}; give three sides: depth, rows, columns"
            )
        self.rows, self.size, self.positive = list(rows), np.array(size), positive
        names = scans.chosen(modalities)
        there = [torch.from_numpy(scans.present(row, names)) for row in self.rows]
        #: of each scan, which of several channels there are; empty for a single one
        self.present = there if len(names) > 1 else []
        self.shapes = [np.array(scans.shapes[row][::-1]) for row in self.rows]
        self.voxels: list[tuple[np.ndarray, np.ndarray]] = []
        for row in self.rows:
            labels = np.asarray(scans.labels(row)).transpose(2, 1, 0)
            there = labels == 0
            if within is not None:
                there &= np.asarray(scans.image(row)).transpose(2, 1, 0) > within
            self.voxels.append((_thinned(labels > 0), _thinned(there)))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        inside, outside = self.voxels[index]
        wanted = inside if float(torch.rand(())) < self.positive else outside
        # a scan without a labelled voxel, or without background, gives patches of the other kind
        found = wanted if len(wanted) else (outside if wanted is inside else inside)
        shape = self.shapes[index]
        centre = np.array(np.unravel_index(int(found[int(torch.randint(len(found), ()))]), shape))
        corner = np.clip(centre - self.size // 2, 0, np.maximum(shape - self.size, 0))
        sample = {
            "row": torch.tensor(self.rows[index]),
            "corner": torch.from_numpy(corner),
            "draw": torch.rand(DRAWS),
        }
        return {**sample, "present": self.present[index]} if self.present else sample


def _thinned(mask: np.ndarray) -> np.ndarray:
    """Return flat places of a mask's voxels, evenly thinned to :data:`MOST`."""
    places = np.flatnonzero(mask)
    return places[:: max(1, -(-len(places) // MOST))]


class DevicePatches(nn.Module):
    """Source of batches for :class:`mlmi2023.tasks.segmentation.module.Segmentation`, on the device.

    Args:
        scans: the cohort.
        rows: scans that are wanted, for training or validation.
        size: (T, H, W) of a patch.
        augment: takes images (B, C, T, H, W), labels (B, T, H, W) and draws (B, DRAWS); None: nothing.
        modalities: images that become channels, in this order; None: all of the cohort's.
    """

    images: Tensor
    labels: Tensor
    starts: Tensor
    sides: Tensor
    places: Tensor

    def __init__(
        self,
        scans: Scans,
        rows: Sequence[int],
        size: Sequence[int],
        augment: Augmentation | None = None,
        modalities: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.size, self.augment = [int(side) for side in size], augment
        rows = sorted(set(rows))
        shapes = [scans.shapes[row] for row in rows]
        self.spans = dict(zip(rows, np.cumsum([0, *(int(np.prod(s)) for s in shapes)])[:-1].tolist()))
        self.shapes = dict(zip(rows, shapes))
        stacks = [
            np.concatenate([np.asarray(scans.image(row, name)).ravel() for row in rows])
            for name in scans.chosen(modalities)
        ]
        self.register_buffer("images", torch.from_numpy(np.stack(stacks)), persistent=False)
        flat = [np.asarray(scans.labels(row)).ravel() for row in rows]
        self.register_buffer("labels", torch.from_numpy(np.concatenate(flat)), persistent=False)
        where = torch.full((len(scans),), -1)
        where[torch.tensor(rows)] = torch.arange(len(rows))
        self.register_buffer("places", where, persistent=False)
        self.register_buffer("starts", torch.tensor(list(self.spans.values())), persistent=False)
        self.register_buffer("sides", torch.tensor(shapes), persistent=False)

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        """Return images (B, C, T, H, W) float32 and labels (B, T, H, W): patches, or one whole scan."""
        if not train:
            return self.whole(int(batch["row"][0]))
        image, label = self.cut(batch["row"], batch["corner"])
        return (image, label) if self.augment is None else self.augment(image, label, batch["draw"])

    def whole(self, row: int) -> tuple[Tensor, Tensor]:
        """Return one scan, (1, C, T, H, W) float32, and its labels, (1, T, H, W)."""
        start, shape = self.spans[row], self.shapes[row]
        span = slice(start, start + int(np.prod(shape)))
        image = self.images[:, span].unflatten(1, shape).permute(0, 3, 2, 1)
        label = self.labels[span].view(shape).permute(2, 1, 0)
        return image[None].float().contiguous(), label[None].contiguous()

    def cut(self, row: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
        """Return patches of scans (B,) that begin at ``corner`` (B, 3) along T, H, W.

        What lies outside of a scan that is smaller than a patch is 0 in image and labels.
        """
        place = self.places[row]
        sides = self.sides[place]  # X, Y, Z
        grids, inside = [], []
        for axis, length in enumerate(self.size):
            along = corner[:, axis, None] + torch.arange(length, device=corner.device)
            limit = sides[:, 2 - axis, None]
            inside.append(along < limit)
            grids.append(torch.minimum(along, limit - 1))
        z, y, x = grids
        deep, tall = sides[:, 2, None, None, None], sides[:, 1, None, None, None]
        index = (x[:, None, None, :] * tall + y[:, None, :, None]) * deep + z[:, :, None, None]
        index = index + self.starts[place][:, None, None, None]
        there = inside[0][:, :, None, None] & inside[1][:, None, :, None] & inside[2][:, None, None, :]
        image = torch.where(there, self.images[:, index].float(), 0.0)
        return image.transpose(0, 1).contiguous(), torch.where(there, self.labels[index], 0)
