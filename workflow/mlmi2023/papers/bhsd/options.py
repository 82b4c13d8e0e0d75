"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Counts, Number, Positive, Share, at_least, between, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.segmentation.options import VolumeSegmenter
from mlmi2023.tasks.options import Background, Patch, Truth
from mlmi2023.tasks.semi_options import SemiSupervised
from mlmi2023.training.data.options import Augmentation3D
from mlmi2023.training.loop.options import OptimisedTraining

Four = tuple[Count, Count, Count, Count]


class NnUnet(Options):
    """See :class:`~mlmi2023.papers.bhsd.nnunet.NnUnet`; ``spacing`` is mm along T, H, W."""

    name: Literal["nnunet"]
    spacing: tuple[Positive, Positive, Positive] = (5.0, 0.5, 0.5)
    base: Count = 32
    most: Count = 320
    levels: Annotated[int, at_least(2)] = 6


class SwinUnetr(Options):
    """See :func:`~mlmi2023.papers.bhsd.networks.swin_unetr`."""

    name: Literal["swin_unetr"]
    features: Count = 48
    window: Annotated[int, at_least(2)] = 7
    depths: Four = (2, 2, 2, 2)
    heads: Four = (3, 6, 12, 24)
    norm: Literal["instance", "group"] = "instance"

    def wrong(self) -> str:
        """Features of MONAI's Swin UNETR come in twelves."""
        return "" if self.features % 12 == 0 else "features must be a multiple of 12"


class CoTr(Options):
    """See :class:`~mlmi2023.papers.bhsd.cotr.CoTr`."""

    name: Literal["cotr"]
    features: Four = (64, 192, 384, 384)
    blocks: tuple[Count, Count, Count] = (3, 3, 2)
    layers: Count = 6
    heads: Count = 6
    points: Count = 4
    mlp: Count = 1536
    dropout: Share = 0.1


class NnFormer(Options):
    """See :class:`~mlmi2023.papers.bhsd.nnformer.NnFormer`."""

    name: Literal["nnformer"]
    width: Count = 192
    depths: Counts = (2, 2, 2, 2)
    heads: Counts = (6, 12, 24, 48)
    window: Annotated[int, at_least(2)] = 4

    def wrong(self) -> str:
        """Each stage has its heads."""
        return "" if len(self.depths) == len(self.heads) else "depths and heads need one value per stage each"


class Learned(Options):
    """A network on patches.

    Attributes:
        negatives: scans without bleed that are learned from as well, the first of their split.
        only: the one class that is learned, by its short name (``edh``); null: what the task asks for.
        semi: how scans without labels are learned from; null: they are not.
    """

    kind: Literal["learned"]
    net: NnUnet | SwinUnetr | CoTr | NnFormer | VolumeSegmenter
    negatives: Number = 0
    only: str | None = None
    semi: SemiSupervised | None = None

    def wrong(self) -> str:
        """One question at a time."""
        return "give one of only and semi" if self.only and self.semi else ""


class Merge(Options):
    """One-class models, which stand under ``uses``, put together."""

    kind: Literal["merge"]


class Task(Options):
    """Bleeds in scans.

    Attributes:
        kind: ``bleeds`` of each class, or all of them as one ``foreground``.
        patch: T, H, W of a patch and of the sliding window.
        overlap: share of a window that the next one covers.
        gaussian: whether a window's middle counts more.
        windows: that are computed at once.
        val: split on which weights are chosen.
        tested: splits that are predicted; those of ``clean`` have no bleed.
        clean: splits without any bleed, on which false positives are counted apart.
        negatives: split of scans without bleed that methods may learn from.
        unlabelled: split of scans without labels.
        short: names of classes in tables; null: the cohort's.
    """

    kind: Literal["bleeds", "foreground"]
    patch: Patch
    overlap: Annotated[float, between(0, 0.95)] = 0.5
    gaussian: bool = True
    windows: Count = 1
    val: str = "val"
    tested: Annotated[tuple[str, ...], filled] = ("test",)
    clean: tuple[str, ...] = ()
    negatives: str = "no_bleed"
    unlabelled: str = "unlabelled"
    short: dict[str, str] | None = None


class Train(OptimisedTraining):
    """``positive``: share of patches centred on a bleed, in scans that have one."""

    positive: Share
    loss: SegmentationLoss
    augment: Augmentation3D | None = None


Method = Learned | Merge | Background | Truth
