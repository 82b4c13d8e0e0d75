"""The segmentation networks that papers share, 2D and 3D side by side; see :mod:`mlmi2023.nets.registry`.

Each takes images (B, channels, *size) and returns logits (B, classes, *size). Sizes that the config leaves
out are the published ones.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlmi2023.nets.registry import network, network_at

if TYPE_CHECKING:
    from torch import nn


@network("unet", dims=2)
def unet(
    channels: int, classes: int, size: Sequence[int], features: Any = (64, 128, 256, 512, 1024, 64)
) -> "nn.Module":
    """U-Net (Ronneberger et al. 2015), padded, with batch normalisation: MONAI's.

    Args:
        channels: of the image.
        classes: of the answer.
        size: not used.
        features: channels of the five levels, and of the last one on the way up.
    """
    from monai.networks.nets import BasicUNet

    return BasicUNet(2, channels, classes, tuple(features), act="relu", norm="batch", upsample="deconv")


@network("attention_unet", dims=(2, 3))
def attention_unet(
    channels: int, classes: int, size: Sequence[int], features: Sequence[int] = (64, 128, 256, 512, 1024)
) -> "nn.Module":
    """Attention U-Net (Oktay et al. 2018, Schlemper et al. 2019): MONAI's.

    Args:
        channels: of the image.
        classes: of the answer.
        size: must divide by 2 for each level but the first.
        features: channels of each level.
    """
    from monai.networks.nets import AttentionUnet

    divide(size, features)
    return AttentionUnet(len(size), channels, classes, tuple(features), [2] * (len(features) - 1))


@network("monai_unet", dims=(2, 3))
def monai_unet(
    channels: int, classes: int, size: Sequence[int], features: Sequence[int] = (32, 64, 128, 256, 512),
    units: int = 0,
) -> "nn.Module":  # fmt: skip
    """U-Net of MONAI: a strided convolution per level, or residual units (Kerfoot et al. 2019).

    Args:
        channels: of the image.
        classes: of the answer.
        size: must divide by 2 for each level but the first.
        features: channels of each level.
        units: residual units of a level; 0: a convolution.
    """
    from monai.networks.nets import UNet

    divide(size, features)
    steps = [2] * (len(features) - 1)
    return UNet(
        len(size), channels, classes, tuple(features), steps, num_res_units=units, norm="instance"
    )  # fmt: skip


@network("dynunet", dims=(2, 3))
def dynunet(
    channels: int, classes: int, size: Sequence[int], features: Sequence[int] = (32, 64, 128, 256, 320)
) -> "nn.Module":
    """The network of nnU-Net (Isensee et al. 2018), without deep supervision: MONAI's.

    Args:
        channels: of the image.
        classes: of the answer.
        size: must divide by 2 for each level but the first.
        features: channels of each level.
    """
    from monai.networks.nets import DynUNet

    divide(size, features)
    levels = len(features)
    strides = [1] + [2] * (levels - 1)
    return DynUNet(
        len(size), channels, classes, [3] * levels, strides, strides[1:], filters=list(features)
    )  # fmt: skip


@network("unetr", dims=(2, 3))
def unetr(
    channels: int,
    classes: int,
    size: Sequence[int],
    features: int = 16,
    hidden: int = 768,
    mlp: int = 3072,
    heads: int = 12,
) -> "nn.Module":
    """UNETR (Hatamizadeh et al. 2022): MONAI's; its tokens are blocks of 16 voxels.

    Args:
        channels: of the image.
        classes: of the answer.
        size: must divide by 16.
        features: channels of the decoder's finest level.
        hidden: channels of a token.
        mlp: inside of a block's perceptron.
        heads: of attention.
    """
    from monai.networks.nets import UNETR

    if any(side % 16 for side in size):
        raise ValueError(f"{text(size)} voxels; UNETR needs multiples of 16")
    return UNETR(
        channels, classes, tuple(size), features, hidden, mlp, heads, norm_name="instance",
        spatial_dims=len(size),
    )  # fmt: skip


@network("transunet", dims=2)
def transunet(channels: int, classes: int, size: Sequence[int], **sizes: Any) -> "nn.Module":
    """TransUNet; ``pretrained`` names the npz file of R50-ViT-B/16."""
    from mlmi2023.nets.pretrained import load_pretrained
    from mlmi2023.nets.segmentation.transunet import TransUNet, from_vit_release

    pretrained = sizes.pop("pretrained", None)
    net = TransUNet(channels, classes, (size[0], size[1]), **sizes)
    if pretrained:
        load_pretrained(net.encoder, pretrained, from_vit_release)
    return net


network_at("swin_unet", 2, "mlmi2023.nets.segmentation.swin_unet:SwinUnet", encoder="encoder")


def divide(size: Sequence[int], features: Sequence[int]) -> None:
    """Check that an image can be halved once for each level but the first.

    Raises:
        ValueError: it cannot.
    """
    factor = 2 ** (len(features) - 1)
    if any(side % factor for side in size):
        raise ValueError(f"{text(size)} voxels; {len(features)} levels need multiples of {factor}")


def text(size: Sequence[int]) -> str:
    """Return sides for a message: 16 x 16."""
    return " x ".join(map(str, size))
