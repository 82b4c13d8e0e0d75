"""2D segmentation networks by name, for papers that compare several: a method's key ``net`` names one.

Each takes images (B, channels, H, W) and returns logits (B, classes, H, W). Sizes that the config leaves out
are the published ones.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from mlmi2023.core.config import suggest
from mlmi2023.core.errors import InputError

#: takes channels, classes, size (rows, columns) and the network's own sizes
Builder = Callable[..., nn.Module]


def unet(
    channels: int, classes: int, size: tuple[int, int], features: Any = (64, 128, 256, 512, 1024, 64)
) -> nn.Module:
    """U-Net (Ronneberger et al. 2015), padded, with batch normalisation: MONAI's.

    Args:
        channels: of the image.
        classes: of the answer.
        size: not used.
        features: channels of the five levels, and of the last one on the way up.
    """
    from monai.networks.nets import BasicUNet

    return BasicUNet(2, channels, classes, tuple(features), act="relu", norm="batch", upsample="deconv")


def attention_unet(
    channels: int, classes: int, size: tuple[int, int], features: Any = (64, 128, 256, 512, 1024)
) -> nn.Module:
    """Attention U-Net (Schlemper et al. 2019): MONAI's.

    Args:
        channels: of the image.
        classes: of the answer.
        size: not used.
        features: channels of each level.
    """
    from monai.networks.nets import AttentionUnet

    return AttentionUnet(2, channels, classes, tuple(features), [2] * (len(features) - 1))


def transunet(channels: int, classes: int, size: tuple[int, int], **sizes: Any) -> nn.Module:
    """TransUNet; ``pretrained`` names the npz file of R50-ViT-B/16."""
    from mlmi2023.nets.pretrained import load_pretrained
    from mlmi2023.nets.segmentation.transunet import TransUNet, from_vit_release

    pretrained = sizes.pop("pretrained", None)
    net = TransUNet(channels, classes, size, **sizes)
    if pretrained:
        load_pretrained(net.encoder, pretrained, from_vit_release)
    return net


def swin_unet(channels: int, classes: int, size: tuple[int, int], **sizes: Any) -> nn.Module:
    """Swin-Unet; ``pretrained`` names a file of Swin weights with as many blocks."""
    from mlmi2023.nets.pretrained import load_pretrained
    from mlmi2023.nets.segmentation.swin_unet import SwinUnet

    pretrained = sizes.pop("pretrained", None)
    net = SwinUnet(channels, classes, size, **sizes)
    if pretrained:
        load_pretrained(net.encoder, pretrained)
    return net


SEGMENTERS: dict[str, Builder] = {
    "unet": unet,
    "attention_unet": attention_unet,
    "transunet": transunet,
    "swin_unet": swin_unet,
}


def build_segmenter(
    options: Mapping[str, Any],
    channels: int,
    classes: int,
    size: tuple[int, int],
    more: Mapping[str, Builder] | None = None,
) -> nn.Module:
    """Return the untrained network that ``options`` describes.

    Args:
        options: ``name`` and the network's own sizes; ``pretrained`` ({path, sha256}) where it has an encoder
            with published weights.
        channels: of the image.
        classes: of the answer, the background included.
        size: rows and columns of the image.
        more: networks of the paper's own, by name.

    Raises:
        InputError: the name or a size is unknown, or the image does not fit the network.
    """
    known = {**SEGMENTERS, **(more or {})}
    sizes = dict(options)
    name = str(sizes.pop("name", ""))
    if name not in known:
        raise InputError(f"config key net.name is {name!r}{suggest(name, list(known))}")
    try:
        return known[name](channels, classes, tuple(size), **sizes)
    except TypeError as error:
        raise InputError(f"config key net of '{name}': {error}") from error
    except ValueError as error:
        raise InputError(f"config key net of '{name}': {error}; change the sizes or the image's") from error
