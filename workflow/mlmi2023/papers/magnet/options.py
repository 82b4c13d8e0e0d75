"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Name, Positive, Share, at_least, between, filled
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Background, Patch, Truth
from mlmi2023.training.data.options import Augmentation3D
from mlmi2023.training.loop.options import OptimisedTraining

STAGES = ("segment", "main")

#: modalities joined by +, such as flair+t1c
Subset = Annotated[str, filled]
Subsets = Annotated[list[Subset], filled]
Widths = Annotated[tuple[Count, ...], lambda value: "" if len(value) > 1 else "give two levels or more"]


def power(value: int) -> str:
    """Accept 4, 8, 16, ...: decoders double the grid of tokens until it is that of voxels."""
    return "" if value > 2 and value & (value - 1) == 0 else "give 4, 8, 16 or 32"


class MagnetNet(Options):
    """Encoders, fusion and decoder (Sects. 2.1 and 2.3); the defaults are those of UNETR.

    Attributes:
        patch: side of a token, voxels; the encoder has one level more than that is a power of two.
        features: channels of the finest level, doubled by each that follows.
        hidden: of a token.
        mlp: inside of a block's perceptron.
        heads: of attention.
        layers: of the transformer.
        sharing: what encoders of different modalities have in common: ``none`` of their weights, the ``vit``
            with all that follows it, or ``all``.
        combine: features of modalities are added, or their ``mean`` is taken.
        ratio: r of the fusion's bottleneck.
        least: channels that it has at least.
        norm: B of Eq. 1: ``layer`` normalises over channels; ``batch`` needs two patients in a step.
    """

    patch: Annotated[int, power] = 16
    features: Count = 16
    hidden: Count = 768
    mlp: Count = 3072
    heads: Count = 12
    layers: Annotated[int, at_least(4)] = 12
    sharing: Literal["none", "vit", "all"] = "vit"
    combine: Literal["sum", "mean"] = "sum"
    ratio: Count = 16
    least: Count = 4
    norm: Literal["layer", "batch"] = "layer"

    def wrong(self) -> str:
        """Heads share a token evenly."""
        if self.hidden % self.heads:
            return f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})"
        return ""


class Adversarial(Options):
    """Sect. 2.2.

    Attributes:
        weight: lambda 2.
        widths: channels of the discriminator's hidden layers.
        slope: of its LeakyReLU.
    """

    weight: Amount = 0.5
    widths: Counts = (256, 64)
    slope: Share = 0.2


class Correlation(Options):
    """Sect. 2.4.

    Attributes:
        weight: of the loss, a mean over pairs of modalities.
        redundancy: lambda of Eq. 5.
        widths: channels of the projection's two blocks, and of what it returns.
        queue: patients of earlier steps whose projections count in the sums over the batch, without gradient.
    """

    weight: Amount = 0.01
    redundancy: Amount = 0.2
    widths: tuple[Count, Count, Count] = (512, 512, 256)
    queue: Annotated[int, at_least(0)] = 32


class Magnet(Options):
    """MagNET and its ablations: without ``adversarial`` or ``correlation``, these losses are left out.

    Attributes:
        segmentation: lambda 1.
    """

    kind: Literal["learned"]
    model: Literal["magnet"]
    net: MagnetNet = MagnetNet()
    segmentation: Positive = 0.5
    adversarial: Adversarial | None = None
    correlation: Correlation | None = None


class Hemis(Options):
    """HeMIS in a U-Net: levels of each modality's encoder are merged by mean and variance."""

    kind: Literal["learned"]
    model: Literal["hemis"]
    widths: Widths = (8, 16, 32, 64)


class Hved(Options):
    """U-HVED: levels are merged as a product of Gaussians, from which segmentation and images are decoded.

    Attributes:
        divergence: weight of the KL divergence from the prior.
        reconstruction: weight of the mean square error of images.
    """

    kind: Literal["learned"]
    model: Literal["hved"]
    widths: Widths = (8, 16, 32, 64)
    divergence: Amount = 0.1
    reconstruction: Amount = 0.1


