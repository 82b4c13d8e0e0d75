"""The network of every row of Tables 1 and 2: ours, and MONAI's, all with the same channels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from mlmi2023.core.config import suggest
from mlmi2023.core.errors import InputError
from mlmi2023.papers.relational_unet.network import RelationalUNet

Builder = Callable[..., nn.Module]


def _monai_unet(classes: int, patch: Sequence[int], channels: Sequence[int], units: int = 0) -> nn.Module:
    """U-Net of MONAI: a strided convolution per level, or residual units (Kerfoot et al. 2019)."""
    from monai.networks.nets import UNet

    return UNet(
        3, 1, classes, tuple(channels), [2] * (len(channels) - 1), num_res_units=units, norm="instance"
    )


def _attention_unet(classes: int, patch: Sequence[int], channels: Sequence[int]) -> nn.Module:
    """Attention U-Net (Oktay et al. 2018)."""
    from monai.networks.nets import AttentionUnet

    return AttentionUnet(3, 1, classes, tuple(channels), [2] * (len(channels) - 1))


def _dynunet(classes: int, patch: Sequence[int], channels: Sequence[int]) -> nn.Module:
    """The network of nnU-Net (Isensee et al. 2018), without deep supervision."""
    from monai.networks.nets import DynUNet

    levels = len(channels)
    strides = [1] + [2] * (levels - 1)
    return DynUNet(3, 1, classes, [3] * levels, strides, strides[1:], filters=list(channels))


def _unetr(
    classes: int,
    patch: Sequence[int],
    features: int = 16,
    hidden: int = 768,
    mlp: int = 3072,
    heads: int = 12,
) -> nn.Module:
    """UNETR (Hatamizadeh et al. 2022); its tokens are blocks of 16 voxels."""
    from monai.networks.nets import UNETR

    if any(side % 16 for side in patch):
        raise InputError(
            f"config key task.patch is {list(patch)}; UNETR needs multiples of 16, or leave it out"
        )
    return UNETR(1, classes, tuple(patch), features, hidden, mlp, heads, norm_name="instance")


def _relational(classes: int, patch: Sequence[int], **sizes: Any) -> nn.Module:
    return RelationalUNet(classes, **sizes)


NETWORKS: dict[str, Builder] = {
    "relational_unet": _relational,
    "monai_unet": _monai_unet,
    "attention_unet": _attention_unet,
    "dynunet": _dynunet,
    "unetr": _unetr,
}


def build(options: Mapping[str, Any], classes: int, patch: Sequence[int]) -> nn.Module:
    """Return the network of a method, (B, 1, T, H, W) -> (B, classes, T, H, W).

    Args:
        options: ``model`` and its sizes ``net``.
        classes: output channels, the background among them.
        patch: (T, H, W) that it is trained on.

    Raises:
        InputError: an unknown model or size, or a patch that does not fit.
    """
    model = options.get("model")
    if model not in NETWORKS:
        raise InputError(f"config key model is {model!r}{suggest(str(model), list(NETWORKS))}")
    sizes = dict(options.get("net") or {})
    levels = len(sizes.get("channels", ())) or 5
    factor = 2 ** (levels - 1)
    if model != "unetr" and any(side % factor for side in patch):
        raise InputError(
            f"config key task.patch is {list(patch)}; {levels} levels need multiples of {factor}"
        )
    try:
        return NETWORKS[model](classes, patch, **sizes)
    except TypeError as error:
        raise InputError(f"config key net of model '{model}': {error}") from error
