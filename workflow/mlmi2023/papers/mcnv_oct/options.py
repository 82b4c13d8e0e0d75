"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Literal

from mlmi2023.core.conditions import Count
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.options import WeightsFile
from mlmi2023.nets.segmentation.options import Segmenter
from mlmi2023.papers.fine_grained_wavelet import options as wavelet
from mlmi2023.tasks.options import Background, Prior, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Three = tuple[Count, Count, Count]
Four = tuple[Count, Count, Count, Count]
Five = tuple[Count, Count, Count, Count, Count]


class ParallelNet(Options):
    """The paper's network; see :class:`~mlmi2023.papers.mcnv_oct.model.ParallelNet`.

    ``pretrained`` is a file of ResNet weights; a ``depths`` and ``features`` that it fits are needed.
    """

    name: Literal["parallel_net"]
    features: Three = (64, 128, 256)
    depths: Three = (3, 4, 6)
    vit: Literal["super", "plain"] = "super"
    stem: Literal[2, 4] = 2
    widths: Four = (64, 128, 320, 512)
    heads: Four = (1, 2, 5, 8)
    grids: Four = (8, 4, 2, 1)
    iterations: Count = 1
    reach: Literal["all", "near"] = "all"
    hidden: Count = 512
    hidden_heads: Count = 8
    layers: Count = 4
    separable: bool = True
    reduction: Count = 16
    pretrained: WeightsFile | None = None


class UtNet(Options):
    """UTNet; see :class:`~mlmi2023.papers.mcnv_oct.utnet.UTNet`."""

    name: Literal["utnet"]
    widths: Five = (32, 64, 128, 256, 512)
    blocks: Three = (1, 2, 4)
    heads: Three = (2, 4, 8)
    reduced: Count = 8


class ResUtNet(Options):
    """UTNet on a ResNet; see :class:`~mlmi2023.papers.mcnv_oct.utnet.ResUTNet`."""

    name: Literal["res_utnet"]
    depths: Four = (3, 4, 6, 3)
    width: Count = 64
    decoder: Five = (512, 256, 128, 64, 32)
    blocks: Three = (1, 1, 1)
    heads: Three = (2, 4, 8)
    reduced: Count = 8
    pretrained: WeightsFile | None = None


class TmuNet(wavelet.TmuNet):
    """TMUNet, which another paper has under another name."""

    name: Literal["tmunet"]  # type: ignore[assignment]


Net = Segmenter | ParallelNet | UtNet | ResUtNet | TmuNet


class Learned(Options):
    """A network; ``leaky`` is trained and tested on copies of the same images, as the paper's text reads."""

    kind: Literal["learned"]
    net: Net
    leaky: bool = False


class Task(Options):
    """Segmentation of one structure.

    Attributes:
        size: rows and columns that networks see.
        normalise: what becomes of grey values.
        loss: of training.
        augment: of training images; rows with ``leaky`` have copies instead.
        copies_seed: of the split of copies.
    """

    kind: Literal["segmentation"]
    size: Size | None = None
    normalise: Literal["range", "zscore", "unit"] = "unit"
    loss: SegmentationLoss = SegmentationLoss()
    augment: Augmentation2D | None = None
    copies_seed: int = 0


class Train(OptimisedTraining):
    """``val_batch``: validation images at once."""

    val_batch: Count | None = None
    channels_last: bool = False


Method = Learned | Prior | Background | Truth
