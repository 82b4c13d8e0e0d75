"""The illustration of Fig. 2: gradients with respect to the field, for a square that has moved."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from mlmi2023.fields.displacement import warp
from mlmi2023.papers.implicit_reg.losses import build_regularizer

SIZE, SQUARE, SHIFT, GREY = 64, 22, (6, 4), 0.6
# weights are such that the regulariser's pull can be seen beside the image's; panels are scaled one by one
PANELS = {
    "(a) similarity alone": None,
    "(b) explicit diffusion": {"kind": "explicit", "energy": "diffusion", "alpha": 1.0},
    "(c) implicit diffusion": {
        "kind": "implicit",
        "operator": "diffusion",
        "scheme": "exact",
        "sigma": 1.0,
        "gamma": 20.0,
    },
    "(d) explicit curvature": {"kind": "explicit", "energy": "curvature", "alpha": 1.0},
    "(e) implicit curvature": {"kind": "implicit", "operator": "curvature", "sigma": 1.0, "gamma": 100.0},
}


@dataclass(frozen=True)
class Toy:
    """The squares and a field on the way from one to the other.

    Attributes:
        fixed: (1, 1, 64, 64), a white square.
        moving: same shape, a grey one that lies elsewhere.
        u: (1, 2, 64, 64) in voxels, a field that has begun to move where the images pull: at edges.
    """

    fixed: Tensor
    moving: Tensor
    u: Tensor


def make_toy() -> Toy:
    """Return the squares, with the field after one step down the gradient of the similarity."""
    fixed, moving = torch.zeros(2, 1, 1, SIZE, SIZE)
    low = (SIZE - SQUARE) // 2
    fixed[..., low : low + SQUARE, low : low + SQUARE] = 1.0
    x, y = low + SHIFT[0], low + SHIFT[1]
    moving[..., x : x + SQUARE, y : y + SQUARE] = GREY
    for _ in range(3):  # soft edges, three pixels wide, as images have them
        fixed, moving = (avg_pool2d(image, 3, 1, 1, count_include_pad=False) for image in (fixed, moving))
    start = Toy(fixed, moving, torch.zeros(1, 2, SIZE, SIZE))
    step = gradient(start, None)
    return Toy(fixed, moving, -step / step.abs().max())


def gradient(toy: Toy, regulariser: dict | None) -> Tensor:
    """Return the gradient of loss with respect to the field, times the number of its values: (1, 2, 64, 64).

    Args:
        toy: images and field.
        regulariser: options of :func:`~mlmi2023.papers.implicit_reg.losses.build_regularizer`, or None.
    """
    u = toy.u.clone().requires_grad_()
    loss = (toy.fixed - warp(toy.moving, u, padding="border")).square().mean()
    if regulariser is not None:
        loss = loss + build_regularizer(regulariser)(u)
    return torch.autograd.grad(loss, u)[0] * u.numel()
