"""The student by its name, and the encoder's published weights from a folder."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from safetensors import SafetensorError
from torch import nn
from transformers import SegformerConfig, SegformerModel

from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError
from mlmi2023.nets.registry import network
from mlmi2023.papers.domain_mix.model import Student


@network("mit_fusion", 2)
def _student(channels: int, classes: int, size: Sequence[int], **sizes: Any) -> nn.Module:
    pretrained = sizes.pop("pretrained", None)
    net = Student(channels, classes, size, **sizes)
    if pretrained:
        net.segmenter.encoder.load_state_dict(encoder_weights(net.segmenter.encoder, pretrained))
    return net


def encoder_weights(encoder: nn.Module, pretrained: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights for a Mix Transformer from a folder as transformers saves and publishes them.

    Names of older releases are translated by transformers; a classifier is left out. Nothing is downloaded.

    Raises:
        InputError: the folder is absent or cannot be read, lacks weights, or is of another size.
    """
    folder = expand(str(pretrained["path"]))
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder}: no such folder with config.json; put the encoder's weights there, or remove the key "
            "'pretrained' to start from random weights"
        )
    said = logging.getLogger("transformers").level
    logging.getLogger("transformers").setLevel(logging.ERROR)  # of what is left out
    try:
        own = SegformerConfig.from_pretrained(folder, local_files_only=True)
        loaded: Any = SegformerModel.from_pretrained(
            folder, config=own, local_files_only=True, output_loading_info=True
        )
        found, about = loaded
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        first = str(error).splitlines()[0][:120]
        raise InputError(f"{folder}: no weights that can be read ({first}); get the folder again") from error
    finally:
        logging.getLogger("transformers").setLevel(said)
    if lost := sorted(about["missing_keys"]):
        raise InputError(f"{folder}: has no weights for {lost[0]} ({len(lost)} are missing)")
    state, wanted = found.state_dict(), encoder.state_dict()
    for name, value in wanted.items():
        if name not in state or state[name].shape != value.shape:
            shape = tuple(state[name].shape) if name in state else "none"
            raise InputError(
                f"{folder}: {name} has the shape {shape}, the network {tuple(value.shape)}; set the method's "
                "key 'net' to the sizes of the weights"
            )
    return {name: state[name] for name in wanted}
