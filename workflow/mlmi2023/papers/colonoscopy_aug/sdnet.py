"""SDNet (Chartsias et al. 2019): a frame as anatomy, maps of 0 and 1, and modality, a short code."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.colonoscopy_aug.unet import BilinearUnet


class Parts(NamedTuple):
    """What SDNet makes of frames.

    Attributes:
        logits: (B, classes, H, W), of the segmentor.
        frame: (B, C, H, W), drawn again from anatomy and code.
        mean: (B, code), of the code's distribution.
        log_variance: (B, code).
        code: (B, code), drawn from it.
        again: (B, code), the mean that the modality encoder finds in the drawn frame.
    """

    logits: Tensor
    frame: Tensor
    mean: Tensor
    log_variance: Tensor
    code: Tensor
    again: Tensor


class ModalityEncoder(nn.Module):
    """Strided convolutions over anatomy and frame, then the code's mean and logarithm of variance."""

    def __init__(
        self, inputs: int, size: Sequence[int], strided: Sequence[int], hidden: int, code: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for below, own in zip([inputs, *strided[:-1]], strided):
            layers += [nn.Conv2d(below, own, 3, 2, 1), nn.BatchNorm2d(own), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        sides = [-(-int(side) // 2 ** len(strided)) for side in size]
        self.hidden = nn.Linear(strided[-1] * sides[0] * sides[1], hidden)
        self.mean, self.log_variance = nn.Linear(hidden, code), nn.Linear(hidden, code)

    def forward(self, anatomy: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of variance, (B, code) each."""
        found = self.body(torch.cat([anatomy, frame], dim=1)).flatten(1)
        found = F.leaky_relu(self.hidden(found), 0.2)
        return self.mean(found), self.log_variance(found)


class AdainDecoder(nn.Module):
    """Draws a frame from its anatomy; the code sets mean and spread of each map (Huang and Belongie 2017)."""

    def __init__(self, anatomy: int, channels: int, code: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(below, own, 3, padding=1) for below, own in zip([anatomy, *widths[:-1]], widths)
        )
        self.styles = nn.ModuleList(nn.Linear(code, 2 * own) for own in widths)
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, anatomy: Tensor, code: Tensor) -> Tensor:
        """Return the frame (B, C, H, W) in -1 to 1."""
        x = anatomy
        for conv, style in zip(self.convs, self.styles):
            shift, scale = style(code)[..., None, None].chunk(2, dim=1)
            x = F.relu(F.instance_norm(conv(x)) * (1 + scale) + shift)
        return torch.tanh(self.last(x))


class SDNet(nn.Module):
    """Anatomy encoder, modality encoder, decoder and segmentor.

    Args:
        channels: of the frame.
        classes: of the answer.
        size: of the frame; halves four times.
        widths: channels of the anatomy encoder, a U-Net.
        anatomy: channels of the anatomy, of which one is 1 at each pixel.
        code: numbers of the modality.
        strided: channels of the modality encoder.
        hidden: units before the code.
        decoder: channels of the decoder.
        segmentor: channels of the segmentor.
    """

    #: of the Gumbel-softmax
    temperature = 1.0

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        anatomy: int = 8,
        code: int = 8,
        strided: Sequence[int] = (16, 32, 64, 128),
        hidden: int = 32,
        decoder: Sequence[int] = (128, 64, 32),
        segmentor: int = 64,
    ) -> None:
        super().__init__()
        self.anatomy_encoder = BilinearUnet(channels, anatomy, size, widths, "nearest", residual=True)
        self.modality_encoder = ModalityEncoder(anatomy + channels, size, strided, hidden, code)
        self.decoder = AdainDecoder(anatomy, channels, code, decoder)
        layers: list[nn.Module] = []
        for below in (anatomy, segmentor):
            layers += [
                nn.Conv2d(below, segmentor, 3, padding=1),
                nn.BatchNorm2d(segmentor),
                nn.ReLU(inplace=True),
            ]
        self.segmentor = nn.Sequential(*layers, nn.Conv2d(segmentor, classes, 1))

    def anatomy(self, frame: Tensor) -> Tensor:
        """Return the anatomy (B, anatomy, H, W): one channel of each pixel is 1, by chance in training."""
        logits = self.anatomy_encoder(frame)
        if self.training:
            return F.gumbel_softmax(logits, self.temperature, hard=True, dim=1)
        return F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).to(logits.dtype)

    def forward(self, frame: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W); nothing is masked."""
        return self.segmentor(self.anatomy(frame))

    def parts(self, frame: Tensor, keep: Tensor) -> Parts:
        """Return all parts; the segmentor alone sees the anatomy masked (Sect. 2.3).

        Args:
            frame: (B, C, H, W) in -1 to 1.
            keep: (B, 1, H, W), 0 where anatomy is blanked.
        """
        anatomy = self.anatomy(frame)
        mean, log_variance = self.modality_encoder(anatomy, frame)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        drawn = self.decoder(anatomy, code)
        again, _ = self.modality_encoder(anatomy, drawn)
        return Parts(self.segmentor(anatomy * keep), drawn, mean, log_variance, code, again)
