"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Positive, Share, at_least, between, filled
from mlmi2023.core.options import Options
from mlmi2023.nets.segmentation.options import Unet
from mlmi2023.tasks.options import Background, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Six = tuple[Count, Count, Count, Count, Count, Count]
Four = tuple[Count, Count, Count, Count]
#: of U2-Net's stages that have one on the way up; 1 is the image's own resolution
Level = Annotated[int, between(1, 5)]
#: pooled blocks of three convolutions are the shallowest
Depth = Annotated[int, at_least(3)]


class Flow(Options):
    """Optical flow inside of the network (Sect. 2.1).

    Attributes:
        levels: of the encoder at which flow is estimated.
        join: flows go into the decoder at all ``scales``, or into the ``last`` layer alone, as in SOCOF.
        radius: of the search at each level, pixels.
        features: channels in which frames are compared.
        widths: channels of an estimator's convolutions.
        context: channels and dilation of each convolution that refines the finest level.
    """

    levels: Annotated[tuple[Level, ...], filled] = (5, 4, 3, 2)
    join: Literal["scales", "last"] = "scales"
    radius: Count = 4
    features: Count = 64
    widths: Annotated[tuple[Count, ...], filled] = (128, 128, 96, 64, 32)
    context: tuple[tuple[Count, Count], ...] = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))

    def wrong(self) -> str:
        """Levels differ."""
        return "levels names one twice" if len(set(self.levels)) < len(self.levels) else ""


class OfsNet(Options):
    """U2-Net and, by choice, optical flow and a head of signed distances.

    Attributes:
        mids: channels inside of the blocks of the six stages.
        outs: channels that leave them.
        depths: of the first four blocks.
        flow: see :class:`Flow`; null: without.
        shape: whether there is the head.
    """

    name: Literal["ofsnet"]
    mids: Six = (32, 32, 64, 128, 256, 256)
    outs: Six = (64, 128, 256, 512, 512, 512)
    depths: tuple[Depth, Depth, Depth, Depth] = (7, 6, 5, 4)
    flow: Flow | None = None
    shape: bool = False


class UnetPlusPlus(Options):
    """U-Net++; channels of the five levels, and of the last one on the way up."""

    name: Literal["unet_plus_plus"]
    features: Six = (32, 64, 128, 256, 512, 32)


class BasNet(Options):
    """BASNet; channels of its first stage, and blocks of the residual network's four."""

    name: Literal["basnet"]
    width: Count = 64
    blocks: Four = (3, 4, 6, 3)


class FlowLosses(Options):
    """Weights of the flow's loss (Eq. 6).

    Attributes:
        photometric: of Eq. 3.
        census: of Eq. 4.
        smoothness: of the smoothness; it rises from epoch to epoch (Eq. 7).
        rising: by so much, relative.
        epochs: of the paper's training, to which a share of ours is turned.
        dice: of Eq. 5.
        warm_up: share of the training after which Eq. 5 begins, since masks must first be some.
        heat: whether Eqs. 3 and 4 see images weighted by the predicted myocardium.
        orientation: of the congruence of following flows (SOCOF).
    """

    photometric: Amount = 1.0
    census: Amount = 1.0
    smoothness: Amount = 1.0
    rising: Amount = 0.01
    epochs: Count = 100
    dice: Amount = 1.0
    warm_up: Share = 0.1
    heat: bool = True
    orientation: Amount = 0.0


class Shape(Options):
    """The shape module (Sect. 2.2).

    Attributes:
        distances: weight of the distances' loss.
        weight: lambda_d at the end of its rise.
        ramp: share of the training in which it rises.
        width: channels of the discriminator's first convolutions.
        real: what it takes for labelled: ``predicted`` distances of labelled frames (Eq. 10) or ``true``.
    """

    distances: Amount = 1.0
    weight: Amount = 0.01
    ramp: Share = 0.4
    width: Count = 64
    real: Literal["predicted", "true"] = "predicted"


class Learned(Options):
    """A network.

    Attributes:
        loss: of masks: Dice, or BASNet's ``hybrid``.
        flow_losses: where the network has flow.
        shape_losses: where it has a head of distances.
    """

    kind: Literal["learned"]
    net: OfsNet | Unet | UnetPlusPlus | BasNet
    loss: Literal["dice", "hybrid"] = "dice"
    flow_losses: FlowLosses = FlowLosses()
    shape_losses: Shape = Shape()


class Task(Options):
    """Segmentation of frames of sequences.

    Attributes:
        frames: of a training clip.
        steps: intervals between its frames, drawn evenly among those that fit.
        tested_step: the same when whole sequences are answered.
        augment: of training clips, one draw for all frames of one.
    """

    kind: Literal["sequence_segmentation"]
    frames: Annotated[int, at_least(2)] = 3
    steps: Annotated[tuple[Count, ...], filled] = (1, 2, 3)
    tested_step: Count = 1
    augment: Augmentation2D | None = None


class Train(OptimisedTraining):
    """Keys of training; those of the optimiser are the segmentation network's.

    Attributes:
        flow_rate: rate of Adam for what estimates flow.
        critic_rate: rate of Adam for the discriminator.
        val_batch: validated frames at once.
    """

    flow_rate: Positive = 1e-4
    critic_rate: Positive = 1e-4
    val_batch: Count = 16


Method = Learned | Background | Truth
