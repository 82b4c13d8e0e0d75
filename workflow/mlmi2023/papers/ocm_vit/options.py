"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Number, Positive, Share, above, at_least, between
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.segmentation.options import Unet
from mlmi2023.papers.ocm_vit.encoder_options import Chosen, Dino, Mim, Span, Stock, Untrained, Vit, Weighted
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

#: training steps of a method that begins with another one's encoder
STAGES = ("pretrain", "main")


class UnetRow(Options):
    """The U-Net.

    Attributes:
        net: its sizes.
        labels: ``true``: those of training images; ``pseudo``: the pool's, by the method under ``uses``.
        share: of the images that it learns from, the first by name.
    """

    kind: Literal["learned"]
    model: Literal["unet"]
    net: Unet
    labels: Literal["true", "pseudo"] = "true"
    share: Annotated[float, above(0), between(0, 1)] = 1.0


class VitRow(Options):
    """The pretrained encoder with a head that segments.

    Attributes:
        net: of the stage ``pretrain``.
        head: ``linear``: one 1 x 1 convolution to the pixels of each patch; ``two``: a 3 x 3 one before it.
        inner: channels in between.
        frozen: the encoder stays as it is: linear probing.
        share: as of the U-Net.
    """

    kind: Literal["learned"]
    model: Literal["vit"]
    net: Vit
    head: Literal["linear", "two"] = "linear"
    inner: Count = 256
    frozen: bool = False
    share: Annotated[float, above(0), between(0, 1)] = 1.0


class Pair(Options):
    """A term of STEGO: its ``weight``, and the ``shift``, below which features count as unlike."""

    weight: Amount
    shift: float


class Stego(Options):
    """STEGO (Hamilton et al. 2022), on the encoder of the method under ``uses``, or ``net.pretrained``.

    Attributes:
        net: the encoder, which stays as it is.
        code: width of the codes.
        clusters: of codes.
        points: places drawn of each image.
        neighbours: images nearest to each, of which one is drawn.
        itself, near, random: an image paired with itself, with one near to it, and with any other.
    """

    kind: Literal["learned"]
    model: Literal["stego"]
    net: Vit
    code: Count = 70
    clusters: Annotated[int, at_least(2)] = 2
    points: Count = 121
    neighbours: Count = 7
    itself: Pair = Pair(weight=0.67, shift=0.18)
    near: Pair = Pair(weight=0.25, shift=0.12)
    random: Pair = Pair(weight=0.63, shift=0.46)


class Pyramid(Options):
    """A residual network of basic blocks with a feature pyramid; ``width`` is that of its features."""

    name: Literal["pyramid"]
    widths: tuple[Count, Count, Count, Count] = (64, 128, 256, 512)
    blocks: Count = 2
    stem: Literal[1, 2, 4] = 4
    width: Count = 128


class Picie(Options):
    """PiCIE (Cho et al. 2021).

    Attributes:
        net: the network.
        clusters: of the pixels' features.
        sampled: features that each clustering looks at.
        crop: area of the geometric view, as a share of the image.
        jitter: largest change of brightness and contrast of the photometric views, as shares.
    """

    kind: Literal["learned"]
    model: Literal["picie"]
    net: Pyramid
    clusters: Annotated[int, at_least(2)] = 2
    sampled: Count = 20000
    crop: Span = (0.5, 1.0)
    jitter: Share = 0.3


class Otsu(Options):
    """A threshold by Otsu."""

    kind: Literal["otsu"]


class Kmeans(Options):
    """Two clusters of grey values; ``iterations`` at most."""

    kind: Literal["kmeans"]
    iterations: Count = 200


class ChanVese(Options):
    """Active contours without edges.

    Attributes:
        iterations: at most.
        mu: weight of the contour's length.
        lambda1, lambda2: of the spread inside and outside.
        tolerance: change below which it ends.
    """

    kind: Literal["chan_vese"]
    iterations: Count = 200
    mu: Amount = 0.25
    lambda1: Amount = 1.0
    lambda2: Amount = 1.0
    tolerance: Positive = 1e-3


class Task(Options):
    """Segmentation of one structure, with an unlabelled pool.

    Attributes:
        encoder_size: rows and columns that encoders see; null: as the cohort has them.
        size: the same of networks that segment.
        held: share of the pool, the last by name, on which nothing is learned: it validates.
        choose: labelled training images by which a method of kind ``chosen`` chooses; 0: there are none.
        loss: of networks that segment.
    """

    kind: Literal["pool"]
    encoder_size: Size | None = None
    size: Size | None = None
    held: Annotated[float, above(0), between(0, 0.5)] = 0.1
    choose: Number = 10
    loss: SegmentationLoss = SegmentationLoss(kind="dice", smooth=1.0, per_case=False)


class Train(OptimisedTraining):
    """``val_batch``: validation images at once; ``augment``: of images that networks learn to segment."""

    val_batch: Count = 8
    augment: Augmentation2D | None = None


Method = (
    Mim | Dino | Stock | Untrained | Weighted | Chosen | UnetRow | VitRow | Stego | Picie
    | Otsu | Kmeans | ChanVese | Background | Truth
)  # fmt: skip
