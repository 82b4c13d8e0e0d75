"""What is measured of filled volumes beside PSNR and SSIM: tissues, flicker, filled rows alone (Table 1)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.image import psnr
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.papers.hifi_diff.segmenter import build_segmenter, segment
from mlmi2023.papers.hifi_diff.volumes import Volumes
from mlmi2023.reporting.names import setting_name
from mlmi2023.tasks.restoration import MOST
from mlmi2023.tasks.runs import Value, read_arrays, ready

#: name of the file of these values beside the family's ``scores.csv``
FILE = "measures.npz"
SEGMENTER = "segmenter"


def flicker(made: Tensor, truth: Tensor) -> float:
    """Return how much the error changes from row to row: root mean square, in hundredths of the range.

    Errors that follow the anatomy change little; those of rows that are made apart from their neighbours
    jump, and cuts across the rows show stripes.

    Args:
        made: (R, H, W) in [0, 1], R at least 2.
        truth: the same shape.
    """
    error = (made - truth).double()
    return float(100 * (error[1:] - error[:-1]).square().mean().sqrt())


class Measures:
    """Values of all filled volumes of a job, gathered while they are made.

    Tissues need the method ``segmenter`` under ``uses``; without it there is no Dice.
    """

    def __init__(self, job: Job, volumes: Volumes) -> None:
        self.job, self.volumes, self.values = job, volumes, list[Value]()
        self.used, self.net = job.used.get(SEGMENTER), None
        if self.used is not None:
            self.net, self.device = ready(job, build_segmenter(job.task), self.used.weights)

    def add(self, index: int, factor: int, made: Tensor) -> None:
        """Measure a filled volume (R, H, W), as it is when stored."""
        made, truth = made.half().float().cpu(), self.volumes.truth(index, factor)
        case, setting = self.volumes.name(index), setting_name({"scale": f"x{factor}"})
        new = self.volumes.thick(factor).between()
        self.keep("psnr_new", min(psnr(made[new], truth[new], 1.0), MOST), case, setting)
        self.keep("flicker", flicker(made, truth), case, setting)
        if self.net is None or self.used is None:
            return
        with torch.inference_mode():
            found = segment(self.net, made.to(self.device)).cpu().numpy()
        true = read_arrays(self.used.predictions / f"{case}.npz")[f"x{factor}"]
        dice = dice_per_label(found, true, range(1, 1 + len(self.volumes.tissues)))
        for name, value in zip(self.volumes.tissues, dice.values()):
            self.keep(f"dice_{name}", value, case, setting)

    def keep(self, metric: str, value: float, case: str, setting: str) -> None:
        """Add a value."""
        self.values.append(Value(metric, value, case, setting=setting))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all values, to be stored."""
        texts = {name: [getattr(v, name) for v in self.values] for name in ("metric", "case", "setting")}
        values = np.array([v.value for v in self.values], float)
        return {name: np.array(text, dtype=str) for name, text in texts.items()} | {"value": values}


def read_measures(folder: Any) -> Iterator[Value]:
    """Yield what :meth:`Measures.arrays` kept."""
    found = read_arrays(folder / FILE)
    for metric, case, setting, value in zip(
        *(found[k].tolist() for k in ("metric", "case", "setting", "value"))
    ):
        yield Value(metric, value, case, setting=setting)
