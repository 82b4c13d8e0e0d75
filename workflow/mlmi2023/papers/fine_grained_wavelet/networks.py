"""The networks of this paper by name, for the key ``net`` of its methods."""

from typing import Any

from torch import nn

from mlmi2023.core.jobs import Job
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.nets.segmentation.builders import Builder, build_segmenter
from mlmi2023.papers.fine_grained_wavelet.convolutional import DeepLabV3Plus, ResUnet
from mlmi2023.papers.fine_grained_wavelet.hiformer import HiFormer
from mlmi2023.papers.fine_grained_wavelet.levit_unet import LevitUnet
from mlmi2023.papers.fine_grained_wavelet.model import FrequencyUnet
from mlmi2023.papers.fine_grained_wavelet.tmu_net import TMUNet


def _with_encoder(kind: Any, part: str = "encoder", sized: bool = False) -> Builder:
    """Return a builder whose ResNet may start from weights of a file (key ``pretrained``)."""

    def build(channels: int, classes: int, size: tuple[int, int], **sizes: Any) -> nn.Module:
        pretrained = sizes.pop("pretrained", None)
        net = kind(channels, classes, *([size] if sized else []), **sizes)
        if pretrained:
            load_pretrained(net.get_submodule(part), pretrained)
        return net

    return build


NETWORKS: dict[str, Builder] = {
    "fet": FrequencyUnet,
    "r50_unet": _with_encoder(ResUnet),
    "deeplabv3p": _with_encoder(DeepLabV3Plus),
    "levit_unet": LevitUnet,
    "hiformer": _with_encoder(HiFormer, "cnn", sized=True),
    "tmu_net": _with_encoder(TMUNet, sized=True),
}


def build_net(job: Job, channels: int, classes: int) -> nn.Module:
    """Return the untrained network of a method for images of ``channels`` and ``classes`` with background.

    Raises:
        InputError: a name or size of the config cannot be used.
    """
    rows, columns = (int(side) for side in job.task["size"])
    return build_segmenter(job.method_options["net"], channels, classes, (rows, columns), NETWORKS)
