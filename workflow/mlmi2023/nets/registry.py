"""Networks by name and number of axes: what a method's key ``net: {name: ..., <sizes>}`` means.

A network is entered by :func:`network`, a decorator, or by :func:`network_at`, which names the place of its
class and imports it when it is built. Neither needs torch, so that names can be checked while the workflow
loads. Those that papers share are entered by :mod:`mlmi2023.nets.segmentation.builders`; a paper's own by its
module ``networks``.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

if TYPE_CHECKING:
    from torch import nn

#: takes channels, classes and size (of the image or patch) by place, and the network's own sizes by name
Builder = Callable[..., "nn.Module"]

#: modules that enter the shared networks
SHARED = ("mlmi2023.nets.segmentation.builders",)
_BUILDERS: dict[tuple[str, int], Builder] = {}


def network(name: str, dims: int | Sequence[int]) -> Callable[[Builder], Builder]:
    """Enter what it decorates as the network ``name`` for images of ``dims`` axes (or of each of several).

    Raises:
        ValueError: another network has the name.
    """

    def enter(builder: Builder) -> Builder:
        for own in (dims,) if isinstance(dims, int) else dims:
            if (name, own) in _BUILDERS:
                raise ValueError(f"two networks are called '{name}' for {own} axes; rename one")
            _BUILDERS[name, own] = builder
        return builder

    return enter


def network_at(name: str, dims: int, place: str, encoder: str = "") -> None:
    """Enter a class that is imported when it is built.

    Args:
        name: of the network.
        dims: axes of its images.
        place: ``module:Class``; the class takes channels, classes, size and its own sizes.
        encoder: submodule that may start from published weights (key ``pretrained``: {path, sha256}); empty:
            none.
    """

    def build(channels: int, classes: int, size: Sequence[int], **sizes: Any) -> "nn.Module":
        module, kind = place.split(":")
        pretrained = sizes.pop("pretrained", None) if encoder else None
        net = getattr(importlib.import_module(module), kind)(channels, classes, size, **sizes)
        if pretrained:
            from mlmi2023.nets.pretrained import load_pretrained

            load_pretrained(net.get_submodule(encoder), pretrained)
        return net

    network(name, dims)(build)


def names(dims: int, *modules: str) -> list[str]:
    """Return the networks for images of ``dims`` axes.

    Args:
        dims: 2 or 3.
        modules: that enter more of them, such as a paper's module ``networks``.
    """
    for module in (*SHARED, *modules):
        importlib.import_module(module)
    return sorted(name for name, own in _BUILDERS if own == dims)


def check(options: Mapping[str, Any], dims: int, *modules: str) -> str:
    """Return the name of the network that ``options`` describe; see :func:`names`.

    Raises:
        InputError: there is no such network.
    """
    known, name = names(dims, *modules), str(options.get("name", ""))
    if name not in known:
        raise InputError(f"config key net.name is {name!r}{suggest(name, known)}")
    return name


def build(
    options: Mapping[str, Any], channels: int, classes: int, size: Sequence[int], *modules: str
) -> "nn.Module":
    """Return the untrained network that ``options`` describe, (B, channels, *size) -> (B, classes, *size).

    Args:
        options: ``name`` and the network's own sizes; what is left out has its published size.
        channels: of the image.
        classes: of the answer, the background included; 1 for one structure.
        size: of the image or patch, which also says how many axes there are.
        modules: see :func:`names`.

    Raises:
        InputError: the name or a size is unknown, or the image does not fit the network.
    """
    name = check(options, len(size), *modules)
    sizes = {key: value for key, value in options.items() if key != "name"}
    try:
        return _BUILDERS[name, len(size)](channels, classes, tuple(size), **sizes)
    except TypeError as error:
        raise InputError(f"config key net of '{name}': {error}") from error
    except ValueError as error:
        raise InputError(f"config key net of '{name}': {error}; change the sizes or the image's") from error


def count_weights(
    options: Mapping[str, Any], channels: int, classes: int, size: Sequence[int], *modules: str
) -> int:
    """Return the number of weights of a network without making them; arguments of :func:`build`."""
    import torch

    own = {key: value for key, value in options.items() if key != "pretrained"}
    with torch.device("meta"):
        net = build(own, channels, classes, size, *modules)
    return sum(p.numel() for p in net.parameters())
