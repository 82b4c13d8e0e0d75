"""The student (Fig. 2): MiT encoder, fusion decoder, and a shape-guided branch of one convolution."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import SegformerConfig, SegformerModel


def mit(channels: int, dims: Sequence[int], depths: Sequence[int], heads: Sequence[int],
        reductions: Sequence[int], ratio: int, drop_path: float) -> nn.Module:  # fmt: skip
    """Return the Mix Transformer of SegFormer (Xie et al. 2021), untrained; B1 has 13.15 million weights."""
    return SegformerModel(
        SegformerConfig(
            num_channels=channels,
            hidden_sizes=list(dims),
            depths=list(depths),
            num_attention_heads=list(heads),
            sr_ratios=list(reductions),
            mlp_ratios=[ratio] * len(dims),
            drop_path_rate=drop_path,
        )
    )


def _conv(inputs: int, outputs: int, dilation: int = 0) -> nn.Sequential:
    """Return a 1x1 convolution with norm and ReLU, behind a dilated depthwise 3x3 one where asked for."""
    deep = [
        nn.Conv2d(inputs, inputs, 3, padding=dilation, dilation=dilation, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
    ]
    flat = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*(deep if dilation else []), *flat)


def joined(maps: Sequence[Tensor]) -> Tensor:
    """Return maps of falling resolution, upsampled to the first's and concatenated."""
    size = maps[0].shape[2:]
    kind = {"mode": "bilinear", "align_corners": False}
    return torch.cat([maps[0], *(F.interpolate(x, size=size, **kind) for x in maps[1:])], dim=1)  # type: ignore[arg-type]


class FusionDecoder(nn.Module):
    """Join all stages at a quarter of the image, look at them with several dilations, classify.

    As in DAFormer: every stage is embedded in ``width`` channels; DeepLabV3+'s parallel convolutions are
    separable.

    Args:
        dims: channels of the stages.
        classes: of the answer.
        width: channels inside.
        dilations: of the parallel convolutions; one of 1 is a plain 1x1 convolution.
        dropout: of whole channels, before the classifier.
    """

    def __init__(
        self, dims: Sequence[int], classes: int, width: int, dilations: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.embed = nn.ModuleList(nn.Conv2d(dim, width, 1) for dim in dims)
        inside = len(dims) * width
        self.look = nn.ModuleList(
            _conv(inside, width, 0 if dilation == 1 else dilation) for dilation in dilations
        )
        self.fuse = _conv(len(dilations) * width, width)
        self.classify = nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(width, classes, 1))

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Return logits (B, classes, h, w) at the size of the first stage."""
        x = joined([embed(stage) for embed, stage in zip(self.embed, stages)])
        return self.classify(self.fuse(torch.cat([look(x) for look in self.look], dim=1)))


class Segmenter(nn.Module):
    """Encoder and fusion decoder: what the teacher consists of, and what is tested."""

    def __init__(self, encoder: nn.Module, decoder: FusionDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def stages(self, image: Tensor) -> list[Tensor]:
        """Return the encoder's maps at strides 4, 8, 16 and 32."""
        found = self.encoder(pixel_values=image, output_hidden_states=True).hidden_states
        return list(found[-len(self.decoder.embed) :])

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, classes, H, W) of images (B, channels, H, W)."""
        return upsampled(self.decoder(self.stages(image)), image)


def upsampled(logits: Tensor, image: Tensor) -> Tensor:
    """Return logits at the size of the image."""
    return F.interpolate(logits, size=image.shape[2:], mode="bilinear", align_corners=False)


class Student(nn.Module):
    """A segmenter that also draws boundaries while it is trained (Sect. 2.2).

    Args:
        channels: of the image.
        classes: of the answer, the background included.
        size: of the image; any.
        dims, depths, heads, reductions, ratio, drop_path: of :func:`mit`.
        width, dilations, dropout: of :class:`FusionDecoder`.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 3,
        size: Sequence[int] = (576, 576),
        dims: Sequence[int] = (64, 128, 320, 512),
        depths: Sequence[int] = (2, 2, 2, 2),
        heads: Sequence[int] = (1, 2, 5, 8),
        reductions: Sequence[int] = (8, 4, 2, 1),
        ratio: int = 4,
        drop_path: float = 0.1,
        width: int = 256,
        dilations: Sequence[int] = (1, 6, 12, 18),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        encoder = mit(channels, dims, depths, heads, reductions, ratio, drop_path)
        self.segmenter = Segmenter(encoder, FusionDecoder(dims, classes, width, dilations, dropout))
        self.shape = nn.Conv2d(sum(dims), 1, 1)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits (B, classes, H, W) and, while training, those of the boundary (B, 1, H, W)."""
        if not self.training:
            return self.segmenter(image)  # type: ignore[no-any-return]
        stages = self.segmenter.stages(image)
        logits = self.segmenter.decoder(stages)
        return upsampled(logits, image), upsampled(self.shape(joined(stages)), image)
