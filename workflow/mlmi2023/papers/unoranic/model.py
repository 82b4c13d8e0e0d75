"""Encoders, decoders, both branches, autoencoder, ResNets and linear layers (Sect. 2.2)."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from mlmi2023.papers.unoranic.options import Net, Supervised

#: padding of all convolutions
PAD = 1
#: what is asked of a code
DISEASE, CORRUPTED = "disease", "corrupted"


class Convolved(nn.Sequential):
    """A convolution, batch normalisation and a leaky activation; ``slope`` 1 is none."""

    def __init__(self, convolution: nn.Module, channels: int, slope: float) -> None:
        super().__init__(convolution, nn.BatchNorm2d(channels), nn.LeakyReLU(slope))


class Residual(nn.Module):
    """Two convolutions of 3 x 3 around a skip.

    Args:
        channels: in and out.
        slope: of the activation.
    """

    def __init__(self, channels: int, slope: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(Convolved(nn.Conv2d(channels, channels, 3, 1, PAD), channels, slope) for _ in range(2))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) of the same shape."""
        return x + cast(Tensor, self.body(x))


def widths(own: Net, channels: int) -> list[int]:
    """Return the channels before the first block and after each."""
    found = [channels, *(own.width * 2**k for k in range(len(own.kernels)))]
    return found if own.code is None else [*found[:-1], own.code]


