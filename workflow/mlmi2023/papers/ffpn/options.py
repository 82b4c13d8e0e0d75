"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Number, Positive, Share, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.options import WeightsFile
from mlmi2023.nets.segmentation.options import SwinUnet, Unet
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.loop.options import OptimisedTraining

Depths = tuple[Count, Count, Count, Count]
Polar = Literal["printed", "released"]
#: orders of the coarsest, the middle and the finest level
Levels = tuple[tuple[Count, ...], tuple[Count, ...], tuple[Count, ...]]


class Refine(Options):
    """Contour sampling refinement; see :class:`~mlmi2023.papers.ffpn.refinement.Refinement`."""

    features: Count = 64
    hidden: tuple[Count, Count] = (1024, 512)
    points: Count = 16
    bins: Count = 2
    close: Share = 0.7
    weight: Amount = 0.2


class Ffpn(Options):
    """The paper's network; see :class:`~mlmi2023.papers.ffpn.model.FFPN`."""

    name: Literal["ffpn"]
    depths: Depths = (3, 4, 6, 3)
    width: Count = 64
    pyramid: Count = 256
    head: Count = 3
    orders: Levels = ((1,), (2, 3), (4, 5, 6, 7))
    anchors: Count = 9
    positive: Share = 0.25
    negative: Share = 0.1
    negatives: Count = 20
    polar: Polar = "printed"
    least: Positive = 0.005
    top: Count = 20
    cut: Share = 0.05
    refine: Refine | None = None
    pretrained: WeightsFile | None = None

    def wrong(self) -> str:
        """Each order from 1 on belongs to one level."""
        found = sorted(n for own in self.orders for n in own)
        if not found or found != list(range(1, len(found) + 1)):
            return f"orders has {found}; give each order from 1 on to one level"
        return "" if self.negative <= self.positive else "negative is above positive"


class Cpn(Options):
    """Contour Proposal Network; see :class:`~mlmi2023.papers.ffpn.cpn.CPN`."""

    name: Literal["cpn"]
    depths: Depths = (3, 4, 6, 3)
    width: Count = 64
    pyramid: Count = 256
    head: Count = 3
    orders: Count = 7
    refinements: Count = 4
    reach: Amount = 3.0
    cut: Share = 0.05
    pretrained: WeightsFile | None = None


class PolarMask(Options):
    """PolarMask; see :class:`~mlmi2023.papers.ffpn.polarmask.PolarMask`."""

    name: Literal["polarmask"]
    depths: Depths = (3, 4, 6, 3)
    width: Count = 64
    pyramid: Count = 256
    head: Count = 3
    rays: Count = 36
    levels: tuple[Amount, Amount] = (64.0, 128.0)
    radius: Positive = 1.5
    cut: Share = 0.05
    pretrained: WeightsFile | None = None


class PolySnake(Options):
    """PolySnake; see :class:`~mlmi2023.papers.ffpn.polysnake.PolySnake`."""

    name: Literal["polysnake"]
    depths: Depths = (3, 4, 6, 3)
    width: Count = 64
    pyramid: Count = 256
    head: Count = 3
    points: Annotated[int, lambda value: "" if value in (32, 64, 128) else "give 32, 64 or 128"] = 128
    steps: Count = 6
    hidden: Count = 128
    cut: Share = 0.05
    pretrained: WeightsFile | None = None


class MaskRcnn(Options):
    """Mask R-CNN; see :class:`~mlmi2023.papers.ffpn.mask_rcnn.MaskRCNN`."""

    name: Literal["mask_rcnn"]
    depths: Depths = (3, 4, 6, 3)
    width: Count = 64
    pyramid: Count = 256
    head: Count = 1
    sides: Annotated[tuple[Positive, ...], filled] = (4.0,)
    ratios: Annotated[tuple[Positive, ...], filled] = (0.5, 1.0, 2.0)
    proposals: Count = 100
    hidden: Count = 1024
    mask: Count = 4
    overlap: Share = 0.7
    cut: Share = 0.05
    pretrained: WeightsFile | None = None


class DeepLab(Options):
    """DeepLabV3; see :class:`~mlmi2023.papers.ffpn.deeplab.DeepLabV3`."""

    name: Literal["deeplabv3"]
    depths: Depths = (3, 4, 6, 3)
    width: Count = 64
    pyramid: Count = 256
    rates: Counts = (6, 12, 18)
    pretrained: WeightsFile | None = None


class Learned(Options):
    """A network."""

    kind: Literal["learned"]
    net: Ffpn | Cpn | PolarMask | PolySnake | MaskRcnn | DeepLab | Unet | SwinUnet


class Encoded(Options):
    """The true contour as a description holds it: Fourier orders, or rays from its centre of mass."""

    kind: Literal["encoded"]
    by: Literal["fourier", "rays"] = "fourier"
    count: Count = 7


class Task(Options):
    """Segmentation by one contour for each structure.

    Attributes:
        size: rows and columns that networks see.
        channels: that they see; grey images are repeated. Null: the cohort's.
        loss: of networks that label pixels.
        costs: tested images that are timed one by one, with the memory that they need; 0: none.
    """

    kind: Literal["segmentation"]
    size: Size
    channels: Literal[1, 3] | None = None
    loss: SegmentationLoss = SegmentationLoss()
    costs: Number = 0


class Train(OptimisedTraining):
    """``val_batch``: validation images at once."""

    val_batch: Count = 16
    channels_last: bool = False


Method = Learned | Encoded | Background | Truth
