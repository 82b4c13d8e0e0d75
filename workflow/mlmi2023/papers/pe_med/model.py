"""PE-MED (Fig. 1): a Mix Transformer that is told of clicks after its first block, and its ablations."""

from collections.abc import Sequence

from torch import Tensor, nn

from mlmi2023.papers.pe_med.clicks import disk_maps
from mlmi2023.papers.pe_med.decoder import MlpDecoder
from mlmi2023.papers.pe_med.encoder import Mit
from mlmi2023.papers.pe_med.interacting import Clicked
from mlmi2023.papers.pe_med.palm import GlobalPrompt, PalmI, PalmO


class Memory(nn.Module):
    """TSIP (Eq. 4): what a perceptron makes of the last answer, between 0 and 1, is added to the next one.

    Args:
        hidden: its inner width.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Conv2d(1, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, 1, 1))

    def forward(self, logits: Tensor, memory: Tensor) -> Tensor:
        """Return O_t of F(I_input) and O_{t-1}, both (B, 1, H, W)."""
        return logits + self.mlp(memory).sigmoid()


class PeMed(nn.Module):
    """The network, with or without its parts; Self-Loop is not one of the network.

    Args:
        radius: of the disks of clicks, pixels.
        palm_i: prompts are enhanced by PALM-I; without, their feature is M_global.
        palm_o: prompts and image ask each other; without, their features are added.
        tsip: it has a memory.
        skip: see :class:`~.palm.PalmI`.
        dims: see :class:`~.encoder.Mit`, as the next five.
        depths: of the stages.
        heads: of the stages.
        reductions: of the stages.
        ratio: of the stages.
        drop_path: of the stages.
        width: of the decoder.
        reduction: of PALM's keys and values.
        hidden: inner width of the memory's perceptron.
    """

    def __init__(
        self,
        radius: float = 5.0,
        palm_i: bool = True,
        palm_o: bool = True,
        tsip: bool = True,
        skip: bool = True,
        dims: Sequence[int] = (64, 128, 320, 512),
        depths: Sequence[int] = (3, 4, 18, 3),
        heads: Sequence[int] = (1, 2, 5, 8),
        reductions: Sequence[int] = (8, 4, 2, 1),
        ratio: int = 4,
        drop_path: float = 0.1,
        width: int = 256,
        reduction: int = 8,
        hidden: int = 16,
    ) -> None:
        super().__init__()
        self.radius = radius
        self.encoder = Mit(1, dims, depths, heads, reductions, ratio, drop_path)
        self.prompt: nn.Module = PalmI(dims[0], reduction, skip) if palm_i else GlobalPrompt(dims[0])
        self.mix = PalmO(dims[0], reduction) if palm_o else None
        self.decoder = MlpDecoder(dims, width)
        self.memory = Memory(hidden) if tsip else None

    def forward(self, seen: Clicked) -> Tensor:
        """Return the logits (B, 1, H, W) of the object that was clicked at."""
        rows, columns = seen.image.shape[2:]
        disks = disk_maps(seen.places, seen.signs, (rows, columns), self.radius)
        prompt = self.prompt(disks, seen.previous)
        image = self.encoder.first(seen.image).permute(0, 2, 3, 1)
        mixed = image + prompt if self.mix is None else self.mix(image, prompt)
        levels = self.encoder.rest(mixed.permute(0, 3, 1, 2).contiguous())
        logits = self.decoder(levels, (rows, columns))
        return logits if self.memory is None else self.memory(logits, seen.memory)
