"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.classical.options import Syn
from mlmi2023.core.conditions import Amount, Count, Counts, Number, Positive, above, between
from mlmi2023.core.options import Options
from mlmi2023.losses.options import Lncc, MindSsc
from mlmi2023.nets.registration.options import ImageSkip, LapIrn, SelfAttention, VoxelMorph
from mlmi2023.tasks.options import Identity, PairsOfSubjects, Truth
from mlmi2023.tasks.registration.options import PairSchedule


class SelfAttentionEncoder(SelfAttention):
    """Of TransMorph."""

    kind: Literal["self_attention"]


class CrossAttention(SelfAttention):
    """What both encoders with a stream for each image have."""

    depths: Counts = (4, 4, 5)
    heads: Counts = (8, 8, 8)


class SearchCrossAttention(CrossAttention):
    """Windows that look at ``search`` times their width in the other image."""

    kind: Literal["search_cross_attention"]
    search: Count = 3


class DeformableCrossAttention(CrossAttention):
    """Windows at learned offsets."""

    kind: Literal["deformable_cross_attention"]
    offset_kernels: Counts | None = (7, 5, 3)


class Direct(Options):
    """A displacement, as it is."""

    kind: Literal["direct"]
    head_channels: Count = 16
    skip: ImageSkip = "pooled"
    half_field: bool = False


class TimeVarying(Options):
    """A velocity that changes over ``steps``."""

    kind: Literal["time_varying"]
    steps: Count = 12
    head_channels: Count = 16
    checkpoint: bool = False
    skip: ImageSkip = "pooled"
    half_field: bool = False


class BSpline(Options):
    """A velocity of a B-spline."""

    kind: Literal["bspline"]
    spacing: Count = 3
    resize_channels: Count = 32
    integration_steps: Number = 7
    integration_scale: Annotated[float, above(0), between(0, 1)] = 1.0
    skip: ImageSkip = "pooled"
    lattice: Literal["stretched", "in_place"] = "stretched"


class Cycle(Options):
    """CycleMorph's weights."""

    weight: Amount
    identity: Amount


class Learned(Options):
    """A network; see :func:`~mlmi2023.papers.defxattn_reg.model.build_net`."""

    kind: Literal["learned"]
    encoder: VoxelMorph | LapIrn | SelfAttentionEncoder | SearchCrossAttention | DeformableCrossAttention
    decoder: Direct | TimeVarying | BSpline | None = None
    input_scale: Annotated[float, above(0), between(0, 1)] = 1.0
    checkpoint: bool = False
    cycle: Cycle | None = None


class ConvexAdam(Options):
    """See :class:`~mlmi2023.papers.defxattn_reg.convexadam.ConvexAdam`."""

    kind: Literal["convexadam"]
    spacing: Count = 6
    reach: Count = 4
    adam_spacing: Count = 2
    steps: Number = 80
    learning_rate: Positive = 1.0
    regularisation: Amount = 1.25
    radius: Count = 1
    dilation: Count = 2


class LnccLoss(Lncc):
    """The loss of images of one modality."""

    regularisation: Amount = 1.0
    dice: Amount = 0.0


class MindLoss(MindSsc):
    """The loss of images of two modalities."""

    regularisation: Amount = 1.0
    dice: Amount = 0.0


class Task(PairsOfSubjects):
    """Registration of two subjects.

    Attributes:
        loss: what is minimised.
        both_directions: each pair is trained on in two steps, one for each direction.
        ndv_region: where the non-diffeomorphic volume counts.
    """

    loss: LnccLoss | MindLoss
    both_directions: bool = False
    ndv_region: Literal["moving_labels", "grid"] = "moving_labels"


class Train(PairSchedule):
    """``val_pairs``: at most so many validation pairs."""

    val_pairs: Count | None = None


Method = Identity | Truth | Syn | ConvexAdam | Learned
