"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Number, Positive, Share, above, at_least, between, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.segmentation.options import MonaiUnet, Unet
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

Three = tuple[Count, Count, Count]


class EfficientNet(Options):
    """EfficientNet-B0, whole or narrower.

    Attributes:
        width: multiplies channels.
        depth: multiplies blocks of a stage.
        stages: how many of the seven there are.
        momentum: of the running statistics of batch normalisation.
    """

    width: Positive = 1.0
    depth: Positive = 1.0
    stages: Annotated[int, between(1, 7)] = 7
    momentum: Share = 0.01


class Classifier(Options):
    """The presence classifier; its predictions are answers on patches of tested images.

    Attributes:
        painted: share of training patches that are painted over with noise as hits are, and labelled 0.
    """

    kind: Literal["learned"]
    model: Literal["classifier"]
    net: EfficientNet = EfficientNet()
    painted: Share = 0.0


class Controller(Options):
    """Three convolutions and two dense layers, with a head for the policy and one for the value.

    Attributes:
        channels: of the convolutions.
        kernels: their sizes.
        strides: their strides.
        hidden: of the dense layers.
        where: whether a third channel marks the patch on the small image. The paper's state has none.
    """

    channels: Three = (32, 64, 64)
    kernels: Three = (8, 4, 3)
    strides: Three = (4, 2, 1)
    hidden: tuple[Count, Count] = (512, 128)
    where: bool = False


class Walker(Options):
    """The agent, learned by PPO; ``classifier`` stands under ``uses``.

    Attributes:
        greedy: take the likeliest action in tests; else it is drawn.
    """

    kind: Literal["learned"]
    model: Literal["controller"]
    net: Controller = Controller()
    greedy: bool = False


class Mil(Options):
    """A U-Net whose pixels are instances, pooled to the bag that a patch is; seen in windows that touch."""

    kind: Literal["learned"]
    model: Literal["mil"]
    net: Unet | MonaiUnet


class Sliding(Options):
    """The same network, in windows that overlap.

    Attributes:
        of: the method whose network it is, which stands under ``uses``.
        overlap: of windows along each axis, as a share of the patch.
    """

    kind: Literal["sliding"]
    of: str
    overlap: Annotated[float, at_least(0), between(0, 0.95)] = 0.5


class Supervised(Options):
    """A network that learns from masks of whole images."""

    kind: Literal["learned"]
    model: Literal["segmenter"]
    net: Unet | MonaiUnet


class Ruled(Options):
    """Walks by a rule; ``classifier`` stands under ``uses``.

    Attributes:
        policy: ``random``: all actions are alike; ``straight``: towards the true centroid of the image, which
            no method may know.
    """

    kind: Literal["ruled"]
    policy: Literal["random", "straight"]


class Shifted(Options):
    """The points of another method, moved inwards by their mean distance from the gland in validation.

    Attributes:
        of: that method, which stands under ``uses``.
    """

    kind: Literal["shifted"]
    of: str


class PairedTests(Options):
    """Paired t-tests between methods, which stand under ``uses``.

    Attributes:
        pairs: two methods by the name of the pair.
    """

    kind: Literal["paired_tests"]
    pairs: Annotated[dict[str, tuple[str, str]], filled]


class Patches(Options):
    """How many labelled patches are cut out of the images of each split."""

    train: Count
    val: Count
    test: Count


class Walk(Options):
    """Rules of the environment, Sect. 2.2.

    Attributes:
        step: pixels that an action moves the patch.
        most: T, steps after which an episode ends without a hit.
        episodes: M, walks of an image.
        weight: of a hit in the reward.
        blocked: whether a move that the border stops costs 1, instead of earning 1.
        border: ``pad``: the patch's centre may lie on any pixel of the image, and what is beyond is 0;
            ``inside``: the whole patch stays in the image.
        noise: mean and spread of what is painted over a hit.
        outliers: pixels by which a point's distance from the points' mean may differ from the median distance
            of its neighbours.
        neighbours: how many on each side.
        labelled: training images whose gland's centre is known; the mean of them is c_p of all.
    """

    step: Count = 1
    most: Count = 1000
    episodes: Annotated[int, at_least(3)] = 50
    weight: Positive = 100.0
    blocked: bool = True
    border: Literal["pad", "inside"] = "pad"
    noise: tuple[Share, Amount] = (0.5, 0.2)
    outliers: Positive = 10.0
    neighbours: Count = 3
    labelled: Count = 50


class Task(Options):
    """Outlines of one structure from labels of patches.

    Attributes:
        size: rows and columns of images; without it the cohort's.
        patch: pixels of a patch's sides.
        patches: labelled ones.
        patch_seed: by which they are cut out.
        threshold: of the classifier's probability, above which it fires.
        walk: rules of the environment.
        plane: of the slices, where the cohort has scans.
        least: share of a slice that the structure must fill, where the cohort has scans.
    """

    kind: Literal["outline_by_patches"]
    size: Size | None = None
    patch: Annotated[int, at_least(4)]
    patches: Patches
    patch_seed: Number = 0
    threshold: Share = 0.9
    walk: Walk = Walk()
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    least: Annotated[float, above(0), between(0, 1)] = 0.01


class Ppo(Options):
    """Proximal policy optimisation.

    Attributes:
        walkers: environments side by side.
        horizon: steps of each between updates.
        minibatch: transitions of an optimiser step.
        passes: over the transitions of an update.
        discount: gamma.
        trace: lambda of the generalised advantage.
        ratio: epsilon of the clipped objective.
        value: weight of the value's loss.
        entropy: weight of the entropy.
        unit: the value head answers in this many units of reward.
        val_episodes: walks of each validation image.
    """

    walkers: Count = 128
    horizon: Count = 32
    minibatch: Count = 4096
    passes: Count = 10
    discount: Share = 0.99
    trace: Share = 0.95
    ratio: Positive = 0.2
    value: Amount = 0.5
    entropy: Amount = 0.01
    unit: Positive = 100.0
    val_episodes: Annotated[int, at_least(3)] = 8

    def cycle(self) -> int:
        """Return the optimiser steps of an update."""
        return self.passes * (self.walkers * self.horizon // self.minibatch)

    def wrong(self) -> str:
        """Minibatches are whole."""
        done = self.walkers * self.horizon
        if done % self.minibatch:
            return f"walkers x horizon ({done}) must be a multiple of minibatch ({self.minibatch})"
        return ""


class Train(OptimisedTraining):
    """How to train.

    Attributes:
        loss: of the network that learns from masks.
        augment: of the same.
        val_batch: images or patches at once in validation.
        ppo: of the agent, whose ``batch`` is 1: a step is a minibatch of transitions.
    """

    loss: SegmentationLoss = SegmentationLoss()
    augment: Augmentation2D | None = None
    val_batch: Count = 16
    ppo: Ppo | None = None

    def wrong(self) -> str:
        """Epochs of the agent end with an update, so that a killed run goes on from one."""
        if self.ppo and self.epoch_steps % self.ppo.cycle():
            return (
                f"epoch_steps ({self.epoch_steps}) is no multiple of an update's steps ({self.ppo.cycle()})"
            )
        return super().wrong()


Method = Classifier | Walker | Mil | Sliding | Supervised | Ruled | Shifted | PairedTests | Background | Truth
