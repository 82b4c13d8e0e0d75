"""3D scans, trained on patches and seen whole by a window that slides over them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.segmentation.cases import Cases, Samples
from mlmi2023.training.data.augment3d import Augment3D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.patches import DevicePatches, DrawnPatches

#: largest label value of an answer, which is uint8
MOST = 255


class Volumes(Cases):
    """The scans of a cohort of the form ``scans``, judged as (X, Y, Z).

    Keys of the task:

    ``patch``       (T, H, W) of a patch and of the window
    ``overlap``     share of a window that the next one covers; default 0.5
    ``gaussian``    whether a window's middle counts more
    ``windows``     windows in one go; default 1
    ``within``      patches off the structures lie where the (first) image is above this; default: anywhere
    ``modalities``  the images that are the network's channels; default: all of the cohort's

    and of the training ``positive``, the share of patches that are centred on a structure.

    Raises:
        InputError: the cohort is of another form, lacks a modality, or has labels above 255.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.cohort = scans = open_scans(job.data)
        self.size = tuple(int(side) for side in job.task["patch"])
        self.modalities = scans.chosen(job.task.get("modalities"))
        self.channels = len(self.modalities)
        if max(scans.label_names) > MOST:
            raise InputError(
                f"cohort '{scans.name}' has label {max(scans.label_names)}, networks answer up to {MOST}; "
                "renumber those to learn by the cohort's key read.labels_kept, such as {1001: 1, 2001: 2}"
            )
        #: label values may have gaps, so there are as many classes as the largest says
        self.classes = [scans.label_names.get(n, f"label_{n}") for n in range(1, 1 + max(scans.label_names))]

    def shape(self, row: int) -> tuple[int, ...]:
        """Return (X, Y, Z)."""
        return self.cohort.shapes[row]

    def spacing(self, row: int) -> tuple[float, ...]:
        """Return mm along X, Y, Z."""
        return self.cohort.spacings[row]

    def truth(self, row: int) -> np.ndarray:
        """Return the true labels (X, Y, Z)."""
        return np.asarray(self.cohort.labels(row))

    def inputs(self, row: int) -> np.ndarray:
        """Return the scan, (1, Z, Y, X, channels) float16."""
        return self.cohort.stack(row, self.modalities).transpose(3, 2, 1, 0)[None]

    def targets(self, row: int) -> Tensor:
        """Return the true labels, (1, Z, Y, X)."""
        return torch.from_numpy(self.truth(row).transpose(2, 1, 0).copy())[None]

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return labels or chances (1, Z, Y, X) as (X, Y, Z)."""
        return found[0].permute(2, 1, 0).numpy()

    def infer(self, net: nn.Module, image: Tensor) -> Tensor:
        """Return logits (1, K, T, H, W) float32 of a whole scan, blended over windows."""
        return window_logits(
            net,
            image,
            self.size,
            float(self.job.task.get("overlap", 0.5)),
            bool(self.job.task.get("gaussian")),
            int(self.job.task.get("windows", 1)),
        )

    def answer(self, net: nn.Module, image: Tensor) -> Tensor:
        """Return the same; a GPU works in mixed precision."""
        with torch.autocast(image.device.type, torch.bfloat16, enabled=image.device.type == "cuda"):
            return self.infer(net, image)

    def samples(self, select: str, augment: Any) -> Samples:
        """Return patches of the training scans; the scans of ``select`` validate, whole."""
        train, held = self.rows("train"), self.rows(select)
        moved = Augment3D.from_config(augment)
        source = DevicePatches(self.cohort, [*train, *held], self.size, moved, self.modalities)
        positive, within = self.job.train["positive"], self.job.task.get("within")
        drawn = DrawnPatches(self.cohort, train, self.size, positive, within, self.modalities)
        return Samples(source, drawn, RowChunks(held, 1), len(held))


def window_logits(
    net: nn.Module,
    image: Tensor,
    patch: tuple[int, ...],
    overlap: float = 0.5,
    gaussian: bool = False,
    at_once: int = 1,
) -> Tensor:
    """Return logits (1, K, T, H, W) float32 of a scan (1, C, T, H, W), by MONAI's sliding window.

    Args:
        net: the network.
        image: the scan.
        patch: (T, H, W) of a window.
        overlap: share of a window that the next one covers.
        gaussian: whether a window's middle counts more where windows overlap.
        at_once: windows in one go.
    """
    from monai.inferers import sliding_window_inference

    found = sliding_window_inference(
        image,
        list(patch),
        at_once,
        lambda part: net(part).float(),
        overlap,
        mode="gaussian" if gaussian else "constant",
    )
    assert isinstance(found, Tensor)  # one network, one output
    return found
