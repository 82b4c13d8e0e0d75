"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import (
    Amount,
    Count,
    Number,
    Positive,
    Share,
    above,
    at_least,
    between,
    rising_or_equal,
)
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.options import WeightsFile
from mlmi2023.nets.segmentation.options import Unet
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

#: training steps of a method that begins with another one's encoder
STAGES = ("pretrain", "main")
#: what is thresholded: the image times its attention, both mixed as in the release, or the attention alone
Weighting = Literal["product", "blend", "attention"]
Span = Annotated[tuple[Share, Share], rising_or_equal]


class Vit(Options):
    """A vision Transformer; the published sizes are those of ViT-S/8.

    Attributes:
        width: of a token.
        layers: blocks.
        heads: of the attention.
        mlp: inner width of a block's perceptron.
        patch: side of a patch, pixels.
        pretrained: file of DINO's weights that it begins with.
    """

    name: Literal["vit"]
    width: Count = 384
    layers: Count = 12
    heads: Count = 6
    mlp: Count = 1536
    patch: Count = 8
    pretrained: WeightsFile | None = None

    def wrong(self) -> str:
        """Heads share the width evenly."""
        return (
            ""
            if self.width % self.heads == 0
            else f"width {self.width} does not divide by {self.heads} heads"
        )


class Mask(Options):
    """What is hidden from the encoder.

    Attributes:
        ratio: share of the blocks.
        patches: side of a square block, in patches of the encoder.
    """

    ratio: Annotated[float, above(0), between(0, 1)] = 0.5
    patches: Count = 2


class Stop(Options):
    """When pretraining ends (Sect. 2.3); not before the rate has risen to its highest.

    Attributes:
        rule: ``change``, as printed: the loss of an epoch differs by less than ``change`` from that of the
            one before; ``improvement``, as in the release: it is not below the best so far by as much.
        change: of the loss.
        epochs: in a row.
    """

    rule: Literal["change", "improvement"] = "change"
    change: Positive = 1e-3
    epochs: Count = 3


class Mim(Options):
    """Masked image modelling, and the masks from its attention.

    Attributes:
        mask: see :class:`Mask`.
        stop: null: never.
        crop: area of a training crop, as a share of the image, and ``ratio`` of its sides at most.
        weighting: of the image.
        pool: whether the masks of the pool are kept, for a network that learns from them.
    """

    kind: Literal["learned"]
    model: Literal["mim"]
    net: Vit
    mask: Mask = Mask()
    stop: Stop | None = Stop()
    crop: Span = (0.67, 1.0)
    ratio: Annotated[float, at_least(1)] = 4 / 3
    weighting: Weighting = "product"
    pool: bool = False


class Dino(Options):
    """Self-distillation without labels, trained here on the pool, and the masks from its attention.

    Attributes:
        hidden: inner width of the projection head.
        bottleneck: its narrowest width.
        prototypes: outputs.
        large: area of the two large crops, as shares of the image.
        small: area of the small ones, at half the size.
        crops: how many small ones.
        temperature: of the student, and of the teacher.
        ema: decay of the teacher's average.
        centre: decay of the teacher's mean output.
        weighting: of the image.
    """

    kind: Literal["learned"]
    model: Literal["dino"]
    net: Vit
    hidden: Count = 2048
    bottleneck: Count = 256
    prototypes: Count = 65536
    large: Span = (0.4, 1.0)
    small: Span = (0.05, 0.4)
    crops: Number = 8
    temperature: tuple[Positive, Positive] = (0.1, 0.04)
    ema: Share = 0.996
    centre: Share = 0.9
    weighting: Weighting = "attention"


class Stock(Options):
    """A published encoder as it is (``net.pretrained``), and the masks from its attention."""

    kind: Literal["stock"]
    net: Vit
    weighting: Weighting = "attention"

    def wrong(self) -> str:
        """There is nothing to learn it from."""
        return (
            "" if self.net.pretrained else "net.pretrained is missing; name the file of the published weights"
        )


class Untrained(Options):
    """An encoder of random weights, and the masks from its attention: against it one sees what is learned."""

    kind: Literal["untrained"]
    net: Vit
    weighting: Weighting = "product"


class Weighted(Options):
    """The attention of the method under ``uses``, weighted otherwise."""

    kind: Literal["weighted"]
    weighting: Weighting


class Chosen(Options):
    """The best method under ``uses``, by Dice on a few labelled training images (``task.choose``)."""

    kind: Literal["chosen"]


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
