"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Positive, Share, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.tasks.domain_options import AcrossDomains
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

#: training steps: on the source; on the source and the unlabelled target; the last one
STAGES = ("source", "adapt", "main")
Four = tuple[Count, Count, Count, Count]
#: SDD, FSTDD and UTDD
Pool = Literal["source", "shots", "unlabelled"]


class Encoder(Options):
    """A folder with weights that transformers has saved: ``config.json`` and ``model.safetensors``."""

    path: Annotated[str, filled]


class MitFusion(Options):
    """The student (Fig. 2).

    Attributes:
        dims: channels of the encoder's stages.
        depths: blocks of each.
        heads: of the attention of each.
        reductions: by which keys and values are shortened along each axis.
        ratio: inner width of Mix-FFNs.
        drop_path: highest chance that a block is left out while training.
        width: channels of the decoder.
        dilations: of its parallel convolutions.
        dropout: before its classifier.
        pretrained: of the encoder.
    """

    name: Literal["mit_fusion"]
    dims: Four = (64, 128, 320, 512)
    depths: Four = (2, 2, 2, 2)
    heads: Four = (1, 2, 5, 8)
    reductions: Four = (8, 4, 2, 1)
    ratio: Count = 4
    drop_path: Share = 0.1
    width: Count = 256
    dilations: Counts = (1, 6, 12, 18)
    dropout: Share = 0.1
    pretrained: Encoder | None = None

    def wrong(self) -> str:
        """Heads share the channels evenly."""
        odd = [dim for dim, heads in zip(self.dims, self.heads) if dim % heads]
        return f"dims has {odd[0]}, which does not divide by its heads" if odd else ""


class Mix(Options):
    """Domain mix (Sect. 2.3), "from => to": an object of an image of one pool is pasted into one of another.

    Several pools are drawn from with equal chance. Without ``from`` images of ``to`` stay as they are.
    """

    from_: tuple[Pool, ...] = ()
    to: Annotated[list[Pool], filled]

    @property
    def origins(self) -> tuple[Pool, ...]:
        """Pools that objects are cut out of; ``from`` is no name that Python lets one write."""
        return tuple(vars(self)["from"])


class Threshold(Options):
    """The probability that a pixel of a pseudo-label needs, in a straight line from ``start`` to ``end``.

    Attributes:
        start: at the first step.
        end: at the last step.
        below: pixels under it are ``background``, as printed, or have no label: ``ignore``.
    """

    start: Share = 0.5
    end: Share = 0.95
    below: Literal["background", "ignore"] = "background"

    def wrong(self) -> str:
        """It rises, and no two classes can be above it."""
        return "" if 0.5 <= self.start <= self.end else "give 0.5 <= start <= end"


class Learned(Options):
    """A network and its last training step; the steps before are other methods' (``stages``).

    Attributes:
        learn: pools whose images are learned from with their masks.
        mix: what the other half of each batch is; null: all of it is of ``learn``.
        labeller: who makes pseudo-labels: the mean ``teacher``, or the ``student`` itself.
        ema: decay of the teacher's average.
        shape: weight of the shape-guided branch; 0: without.
        threshold: of pseudo-labels.
        shots: of this method alone, see :class:`~mlmi2023.tasks.domain_options.AcrossDomains`.
    """

    kind: Literal["learned"]
    net: MitFusion
    learn: Annotated[list[Literal["source", "shots"]], filled]
    mix: Mix | None = None
    labeller: Literal["teacher", "student"] = "teacher"
    ema: Share = 0.999
    shape: Amount = 1.0
    threshold: Threshold = Threshold()
    shots: Amount | None = None


class Task(AcrossDomains):
    """Segmentation across domains.

    Attributes:
        map: label map of the cohort.
        structures: names in tables of its labels 1, 2, ...; null: the map's own.
        nested: a structure is all labels from its own on, as a disc is with its cup.
        size: rows and columns that networks see; null: as the cohort has them.
        normalise: see :func:`mlmi2023.training.data.images.normaliser`; learned from the source.
        band: side, in pixels, of the square whose morphological gradient is the boundary.
        loss: of both decoders.
        augment: of all training images, after mixing.
    """

    kind: Literal["segmentation"]
    map: str = "masks"
    structures: Annotated[list[str], filled] | None = None
    nested: bool = False
    size: Size | None = None
    normalise: Literal["range", "zscore", "unit"] = "zscore"
    band: Annotated[int, lambda value: "" if value in (3, 5, 7, 9) else "give 3, 5, 7 or 9"] = 5
    loss: SegmentationLoss = SegmentationLoss()
    augment: Augmentation2D | None = None


class Train(OptimisedTraining):
    """``decoder_rate``: rate of all but the encoder, in multiples of its; ``val_batch``: images at once."""

    decoder_rate: Positive = 10.0
    val_batch: Count = 16


Method = Learned | Background | Truth
