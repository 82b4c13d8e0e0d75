"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, between
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.segmentation.options import Segmenter
from mlmi2023.tasks.options import Background, Prior, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Three = tuple[Count, Count, Count]
Four = tuple[Count, Count, Count, Count]


class SkinTransformer(Options):
    """The paper's network; see :class:`~mlmi2023.papers.skin_transformer.model.SkinTransformer`."""

    name: Literal["skin_transformer"]
    widths: Three = (128, 320, 512)
    blocks: Three = (2, 2, 2)
    ffns: Annotated[int, between(1, 2)] = 2
    ratio: Count = 4
    scales: tuple[Literal[1, 2, 3], ...] = (1, 2, 3)
    contexts: Literal["recompute", "reuse"] = "recompute"


class FatNet(Options):
    """FAT-Net."""

    name: Literal["fat_net"]
    widths: Four = (64, 128, 256, 512)
    depths: Four = (3, 4, 6, 3)
    hidden: Count = 192
    heads: Count = 3
    layers: Count = 12


Net = Segmenter | SkinTransformer | FatNet


class Learned(Options):
    """A network; ``printed`` is the same at the paper's size, whose weights are counted."""

    kind: Literal["learned"]
    net: Net
    printed: Net | None = None
    size: Size | None = None
    select_on: Literal["val", "test"] = "val"


class Task(Options):
    """Segmentation of one structure; ``size``: rows and columns that networks see."""

    kind: Literal["segmentation"]
    size: Size | None = None
    printed_size: Count = 224
    normalise: Literal["range", "zscore", "unit"] = "range"
    loss: SegmentationLoss = SegmentationLoss()
    augment: Augmentation2D | None = None


class Train(OptimisedTraining):
    """``val_batch``: validation images at once."""

    val_batch: Count | None = None
    channels_last: bool = False


Method = Learned | Prior | Background | Truth
