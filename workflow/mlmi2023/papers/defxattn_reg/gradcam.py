"""Grad-CAM of registration networks (Sect. 4, Fig. 3): where a network looks to raise the similarity."""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.fields.displacement import warp
from mlmi2023.nets.blocks.upward import DirectDecoder
from mlmi2023.nets.registration.builders import EncoderDecoder
from mlmi2023.nets.registration.voxelmorph import VoxelMorph
from mlmi2023.papers.defxattn_reg.cycle import CyclePair
from mlmi2023.papers.defxattn_reg.decoders import BSplineDecoder, TimeVaryingDecoder
from mlmi2023.papers.defxattn_reg.model import RegistrationNet
from mlmi2023.papers.defxattn_reg.pyramid import ProgressivePyramid


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return the normalised cross-correlation of two images, one number, over all voxels."""
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp_min(1e-12)


def class_activation(activation: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM of one layer: channels weighted by their mean gradient, summed, negatives dropped.

    Args:
        activation: (1, C, X, Y, Z).
        gradient: of the target by the activation, same shape.

    Returns:
        (1, 1, X, Y, Z) in [0, 1]; all zero if nothing in the layer raises the target.
    """
    weights = gradient.mean(dim=(2, 3, 4), keepdim=True)
    heat = (weights * activation).sum(dim=1, keepdim=True).clamp_min(0)
    top = heat.max()
    return heat / top if top > 0 else heat


def last_convolutions(net: RegistrationNet) -> list[nn.Module]:
    """Return the convolutions before the layer that predicts the field.

    Those are VoxelMorph's at full size, LapIRN's last one, the B-spline decoder's on the control lattice, and
    the last two of TransMorph's decoder and of every step of the time-varying one.
    """
    if isinstance(net.core, ProgressivePyramid):
        return [net.core.net.levels[-1].join]  # type: ignore[list-item, union-attr]
    if isinstance(net.core, VoxelMorph):
        return list(net.core.full)
    assert isinstance(net.core, EncoderDecoder)
    decoder = net.core.decoder
    if isinstance(decoder, BSplineDecoder):
        return [decoder.first, decoder.second]
    if isinstance(decoder, TimeVaryingDecoder):
        return [unit[0] for step in decoder.steps for unit in (step.up.first, step.up.second)]  # type: ignore
    assert isinstance(decoder, DirectDecoder)
    return [decoder.last.first[0], decoder.last.second[0]]


def heat_map(
    net: RegistrationNet | CyclePair, moving: Tensor, fixed: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Explain one registration.

    The target is the correlation of the warped with the fixed image; the maps of the convolutions
    before the layer that predicts the field are scaled to [0, 1] each, resized and averaged.

    Args:
        net: a trained network; it is left as it was.
        moving: (1, 1, X, Y, Z) on the network's device.
        fixed: same shape.

    Returns:
        The heat map (X, Y, Z) in [0, 1] and the displacement (3, X, Y, Z) that it explains, in voxels.
    """
    if isinstance(net, CyclePair):
        net = cast(RegistrationNet, net.there)
    kept: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
        for layer in last_convolutions(net)
    ]
    was_training = net.training
    net.eval()
    try:
        with torch.enable_grad():
            displacement = net(moving, fixed)
            target = correlation(warp(moving, displacement), fixed)
            gradients = torch.autograd.grad(target, kept)
    finally:
        net.train(was_training)
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        maps = [class_activation(a.float(), g.float()) for a, g in zip(kept, gradients)]
        inner = torch.stack([_resized(heat, net.inner) for heat in maps]).mean(dim=0)
        x, y, z = net.shape
        heat = _resized(inner[:, :, :x, :y, :z], net.full)[0, 0]
        heat = heat / heat.max().clamp_min(1e-12)
    return heat.cpu().numpy(), displacement[0].detach().cpu().numpy()


def _resized(heat: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(heat, size=size, mode="trilinear", align_corners=False)
