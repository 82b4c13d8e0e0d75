"""Training of every learned method on healthy slices (Sect. 3.1).

Whether a network has learned is said by the task itself: by the error of its reconstruction of healthy
validation slices, at the test's noise level. The generator of f-AnoGAN has no reconstruction; it is judged by
the distance between the slices that it makes and validation slices.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.nets.generation.noise import NoiseMaker
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.papers.mddpm.autoencode import plan_autoencoder, plan_fanogan
from mlmi2023.papers.mddpm.heads import Drawn, Heads, HealthySlices, brain_error
from mlmi2023.papers.mddpm.masking import Masking
from mlmi2023.papers.mddpm.networks import build
from mlmi2023.papers.mddpm.options import Window
from mlmi2023.papers.mddpm.patched import drawn_window
from mlmi2023.papers.mddpm.reconstruct import OneStep
from mlmi2023.tasks.generation import Denoiser, Example
from mlmi2023.training.data.numbers import Chunks
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure


class MaskedSlices(nn.Module):
    """Makes training batches: the slice, and the masked slice that is noised (Fig. 1a).

    Args:
        slices: of the training split.
        method: the method's options, ``masking`` and ``patch``.
    """

    def __init__(self, slices: HealthySlices, method: Mapping[str, object]) -> None:
        super().__init__()
        self.slices = slices
        self.masking = Masking(method.get("masking"))  # type: ignore[arg-type]
        patch = method.get("patch")
        self.window = options(Window, patch, "config", "patch") if patch else None

    def forward(self, batch: Mapping[str, Tensor]) -> Example:
        """Return clean and masked slices in -1 to 1."""
        image, brain = self.slices.take(batch["row"])
        start = 2 * self.masking(image, brain) - 1
        if self.window is None:
            return Example(2 * image - 1, start)
        patch = drawn_window(self.window, image)
        return Example(
            2 * image - 1, start, noisy_in=patch, weight=patch if self.window.loss == "patch" else None
        )


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort does not serve, or its slices do not fit the network.
    """
    heads = Heads(job)
    slices, val = HealthySlices(heads, "train"), HealthySlices(heads, "val")
    rows = val.some(heads.task.val_slices)
    model = job.method_options["model"]
    if model == "fanogan" and job.stage == "gan":
        return plan_fanogan(job, heads, slices, val)
    measure = Measure("val_error", "lower", ceiling=0.0, floor=lambda: val.grey_error(rows, slices.grey()))
    if model != "diffusion":
        return plan_autoencoder(job, heads, slices, val, measure)
    net = build(job, slices.size)
    step = OneStep(dict(job.method_options), job.seed)

    def validate(kept: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        own = batch["row"].cpu()
        image, brain = (part.to(batch["row"].device) for part in val.take(own))
        found = step(kept, image, [val.keys[row] for row in own.tolist()])
        error = brain_error(image, found, brain)
        return {"val_error": error.sum(), "count": torch.tensor(float(len(error)), device=error.device)}

    module = Denoiser(
        net,
        Diffusion(job.method_options.get("process")),
        NoiseMaker(job.method_options["noise"]),
        job.train,
        MaskedSlices(slices, job.method_options),
        validate,
    )
    chunks = Chunks({"row": rows}, heads.task.batch)
    return Plan(module, Drawn(len(slices.keys)), chunks, measure=measure)  # type: ignore[arg-type]
