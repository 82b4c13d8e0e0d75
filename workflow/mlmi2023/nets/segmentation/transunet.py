"""TransUNet (Chen et al. 2021): a vision Transformer on features of a residual network, then upsamplers."""

import re
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.cascade import Cascade, ConvNormRelu
from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.nets.blocks.vit import TransformerBlock


class HybridEncoder(nn.Module):
    """ResNet and vision Transformer: R50-ViT-B/16 at its published size."""

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        depths: Sequence[int] = (3, 4, 9),
        width: int = 64,
        groups: int = 32,
        hidden: int = 768,
        heads: int = 12,
        layers: int = 12,
        mlp: int = 3072,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.cnn = ResNet(channels, depths, width, norm="group", groups=groups)
        step = 2 ** (len(depths) + 1)
        if size[0] % step or size[1] % step:
            raise ValueError(
                f"an image of {size[0]} x {size[1]} does not divide by {step}, the side of a token"
            )
        self.grid = (size[0] // step, size[1] // step)
        self.embed = nn.Conv2d(self.cnn.channels[-1], hidden, 1)
        self.position = nn.Parameter(torch.zeros(1, self.grid[0] * self.grid[1], hidden))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(TransformerBlock(hidden, heads, mlp, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(hidden, eps=1e-6)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the ResNet's features, fine to coarse; in the place of the last the Transformer's map.

        What the pooling has left out at the lower and right border of a feature map is filled with zeros.
        """
        *features, x = self.cnn(image)
        sizes = ([side // 2**n for side in image.shape[2:]] for n in range(1, 1 + len(features)))
        features = [
            F.pad(own, [0, columns - own.shape[3], 0, rows - own.shape[2]])
            for own, (rows, columns) in zip(features, sizes)
        ]
        tokens = self.dropout(self.embed(x).flatten(2).transpose(1, 2) + self.position)
        tokens = self.norm(self.blocks(tokens))
        return [*features, tokens.transpose(1, 2).unflatten(2, self.grid)]


class TransUNet(nn.Module):
    """The network at its published size: 105.3 million weights for 9 classes at 224 x 224.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 16.
        decoder: channels after each upsampling; the last one has no skip.
        bottleneck: channels between Transformer and decoder.
        encoder: sizes of :class:`HybridEncoder`.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 9,
        size: tuple[int, int] = (224, 224),
        decoder: Sequence[int] = (256, 128, 64, 16),
        bottleneck: int = 512,
        encoder: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__()
        self.encoder = HybridEncoder(channels, size, **(encoder or {}))  # type: ignore[arg-type]
        self.bottleneck = ConvNormRelu(self.encoder.embed.out_channels, bottleneck)
        self.decoder = Cascade(bottleneck, self.encoder.cnn.channels[-2::-1], decoder, align_corners=True)
        self.head = nn.Conv2d(decoder[-1], classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        *skips, x = self.encoder(image)
        return self.head(self.decoder(self.bottleneck(x), skips[::-1]))


_BLOCK = {
    "LayerNorm_0/scale": "norm1.weight",
    "LayerNorm_0/bias": "norm1.bias",
    "LayerNorm_2/scale": "norm2.weight",
    "LayerNorm_2/bias": "norm2.bias",
    "MlpBlock_3/Dense_0/kernel": "mlp.0.weight",
    "MlpBlock_3/Dense_0/bias": "mlp.0.bias",
    "MlpBlock_3/Dense_1/kernel": "mlp.3.weight",
    "MlpBlock_3/Dense_1/bias": "mlp.3.bias",
    "MultiHeadDotProductAttention_1/out/kernel": "attn.proj.weight",
    "MultiHeadDotProductAttention_1/out/bias": "attn.proj.bias",
}


def from_vit_release(file: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the arrays of ``R50+ViT-B_16.npz`` as :class:`HybridEncoder` does; for ``load_pretrained``."""
    made: dict[str, Tensor] = {}
    for name, value in file.items():
        cnn = re.match(r"block(\d)/unit(\d+)/(.+)", name)
        block = re.match(r"Transformer/encoderblock_(\d+)/(.+)", name)
        if name == "conv_root/kernel":
            made["cnn.conv1.weight"] = _filters(value)
        elif name.startswith("gn_root/"):
            made[f"cnn.bn1.{_affine(name)}"] = value.flatten()
        elif cnn:
            stage, unit, rest = cnn.groups()
            kind = rest.split("/")[0]
            place = {"conv_proj": "downsample.0", "gn_proj": "downsample.1"}.get(
                kind, kind.replace("gn", "bn")
            )
            ours = f"cnn.layer{stage}.{int(unit) - 1}.{place}"
            if rest.endswith("/kernel"):
                made[f"{ours}.weight"] = _filters(value)
            else:
                made[f"{ours}.{_affine(name)}"] = value.flatten()
        elif block and block[2] in _BLOCK:
            flat = value.flatten(0, 1) if value.ndim == 3 else value
            made[f"blocks.{block[1]}.{_BLOCK[block[2]]}"] = flat.T if flat.ndim == 2 else flat
        elif name == "embedding/kernel":
            made["embed.weight"] = _filters(value)
        elif name == "embedding/bias":
            made["embed.bias"] = value
        elif name == "Transformer/encoder_norm/scale":
            made["norm.weight"] = value
        elif name == "Transformer/encoder_norm/bias":
            made["norm.bias"] = value
        elif name == "Transformer/posembed_input/pos_embedding":
            made["position"] = _positions(value, wanted["position"])
    for number in range(sum(name.endswith("attn.qkv.weight") for name in wanted)):
        attention = f"Transformer/encoderblock_{number}/MultiHeadDotProductAttention_1"
        parts = [
            [file.get(f"{attention}/{p}/{k}") for p in ("query", "key", "value")] for k in ("kernel", "bias")
        ]
        if all(value is not None for part in parts for value in part):
            kernels, biases = ([value for value in part if value is not None] for part in parts)
            made[f"blocks.{number}.attn.qkv.weight"] = torch.cat([k.flatten(1).T for k in kernels])
            made[f"blocks.{number}.attn.qkv.bias"] = torch.cat([b.flatten() for b in biases])
    return made


def _affine(name: str) -> str:
    return "weight" if name.endswith("/scale") else "bias"


def _filters(value: Tensor) -> Tensor:
    """Return (out, in, rows, columns) of (rows, columns, in, out)."""
    return value.permute(3, 2, 0, 1)


def _positions(value: Tensor, like: Tensor) -> Tensor:
    """Return positions for as many tokens as ``like`` has, on square grids, without the class token's."""
    value = value[:, 1:] if value.shape[1] % 2 else value
    old, new = (round(tokens.shape[1] ** 0.5) for tokens in (value, like))
    if old == new or new * new != like.shape[1]:
        return value
    grid = value.transpose(1, 2).unflatten(2, (old, old)).float()
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return grid.flatten(2).transpose(1, 2)
