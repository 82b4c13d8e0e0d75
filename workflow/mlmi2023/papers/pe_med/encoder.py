"""The encoder of four Transformer blocks (Fig. 1): SegFormer's Mix Transformer, stage by stage."""

from collections.abc import Sequence

from torch import Tensor, nn
from transformers import SegformerConfig, SegformerModel


class Mit(nn.Module):
    """A Mix Transformer (Xie et al. 2021), untrained, of transformers.

    Args:
        channels: of the image.
        dims: channels of the stages, at 1/4, 1/8, 1/16 and 1/32 of the image.
        depths: layers of each.
        heads: of the attention of each.
        reductions: by which keys and values of each are shortened along each axis.
        ratio: inner width of its perceptrons.
        drop_path: highest chance that a layer is left out while training.
    """

    def __init__(
        self,
        channels: int,
        dims: Sequence[int],
        depths: Sequence[int],
        heads: Sequence[int],
        reductions: Sequence[int],
        ratio: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        own = SegformerConfig(
            num_channels=channels,
            hidden_sizes=list(dims),
            depths=list(depths),
            num_attention_heads=list(heads),
            sr_ratios=list(reductions),
            mlp_ratios=[ratio] * len(dims),
            drop_path_rate=drop_path,
        )
        self.stages = SegformerModel(own).stages

    def first(self, image: Tensor) -> Tensor:
        """Return the first stage's map (B, C, H / 4, W / 4)."""
        return self.stages[0](image)

    def rest(self, first: Tensor) -> list[Tensor]:
        """Return the maps of all stages, the first of which is given."""
        found = [first]
        for stage in self.stages[1:]:
            found.append(stage(found[-1]))
        return found
