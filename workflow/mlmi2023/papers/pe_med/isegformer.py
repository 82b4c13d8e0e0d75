"""iSegFormer in 2D (Liu et al. 2022): a Swin Transformer with a light decoder, told of clicks at first."""

from collections.abc import Sequence

from torch import Tensor, nn

from mlmi2023.nets.blocks.swin import PatchEmbed, PatchMerging, drop_rates, init_transformer, swin_blocks
from mlmi2023.papers.pe_med.clicks import disk_maps
from mlmi2023.papers.pe_med.decoder import MlpDecoder
from mlmi2023.papers.pe_med.interacting import Clicked
from mlmi2023.papers.pe_med.palm import GlobalPrompt


class ISegFormer(nn.Module):
    """The network: disks of clicks and the previous mask are embedded, and added to the image's tokens.

    Args:
        size: rows and columns of the image, divisible by 32.
        radius: of the disks, pixels.
        width: channels of the first stage.
        depths: blocks of each stage.
        heads: of each stage.
        window: tokens along a side of a window.
        drop_path: rate of the deepest block.
        decoder: width of the decoder.

    Raises:
        ValueError: the image does not divide into windows.
    """

    def __init__(
        self,
        size: tuple[int, int],
        radius: float = 5.0,
        width: int = 128,
        depths: Sequence[int] = (2, 2, 18, 2),
        heads: Sequence[int] = (4, 8, 16, 32),
        window: int = 7,
        drop_path: float = 0.1,
        decoder: int = 256,
    ) -> None:
        super().__init__()
        step = 4 * 2 ** (len(depths) - 1)
        if size[0] % step or size[1] % step:
            raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by {step}")
        self.radius = radius
        self.embed, self.prompt = PatchEmbed(1, width), GlobalPrompt(width)
        rates, widths = drop_rates(depths, drop_path), [width * 2**n for n in range(len(depths))]
        sizes = [(size[0] // 4 // 2**n, size[1] // 4 // 2**n) for n in range(len(depths))]
        self.stages = nn.ModuleList(
            swin_blocks(own, at, head, window, rate)
            for own, at, head, rate in zip(widths, sizes, heads, rates)
        )
        self.merge = nn.ModuleList(PatchMerging(own) for own in widths[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(own) for own in widths)
        self.decoder = MlpDecoder(widths, decoder)
        self.apply(init_transformer)

    def forward(self, seen: Clicked) -> Tensor:
        """Return the logits (B, 1, H, W) of the object that was clicked at."""
        rows, columns = seen.image.shape[2:]
        disks = disk_maps(seen.places, seen.signs, (rows, columns), self.radius)
        x, levels = self.embed(seen.image) + self.prompt(disks, seen.previous), []
        for number, (stage, norm) in enumerate(zip(self.stages, self.norms)):
            x = stage(x)
            levels.append(norm(x).permute(0, 3, 1, 2))
            if number < len(self.merge):
                x = self.merge[number](x)
        return self.decoder(levels, (rows, columns))
