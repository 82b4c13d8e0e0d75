"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Positive, Share, at_least, between, filled, named
from mlmi2023.core.options import Options
from mlmi2023.nets.segmentation.options import Segmenter
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Five = tuple[Count, Count, Count, Count, Count]
Six = tuple[Count, Count, Count, Count, Count, Count]
Name = Annotated[str, named]


class SpcNet(Options):
    """See :class:`~mlmi2023.papers.prostate_cancer_ms.spcnet.SPCNet`."""

    name: Literal["spcnet"]
    widths: Five = (64, 128, 256, 256, 256)


class BranchedUnet(Options):
    """See :class:`~mlmi2023.papers.prostate_cancer_ms.branched.BranchedUNet`."""

    name: Literal["branched_unet"]
    features: Six = (64, 128, 256, 512, 1024, 64)


class Learned(Options):
    """Networks, one a fold; ``dpm`` is the number of layers of the decision module, 0: none."""

    kind: Literal["learned"]
    net: SpcNet | BranchedUnet | Segmenter
    dpm: Annotated[int, between(0, 3)] = 0


class Closing(Options):
    """Radius in mm of the disc that closes holes, in a slice, and of that in the slices beside it."""

    within: Amount = 2.5
    beside: Amount = 0.5


class Thresholds(Options):
    """Probabilities from which on a class wins: indolent, over it aggressive, over both normal."""

    indolent: Share = 0.15
    aggressive: Share = 0.20
    normal: Share = 0.60


class Rules(Options):
    """When something counts.

    Attributes:
        least: mm3 of a lesion that is found; smaller ones are dropped.
        least_truth: the same of true lesions.
        closing: of lesions, found and true.
        aggressive: share of aggressive voxels above which a lesion is clinically significant.
        overlap: share of a true lesion that a found one must cover.
        negative: share of cancer below which a sextant is negative.
        alarm: share of a negative sextant above which what is found there is a false positive.
        percentile: of the probabilities in a lesion or sextant, which ranks it.
    """

    least: Amount = 250.0
    least_truth: Amount = 250.0
    closing: Closing = Closing()
    aggressive: Share = 0.01
    overlap: Share = 0.10
    negative: Share = 0.05
    alarm: Share = 0.10
    percentile: Annotated[float, between(0, 100)] = 90.0


class Task(Options):
    """Cancer of two kinds in T2 and ADC, within a given gland.

    Attributes:
        t2: name of the cohort's image; so ``adc``, and ``gland``, which is 1 within it and 0 elsewhere.
        pool: splits whose patients are dealt into folds.
        size: rows and columns around the gland.
        pixel: mm in plane.
        clip: standard deviations at which standardised intensities end.
        folds: networks of a method; each is validated on the patients that it has not seen.
        folds_seed: of the deal.
        decide: the likeliest class, or thresholds.
        rules: of the measures.
    """

    kind: Literal["lesions"]
    t2: Name = "T2"
    adc: Name = "ADC"
    gland: Name = "gland"
    pool: Annotated[tuple[Name, ...], filled] = ("train",)
    size: Size = (224, 224)
    pixel: Positive = 0.29
    clip: Positive = 6.0
    folds: Annotated[int, at_least(2)] = 5
    folds_seed: int = 0
    decide: Literal["likeliest"] | Thresholds = "likeliest"
    rules: Rules = Rules()


class Train(OptimisedTraining):
    """Training of all folds side by side.

    Attributes:
        decision: lambda, the weight of the decision loss.
        scales: alpha, the weights of its layers.
        sides: weight of the pixel loss of each side output.
        outside: what patches without any gland are called: normal, or nothing that counts.
        augment: of training slices.
        val_batch: validation slices at once.
    """

    decision: Amount = 0.5
    scales: tuple[Amount, Amount, Amount] = (1.0, 1.0, 1.0)
    sides: Amount = 1.0
    outside: Literal["normal", "ignore"] = "normal"
    augment: Augmentation2D | None = None
    val_batch: Count | None = None


Method = Learned | Background | Truth
