"""The networks of this paper's rows by the key ``net``, and what each starts from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.nets import registry
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.nets.registry import network
from mlmi2023.papers.sppnet.model import SPPNet, WithoutPrompts
from mlmi2023.papers.sppnet.options import Pretrained, Sppnet
from mlmi2023.papers.sppnet.sam import SamVit

#: parts of a network that another one may start from; low-level blocks begin anew
PARTS = ("encoder.", "prompts.", "decoder.")


@network("unetpp", dims=2)
def unetpp(
    channels: int, classes: int, size: Sequence[int], features: Any = (32, 64, 128, 256, 512, 32)
) -> nn.Module:
    """U-Net++ (Zhou et al. 2018) with batch normalisation: MONAI's, which answers with a list."""
    from monai.networks.nets import BasicUNetPlusPlus

    return BasicUNetPlusPlus(2, channels, classes, tuple(features), act="relu", norm="batch")


def build(net: Mapping[str, Any], size: int) -> nn.Module:
    """Return a network that answers with logits (B, 1, S, S) to a :class:`~.seen.Seen`.

    Args:
        net: name and sizes.
        size: S.

    Raises:
        InputError: a size that does not fit, or published weights that cannot be had.
    """
    if net["name"] != "sppnet":
        return WithoutPrompts(registry.build(net, 3, 1, (size, size), __name__))
    keys = options(Sppnet, dict(net), "config", "net")
    made = SPPNet(keys, size)
    if keys.pretrained:
        _publish(made, keys.pretrained)
    return made


def _publish(net: SPPNet, given: Pretrained) -> None:
    """Fill a network with published weights from local files."""
    if given.tiny_vit:
        if isinstance(net.encoder, SamVit):
            raise InputError("config key net.pretrained.tiny_vit: the encoder is a ViT; take the key out")
        load_pretrained(net.encoder, vars(given.tiny_vit), _below("image_encoder."))
    if given.sam:
        load_pretrained(net.prompts, vars(given.sam), _prompts)
        load_pretrained(net.decoder, vars(given.sam), _below("mask_decoder."))
        if isinstance(net.encoder, SamVit):
            load_pretrained(net.encoder.vision, vars(given.sam), _below("vision_encoder."))


def _below(prefix: str) -> Any:
    def translate(file: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in file.items() if name.startswith(prefix)}

    return translate


def _prompts(file: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the prompt encoder's weights; files may hold its Fourier features once, for the image."""
    own, key = _below("prompt_encoder.")(file, wanted), "positional_embedding"
    if f"shared_image_embedding.{key}" in file:
        own.setdefault(f"shared_embedding.{key}", file[f"shared_image_embedding.{key}"])
    return own


def start_from(net: nn.Module, weights: Path | None, method: str) -> None:
    """Let a network begin with what another method has learned.

    Prompt encoder and decoder are taken, and the encoder where it is of the same kind and size.

    Args:
        net: the network.
        weights: of the other method.
        method: its name, for the message.

    Raises:
        InputError: it has no weights, or its decoder is of another size.
    """
    try:
        state = load_file(str(weights))
    except (OSError, SafetensorError, TypeError) as error:
        raise InputError(
            f"method '{method}' has no weights to start from ({error}); train it again"
        ) from error
    wanted = net.state_dict()
    fits = {
        n: v for n, v in state.items() if n in wanted and v.shape == wanted[n].shape and n.startswith(PARTS)
    }
    parts = {part: [name for name in wanted if name.startswith(part)] for part in PARTS}
    lost = [name for part in PARTS[1:] for name in parts[part] if name not in fits]
    if lost:
        raise InputError(
            f"method '{method}': its {lost[0]} is of another size; give both the same 'net.width'"
        )
    if any(name not in fits for name in parts["encoder."]):
        fits = {name: value for name, value in fits.items() if not name.startswith("encoder.")}
    net.load_state_dict(fits, strict=False)
