"""Keys of networks. What is left out has the size that the paper prints, or that its sources have."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Counts, Number, Share, above, between, filled
from mlmi2023.core.options import Options

Four = tuple[Count, Count, Count, Count]
Lengths = Annotated[tuple[Annotated[float, above(0)], ...], filled]


class Pretrained(Options):
    """Weights from a local file."""

    path: str
    sha256: str | None = None


class Cnn(Options):
    """A ResNet whose last map is read place by place, ResNet-101 by default.

    Attributes:
        depths: bottlenecks of each stage; four make maps of 1/32 of the image, three of 1/16.
        width: of the stem.
        pretrained: ImageNet weights.
    """

    depths: Counts = (3, 4, 23, 3)
    width: Count = 64
    pretrained: Pretrained | None = None


class Compact(Options):
    """The two-stage detector of this package.

    Attributes:
        depths: bottlenecks of the ResNet's stages; (3, 4, 6, 3) is ResNet-50.
        width: of its stem.
        pyramid: channels of the feature pyramid.
        sides: of anchor boxes on each level, in strides.
        ratios: height over width of anchor boxes.
        proposals: boxes that are looked into.
        bins: along a side of a box, at which features are read.
        hidden: width of a token.
        overlap: of proposals, above which one suppresses the other.
        cut: score under which a region is missing, and its token zero.
        pretrained: ImageNet weights of the ResNet.
    """

    name: Literal["compact"]
    depths: Four = (3, 4, 6, 3)
    width: Count = 64
    pyramid: Count = 256
    sides: Lengths = (4.0,)
    ratios: Lengths = (0.5, 1.0, 2.0)
    proposals: Count = 300
    bins: Count = 7
    hidden: Count = 1024
    overlap: Annotated[float, between(0, 1)] = 0.7
    cut: Share = 0.05
    pretrained: Pretrained | None = None


class FasterRcnn(Options):
    """The paper's: torchvision's ``fasterrcnn_resnet50_fpn_v2``; torchvision must be installed.

    Attributes:
        proposals: boxes that are looked into, in tests.
        cut: score under which a region is missing.
        pretrained: COCO weights of the whole detector.
    """

    name: Literal["faster_rcnn"]
    proposals: Count = 1000
    cut: Share = 0.05
    pretrained: Pretrained | None = None


class Plain(Options):
    """An encoder-decoder transformer.

    Attributes:
        layers: of the encoder, and of the decoder.
        heads: of each attention.
        width: of a token.
        inner: of the perceptrons.
        dropout: everywhere.
    """

    layers: Count = 3
    heads: Count = 8
    width: Count = 512
    inner: Count = 512
    dropout: Share = 0.1


class Relational(Plain):
    """The same with a relational memory of so many ``slots`` in its decoder."""

    slots: Count = 3


class CrossModal(Plain):
    """The same with a memory of ``entries``, of which each place reads the ``nearest``."""

    entries: Count = 2048
    nearest: Count = 32


class Meshed(Plain):
    """Memory slots in the encoder's attention; every decoder layer looks at all encoder layers."""

    inner: Count = 2048
    slots: Number = 40
