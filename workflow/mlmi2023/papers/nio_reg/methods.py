"""How each kind of method registers a pair: one :class:`Method` per group of a run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.nets.registration.lapirn import LapIRN
from mlmi2023.papers.nio_reg.cases import Group
from mlmi2023.papers.nio_reg.images import Images
from mlmi2023.papers.nio_reg.instance import refine_field, refine_network
from mlmi2023.papers.nio_reg.measures import quality
from mlmi2023.papers.nio_reg.networks import load_kept
from mlmi2023.papers.nio_reg.objective import Deformation, Objective
from mlmi2023.training.loop.device import pick_device

KINDS = ("learned", "nio", "io", "syn", "niftyreg", "identity", "truth")
Register = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Method:
    """What registers the pairs of a group.

    Attributes:
        register: takes moving and fixed image, (X, Y, Z) float32, returns (3, X, Y, Z) float32 in voxels;
            None for the ceiling.
        chosen: what validation pairs have decided.
    """

    register: Register | None
    chosen: dict[str, Any] = field(default_factory=dict)


def make_methods(job: Job, weights: Path | None, packed: Packed, found: list[Group]) -> list[Method] | None:
    """Return the method of each group; None where NiftyReg is asked for and not there."""
    kind, options = job.method_options["kind"], job.method_options
    if kind == "truth":
        return [Method(None)] * len(found)
    if kind == "identity":
        return [Method(lambda moving, fixed: np.zeros((3, *fixed.shape), np.float32))] * len(found)
    if kind == "syn":
        from mlmi2023.classical.syn import syn

        return [Method(lambda m, f: syn(m, f, packed.spacing, options, job.seed, job.threads))] * len(found)
    if kind == "niftyreg":
        from mlmi2023.classical.niftyreg import find_niftyreg, free_form

        if find_niftyreg(str(options.get("folder", ""))) is None:
            return None
        return [Method(lambda m, f: free_form(m, f, packed.spacing, options, job.threads))] * len(found)
    device = pick_device(job.device)
    nets = load_kept(options["net"], packed.shape, len(found), _weights(job, weights), device).nets
    deformation, objective = Deformation(job.task.get("deformation")), Objective(job.task["loss"])
    if kind == "io":
        tools = (objective, deformation, device)
        return [_field_method(job, net, group, packed, tools) for net, group in zip(nets, found)]
    if kind == "nio":
        return [_network_method(job, net, objective, deformation, device) for net in nets]
    return [Method(_plain(net, deformation, device)) for net in nets]


def _weights(job: Job, weights: Path | None) -> Path:
    """Return the weights of a network: the method's own, or those of the one method that it uses."""
    if job.method_options["kind"] == "learned":
        found = weights
    else:
        used = list(job.used.values())
        found = used[0].weights if len(used) == 1 else None
    if found is None:
        raise InputError(
            f"method '{job.method}' needs weights of a network: train it, or name one under 'uses'"
        )
    return found


def _upload(moving: np.ndarray, fixed: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    first, second = (torch.from_numpy(a)[None, None].to(device) for a in (moving, fixed))
    return first, second


def _plain(net: nn.Module, deformation: Deformation, device: torch.device) -> Register:
    def register(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            u = deformation.smooth(net(*_upload(moving, fixed, device)).float())
        return u[0].cpu().numpy()

    return register


def _network_method(
    job: Job, net: nn.Module, objective: Objective, deformation: Deformation, device: torch.device
) -> Method:
    """NIO and NIO_m: ``iterations`` of each level, coarsest first, at ``rate``."""
    if not isinstance(net, LapIRN):
        raise InputError(f"method '{job.method}': kind nio needs a pyramid, net.kind lapirn")
    start = {name: value.clone() for name, value in net.state_dict().items()}
    iterations = [int(n) for n in job.method_options["iterations"]]
    rate = float(job.method_options["rate"])

    def register(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        pair = _upload(moving, fixed, device)
        u = refine_network(net, start, pair, objective, iterations, rate, deformation)
        return u[0].float().cpu().numpy()

    return Method(register)


def _field_method(
    job: Job,
    net: nn.Module,
    group: Group,
    packed: Packed,
    tools: tuple[Objective, Deformation, torch.device],
) -> Method:
    """IO: ``iterations`` at the one of ``rates`` that does best on at most ``search_pairs`` of validation."""
    objective, deformation, device = tools
    options = job.method_options

    def at(rate: float) -> Register:
        def register(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
            pair = _upload(moving, fixed, device)
            with torch.no_grad():
                start = net(*pair).float()
            u = refine_field(start, pair, objective, int(options["iterations"]), rate, deformation)
            return u[0].cpu().numpy()

        return register

    rates = [float(r) for r in options["rates"]]
    pairs = group.val[: int(options.get("search_pairs", len(group.val)))]
    if len(rates) == 1 or not pairs:
        if len(rates) > 1:
            raise InputError(
                f"cohort '{packed.name}' has no validation pairs to choose the rate of '{job.method}' by; "
                "give 'rates' one number"
            )
        return Method(at(rates[0]), {"rate": rates[0]})
    images = Images(packed, job.task)
    scores = {}
    for rate in rates:
        fields = (at(rate)(images.array(c.moving), images.array(c.fixed)) for c in pairs)
        scores[rate] = float(np.mean([quality(case, u, packed) for case, u in zip(pairs, fields)]))
    best = max(scores, key=lambda rate: scores[rate])
    return Method(at(best), {"rate": best, "scores": {f"{rate:g}": value for rate, value in scores.items()}})
