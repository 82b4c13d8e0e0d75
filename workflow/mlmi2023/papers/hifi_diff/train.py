"""Training of every learned method: diffusion (Eq. 5), the baselines, the segmenter."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.image import psnr_each
from mlmi2023.nets.generation.noise import NoiseMaker
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.papers.hifi_diff.filling import Fill, interpolated, regressed, sampler_of
from mlmi2023.papers.hifi_diff.model import MODELS
from mlmi2023.papers.hifi_diff.regression import POWER, Regression, build
from mlmi2023.papers.hifi_diff.samples import Blocks, Held, Pairs
from mlmi2023.papers.hifi_diff.volumes import Volumes
from mlmi2023.tasks.generation import Denoiser, Example
from mlmi2023.tasks.generation.denoiser import Validate
from mlmi2023.tasks.restoration import MOST
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure


class Noised(nn.Module):
    """A batch of :class:`~mlmi2023.papers.hifi_diff.samples.Pairs` as diffusion sees it, in -1 to 1."""

    def forward(self, batch: Mapping[str, Tensor]) -> Example:
        """Return the row that is to be found, and its conditions."""
        condition = {"pair": 2 * batch["pair"] - 1, "offset": batch["offset"]}
        return Example(2 * batch["row"] - 1, condition=condition)


def filled(volumes: Volumes, fill: Fill) -> Validate:
    """Return what measures a network: ``val_psnr``, of the rows of an item of ``Held`` together, in dB."""

    def validate(net: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        case = volumes.name(int(batch["volume"]))
        made = fill(net, batch["stack"], int(batch["factor"]), batch["rows"], case)
        found = psnr_each(made[None], batch["truth"][None], 1.0).clamp(max=MOST)
        return {"val_psnr": found.sum(), "count": torch.ones((), device=found.device)}

    return validate


def floor(held: Held, volumes: Volumes) -> float:
    """Return ``val_psnr`` of the floor control, the nearest thick slice in the place of each row."""
    measure = filled(volumes, interpolated("nearest"))
    found = [float(measure(nn.Identity(), held[number])["val_psnr"]) for number in range(len(held))]
    return sum(found) / len(found)


def build_net(job: Job) -> nn.Module:
    """Return the untrained network of a method that fills rows."""
    options = job.method_options
    if options["model"] in MODELS:
        return MODELS[options["model"]](**options["net"])
    return build(options, job.task["factors"])


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort does not serve.
    """
    options, train, volumes = job.method_options, job.train, Volumes(job)
    if options["model"] == "segmenter":
        from mlmi2023.papers.hifi_diff.segmenter import plan_segmenter

        return plan_segmenter(job, volumes)
    net = build_net(job)
    trained, tested = job.task["train_factors"], job.task["factors"]
    held = Held(volumes, tested, int(train["val_rows"]))
    module: Any
    samples: Any
    if options["model"] in MODELS:
        samples = Pairs(volumes, trained, net.halvings)  # type: ignore[arg-type]
        module = Denoiser(
            net,
            Diffusion(options["process"]),
            NoiseMaker({"kind": "gaussian"}),
            train,
            Noised(),
            filled(volumes, sampler_of(options, job.seed)),
            power=2,
        )
    else:
        apart = options["model"] == "deepresolve"
        own = tested if apart else trained
        rows = None if apart else int(train["rows"])
        samples = Blocks(volumes, own, int(train["slices"]), rows, train.get("crop"), apart)
        module = Regression(net, POWER[options["model"]], train, filled(volumes, regressed))
    if not len(held):
        return Plan(module, samples)
    measure = Measure("val_psnr", ceiling=float(train["ceiling"]), floor=lambda: floor(held, volumes))
    return Plan(module, samples, held, measure=measure)
