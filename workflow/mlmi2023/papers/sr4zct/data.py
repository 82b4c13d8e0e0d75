"""Training images of all members, kept on the device, and the pairs made of them (Sect. 2)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.ct_stacks.reader import Stack, Stacks, Volume
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.sr4zct.members import Member
from mlmi2023.papers.sr4zct.operators import degradation, upscaling


def scaled(hu: Any, task: dict[str, Any]) -> Tensor:
    """Return Hounsfield units as float32 in [0, 1]: ``task.window`` with both ends, the rest is clipped."""
    low, high = task["window"]
    values = torch.from_numpy(np.array(hu)).float()
    return ((values - low) / (high - low)).clamp_(0, 1)


def upscaled(stack: Stack, task: dict[str, Any]) -> Tensor:
    """Return a scan interpolated to cubic voxels, (rows, Y, X) in [0, 1]: the input of every method."""
    return upscaling(stack)(scaled(stack.array(), task), 0)


def images_of(volume: Tensor, view: str) -> Tensor:
    """Return the coronal or sagittal images of a volume (rows, Y, X): (Y, rows, X) or (X, rows, Y)."""
    return volume.permute(1, 0, 2) if view == "cor" else volume.permute(2, 0, 1)


def volume_of(images: Tensor, view: str) -> Tensor:
    """Put coronal or sagittal images back into a volume (rows, Y, X)."""
    return images.permute(1, 0, 2) if view == "cor" else images.permute(1, 2, 0)


class Draws(Dataset):
    """Running numbers of training pairs, with a random place for a crop; the module makes the images."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"draw": index, "spot": torch.rand(2)}


class WatchedPairs(Dataset):
    """The same pairs at every look, cropped in the middle."""

    def __init__(self, draws: Sequence[int]) -> None:
        self.draws = draws

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"draw": self.draws[index], "spot": torch.full((2,), 0.5)}


