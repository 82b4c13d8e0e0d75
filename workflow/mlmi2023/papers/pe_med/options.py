"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Number, Positive, Share, at_least, between, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.options import WeightsFile
from mlmi2023.nets.segmentation.options import SwinUnet, TransUnet, Unet
from mlmi2023.papers.fine_grained_wavelet.options import HiFormer
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Four = tuple[Count, Count, Count, Count]
#: of clicks at an object
Clicks = Annotated[int, between(1, 20)]


class PeMed(Options):
    """The paper's network; see :class:`~mlmi2023.papers.pe_med.model.PeMed`. Sizes are those of MiT-B3."""

    name: Literal["pe_med"]
    palm_i: bool = True
    palm_o: bool = True
    tsip: bool = True
    skip: bool = True
    dims: Four = (64, 128, 320, 512)
    depths: Four = (3, 4, 18, 3)
    heads: Four = (1, 2, 5, 8)
    reductions: Four = (8, 4, 2, 1)
    ratio: Count = 4
    drop_path: Share = 0.1
    width: Count = 256
    reduction: Count = 8
    hidden: Count = 16

    def wrong(self) -> str:
        """Heads share the channels evenly."""
        odd = [dim for dim, heads in zip(self.dims, self.heads) if dim % heads]
        return f"dims has {odd[0]}, which does not divide by its heads" if odd else ""


class ISegFormer(Options):
    """iSegFormer; see :class:`~mlmi2023.papers.pe_med.isegformer.ISegFormer`. Sizes are those of Swin-B."""

    name: Literal["isegformer"]
    width: Count = 128
    depths: Counts = (2, 2, 18, 2)
    heads: Counts = (4, 8, 16, 32)
    window: Annotated[int, at_least(2)] = 7
    drop_path: Share = 0.1
    decoder: Count = 256

    def wrong(self) -> str:
        """Each stage has its heads."""
        return "" if len(self.depths) == len(self.heads) else "give as many heads as depths"


class Sam(Options):
    """SAM; see :class:`~mlmi2023.papers.pe_med.sam.Sam`. Sizes are those of ViT-B.

    ``pretrained`` is ``model.safetensors`` of SAM as transformers publishes it.
    """

    name: Literal["sam"]
    side: Count = 1024
    hidden: Count = 768
    layers: Count = 12
    heads: Count = 12
    window: Count = 14
    everywhere: tuple[Number, ...] = (2, 5, 8, 11)
    width: Count = 256
    mlp: Count = 2048
    multimask: bool = True
    pretrained: WeightsFile | None = None

    def wrong(self) -> str:
        """Patches of 16 pixels, and channels that divide."""
        if self.side % 16:
            return f"side {self.side} does not divide by 16"
        if self.hidden % self.heads:
            return f"hidden {self.hidden} does not divide by its heads"
        return f"width {self.width} does not divide by 16" if self.width % 16 else ""


class Automatic(Options):
    """A network that finds all organs by itself; nobody clicks."""

    kind: Literal["learned"]
    model: Literal["automatic"]
    net: Unet | TransUnet | SwinUnet | HiFormer


class Interactive(Options):
    """A network that answers to clicks.

    Attributes:
        net: what runs.
        self_loop: see :class:`~mlmi2023.papers.pe_med.interacting.Interaction`.
        learn: it learns from the ``objects`` of the training cases, or from ``shapes`` alone.
    """

    kind: Literal["learned"]
    model: Literal["interactive"]
    net: PeMed | ISegFormer | Sam
    self_loop: bool = False
    learn: Literal["objects", "shapes"] = "objects"


class Published(Options):
    """SAM as published, from a local file: it is not trained."""

    kind: Literal["published"]
    net: Sam

    def wrong(self) -> str:
        """Without weights it says nothing."""
        return "" if self.net.pretrained else "net.pretrained is missing; name the file with SAM's weights"


class GrabCut(Options):
    """GrabCut from a box around the object; see :func:`~mlmi2023.papers.pe_med.grabcut.grabcut`.

    Attributes:
        components: of each mixture of Gaussians.
        iterations: of mixtures and cut, in the box; after each click there is one.
        gamma: how much a border costs.
        margin: by which the box is larger than the object, pixels on each side.
        clicks: after the box.
    """

    kind: Literal["grabcut"]
    components: Count = 5
    iterations: Count = 5
    gamma: Positive = 50.0
    margin: Count = 3
    clicks: Annotated[int, between(0, 20)] = 0


class Rules(Options):
    """What the simulated user does.

    Attributes:
        most: clicks at a tested object; also what objects count as that never reach a Dice.
        radius: of the disks that networks see, pixels.
        rounds: a training step has this many clicks at most before the one that is learned from.
        spread: in training, places of this share of the largest depth may be clicked at.
        validated: clicks after which validation looks at Dice.
    """

    most: Clicks = 10
    radius: Positive = 5.0
    rounds: Number = 3
    spread: Share = 0.5
    validated: Clicks = 3


class Task(Options):
    """Segmentation of single objects: a structure in an image, or in a slice of a scan.

    Attributes:
        size: rows and columns that networks see and that is judged at, a square.
        plane: that scans are sliced in.
        modalities: images of a scan that are used, each by itself; null: the first.
        organs: structures, each with its name in tables and its label values, a list, which another one
            replaces whole; null: those of the cohort.
        least: pixels that an object must have.
        held: objects that validate, at most, spread over all.
        tested: objects of each tested case, at most, spread over all; null: all.
        clicks: what the user does.
        shapes: images of shapes, for methods that learn from them.
    """

    kind: Literal["clicks"]
    size: Size
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    modalities: Annotated[list[str], filled] | None = None
    organs: Annotated[list[dict[str, Count | list[Count]]], filled] | None = None
    least: Count = 10
    held: Count = 200
    tested: Count | None = None
    clicks: Rules = Rules()
    shapes: Count = 256

    def wrong(self) -> str:
        """Squares, whose quarters of quarters are whole."""
        rows, columns = self.size
        return (
            f"size is {rows} x {columns}; give a square that divides by 32"
            if rows != columns or rows % 32
            else ""
        )


class Focal(Options):
    """The normalised focal loss; see :class:`~mlmi2023.papers.pe_med.losses.NormalisedFocalLoss`."""

    alpha: Share = 0.5
    gamma: Amount = 2.0


class Train(OptimisedTraining):
    """Keys of training.

    Attributes:
        loss: of automatic networks.
        focal: of networks that answer to clicks.
        augment: of slices and their labels.
        val_batch: objects at once, where nothing is learned.
    """

    loss: SegmentationLoss = SegmentationLoss()
    focal: Focal = Focal()
    augment: Augmentation2D = Augmentation2D()
    val_batch: Count = 32


Method = Automatic | Interactive | Published | GrabCut | Background | Truth
