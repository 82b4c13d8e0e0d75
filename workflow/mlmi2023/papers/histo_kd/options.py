"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Name, Number, Positive, Share, at_least, filled
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

#: joint embedding, translation into the second stain, or training with labels; then what is read or probed
STAGES = ("ssl", "translate", "supervised", "main")

#: what a branch sees: the patch, its second stain, the patch cropped and padded, the patch down-sampled, its
#: class map
View = Literal["image", "partner", "crop", "down", "map"]


class ResNet(Options):
    """An encoder; the defaults are ResNet-50, whose features are 32 times as many as ``width``."""

    depths: tuple[Count, Count, Count, Count] = (3, 4, 6, 3)
    width: Count = 64


class JointNet(ResNet):
    """Encoder and expander; ``expander``: width of each of its three layers."""

    expander: Count = 8192


class Vicreg(Options):
    """Weights of VICReg's terms.

    Attributes:
        invariance: lambda.
        variance: mu.
        covariance: nu.
        twice: the invariance counts once for each order of the branches, as in the release.
    """

    name: Literal["vicreg"]
    invariance: Amount = 25.0
    variance: Amount = 25.0
    covariance: Amount = 1.0
    twice: bool = False


class Simclr(Options):
    """NT-Xent of SimCLR; ``temperature``: t."""

    name: Literal["simclr"]
    temperature: Positive = 0.5


class Joint(Options):
    """A joint embedding and linear probes of its encoder.

    Attributes:
        loss: of the embeddings.
        symmetric: both branches see the probed view; else each sees its own of the pair.
        shared: one encoder and expander serve both branches.
        restart: number of the initialisation; the samples stay those of the seed.
        net: sizes.
    """

    kind: Literal["learned"]
    model: Literal["joint"]
    loss: Vicreg | Simclr
    symmetric: bool
    shared: bool
    restart: Number = 0
    net: JointNet = JointNet()


class UNet(Options):
    """MONAI's basic U-Net; ``features``: of its five levels, and of its last layer."""

    features: tuple[Count, Count, Count, Count, Count, Count] = (64, 128, 256, 512, 1024, 64)


class Translation(Options):
    """A U-Net that predicts the second stain, and linear probes of its lowest level."""

    kind: Literal["learned"]
    model: Literal["translation"]
    net: UNet = UNet()


class Supervised(Options):
    """An encoder with a classifier for each target, trained with its labels."""

    kind: Literal["learned"]
    model: Literal["supervised"]
    net: ResNet = ResNet()


class Transfer(Options):
    """Linear probes of supervised encoders: each target is read from the encoder of the next one."""

    kind: Literal["learned"]
    model: Literal["transfer"]
    net: ResNet = ResNet()


class Untrained(Options):
    """Linear probes of an encoder with random weights."""

    kind: Literal["learned"]
    model: Literal["untrained"]
    net: ResNet = ResNet()


class Likeness(Options):
    """CKA between models of two groups, and within each (Fig. 3); ``groups``: methods under ``uses``."""

    kind: Literal["likeness"]
    groups: Annotated[dict[Name, Annotated[list[Name], filled]], filled]

    def wrong(self) -> str:
        """Within a group there are pairs."""
        short = next((name for name, methods in self.groups.items() if len(methods) < 2), None)
        return f"groups.{short} has one method; CKA within a group needs two" if short else ""


class Majority(Options):
    """The floor: the most frequent class of the training patches; of pairing, a guess."""

    kind: Literal["majority"]


class Augmentation(Options):
    """Of training patches; each branch draws its own.

    Attributes:
        flip: chance of mirroring left to right, and up to down.
        crop: least share of each side that is kept and enlarged.
        rotate: chance of a turn, by up to 180 degrees either way.
        noise: chance that pixels of value 0 become noise.
        solarize: chance that values above a half are turned over.
        jitter: strength of SimCLR's colour jitter: brightness, contrast and saturation change by up to 0.8 of
            it, the hue by up to 0.2 of the circle.
    """

    flip: tuple[Share, Share] = (0.5, 0.5)
    crop: Annotated[float, lambda value: "" if 0 < value <= 1 else "it must lie above 0, up to 1"] = 0.75
    rotate: Share = 0.4
    noise: Share = 0.3
    solarize: Share = 0.3
    jitter: Share = 0.5


class Target(Options):
    """What a probe predicts.

    Attributes:
        of: the kind of ``tissue``; the type of most ``cells`` of the class map, 0 where it is empty; or the
            ``density`` of nuclei.
        bins: classes of density, with as many training patches each.
    """

    of: Literal["tissue", "cells", "density"]
    bins: Annotated[int, at_least(2)] = 3


class Kept(Options):
    """Of which test patches layers are compared: so many batches of so many, evenly spread."""

    batches: Count = 8
    size: Annotated[int, at_least(4)] = 64


class Task(Options):
    """Pairs of views, and what their encoders are asked.

    Attributes:
        kind: ``pairing`` asks which patch a view belongs to, which needs no label; ``probing`` for targets.
        pair: the views of the information-sparse and of the information-dense branch.
        probe: whose encoder is probed.
        targets: by name.
        map: the class map of cells.
        crop: side of the centre that ``crop`` keeps, as a share.
        down: pixels along each side that ``down`` leaves.
        augment: of training patches.
        kept: patches on which layers are compared; null: none.
        val_batch: patches among which a view's partner is looked for, and that are seen at once.
    """

    kind: Literal["pairing", "probing"]
    pair: tuple[View, View]
    probe: Literal["sparse", "dense"] = "sparse"
    targets: dict[Name, Target] | None = None
    map: Name = "cells"
    crop: Annotated[float, lambda value: "" if 0 < value < 1 else "it must lie between 0 and 1"] = 0.5
    down: Count = 7
    augment: Augmentation = Augmentation()
    kept: Kept | None = None
    val_batch: Count = 128

    def wrong(self) -> str:
        """Probes have targets."""
        return "probing needs targets" if self.kind == "probing" and not self.targets else ""


class Train(OptimisedTraining):
    """The schedule and the optimiser's keys."""


Method = Joint | Translation | Supervised | Transfer | Untrained | Likeness | Majority | Truth
