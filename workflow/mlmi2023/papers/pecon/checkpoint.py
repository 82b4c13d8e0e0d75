"""Weights of PENet as its authors distribute them, from a local file.

The release keeps a dictionary with ``model_state`` whose names start with ``module.``. Nothing is downloaded.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.pecon.penet import PENet

#: Hounsfield units that are 0 and 1 to the release, and the mean of all voxels that it takes from them
HU, CENTRE = (-100.0, 900.0), 0.15897
ABSENT = (
    "ask for PENet's weights at https://github.com/marshuang80/penet and put them there, set the key "
    "'weights.path' to where they are, or give it 'kind: learned' to train the network here"
)
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


def load_release(net: PENet, options: Mapping[str, Any]) -> None:
    """Load a checkpoint of the release into ``net``, every weight of it, and have its input as they know it.

    Args:
        net: built with the sizes of the release (``in_channels: 3``).
        options: ``path`` of the file and, if wanted, its ``sha256``.

    Raises:
        InputError: the file is absent, has another checksum, cannot be read safely, or holds other weights.
    """
    load_pretrained(net, options, _translated, ABSENT)
    net.centre = CENTRE


def _translated(state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made = {}
    for name, value in state.items():
        for pattern, ours in _NAMES:
            name = re.sub(pattern, ours, name)
        made[name] = value
    return made
