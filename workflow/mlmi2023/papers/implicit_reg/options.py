"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Any, Literal

from mlmi2023.classical.options import Syn
from mlmi2023.core.conditions import Amount, Positive, filled, unset
from mlmi2023.core.options import Options
from mlmi2023.losses.options import Lncc, Mse
from mlmi2023.nets.registration.options import TransMorph, VoxelMorph
from mlmi2023.tasks.options import Identity, PairsOfSubjects, Truth
from mlmi2023.tasks.registration.options import PairSchedule


class Explicit(Options):
    """A penalty on derivatives of the field."""

    kind: Literal["explicit"]
    alpha: Amount
    energy: Literal["gradient", "diffusion", "curvature", "elastic"] = "gradient"
    mu: Amount = 1.0
    lam: Amount = 0.0


class Implicit(Options):
    """Eq. 3; see :class:`~mlmi2023.papers.implicit_reg.solvers.ImplicitSolver`."""

    kind: Literal["implicit"]
    operator: Literal["diffusion", "curvature", "elastic"]
    sigma: Amount
    gamma: Amount
    scheme: Literal["aos", "exact"] = "aos"
    boundary: Literal["mirror", "periodic"] = "mirror"
    mu: Amount = 1.0
    lam: Amount = 0.0


class Learned(Options):
    """A network for each of ``regularisers``, of which validation pairs choose one."""

    kind: Literal["learned"]
    net: VoxelMorph | TransMorph
    regularisers: Annotated[list[Explicit | Implicit], filled]


class LnccLoss(Lncc):
    """The loss on brains."""

    dice: Amount = 0.0


class MseLoss(Mse):
    """The loss on abdomens."""

    dice: Amount = 0.0


class Rule(Options):
    """How a regulariser is chosen: the best Dice among fields that are smooth enough."""

    max_std_logj: Positive | None = None


class Task(PairsOfSubjects):
    """Registration of two subjects."""

    loss: LnccLoss | MseLoss
    settings: dict[Any, Rule | None] | None = None


class Train(PairSchedule):
    """Adam with amsgrad and a decay."""

    monitor: Annotated[str, unset("leave it out: each candidate keeps its best epoch by itself")] = ""
    clip: Annotated[float, unset("leave it out: gradients are not clipped here")] = 0.0


Method = Identity | Truth | Syn | Learned
#: what is scored under one name in ``task.metrics``
METRIC_GROUPS = {"weights": ("alpha", "sigma", "gamma")}
