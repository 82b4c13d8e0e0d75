"""From a method's options to its networks, and what linear layers take over from the stage before."""

from collections.abc import Mapping
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import read
from mlmi2023.papers.unoranic.model import OneBranch, Read, TwoBranches, TwoNetworks, sides
from mlmi2023.papers.unoranic.options import Autoencoder, Branches, Method, Supervised
from mlmi2023.papers.unoranic.pictures import Pictures
from mlmi2023.training.loop.weights import AGAIN, read_weights

#: keys of a method that the chain reads
CHAIN = ("uses", "stages", "train")


def method_of(given: Mapping[str, Any]) -> Any:
    """Return a method's options as their model."""
    return read(Method, {key: value for key, value in given.items() if key not in CHAIN})


def representation(own: Branches | Autoencoder, pictures: Pictures) -> TwoBranches | OneBranch:
    """Return both branches or one, with random weights.

    Raises:
        InputError: the images do not end as 1 x 1.
    """
    steps = sides(own.net, pictures.side)
    if steps[-1] != 1 or min(steps) < 1:
        way = " -> ".join(str(step) for step in steps)
        raise InputError(
            f"{pictures.where}: images of {pictures.side} pixels become {way}; give net.kernels under "
            "which they end as 1"
        )
    kind = TwoBranches if isinstance(own, Branches) else OneBranch
    return kind(own.net, pictures.channels, pictures.side)


def answering(own: Any, pictures: Pictures) -> Read | TwoNetworks:
    """Return the network that a method ends with, with random weights."""
    if isinstance(own, Supervised):
        return TwoNetworks(own, pictures.channels, pictures.classes)
    return Read(representation(own, pictures), pictures.classes)


def take_over(net: Read, job: Job) -> None:
    """Give the representation the weights of the stage before.

    Raises:
        InputError: they are missing, or of another network.
    """
    if job.previous is None:
        raise InputError(
            f"config of paper '{job.paper}': methods.{job.method}.stages: nothing comes before 'main', whose "
            "representation is not trained there; put the stage 'represent' before"
        )
    given, wanted = read_weights(job.previous), net.body.state_dict()
    for name in sorted(given.keys() | wanted.keys()):
        if name not in given or name not in wanted or given[name].shape != wanted[name].shape:
            raise InputError(f"{job.previous}: weights of another network ({name}); {AGAIN}")
    net.body.load_state_dict(given)