class Acn(Options):
    """ACN: a network of all modalities and one of a subset are trained together, for each subset anew.

    Attributes:
        subsets: those that are trained; the network of all modalities answers for all of them.
        widths: channels of either U-Net.
        consistency: weight of the distance between both answers at the end of its rise.
        ramp: share of the training in which it rises.
        entropy: weight of the loss that makes the subset's entropy look like that of all modalities.
        knowledge: the same of the coarsest features.
        critics: channels of the first layer of either discriminator.
    """

    kind: Literal["learned"]
    model: Literal["acn"]
    subsets: Subsets
    widths: Widths = (16, 32, 64, 128, 256)
    consistency: Amount = 0.1
    ramp: Share = 0.4
    entropy: Amount = 0.001
    knowledge: Amount = 0.0002
    critics: Count = 16


class ResNet50(Options):
    """ResNet50 with 3D convolutions, a network for each setting.

    Attributes:
        planes: of the four stages.
        stride: of the first convolution.
    """

    kind: Literal["learned"]
    model: Literal["resnet50"]
    planes: tuple[Count, Count, Count, Count] = (64, 128, 256, 512)
    stride: Count = 1


class EfficientNet(Options):
    """EfficientNet-B0 with 3D convolutions, a network for each setting; ``width`` multiplies its channels."""

    kind: Literal["learned"]
    model: Literal["efficientnet"]
    width: Positive = 1.0


class Observer(Options):
    """Who knows what made the images of a stand-in: the best that any classifier can do."""

    kind: Literal["observer"]


class Majority(Options):
    """The floor of classification: the more frequent class of the training patients."""

    kind: Literal["majority"]


class Labels(Options):
    """Values of the label map."""

    core: Count = 1
    oedema: Count = 2
    enhancing: Count = 4


class SegmentationTask(Options):
    """Parts of gliomas from any subset of modalities.

    Attributes:
        size: voxels along right, front and up that scans are resized to.
        modalities: names of the images, in their order.
        labels: see :class:`Labels`.
        shares: of training samples with one, two, ... modalities.
        settings: subsets that are tested; null: all.
        validated: subsets that are validated.
        augment: of training scans.
        at_once: subsets that are answered in one go.
    """

    kind: Literal["segmentation"]
    size: Patch
    modalities: Annotated[tuple[Name, ...], filled] = ("FLAIR", "T1", "T1c", "T2")
    labels: Labels = Labels()
    shares: Annotated[tuple[Share, ...], filled] = (0.2, 0.2, 0.2, 0.4)
    settings: Subsets | None = None
    validated: Subsets
    augment: Augmentation3D | None = None
    at_once: Count = 15

    def wrong(self) -> str:
        """There is a share for each number of modalities, and they add up."""
        if len(self.shares) != len(self.modalities):
            return f"shares has {len(self.shares)} numbers for {len(self.modalities)} modalities"
        return "" if abs(sum(self.shares) - 1) < 1e-6 else f"shares add up to {sum(self.shares):g}, not 1"


class MethylationTask(Options):
    """Which of two classes a glioma is of.

    Attributes:
        modalities: names of the images, in their order.
        shares: as of segmentation; baselines always see all modalities of their setting.
        settings: subsets that are tested.
        held: share of a fold's training patients that choose the weights.
        augment: of training scans.
    """

    kind: Literal["methylation"]
    modalities: Annotated[tuple[Name, ...], filled] = ("FLAIR", "T1", "T1c", "T2")
    shares: Annotated[tuple[Share, ...], filled] = (0.2, 0.2, 0.2, 0.4)
    settings: Subsets
    held: Annotated[float, between(0.01, 0.9)] = 0.15
    augment: Augmentation3D | None = None

    def wrong(self) -> str:
        """There is a share for each number of modalities, and they add up."""
        if len(self.shares) != len(self.modalities):
            return f"shares has {len(self.shares)} numbers for {len(self.modalities)} modalities"
        return "" if abs(sum(self.shares) - 1) < 1e-6 else f"shares add up to {sum(self.shares):g}, not 1"


class Train(OptimisedTraining):
    """The schedule and the optimiser's keys; ``critic_rate`` is that of Adam for discriminators."""

    critic_rate: Positive = 1e-4


Task = SegmentationTask | MethylationTask
Learned = Magnet | Hemis | Hved | Acn | ResNet50 | EfficientNet
Method = Learned | Observer | Majority | Background | Truth
