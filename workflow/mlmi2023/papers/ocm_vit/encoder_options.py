"""Keys of encoders, and of methods whose masks come from an encoder's attention."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Number, Positive, Share, above, at_least, between, rising_or_equal
from mlmi2023.core.options import Options
from mlmi2023.nets.options import WeightsFile

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
