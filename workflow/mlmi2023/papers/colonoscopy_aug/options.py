"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Number, Positive, Share, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.options import WeightsFile
from mlmi2023.tasks.options import Background, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Four = tuple[Count, Count, Count, Count]
Five = tuple[Count, Count, Count, Count, Count]


class ResNet(Options):
    """MONAI's ResNet of bottlenecks.

    Attributes:
        layers: bottlenecks of each stage.
        widths: their inner channels.
        stride: of the first convolution.
        pool: whether a pooling follows it, which halves maps once more.
        pretrained: file of published weights.
    """

    layers: Four = (3, 4, 6, 3)
    widths: Four = (64, 128, 256, 512)
    stride: Literal[1, 2] = 2
    pool: bool = True
    pretrained: WeightsFile | None = None


class Classifier(Options):
    """The classifier of centres; its predictions are saliency maps of all frames."""

    kind: Literal["learned"]
    model: Literal["classifier"]
    net: ResNet = ResNet()


class Mask(Options):
    """What is blanked while a network learns.

    Attributes:
        by: ``saliency``: where the classifier looks; ``inverted``: all else; ``random``: the same shape at a
            place drawn for each frame; ``overlay``: the true overlays.
        p: probability.
        threshold: of the saliency, above which a place is attended.
        per: what p is drawn for.
    """

    by: Literal["saliency", "inverted", "random", "overlay"]
    p: Share
    threshold: Share = 0.5
    per: Literal["batch", "sample"] = "batch"


class BilinearUnet(Options):
    """U-Net; channels of its five levels."""

    name: Literal["unet_bilinear"]
    widths: Five = (64, 128, 256, 512, 512)


class DeepLab(Options):
    """DeepLabV3+."""

    name: Literal["deeplab"]
    depths: Four = (3, 4, 23, 3)
    width: Count = 64
    pyramid: Count = 256
    low: Count = 48
    rates: Counts = (6, 12, 18)
    pretrained: WeightsFile | None = None


class Sdnet(Options):
    """SDNet; see :class:`~mlmi2023.papers.colonoscopy_aug.sdnet.SDNet`."""

    name: Literal["sdnet"]
    widths: Five = (64, 128, 256, 512, 512)
    anatomy: Count = 8
    code: Count = 8
    strided: Four = (16, 32, 64, 128)
    hidden: Count = 32
    decoder: tuple[Count, Count, Count] = (128, 64, 32)
    segmentor: Count = 64


class Terms(Options):
    """Weights of SDNet's losses."""

    dice: Amount = 10.0
    reconstruction: Amount = 1.0
    kl: Amount = 0.01
    code: Amount = 1.0


class Segmenter(Options):
    """A network that takes frames, masked or not."""

    kind: Literal["learned"]
    model: Literal["segmenter"]
    net: BilinearUnet | DeepLab
    mask: Mask | None = None


class Disentangled(Options):
    """SDNet, whose anatomy is masked or not."""

    kind: Literal["learned"]
    model: Literal["sdnet"]
    net: Sdnet
    terms: Terms = Terms()
    mask: Mask | None = None


class Chosen(Options):
    """The best of several methods, which stand under ``uses``.

    Attributes:
        candidates: the p of each, by method.
        by: whose Dice decides: that of ``validation`` frames, or of the tested ones, as in the paper.
    """

    kind: Literal["chosen"]
    candidates: Annotated[dict[str, Share], filled]
    by: Literal["validation", "test"]


class Task(Options):
    """One structure, across centres.

    Attributes:
        left_out: centres; fold k leaves out the k-th.
        val: share of each other centre's patients who validate.
        split_seed: of that split; ``seed``: that of the run.
        truth: name of the label map with the structure, whose first class it is.
        overlays: name of the map of overlays; null where there is none.
        view: name of the map of what the endoscope sees; null where there is none.
    """

    kind: Literal["left_out_centre"]
    left_out: Annotated[list[str], filled]
    val: Share = 0.2
    split_seed: Number | Literal["seed"] = "seed"
    truth: str = "masks"
    overlays: str | None = None
    view: str | None = None


class Jitter(Options):
    """Colours of training frames.

    Attributes:
        chance: that a frame's are changed.
        brightness: largest change, as a share, either way; so ``contrast`` and ``saturation``.
        hue: largest turn, as a share of the circle, either way.
    """

    chance: Share = 0.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Share = 0.0


class Train(OptimisedTraining):
    """How to train.

    Attributes:
        loss: of U-Net and DeepLabV3+, and SDNet's term of segmentation.
        augment: of segmenting networks.
        jitter: likewise.
        val_batch: frames at once in validation.
        temperature: of SDNet's Gumbel-softmax.
    """

    loss: SegmentationLoss = SegmentationLoss()
    augment: Augmentation2D | None = None
    jitter: Jitter = Jitter()
    val_batch: Count = 16
    temperature: Positive = 1.0


Method = Classifier | Segmenter | Disentangled | Chosen | Background | Truth
