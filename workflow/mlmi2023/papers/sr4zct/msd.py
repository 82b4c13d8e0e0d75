"""Mixed-scale dense networks (Pelt and Sethian, 2018), many small ones side by side.

Layer i sees all maps before it, the image among them, through 3 x 3 filters whose dilation cycles through 1
to 10, and adds one map. The last layer is a weighted sum of all maps. A network of depth 100 has 45 652
weights, so that one alone leaves a GPU idle: the networks of all volumes and settings of a method are trained
at once, each with weights of its own, and come out as if trained alone.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class _DenseMaps(torch.autograd.Function):
    """All maps of the networks, written into one array, without a copy per layer.

    A dilated filter with one output map is a product of its 9 x C weights with the C maps, followed by a sum
    of the nine results, each shifted. The product reads every map once, where a convolution would read it
    nine times. Beyond its borders a map is mirrored, its outermost pixels with it.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float32)
    def forward(
        ctx: Any, image: Tensor, weights: Tensor, biases: Tensor, dilations: tuple[int, ...]
    ) -> Tensor:
        """Return the maps (M, B, 1 + depth, H, W) of images (M, B, H, W)."""
        members, batch, height, width = image.shape
        depth = len(dilations)
        maps = image.new_empty(members, batch, depth + 1, height * width)
        maps[:, :, 0] = image.flatten(2)
        start = 0
        for i, dilation in enumerate(dilations):
            own = weights[:, start : start + 9 * (i + 1)].view(members, 1, 9, i + 1)
            start += 9 * (i + 1)
            taps = torch.matmul(own, maps[:, :, : i + 1]).view(members, batch, 3, 3, height, width)
            columns = _gather(taps.unbind(3), dilation, -1)
            summed = _gather(columns.unbind(2), dilation, -2).flatten(2)
            maps[:, :, i + 1] = summed.add_(biases[:, i, None, None]).relu_()
        ctx.save_for_backward(maps, weights)
        ctx.dilations, ctx.size = dilations, (height, width)
        return maps.view(members, batch, depth + 1, height, width)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cuda")
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Go back layer by layer, adding to the gradients of earlier maps in place."""
        maps, weights = ctx.saved_tensors
        members, batch, _, _ = maps.shape
        height, width = ctx.size
        grads = grad.flatten(3).clone()
        by_weight, by_bias = torch.empty_like(weights), weights.new_empty(members, len(ctx.dilations))
        end = weights.shape[1]
        for i in reversed(range(len(ctx.dilations))):
            dilation, start = ctx.dilations[i], end - 9 * (i + 1)
            own = weights[:, start:end].view(members, 1, 9, i + 1)
            below = grads[:, :, i + 1] * (maps[:, :, i + 1] > 0)
            by_bias[:, i] = below.sum(dim=(1, 2))
            rows = _spread(below.view(members, batch, height, width), dilation, -2, 2)
            taps = _spread(rows, dilation, -1, 3).view(members, batch, 9, -1)
            earlier = maps[:, :, : i + 1]
            by_weight[:, start:end] = torch.matmul(taps, earlier.mT).sum(dim=1).flatten(1)
            grads[:, :, : i + 1] += torch.matmul(own.mT, taps)
            end = start
        image_grad = grads[:, :, 0].view(members, batch, height, width) if ctx.needs_input_grad[0] else None
        return image_grad, by_weight, by_bias, None


def _gather(three: Sequence[Tensor], step: int, axis: int) -> Tensor:
    """Return a[i - step] + b[i] + c[i + step] along an axis.

    Beyond an end comes the last place again, then the one before it, and so on.
    """
    before, here, behind = three
    size = here.shape[axis]
    total = here.clone()
    total.narrow(axis, step, size - step).add_(before.narrow(axis, 0, size - step))
    total.narrow(axis, 0, step).add_(before.narrow(axis, 0, step).flip(axis))
    total.narrow(axis, 0, size - step).add_(behind.narrow(axis, step, size - step))
    total.narrow(axis, size - step, step).add_(behind.narrow(axis, size - step, step).flip(axis))
    return total


def _spread(grad: Tensor, step: int, axis: int, new: int) -> Tensor:
    """Return the gradients of the three terms of :func:`_gather`, stacked along a new axis."""
    size = grad.shape[axis]
    before, behind = torch.zeros_like(grad), torch.zeros_like(grad)
    before.narrow(axis, 0, size - step).copy_(grad.narrow(axis, step, size - step))
    before.narrow(axis, 0, step).add_(grad.narrow(axis, 0, step).flip(axis))
    behind.narrow(axis, step, size - step).copy_(grad.narrow(axis, 0, size - step))
    behind.narrow(axis, size - step, step).add_(grad.narrow(axis, size - step, step).flip(axis))
    return torch.stack([before, grad, behind], dim=new)


class MSDNets(nn.Module):
    """M networks of one size, each with its own weights and its own scaling of images.

    Args:
        members: M.
        depth: layers, 100 in the paper.
        dilations: largest dilation; layer i has 1 + i mod this.
        seed: of the initial weights, the same for all members: they differ in their data alone.

    Attributes:
        scale: (M, 4) mean and standard deviation of the inputs, then of the targets, from training data.
    """

    scale: Tensor

    def __init__(self, members: int, depth: int = 100, dilations: int = 10, seed: int = 0) -> None:
        super().__init__()
        self.depth = depth
        self.dilations = tuple(1 + i % dilations for i in range(depth))
        count = 9 * depth * (depth + 1) // 2
        own = torch.Generator().manual_seed(seed)
        # a layer's fan-in counted as if it had all maps below, so that maps neither grow nor fade with depth
        first = torch.randn(1, count, generator=own) * (2 / (9 * depth)) ** 0.5
        self.weights = nn.Parameter(first.repeat(members, 1))
        self.biases = nn.Parameter(torch.zeros(members, depth))
        # starts as the identity: the image itself, and nothing of the maps
        last = torch.zeros(members, depth + 1)
        last[:, 0] = 1
        self.last = nn.Parameter(last)
        self.last_bias = nn.Parameter(torch.zeros(members))
        self.register_buffer("scale", torch.tensor([[0.0, 1.0, 0.0, 1.0]]).repeat(members, 1))

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.biases)

    def forward(self, images: Tensor, member: int | None = None) -> Tensor:
        """Return the enhanced images.

        Args:
            images: (M, B, H, W), or (B, H, W) for one ``member``.
            member: only this one; None for all.
        """
        if member is not None:
            return self._run(images[None], slice(member, member + 1))[0]
        return self._run(images, slice(None))

    def _run(self, images: Tensor, which: slice) -> Tensor:
        mean_in, sd_in, mean_out, sd_out = self.scale[which].T[..., None, None, None]
        scaled = (images - mean_in) / sd_in
        maps = _DenseMaps.apply(scaled, self.weights[which], self.biases[which], self.dilations)
        # sums of products in full precision: on a GPU a matrix product would round the image itself
        total = torch.einsum("mbchw,mc->mbhw", maps[:, :, 1:], self.last[which, 1:])
        total = total + maps[:, :, 0] * self.last[which, 0, None, None, None]
        total = total + self.last_bias[which, None, None, None]
        return total * sd_out + mean_out


def parameter_count(depth: int) -> int:
    """Return the weights of one network: filters and biases of all layers, and the last layer's."""
    return 9 * depth * (depth + 1) // 2 + depth + (depth + 1) + 1
