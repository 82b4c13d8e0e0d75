"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Any, Literal

from mlmi2023.core.conditions import Amount, Count, Number, Positive, Share, at_least, filled
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import Training


class Interpolation(Options):
    """What needs no fit."""

    kind: Literal["interpolation"]
    by: Literal["flat", "bicubic", "sinc"]


class Net(Options):
    """See :func:`~mlmi2023.papers.dmdip.networks.build_bank`; ``trunk``: levels that modalities share."""

    inputs: Count
    levels: Count
    width: Count
    skip: Number
    trunk: Number = 0
    grouped: bool = True


class Last(Options):
    """The last outcome counts."""

    rule: Literal["last"]


class Variance(Options):
    """The outcome where the last ``window`` outputs vary least."""

    rule: Literal["variance"]
    window: Annotated[int, at_least(2)] = 5


class Fitted(Options):
    """A network that is fitted to each slice."""

    kind: Literal["learned"]
    modalities: Literal["alone", "together"]
    replacement: bool
    net: Net
    noise: Positive
    jitter: Amount
    stop: Last | Variance = Last(rule="last")
    timed: Count


class Outcome(Options):
    """The fits of another method, with or without replacement."""

    kind: Literal["outcome"]
    of: str
    replacement: bool


class CohortAges(Options):
    """Ages of the test subjects of some cohorts, in their order."""

    cohorts: Annotated[list[str], filled]
    months: Annotated[list[Amount], filled]


class Task(Options):
    """Super-resolution of slices.

    Attributes:
        least_brain: of a slice's area.
        ages: months of the test subjects in their order, for all cohorts or those named, or by subject;
            ``session``: of their names.
        beyond: the slice as acquired is the input, and nothing is known beyond it.
    """

    kind: Literal["super_resolution"]
    modalities: Annotated[list[str], filled]
    plane: Literal["axial", "coronal", "sagittal"]
    slices: Count
    slice_seed: Number
    least_brain: Share
    factors: Annotated[list[Annotated[int, at_least(2)]], filled]
    subjects: Literal["all", "oldest"]
    ages: list[Amount] | list[CohortAges] | dict[Any, Amount] | Literal["session"] | None = None
    beyond: bool = False


class Train(Training):
    """``record``: iterations between two recorded outcomes."""

    record: Count | None = None


Method = Interpolation | Truth | Fitted | Outcome
