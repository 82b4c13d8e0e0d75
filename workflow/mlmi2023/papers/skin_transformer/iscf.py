"""Inter-scale context fusion (Sect. 2.2, Fig. 2): one context of all stages, applied to each stage again."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.skin_transformer.attention import EfficientAttention

SOURCES = ("recompute", "reuse")


class ContextMix(nn.Module):
    """Weigh the contexts of n stages by what each is on average, and mix them to one.

    Global pooling gives a number per stage, a perceptron with a sigmoid turns the n numbers into factors, and
    a 1x1 convolution over the stages ("3x1x1") adds the scaled contexts up.
    """

    def __init__(self, stages: int) -> None:
        super().__init__()
        self.factors = nn.Sequential(
            nn.Linear(stages, stages), nn.ReLU(), nn.Linear(stages, stages), nn.Sigmoid()
        )
        self.mix = nn.Conv2d(stages, 1, 1)

    def forward(self, contexts: Tensor) -> Tensor:
        """Return one context (B, d, d) for contexts (B, n, d, d)."""
        factors = self.factors(contexts.mean(dim=(2, 3)))
        return self.mix(contexts * factors[:, :, None, None])[:, 0]


class ISCF(nn.Module):
    """What is added to the skip connections of the chosen stages.

    Args:
        widths: channels of all stages; the last one's is the common size of contexts.
        scales: stages that take part, from 1; the others get nothing and give nothing.
        source: ``recompute`` (the release): contexts and queries come from attention layers of the module's
            own on maps projected to the common width. ``reuse`` (the text, "already calculated"): they are
            those of each stage's last block, brought to the common size and back by linear layers on both
            sides.

    Raises:
        InputError: an unknown source, or scales that do not exist.
    """

    def __init__(self, widths: Sequence[int], scales: Sequence[int], source: str = "recompute") -> None:
        super().__init__()
        if source not in SOURCES:
            raise InputError(f"config key net.contexts is {source!r}; choose {' or '.join(SOURCES)}")
        if not scales or not set(scales) <= set(range(1, len(widths) + 1)):
            raise InputError(
                f"config key net.scales is {list(scales)}; name some of the stages 1 to {len(widths)}"
            )
        self.scales, self.source, common = sorted(scales), source, widths[-1]
        own = {n: widths[n - 1] for n in self.scales}
        # a stage that has the common width needs no layer
        narrow = {n: width for n, width in own.items() if width != common}
        self.mix = ContextMix(len(self.scales))
        if source == "recompute":
            self.into = _layers({n: nn.Conv2d(width, common, 1) for n, width in narrow.items()})
            self.out = _layers({n: nn.Conv2d(common, width, 1) for n, width in narrow.items()})
            self.attention = _layers({n: EfficientAttention(common, project=False) for n in own})
        else:
            self.into = _layers({n: _BothSides(width, common) for n, width in narrow.items()})
            self.out = _layers({n: _BothSides(common, width) for n, width in narrow.items()})

    def forward(
        self, maps: Sequence[Tensor], contexts: Sequence[Tensor], queries: Sequence[Tensor]
    ) -> dict[int, Tensor]:
        """Return what each of the chosen stages gets, of the shape of its map, by stage from 1.

        Args:
            maps: of all stages, (B, C_i, h_i, w_i).
            contexts: of each stage's last block, (B, C_i, C_i).
            queries: of the same, (B, N_i, C_i).
        """
        common, own_queries = {}, {}
        for n in self.scales:
            if self.source == "recompute":
                tokens = _through(self.into, n, maps[n - 1]).flatten(2).transpose(1, 2)
                attention: EfficientAttention = self.attention[str(n)]  # type: ignore[assignment]
                common[n], own_queries[n] = attention.context(tokens)
            else:
                common[n], own_queries[n] = _through(self.into, n, contexts[n - 1]), queries[n - 1]
        fused = self.mix(torch.stack([common[n] for n in self.scales], dim=1))
        added = {}
        for n in self.scales:
            grid = maps[n - 1].shape[2:]
            if self.source == "recompute":
                applied = own_queries[n] @ fused
                added[n] = _through(self.out, n, applied.transpose(1, 2).unflatten(2, grid))
            else:
                applied = own_queries[n] @ _through(self.out, n, fused)
                added[n] = applied.transpose(1, 2).unflatten(2, grid)
        return added


class _BothSides(nn.Module):
    """A linear layer on the rows and one on the columns of contexts (B, d, d) -> (B, e, e)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.rows, self.columns = nn.Linear(before, after), nn.Linear(before, after)

    def forward(self, context: Tensor) -> Tensor:
        return self.rows(self.columns(context).transpose(1, 2)).transpose(1, 2)


def _layers(layers: dict[int, nn.Module]) -> nn.ModuleDict:
    return nn.ModuleDict({str(n): layer for n, layer in layers.items()})


def _through(layers: nn.ModuleDict, n: int, x: Tensor) -> Tensor:
    return layers[str(n)](x) if str(n) in layers else x
