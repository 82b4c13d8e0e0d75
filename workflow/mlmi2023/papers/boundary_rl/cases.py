"""Images with one structure: of a cohort of images, or slices of scans."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.cohorts.forms.images.reader import Images
from mlmi2023.cohorts.forms.scans.reader import Scans, divide
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.boundary_rl.options import Walk
from mlmi2023.tasks.segmentation.cases import Cases, Samples
from mlmi2023.tasks.segmentation.resized import resized
from mlmi2023.tasks.segmentation.slices import to_size
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DeviceImages, DrawnRows

#: axis of (X, Y, Z) in RAS order that is cut across, and rows and columns of a slice, from the top left
PLANES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
PARTS = ("train", "val", "test")


def walk_of(job: Job) -> Walk:
    """Return the rules of a job's walks: its task's key ``walk``."""
    return options(Walk, job.task.get("walk"), f"config of paper '{job.paper}'", "task.walk")


class Glands(Cases):
    """Grey images (N, H, W, 1) uint8 and masks (N, H, W) of one structure.

    Whatever a cohort has more of is one structure: all its labels. Of scans there are the slices of the key
    ``task.plane`` that it fills by at least ``task.least``; all of a scan's are in one part.

    Args:
        job: its task has the keys of :class:`~mlmi2023.papers.boundary_rl.options.Task`.

    Raises:
        InputError: the cohort is of another form, or no slice has enough of the structure.
    """

    together = 16
    channels = 1

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_cohort(job.data)
        self.classes = ["gland"]
        if isinstance(self.cohort, Images):
            self._read_images(self.cohort)
        elif isinstance(self.cohort, Scans):
            self._read_slices(self.cohort)
        else:
            raise InputError(f"{job.data}: name a cohort of the form images or scans")
        self.size = self.images.shape[1:3]
        if int(job.task["patch"]) > min(self.size):
            raise InputError(
                f"config key task.patch: patches of {job.task['patch']} pixels are larger than images of "
                f"{self.size[0]} x {self.size[1]}; lower it"
            )

    def _read_images(self, cohort: Images) -> None:
        images, masks = cohort.images, np.minimum(cohort.masks, 1)
        size = self.job.task.get("size")
        if images.shape[3] > 1:
            images = np.asarray(images, np.float32).mean(3, keepdims=True).round().astype(np.uint8)
        if size and tuple(size) != images.shape[1:3]:
            images, masks = resized(images, masks, (int(size[0]), int(size[1])))
        self.images, self.masks, self.names = images, masks, cohort.subjects
        self.parts = {part: super(Glands, self).rows(part) for part in PARTS}

    def _read_slices(self, cohort: Scans) -> None:
        task = self.job.task
        if not task.get("size"):
            raise InputError("config key task.size: scans need rows and columns that slices are brought to")
        size = (int(task["size"][0]), int(task["size"][1]))
        across, down, right = PLANES[str(task.get("plane", "axial"))]
        dealt = divide(cohort, self.job.fold)
        part_of = {scan: part for part, scans in dealt.items() for scan in scans}
        self.names, self.parts = [], {part: [] for part in PARTS}
        images: list[np.ndarray] = []
        masks: list[np.ndarray] = []
        for scan, part in part_of.items():
            image, labels = (
                np.asarray(a).transpose(across, down, right)[:, ::-1, ::-1]
                for a in (cohort.image(scan), cohort.labels(scan))
            )
            for number in np.flatnonzero((labels > 0).mean((1, 2)) >= float(task.get("least", 0.01))):
                self.parts[part].append(len(self.names))
                self.names.append(f"{cohort.subjects[scan]}_{number:03d}")
                images.append(_grey(image[number], size))
                masks.append(_mask(labels[number], size))
        for part in PARTS:
            if not self.parts[part]:
                raise InputError(
                    f"cohort '{cohort.name}': no slice for '{part}' that the structure fills by "
                    f"{task.get('least')}; lower task.least"
                )
        self.images, self.masks = np.stack(images), np.stack(masks)

    def rows(self, part: str) -> list[int]:
        """Return the images of ``train``, ``val`` or ``test``, in order."""
        return list(self.parts[part])

    def name(self, row: int) -> str:
        """Return the id of an image."""
        return self.names[row]

    def shape(self, row: int) -> tuple[int, ...]:
        """Return rows and columns."""
        return self.size

    def truth(self, row: int) -> np.ndarray:
        """Return the mask (H, W), 0 and 1."""
        return self.masks[row]

    def inputs(self, row: int) -> np.ndarray:
        """Return the image, (1, H, W, 1) uint8."""
        return self.images[row][None]

    def prepare(self, image: Tensor) -> Tensor:
        """Return intensities in [0, 1]."""
        return image / 255

    def samples(self, select: str, augment: object) -> Samples:
        """Return all images on the device; those of ``select`` validate."""
        held = self.rows(select)
        source = DeviceImages(self.images, self.masks, self.prepare, Augment2D.from_config(augment))  # type: ignore[arg-type]
        at_once = int(self.job.train.get("val_batch", 16))
        return Samples(source, DrawnRows(self.rows("train")), RowChunks(held, at_once), len(held))

    def grey(self, rows: list[int]) -> Tensor:
        """Return images (n, H, W) uint8."""
        return torch.from_numpy(np.array(self.images[rows, :, :, 0]))

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Mean row and column of the gland over ``task.walk.labelled`` training images, spread over all."""
        rows = self.rows("train")
        count = min(len(rows), walk_of(self.job).labelled)
        some = [rows[int(n)] for n in np.linspace(0, len(rows) - 1, count)]
        found = [centroid(self.truth(row)) for row in some if self.truth(row).any()]
        if not found:
            raise InputError(f"cohort '{self.cohort.name}': {count} training images show no structure")
        return float(np.mean([c[0] for c in found])), float(np.mean([c[1] for c in found]))


def centroid(mask: np.ndarray) -> tuple[float, float]:
    """Return mean row and column of a mask (H, W); the middle of the image where it is empty."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return (mask.shape[0] - 1) / 2, (mask.shape[1] - 1) / 2
    return float(rows.mean()), float(columns.mean())


def _grey(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a slice in 8 bits, (*size, 1)."""
    found = to_size(torch.from_numpy(np.array(image, np.float32))[None, None], size)
    return (255 * found[0, 0].clamp(0, 1)).round().byte().numpy()[..., None]


def _mask(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    found = to_size(torch.from_numpy(np.array(labels > 0, np.uint8))[None, None], size, nearest=True)
    return found[0, 0].numpy()
