"""SPPNet (Sect. 2.3, Fig. 3): a small encoder, SAM's prompts and decoder, low-level features beside."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.sppnet.low_level import BLOCKS
from mlmi2023.papers.sppnet.options import Sppnet, TinyVit
from mlmi2023.papers.sppnet.sam import SamVit, configuration, decoded, mask_decoder, prompt_encoder
from mlmi2023.papers.sppnet.seen import Seen
from mlmi2023.papers.sppnet.tiny_vit import TinyViT

#: pixels of the encoder's image along a side of a mask's pixel
FINER = 4


class SPPNet(nn.Module):
    """The network: 9.8 million weights with LLSIE at its published size.

    Args:
        options: encoder, block and widths.
        size: rows and columns of its masks; the encoder's image is four times as large.
    """

    def __init__(self, options: Sppnet, size: int) -> None:
        super().__init__()
        side = FINER * size
        config = configuration(options, side)
        tiny = isinstance(options.encoder, TinyVit)
        keys = {key: value for key, value in vars(options.encoder).items() if key != "name"}
        self.encoder: nn.Module = TinyViT(3, options.width, **keys) if tiny else SamVit(options, side)
        self.prompts, self.decoder = prompt_encoder(config), mask_decoder(config)
        own = options.width // 8
        self.low = BLOCKS[options.block](3, own) if options.block else None
        self.joined = nn.Conv2d(2 * own, 1, 1) if options.fusion == "concat" else None

    def forward(self, seen: Seen) -> Tensor:
        """Return the logits (B P, 1, S, S) of all nuclei, P times where an image has P pairs of points."""
        embedding, low = self.encoder(seen.image), self.features(seen)
        each = len(seen.points) // len(embedding)
        if each > 1:
            embedding = embedding.repeat_interleave(each, 0)
            low = None if low is None else low.repeat_interleave(each, 0)
        return self.decode(embedding, low, seen.points, seen.labels)

    def features(self, seen: Seen) -> Tensor | None:
        """Return the low-level features (B, width / 8, S, S), or None without a block."""
        if self.low is None:
            return None
        if self.joined is None:
            return self.low(seen.low)
        # the text pools by two before it joins: only an image twice as large ends at the mask's size
        size = [2 * side for side in seen.low.shape[2:]]
        double = F.interpolate(seen.image, size=size, mode="bilinear", antialias=True)
        return F.max_pool2d(self.low(double), 2)

    def decode(self, embedding: Tensor, low: Tensor | None, points: Tensor, labels: Tensor) -> Tensor:
        """Return the logits (B, 1, S, S) of embeddings (B, width, S / 4, S / 4), features and points."""

        def answer(upscaled: Tensor, weights: Tensor) -> Tensor:
            if self.joined is not None and low is not None:
                return self.joined(torch.cat([upscaled, low], 1))
            fused = upscaled if low is None else upscaled + low
            return torch.einsum("bc,bchw->bhw", weights, fused)[:, None]

        return decoded(self.decoder, self.prompts, embedding, points, labels, answer)


class WithoutPrompts(nn.Module):
    """A network that sees the small image alone.

    Args:
        net: (B, 3, S, S) -> (B, 1, S, S), or a list of such whose first counts.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, seen: Seen) -> Tensor:
        """Return the logits (B, 1, S, S)."""
        found = self.net(seen.low)
        return found if isinstance(found, Tensor) else found[0]
