"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Counts, Number, Share, at_least, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.options import WeightsFile
from mlmi2023.nets.segmentation.options import Segmenter
from mlmi2023.tasks.options import Background, Prior, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Two = tuple[Count, Count]
Three = tuple[Count, Count, Count]
Four = tuple[Count, Count, Count, Count]


class Fet(Options):
    """The paper's network; see :class:`~mlmi2023.papers.fine_grained_wavelet.model.FrequencyUnet`."""

    name: Literal["fet"]
    attention: Literal["fet", "efficient", "standard"] = "fet"
    bridge: Number = 2
    widths: Four = (64, 128, 320, 512)
    heads: Four = (2, 4, 10, 16)
    decoder_heads: Three = (16, 8, 4)
    depths: Four = (2, 2, 2, 2)
    wavelet: str = "haar"
    levels: Count = 3


class R50Unet(Options):
    """ResNet in a U."""

    name: Literal["r50_unet"]
    depths: Four = (3, 4, 6, 3)
    width: Count = 64
    bottleneck: Count = 512
    decoder: Counts = (256, 128, 64, 32, 16)
    pretrained: WeightsFile | None = None


class DeepLab(Options):
    """DeepLabv3+."""

    name: Literal["deeplabv3p"]
    depths: Four = (3, 4, 23, 3)
    width: Count = 64
    pyramid: Count = 256
    low: Count = 48
    rates: Counts = (6, 12, 18)
    pretrained: WeightsFile | None = None


class LevitUnet(Options):
    """LeViT-UNet."""

    name: Literal["levit_unet"]
    widths: Three = (384, 512, 768)
    heads: Three = (6, 9, 12)
    depths: Three = (4, 4, 4)
    key: Count = 32
    bottleneck: Count = 512
    decoder: Counts = (256, 128, 64, 16)


class HiFormer(Options):
    """HiFormer."""

    name: Literal["hiformer"]
    depths: Three = (3, 4, 6)
    width: Count = 64
    swin: Count = 96
    blocks: Three = (2, 2, 6)
    heads: Three = (3, 6, 12)
    window: Annotated[int, at_least(2)] = 7
    fusion: Two = (1, 2)
    fusion_heads: Two = (6, 12)
    decoder: Count = 128
    drop_path: Share = 0.1
    pretrained: WeightsFile | None = None


class TmuNet(Options):
    """TMU-Net."""

    name: Literal["tmu_net"]
    depths: Three = (3, 4, 6)
    width: Count = 64
    patch: Count = 16
    hidden: Count = 768
    heads: Count = 12
    layers: Count = 12
    bottleneck: Count = 512
    decoder: Counts = (256, 128, 64, 32)
    pretrained: WeightsFile | None = None


class Learned(Options):
    """A network."""

    kind: Literal["learned"]
    net: Segmenter | Fet | R50Unet | DeepLab | LevitUnet | HiFormer | TmuNet


class Task(Options):
    """Segmentation of images or of axial slices; ``organs``: label values by name."""

    kind: Literal["slices"]
    size: Size
    organs: Annotated[dict[str, Count], filled] | None = None


class Train(OptimisedTraining):
    """Stochastic gradient descent on images."""

    loss: SegmentationLoss = SegmentationLoss()
    augment: Augmentation2D | None = None
    channels_last: bool = False


Method = Learned | Prior | Background | Truth