class Pairs(nn.Module):
    """Pairs of a degraded and a true image for all members at once.

    Subclasses say where the degraded image comes from. Images of several sizes lie in one array, filled up
    with air that is never looked at: a pair is a square crop inside the image.

    Attributes:
        targets: (N, H, W) float16 in [0, 1].
        sizes: (N, 2) rows and columns of each image.
        entries: (M, L) which pair each member takes for a running number; lists shorter than L are spread.
        crop: rows and columns of a training image.
    """

    targets: Tensor
    sizes: Tensor
    entries: Tensor

    def __init__(self, images: Sequence[Tensor], own: Sequence[Tensor], crop: int | None) -> None:
        super().__init__()
        self.register_buffer("targets", stacked(images), persistent=False)
        sizes = torch.cat([torch.tensor(block.shape[1:]).expand(len(block), 2) for block in images])
        self.register_buffer("sizes", sizes, persistent=False)
        longest = max(len(entries) for entries in own)
        spread = [entries[torch.arange(longest) * len(entries) // longest] for entries in own]
        self.register_buffer("entries", torch.stack(spread), persistent=False)
        smallest = int(sizes.min())
        self.crop = min(crop or smallest, smallest)

    def __len__(self) -> int:
        """Return L, the pairs of the member that has most."""
        return self.entries.shape[1]

    def take(self, array: Tensor, image: Tensor, spot: Tensor) -> Tensor:
        """Return square crops (M, B, P, P) of ``array`` at images (M, B) and places (B, 2) in [0, 1)."""
        room = self.sizes[image] - self.crop + 1
        corner = (spot * room).long()
        along = torch.arange(self.crop, device=array.device)
        rows = (corner[..., 0, None] + along)[..., :, None]
        columns = (corner[..., 1, None] + along)[..., None, :]
        return array[image[..., None, None], rows, columns].float()

    def forward(self, draw: Tensor, spot: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and targets, (M, B, P, P) each, for running numbers (B,) and places (B, 2)."""
        raise NotImplementedError

    def statistics(self, most: int = 64) -> Tensor:
        """Return mean and sd of inputs and of targets, (M, 4), over up to ``most`` pairs spread over all."""
        draw = torch.unique(torch.linspace(0, len(self) - 1, most).long())
        sums = []
        for part in draw.split(8):
            found = self(part, torch.full((len(part), 2), 0.5))
            sums.append(
                torch.stack([f(x, (1, 2, 3)) for x in found for f in (_mean, _square)], -1) * len(part)
            )
        first, second, third, fourth = (torch.stack(sums).sum(0) / len(draw)).T
        spread = [(b - a**2).clamp_min(1e-8).sqrt() for a, b in ((first, second), (third, fourth))]
        return torch.stack([first, spread[0], third, spread[1]], -1).float()


def _mean(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return x.double().mean(axes)


def _square(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return x.double().square().mean(axes)


class OffAxisPairs(Pairs):
    """Axial slices of the scan that is to be improved, degraded along their rows or columns.

    A slice gives two pairs: (a_ver, a), and (a_hor, a) turned by 90 degrees together.
    """

    matrices: Tensor

    def __init__(
        self,
        images: Sequence[Tensor],
        own: Sequence[Tensor],
        crop: int | None,
        matrices: Sequence[np.ndarray],
    ) -> None:
        super().__init__(images, own, crop)
        self.register_buffer("matrices", torch.from_numpy(np.stack(matrices)), persistent=False)

    def forward(self, draw: Tensor, spot: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Pairs.forward`."""
        entry = self.entries[:, draw]
        target = self.take(self.targets, entry // 2, spot)
        turned = (entry % 2 == 1)[..., None, None]
        # in double precision: a GPU would round the factors of a float32 product to ten bits
        exact, matrix = target.double(), self.matrices[:, None]
        vertical = (matrix @ exact).float()
        horizontal = (exact @ matrix.mT).float()
        degraded = torch.where(turned, quarter_turn(horizontal), vertical)
        return degraded, torch.where(turned, quarter_turn(target), target)


def quarter_turn(images: Tensor) -> Tensor:
    """Return images turned by 90 degrees, so that what ran along columns runs along rows (R in Eq. 1)."""
    return torch.rot90(images, 1, (-2, -1))


class ReferencePairs(Pairs):
    """Interpolated coronal or sagittal images of other volumes, with the true ones: supervised learning."""

    inputs: Tensor

    def __init__(
        self, images: Sequence[Tensor], own: Sequence[Tensor], crop: int | None, inputs: Sequence[Tensor]
    ) -> None:
        super().__init__(images, own, crop)
        self.register_buffer("inputs", stacked(inputs), persistent=False)

    def forward(self, draw: Tensor, spot: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Pairs.forward`."""
        entry = self.entries[:, draw]
        return self.take(self.inputs, entry, spot), self.take(self.targets, entry, spot)


def stacked(blocks: Sequence[Tensor]) -> Tensor:
    """Put blocks of images (n, h, w) into one float16 array, filled up to the largest with zeros."""
    height, width = (max(block.shape[k] for block in blocks) for k in (1, 2))
    whole = torch.zeros(sum(map(len, blocks)), height, width, dtype=torch.float16)
    start = 0
    for block in blocks:
        whole[start : start + len(block), : block.shape[1], : block.shape[2]] = block.half()
        start += len(block)
    return whole


def build_pairs(job: Job, cohort: Stacks, found: Sequence[Member]) -> Pairs:
    """Return the training pairs of a method's members.

    ``source: self`` trains on the test scan's own axial slices and on nothing else; ``source: others`` on
    scan and reference of the other volumes.

    Raises:
        InputError: an unknown source, or no other volume with a reference.
    """
    source = job.method_options.get("source")
    if source == "self":
        return _off_axis(job, found)
    if source == "others":
        return _from_others(job, cohort, found)
    raise InputError(f"config key methods.{job.method}.source is {source!r}; choose self or others")


def _off_axis(job: Job, found: Sequence[Member]) -> Pairs:
    starts: dict[Any, int] = {}
    blocks: list[Tensor] = []
    own = []
    for member in found:
        key, slices = member.stack.file, len(member.stack.array())
        if key not in starts:
            starts[key] = sum(map(len, blocks))
            blocks.append(scaled(member.stack.array(), job.task))
        own.append(2 * starts[key] + torch.arange(2 * slices))
    crop = min(int(job.train.get("crop") or 10**9), *(min(block.shape[1:]) for block in blocks))
    matrices = [
        degradation(
            job.method_options["degrade"], crop, member.stack.pixel, member.resolution, member.overlap
        ).matrix
        for member in found
    ]
    return OffAxisPairs(blocks, own, crop, matrices)


def _from_others(job: Job, cohort: Stacks, found: Sequence[Member]) -> Pairs:
    places: dict[Any, Tensor] = {}
    targets: list[Tensor] = []
    inputs: list[Tensor] = []
    own = []
    for member in found:
        taken = []
        for volume in cohort.others(member.volume):
            stack = same_scan(volume, member.stack)
            key = (volume.name, stack.file, member.view)
            if key not in places:
                start = sum(map(len, targets))
                targets.append(images_of(scaled(volume.reference(), job.task), member.view).half())
                inputs.append(images_of(upscaled(stack, job.task), member.view).half())
                places[key] = start + torch.arange(len(targets[-1]))
            taken.append(places[key])
        if not taken:
            raise InputError(
                f"cohort '{cohort.name}': no volume but {member.volume.name} has a reference to learn from; "
                f"add some, or leave the method '{job.method}' out"
            )
        own.append(torch.cat(taken))
    return ReferencePairs(targets, own, job.train.get("crop"), inputs)


def same_scan(volume: Volume, stack: Stack) -> Stack:
    """Return the scan of a volume that has the thickness and overlap of another's.

    Raises:
        InputError: it has none.
    """
    for own in volume.stacks:
        if (own.thickness, own.overlap) == (stack.thickness, stack.overlap):
            return own
    raise InputError(
        f"volume {volume.name} has no scan of {stack.thickness:g} mm with {stack.overlap:g} mm overlap to "
        "learn from; give all volumes of the cohort the same acquisitions"
    )
