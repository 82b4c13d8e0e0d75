"""How alike the layers of two networks are: linear CKA from the outputs of convolutions (Sect. 3.4, Fig. 3).

Networks are compared by what they make of the same patches, which lie in batches. A network leaves the Gram
matrix of each layer and batch; two networks meet by these alone.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn


def convolutions(net: nn.Module) -> list[str]:
    """Return the names of the convolutions of a network, from the image on."""
    return [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]


def last_of_stages(names: Iterable[str]) -> dict[str, str]:
    """Return the names of a ResNet's first convolution and of the last one of each stage, by label."""
    found = {}
    for name in names:
        if name == "conv1":
            found["stem"] = name
        elif name.endswith(".conv3"):
            found[name.split(".")[0].replace("layer", "stage")] = name
    return found


def grams(net: nn.Module, batches: Iterable[Tensor]) -> np.ndarray:
    """Return the Gram matrices of all convolutions' outputs, (batches, layers, n, n) float32.

    Args:
        net: in evaluation mode.
        batches: (n, 3, H, W) each.
    """
    names = convolutions(net)
    seen: dict[str, Tensor] = {}
    hooks = [
        net.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
        for name in names
    ]
    found = []
    try:
        with torch.inference_mode():
            for x in batches:
                net(x)
                found.append(np.stack([gram(seen[name]) for name in names]))
    finally:
        for hook in hooks:
            hook.remove()
    return np.stack(found)


def gram(outputs: Tensor) -> np.ndarray:
    """Return the inner products (n, n) float32 of centred outputs (n, ...), by the count of their numbers."""
    flat = outputs.flatten(1).float()
    flat = flat - flat.mean(0)
    return (flat @ flat.T / flat.shape[1]).cpu().numpy()


def hsic(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the unbiased HSIC of Gram matrices (..., n, n), n at least 4 (Song et al., 2012).

    It is the inner product of the matrices centred off their diagonals, which are left out.
    """
    n = one.shape[-1]
    return (_centred(one) * _centred(other)).sum((-2, -1)) / (n * (n - 3))


def _centred(k: np.ndarray) -> np.ndarray:
    n = k.shape[-1]
    off = ~np.eye(n, dtype=bool)
    k = np.where(off, np.asarray(k, np.float64), 0.0)
    rows, columns = (k.sum(axis, keepdims=True) / (n - 2) for axis in (-1, -2))
    whole = k.sum((-2, -1), keepdims=True) / ((n - 1) * (n - 2))
    return np.where(off, k - rows - columns + whole, 0.0)


def cka(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return minibatch CKA of all pairs of layers, (L, M); NaN for a layer that says nothing of any patch.

    HSIC is averaged over batches before it is normalised (Nguyen et al., 2021).

    Args:
        first: (batches, L, n, n).
        second: (batches, M, n, n), of the same patches.
    """
    cross = hsic(first[:, :, None], second[:, None]).mean(0)
    own, other = (hsic(grams, grams).mean(0) for grams in (first, second))
    scale = np.sqrt(np.maximum(own, 0)[:, None] * np.maximum(other, 0))
    return np.divide(cross, scale, out=np.full_like(cross, np.nan), where=scale > 0)
