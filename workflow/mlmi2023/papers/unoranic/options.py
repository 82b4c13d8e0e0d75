"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Positive, Share, at_least, between, filled, rising
from mlmi2023.core.options import Options
from mlmi2023.papers.unoranic.names import SEEN, UNSEEN
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

#: the unsupervised networks, then linear layers on them, or whole networks with labels
STAGES = ("represent", "main")

Slope = Annotated[float, between(0, 1)]
Seen = Literal[SEEN]  # type: ignore[valid-type]
Unseen = Literal[UNSEEN]  # type: ignore[valid-type]


class Net(Options):
    """Encoders and decoders of Sect. 2.2.

    Attributes:
        width: channels after the first block; each further block has twice as many.
        kernels: of the strided convolutions; their number is that of the blocks.
        code: channels of the last block; null: as the doubling gives.
        slope: for negative values, of the activation in residual blocks.
        sampling_slope: the same in blocks that change the size; 1 is no activation, as in the release.
    """

    width: Count = 32
    kernels: Annotated[list[Annotated[int, at_least(2)]], filled] = [4, 4, 5, 5]  # noqa: RUF012
    code: Count | None = None
    slope: Slope = 0.01
    sampling_slope: Slope = 0.01


class Branches(Options):
    """unORANIC, and its ablations.

    Attributes:
        variants: of an image, S among them.
        reconstruction: lambda of Eq. (4).
        consistency: lambda of Eq. (4).
        distance: ``mean_square``, or ``norm``, the roots that Eqs. (1) to (3) print.
        clean: what L_RI trains: encoder and decoder (``both``) or the decoder alone.
        net: sizes.
    """

    kind: Literal["learned"]
    model: Literal["two_branches"]
    variants: Annotated[int, at_least(2)] = 3
    reconstruction: Amount = 1.0
    consistency: Amount = 1.0
    distance: Literal["mean_square", "norm"] = "mean_square"
    clean: Literal["both", "decoder"] = "both"
    net: Net = Net()


class Autoencoder(Options):
    """One encoder and one decoder; ``target``: what a corrupted image is to become."""

    kind: Literal["learned"]
    model: Literal["one_branch"]
    target: Literal["corrupted", "clean"] = "corrupted"
    net: Net = Net()


class Supervised(Options):
    """Two ResNets of basic blocks for small images; ``blocks``: of each stage, ``width``: of the first."""

    kind: Literal["learned"]
    model: Literal["supervised"]
    blocks: tuple[Count, Count, Count, Count] = (2, 2, 2, 2)
    width: Count = 64


class Unrevised(Options):
    """The corrupted image itself, for what reconstructions are held against."""

    kind: Literal["input"]


class Guess(Options):
    """The floor: the mean training image, and the shares of the classes."""

    kind: Literal["guess"]


class Corruption(Options):
    """How images are corrupted while training.

    Attributes:
        kinds: in this order, one after the other.
        chance: of each.
        one: chance that an image to be detected is corrupted, by one kind.
    """

    kinds: Annotated[list[Seen], filled] = list(SEEN)  # noqa: RUF012
    chance: Share = 0.25
    one: Annotated[float, lambda value: "" if 0 < value < 1 else "it must lie between 0 and 1"] = 0.5


class Robustness(Options):
    """Corruptions that no training has seen.

    Attributes:
        kinds: which.
        side: pixels that images are enlarged to for it.
        images: at most so many tested ones, evenly spread.
    """

    kinds: Annotated[list[Unseen], filled] = list(UNSEEN)  # noqa: RUF012
    side: Annotated[int, at_least(8)] = 32
    images: Count | None = None


class Task(Options):
    """What images are asked.

    Attributes:
        corrupt: in training.
        unseen: in the test of robustness; null: no such test.
        val_batch: images at once outside of training.
    """

    kind: Literal["orthogonalize"]
    corrupt: Corruption = Corruption()
    unseen: Robustness | None = None
    val_batch: Count = 256


class Cycle(Options):
    """A rate that goes up and down in triangles, each half as high as the one before.

    Attributes:
        rates: lowest and highest.
        half: epochs of its way up, and of its way down.
    """

    rates: Annotated[tuple[Positive, Positive], rising] = (1e-4, 1e-2)
    half: Count = 5


class Train(OptimisedTraining):
    """The schedule and the optimiser's keys; with ``cycle`` it takes the place of rate and decay."""

    cycle: Cycle | None = None

    def wrong(self) -> str:
        """One rule says what the rate is."""
        if self.cycle and (self.decay != "constant" or self.warmup):
            return "cycle takes the place of decay and warmup; take them out"
        return super().wrong()


Method = Branches | Autoencoder | Supervised | Unrevised | Guess | Truth
