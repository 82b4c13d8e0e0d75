"""Weights of published encoders from a local file; nothing is downloaded."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError

Translate = Callable[[dict[str, Tensor], Mapping[str, Tensor]], dict[str, Tensor]]


#: what to do where there are no weights
ABSENT = "put the pretrained weights there, or remove the key 'pretrained' to start from random weights"


def load_pretrained(
    part: nn.Module,
    options: Mapping[str, Any],
    translate: Translate | None = None,
    absent: str = ABSENT,
) -> None:
    """Fill every weight of ``part`` from a file; what else the file holds, such as a classifier, is left out.

    A first convolution over three colours is summed over them where ``part`` takes grey images: the answer to
    a grey image stays the same.

    Args:
        part: the encoder, with the names of the release.
        options: ``path`` of a torch, safetensors or npz file (``~`` and ``$VARIABLES`` allowed) and, if
            wanted, its ``sha256``.
        translate: makes names of ``part`` of the release's; gets the file's tensors and the wanted state.
        absent: what the user is to do where the file is not there.

    Raises:
        InputError: the file is absent, has another checksum, cannot be read safely, or lacks a weight.
    """
    if not options.get("path"):
        raise InputError("config key 'path' of pretrained weights is missing; name the file")
    file = expand(str(options["path"]))
    if not file.is_file():
        raise InputError(f"{file}: no such file; {absent}")
    if options.get("sha256"):
        with open(file, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != str(options["sha256"]).lower():
            raise InputError(f"{file}: its sha256 is {found}, not {options['sha256']}; get the file again")
    wanted = part.state_dict()
    state = _read(file)
    state = translate(state, wanted) if translate else state
    # counters of batches are no weights, and old files lack them
    names = [name for name in wanted if not name.endswith("num_batches_tracked")]
    lost = [name for name in names if name not in state]
    if lost:
        raise InputError(f"{file}: has no weights for {lost[0]} ({len(lost)} of {len(names)} are missing)")
    made = {}
    for name in names:
        value, like = state[name], wanted[name]
        if value.ndim == 4 and value.shape[1] == 3 and like.shape[1] == 1:
            value = value.sum(dim=1, keepdim=True)
        if value.shape != like.shape:
            raise InputError(
                f"{file}: {name} has the shape {tuple(value.shape)}, the network {tuple(like.shape)}; set "
                "the method's key 'net' to the sizes of the weights"
            )
        if not bool(value.isfinite().all()):
            raise InputError(f"{file}: {name} holds values that are not finite; get the file again")
        made[name] = value
    part.load_state_dict(made, strict=False)


def _read(file: Any) -> dict[str, Tensor]:
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as content:
                return {name: torch.from_numpy(content[name]) for name in content.files}
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can make the readers raise almost anything
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{file}: no weights that can be read safely ({first[:120]}); get the file again"
        ) from error
    for key in ("model", "state_dict", "model_state"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    named = isinstance(content, dict) and all(isinstance(name, str) for name in content)
    if not named or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{file}: holds no table of weights by name; get the file again")
    return {name.removeprefix("module."): value for name, value in content.items()}
