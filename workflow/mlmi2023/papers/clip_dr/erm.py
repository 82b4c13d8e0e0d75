"""Empirical risk minimisation: an encoder with ImageNet's weights and a linear classifier (Sect. 3.1)."""

from typing import Any, cast

from monai.networks.nets.resnet import ResNet as Monai
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.clip_dr.options import Erm as ErmOptions
from mlmi2023.papers.clip_dr.options import ResNet, VitNet
from mlmi2023.papers.clip_dr.published import load_folder


class Erm(nn.Module):
    """A ResNet (MONAI) or a vision transformer (transformers), and a linear classifier of its features.

    Args:
        own: the method's options.
        size: of images, which are square.
        classes: how many.
    """

    def __init__(self, own: ErmOptions, size: int, classes: int) -> None:
        super().__init__()
        self.encoder, width = _resnet(own) if isinstance(own.net, ResNet) else _vit(own, own.net, size)
        self.is_vit = isinstance(own.net, VitNet)
        self.head = nn.Linear(width, classes)

    def features(self, x: Tensor) -> Tensor:
        """Return features (B, width) of images (B, 3, H, W)."""
        found = self.encoder(x)
        return cast(Tensor, found.last_hidden_state[:, 0] if self.is_vit else found)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, K)."""
        return self.head(self.features(x))  # type: ignore[no-any-return]


def _resnet(own: ErmOptions) -> tuple[nn.Module, int]:
    net = cast(ResNet, own.net)
    encoder = Monai(
        block="bottleneck",
        layers=list(net.blocks),
        block_inplanes=list(net.widths),
        spatial_dims=2,
        n_input_channels=3,
        conv1_t_size=7,
        conv1_t_stride=net.stride,
        feed_forward=False,
        bias_downsample=False,
    )
    if own.pretrained:
        load_pretrained(encoder, vars(own.pretrained))
    return encoder, 4 * net.widths[-1]


def _vit(own: ErmOptions, net: VitNet, size: int) -> tuple[Any, int]:
    if own.pretrained:
        encoder = load_folder(ViTModel, own.pretrained.path, add_pooling_layer=False)
        return encoder, int(encoder.config.hidden_size)
    config = ViTConfig(
        image_size=size,
        patch_size=net.patch,
        hidden_size=net.width,
        num_hidden_layers=net.layers,
        num_attention_heads=net.heads,
        intermediate_size=net.mlp,
    )
    return ViTModel(config, add_pooling_layer=False), net.width
