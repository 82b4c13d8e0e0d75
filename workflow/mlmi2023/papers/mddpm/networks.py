"""The network of each learned method, untrained."""

from collections.abc import Sequence

from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.nets.generation.unet import TimeUnet
from mlmi2023.papers.mddpm.anogan import FAnoGanNets
from mlmi2023.papers.mddpm.autoencoders import DenoisingUnet, SequentialVae, SliceVae
from mlmi2023.papers.mddpm.options import Dae, FAnoGan, Svae, Vae


def build(job: Job, size: Sequence[int]) -> nn.Module:
    """Return the untrained network for slices of ``size``.

    Raises:
        InputError: the slices do not halve as often as the network wants.
    """
    method = dict(job.method_options)
    model = method["model"]
    own = {k: v for k, v in method.items() if k not in ("stages", "uses", "train")}
    if model == "diffusion":
        return TimeUnet(method["net"], size)
    if model == "dae":
        return DenoisingUnet(options(Dae, own, "config", "methods"))
    kinds: dict[str, type[Vae | Svae | FAnoGan]] = {"vae": Vae, "svae": Svae, "fanogan": FAnoGan}
    keys = options(kinds[model], own, "config", "methods")
    levels = len(keys.net.channels)
    if any(side % 2**levels for side in size):
        raise InputError(
            f"slices of {' x '.join(map(str, size))} do not halve {levels} times; set config key task.size "
            f"to multiples of {2**levels}, or give methods.{job.method}.net fewer channels"
        )
    if isinstance(keys, Vae):
        return SliceVae(keys, size)
    return SequentialVae(keys, size) if isinstance(keys, Svae) else FAnoGanNets(keys, size)