def sides(own: Net, side: int) -> list[int]:
    """Return the rows of an image and after each block."""
    found = [side]
    for kernel in own.kernels:
        found.append((found[-1] + 2 * PAD - kernel) // 2 + 1)
    return found


class Encoder(nn.Module):
    """Blocks of a residual and a strided convolution each, 28 -> 14 -> 7 -> 3 -> 1 at the printed sizes.

    Args:
        own: sizes.
        channels: of the image.
    """

    def __init__(self, own: Net, channels: int) -> None:
        super().__init__()
        steps = widths(own, channels)
        blocks: list[nn.Module] = []
        for kernel, before, after in zip(own.kernels, steps, steps[1:]):
            blocks.append(Residual(before, own.slope))
            strided = nn.Conv2d(before, after, kernel, 2, PAD)
            blocks.append(Convolved(strided, after, own.sampling_slope))
        self.blocks = nn.Sequential(*blocks)
        #: numbers of a code
        self.width: int = steps[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return codes (B, width) of images (B, C, H, W); what is left of the image is 1 x 1."""
        return cast(Tensor, self.blocks(x)).flatten(1)


class Decoder(nn.Module):
    """The encoder in reverse: a transposed convolution, then a residual block; no activation at the end.

    Args:
        own: sizes.
        channels: of the image.
        side: rows of the image, by which the transposed convolutions know their size.
        code: numbers that it is given; None: those of one encoder.
    """

    def __init__(self, own: Net, channels: int, side: int, code: int | None = None) -> None:
        super().__init__()
        steps, rows = widths(own, channels)[::-1], sides(own, side)[::-1]
        steps[0] = code or steps[0]
        blocks: list[nn.Module] = []
        for place, kernel in enumerate(reversed(own.kernels)):
            more = rows[place + 1] - ((rows[place] - 1) * 2 - 2 * PAD + kernel)
            up = nn.ConvTranspose2d(steps[place], steps[place + 1], kernel, 2, PAD, more)
            blocks.append(Convolved(up, steps[place + 1], own.sampling_slope))
            blocks.append(Residual(steps[place + 1], own.slope))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, code: Tensor) -> Tensor:
        """Return images (B, C, H, W) of codes (B, d)."""
        return cast(Tensor, self.blocks(code[:, :, None, None]))


class Codes(NamedTuple):
    """Anatomy and characteristics, (B, d) each; of one branch both are its only code."""

    anatomy: Tensor
    characteristic: Tensor


class TwoBranches(nn.Module):
    """unORANIC: E_A, E_C, D_A and D (Fig. 2).

    Args:
        own: sizes.
        channels: of the image.
        side: rows of the image.
    """

    def __init__(self, own: Net, channels: int, side: int) -> None:
        super().__init__()
        self.anatomy, self.characteristic = Encoder(own, channels), Encoder(own, channels)
        self.anatomy_decoder = Decoder(own, channels, side)
        self.decoder = Decoder(own, channels, side, 2 * self.anatomy.width)
        self.width: int = self.anatomy.width

    def codes(self, x: Tensor) -> Codes:
        """Return both codes of images (B, C, H, W)."""
        return Codes(self.anatomy(x), self.characteristic(x))

    def rebuilt(self, codes: Codes) -> Tensor:
        """Return the image with its corruption, D(E_A + E_C)."""
        return cast(Tensor, self.decoder(torch.cat(codes, dim=1)))

    def revised(self, codes: Codes) -> Tensor:
        """Return the image without its corruption, D_A(E_A)."""
        return cast(Tensor, self.anatomy_decoder(codes.anatomy))


class OneBranch(nn.Module):
    """An autoencoder of the anatomy branch's shape; what it rebuilds is also its revision.

    Args:
        own: sizes.
        channels: of the image.
        side: rows of the image.
    """

    def __init__(self, own: Net, channels: int, side: int) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(own, channels), Decoder(own, channels, side)
        self.width: int = self.encoder.width

    def codes(self, x: Tensor) -> Codes:
        """Return the code of images (B, C, H, W), twice."""
        code = self.encoder(x)
        return Codes(code, code)

    def rebuilt(self, codes: Codes) -> Tensor:
        """Return D(E)."""
        return cast(Tensor, self.decoder(codes.anatomy))

    def revised(self, codes: Codes) -> Tensor:
        """Return D(E)."""
        return self.rebuilt(codes)


class Read(nn.Module):
    """A representation and a linear layer on each of its codes (Sect. 3.4).

    The layers begin with zeros: before the first step they say the same of every image.

    Args:
        body: both branches, or one.
        classes: of the disease.
    """

    def __init__(self, body: TwoBranches | OneBranch, classes: int) -> None:
        super().__init__()
        self.body = body
        self.heads = nn.ModuleDict(
            {DISEASE: nn.Linear(body.width, classes), CORRUPTED: nn.Linear(body.width, 2)}
        )
        # norms, too, stay as they are; nobody is asked to call train() before the first step
        self.body.requires_grad_(False).eval()
        for head in self.heads.values():
            nn.init.zeros_(cast(nn.Linear, head).weight)
            nn.init.zeros_(cast(nn.Linear, head).bias)

    def train(self, mode: bool = True) -> "Read":
        """Set the mode of the layers; the representation stays as it is in use."""
        super().train(mode)
        self.body.eval()
        return self

    def logits(self, x: Tensor, asked: str) -> Tensor:
        """Return logits (B, classes) of images (B, C, H, W): disease from anatomy, else from the rest."""
        body = cast(TwoBranches | OneBranch, self.body)
        if isinstance(body, OneBranch):
            code = body.encoder(x)
        else:
            code = body.anatomy(x) if asked == DISEASE else body.characteristic(x)
        return cast(Tensor, self.heads[asked](code))


def residual_network(own: Supervised, channels: int, classes: int) -> nn.Module:
    """Return MONAI's ResNet for small images: a first convolution of 3 x 3 at full size, no pooling after it.

    Args:
        own: sizes; the defaults are ResNet-18.
        channels: of the image.
        classes: of the answer.
    """
    from monai.networks.nets import ResNet
    from monai.networks.nets.resnet import ResNetBlock

    return ResNet(
        ResNetBlock,
        list(own.blocks),
        [own.width * 2**stage for stage in range(len(own.blocks))],
        spatial_dims=2,
        n_input_channels=channels,
        conv1_t_size=3,
        conv1_t_stride=1,
        no_max_pool=True,
        num_classes=classes,
        bias_downsample=False,
    )


class TwoNetworks(nn.Module):
    """A ResNet for each question, which share nothing.

    Args:
        own: sizes.
        channels: of the image.
        classes: of the disease.
    """

    def __init__(self, own: Supervised, channels: int, classes: int) -> None:
        super().__init__()
        self.nets = nn.ModuleDict(
            {
                DISEASE: residual_network(own, channels, classes),
                CORRUPTED: residual_network(own, channels, 2),
            }
        )

    def logits(self, x: Tensor, asked: str) -> Tensor:
        """Return logits (B, classes) of images (B, C, H, W)."""
        return cast(Tensor, self.nets[asked](x))
