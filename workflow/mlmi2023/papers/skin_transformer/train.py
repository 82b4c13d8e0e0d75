"""Training (Sect. 3): binary cross-entropy, Adam; the same for every network of Tables 1 and 2."""

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.skin_transformer.data import open_data
from mlmi2023.papers.skin_transformer.model import build_net
from mlmi2023.tasks.segmentation import DICE, Segmentation
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.data.on_device import DeviceImages, DrawnRows, RowChunks
from mlmi2023.training.loop.plan import Plan

#: split that picks the epoch: ``test`` is what the release does, kept as a method of its own to show the cost
SELECTS = ("val", "test")


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: an unknown network, a split without images, or an unknown ``select_on``.
    """
    chosen = job.method_options.get("select_on", "val")
    if chosen not in SELECTS:
        raise InputError(f"config key methods.{job.method}.select_on is {chosen!r}; choose val or test")
    data = open_data(job)
    net = build_net(job.method_options["net"], data.channels, data.size)
    rows = data.rows(chosen)
    source = DeviceImages(
        data.images, data.masks, data.normalise, Augment2D.from_config(job.task.get("augment"))
    )
    module = Segmentation(
        net, build_loss(job.task.get("loss")), job.train, source, classes=1, cases=len(rows)
    )
    at_once = int(job.train.get("val_batch", job.train.get("batch", 1)))
    return Plan(module, DrawnRows(data.rows("train")), RowChunks(rows, at_once), measure=DICE)
