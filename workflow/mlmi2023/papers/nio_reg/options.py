"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.classical.options import NiftyReg, Syn
from mlmi2023.core.conditions import Amount, Count, Counts, Number, Positive, Share, filled, unset
from mlmi2023.core.options import Options
from mlmi2023.nets.registration.options import LapIrn
from mlmi2023.tasks.options import Identity, MaxPairs, Truth
from mlmi2023.training.loop.options import Training


class Mpr(Options):
    """MPR; see :class:`~mlmi2023.papers.nio_reg.mpr.MPR`."""

    kind: Literal["mpr"]
    features: tuple[Count, Count] = (16, 32)
    estimate: Counts = (48, 32, 16)
    context: Counts = (48, 48, 32)
    squarings: Number = 7


class Ulae(Options):
    """ULAE-net."""

    kind: Literal["ulae"]
    channels: Count = 16
    levels: Count = 3


class Learned(Options):
    """A trained network."""

    kind: Literal["learned"]
    net: Mpr | Ulae | LapIrn


class FieldOptimisation(Options):
    """Adam on the field, at the best of ``rates`` (voxels) on ``search_pairs`` validation pairs."""

    kind: Literal["io"]
    net: Mpr | Ulae | LapIrn
    iterations: Number
    rates: Annotated[list[Positive], filled]
    search_pairs: Count | None = None


class NetworkOptimisation(Options):
    """Adam on the weights; iterations of each level, coarsest first."""

    kind: Literal["nio"]
    net: LapIrn
    iterations: Annotated[list[Number], filled]
    rate: Positive

    def wrong(self) -> str:
        """Each level has its iterations."""
        if len(self.iterations) != self.net.levels:
            return f"{len(self.iterations)} iterations for net.levels {self.net.levels}; give one number each"
        return ""


class Loss(Options):
    """(1 - weight) LNCC + weight smoothness."""

    window: Count
    weight: Share


class Atlas(Options):
    """Scans of part ``test`` of a joined cohort to one of them, by networks trained on part ``learn``.

    ``atlases``: subjects of the tested part, or the number of them that come first.
    """

    kind: Literal["atlas"]
    learn: str
    test: str
    image: str
    loss: Loss
    metrics: Annotated[list[str], filled]
    atlases: Count | Annotated[list[str], filled] = 1
    max_pairs: MaxPairs | None = None
    pair_seed: int = 0
    roi: bool = False


class Deformation(Options):
    """What is added at test time for lungs."""

    bspline: bool = False
    affine: Amount = 0.0


class Breathing(Options):
    """Full exhale onto full inhale; ``folds`` to run, all without it; ``near``: mm."""

    kind: Literal["breathing"]
    image: str
    loss: Loss
    metrics: Annotated[list[str], filled]
    roi: bool = False
    deformation: Deformation | None = None
    near: Amount = 0.0
    folds: Annotated[list[Number], filled] | None = None


class Train(Training):
    """``level_steps``: steps of all levels but the finest; ``freeze_steps``: rest of those before.

    ``decay``: how the rate falls over the steps of each group.
    """

    decay: Literal["constant", "cosine"] = "constant"
    level_steps: tuple[Count, ...] = ()
    freeze_steps: Number = 0
    monitor: Annotated[str, unset("leave it out: validation pairs decide on the weights of each group")] = ""

    def wrong(self) -> str:
        """The finest level needs steps as well."""
        if sum(self.level_steps) >= self.steps:
            return f"level_steps ({sum(self.level_steps)} in all) must be less than steps ({self.steps})"
        return super().wrong()


Method = Identity | Truth | Syn | NiftyReg | Learned | FieldOptimisation | NetworkOptimisation
Task = Atlas | Breathing
