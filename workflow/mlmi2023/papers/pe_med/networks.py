"""The networks that answer to clicks by the key ``net``, and the automatic ones."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.nets import registry
from mlmi2023.papers.pe_med.isegformer import ISegFormer
from mlmi2023.papers.pe_med.model import PeMed
from mlmi2023.papers.pe_med.sam import Sam

#: enters HiFormer
HIFORMER = "mlmi2023.papers.fine_grained_wavelet.networks"
#: of networks that answer to clicks: takes size, radius of disks and the network's own sizes
CLICKED: Mapping[str, Callable[..., nn.Module]] = {
    "pe_med": lambda size, radius, **keys: PeMed(radius, **keys),
    "isegformer": lambda size, radius, **keys: ISegFormer(size, radius, **keys),
    "sam": lambda size, radius, **keys: Sam(**keys),
}


def build(net: Mapping[str, Any], size: tuple[int, int], radius: float) -> nn.Module:
    """Return a network that answers with logits (B, 1, H, W) to :class:`~.interacting.Clicked`.

    Args:
        net: name and sizes.
        size: H and W.
        radius: of the disks of clicks, pixels.

    Raises:
        InputError: a size that does not fit, or published weights that cannot be had.
    """
    keys = {key: value for key, value in net.items() if key != "name"}
    try:
        return CLICKED[net["name"]](size, radius, **keys)
    except ValueError as error:
        raise InputError(
            f"config key net of '{net['name']}': {error}; change the sizes or task.size"
        ) from error


def build_automatic(net: Mapping[str, Any], size: tuple[int, int], organs: int) -> nn.Module:
    """Return a network that answers with logits (B, 1 + organs, H, W) to images (B, 1, H, W)."""
    return registry.build(net, 1, 1 + organs, size, HIFORMER)
