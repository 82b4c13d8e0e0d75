"""Weights of PENet as its authors distribute them, from a local file.

The release keeps a dictionary with ``model_state`` whose names start with ``module.``. Nothing is downloaded.
"""

import hashlib
import pickle
import re
from pathlib import Path

import torch
from torch import Tensor

from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError
from mlmi2023.papers.pecon.penet import PENet

SOURCE = "https://github.com/marshuang80/penet"
# names in the release -> names here
_NAMES = (
    (r"^in_conv\.(\d)", r"stem.\1"),
    (r"^encoders\.(\d+)\.penet_blocks\.(\d+)\.", r"stages.\1.\2."),
    (r"\.conv1\.", ".reduce.0."),
    (r"\.norm1\.", ".reduce.1."),
    (r"\.conv2\.", ".spatial.0."),
    (r"\.norm2\.", ".spatial.1."),
    (r"\.conv3\.", ".expand.0."),
    (r"\.norm3\.", ".expand.1."),
    (r"\.down_sample\.", ".skip."),
    (r"\.se_block\.excite\.", ".gate.layers."),
    (r"^classifier\.fc\.", "head."),
)


def load_release(net: PENet, path: str, sha256: str | None = None) -> None:
    """Load a checkpoint of the release into ``net``, every weight of it.

    Args:
        net: built with the sizes of the release (``in_channels: 3``).
        path: the file, ``~`` and ``$VARIABLES`` allowed.
        sha256: checksum of the file; not checked if None.

    Raises:
        InputError: the file is absent, has another checksum, cannot be read safely, or holds other weights.
    """
    file = expand(path)
    if not file.is_file():
        raise InputError(
            f"{file}: no such file; ask for PENet's weights at {SOURCE} and put them there, set the method's "
            "key 'weights.path' to where they are, or give it 'kind: learned' to train the network here"
        )
    if sha256:
        with open(file, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != sha256.lower():
            raise InputError(f"{file}: its sha256 is {found}, not {sha256}; get the file again")
    net.load_state_dict(_translated(net, _read(file), file))


def _read(file: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{file}: no checkpoint that can be read safely ({first}); get the file again"
        ) from error
    state = content.get("model_state", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{file}: holds no 'model_state'; it is no checkpoint of PENet")
    return state


def _translated(net: PENet, state: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    wanted = net.state_dict()
    made = {}
    for name, value in state.items():
        name = name.removeprefix("module.")
        for pattern, ours in _NAMES:
            name = re.sub(pattern, ours, name)
        made[name] = value
    lost = [name for name in wanted if name not in made]
    if lost:
        raise InputError(f"{file}: has no weights for {lost[0]} ({len(lost)} of {len(wanted)} are missing)")
    for name, value in wanted.items():
        if made[name].shape != value.shape:
            raise InputError(
                f"{file}: {name} has the shape {tuple(made[name].shape)}, the network {tuple(value.shape)}; "
                "set the method's key 'net' to the sizes of the weights"
            )
    return {name: made[name] for name in wanted}
