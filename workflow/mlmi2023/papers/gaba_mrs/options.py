"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, at_least, filled, rising_or_equal
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

#: on simulations, then on scans
STAGES = ("pretrain", "main")

Widths = Annotated[tuple[Count, ...], lambda value: "" if len(value) > 1 else "give two levels or more"]


def odd(value: int) -> str:
    """Accept odd numbers."""
    return "" if value % 2 else "it must be odd"


class UNet1d(Options):
    """The 1D U-NET; see :class:`~mlmi2023.papers.gaba_mrs.unet1d.UNet1d`."""

    name: Literal["unet1d"]
    widths: Widths = (64, 128, 256, 512, 1024)
    kernel: Annotated[Count, odd] = 5


class RdcUNet2d(Options):
    """The Rdc-UNET2D; see :class:`~mlmi2023.papers.gaba_mrs.model.RdcUNet2d`."""

    name: Literal["rdc_unet2d"]
    chains: Annotated[tuple[Annotated[Count, odd], ...], filled] = (3, 5, 7, 9)
    filters: Count = 32
    widths: Widths = (32, 64, 128, 256, 512)


class Learned(Options):
    """A pipeline.

    Attributes:
        net: its network.
        input: ``sub``: ON and OFF transients; ``diff``: their differences.
    """

    kind: Literal["learned"]
    net: UNet1d | RdcUNet2d
    input: Literal["sub", "diff"]


class Gannet(Options):
    """The conventional reconstruction of all pairs, or of those that networks get."""

    kind: Literal["gannet"]
    transients: Literal["all", "some"]


class MeanTarget(Options):
    """What a network that does not look would answer best: the mean target of the training scans."""

    kind: Literal["mean_target"]


class Flat(Options):
    """The floor: a spectrum of zeros."""

    kind: Literal["flat"]


class Averaged(Options):
    """The mean of a scan's transients, registered or as they are."""

    kind: Literal["averaged"]
    registered: bool = True


class Simulated(Options):
    """Pairs to pretrain on, and the noise that every one of a batch is given anew (Sect. 2.1).

    Attributes:
        pairs: of OFF and ON.
        spread: of concentrations, relative.
        linewidth: Hz.
        noise: mean and spread of the noise of one transient's spectrum, share of NAA's height.
        shift: the same of the deviation of transients' frequencies, Hz.
        phase: the same of their phases, degrees.
    """

    pairs: Count = 500
    spread: Amount = 0.1
    linewidth: Annotated[tuple[Amount, Amount], rising_or_equal] = (6.0, 10.0)
    noise: tuple[Amount, Amount] = (0.03, 0.015)
    shift: tuple[Amount, Amount] = (0.5, 0.4)
    phase: tuple[Amount, Amount] = (2.0, 1.0)


class Reconstruction(Options):
    """Difference spectra from some of the transients.

    Attributes:
        pairs: of ON and OFF, that networks get.
        broadening: of what is shown and fitted, and so of the target, Hz.
        val_batch: validation scans at once.
        simulated: what is pretrained on.
    """

    kind: Literal["reconstruction"]
    pairs: Annotated[Count, at_least(2)] = 40
    broadening: Amount = 3.0
    val_batch: Count = 12
    simulated: Simulated = Simulated()


class Quality(Options):
    """How good scans are; ``broadening`` in Hz."""

    kind: Literal["quality"]
    broadening: Amount = 0.0


class Train(OptimisedTraining):
    """Keys of training: those of all papers."""


Method = Learned | Gannet | MeanTarget | Flat | Averaged | Truth
Task = Reconstruction | Quality
