"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Name, Number, Positive, Share, filled
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Augmentation2D
from mlmi2023.training.loop.options import OptimisedTraining

#: of fine-tuning: the federation, then the site alone
STAGES = ("federate", "main")
#: what a site's images come with
Form = Literal["point", "scribble", "noisy_scribble", "box", "block", "full"]
#: what goes over the wire, and what a site keeps (:mod:`.strategies`)
Kind = Literal["fedavg", "fedprox", "fedbn", "fedap", "fedrep", "metafed", "aa", "local", "central"]
Five = tuple[Count, Count, Count, Count, Count]
Patterns = Annotated[list[str], filled]


class SiteUnet(Options):
    """The network of every site; channels of its levels, and whether it has the SCR module."""

    name: Literal["site_unet"]
    features: Five = (16, 32, 64, 128, 256)
    scr: bool = False


class Weights(Options):
    """Weights of losses beside the partial cross-entropy (Eqs. 8 and 9): lambda 1 to 3; 0: without."""

    tree: Amount = 0.0
    crf: Amount = 0.0
    con: Amount = 0.0


class Mixing(Options):
    """How the weights W of AA are learned (Eq. 4).

    Attributes:
        first: steps in round 2, at most.
        later: steps in each later round; the paper's is one epoch.
        window: round 2 ends earlier when the last so many losses
        tolerance: have a spread below this.
        rate: of the gradient step.
    """

    first: Count = 60
    later: Count = 1
    window: Count = 10
    tolerance: Amount = 0.01
    rate: Positive = 1.0


class Learned(Options):
    """A way to train on several sites.

    Attributes:
        strategy: what is shared.
        labels: the sites' own weak ones, or full masks.
        weights: of the losses.
        mixing: of the strategy ``aa``.
        mu: of FedProx.
        kept: share that a site's own weights have in FedAP's average for it.
        head: share of a round's steps in which FedRep learns the head, before the rest.
        distil: weight of MetaFed's distillation.
    """

    kind: Literal["learned"]
    strategy: Kind
    net: SiteUnet
    labels: Literal["weak", "full"] = "weak"
    weights: Weights = Weights()
    mixing: Mixing = Mixing()
    mu: Amount = 0.01
    kept: Share = 0.5
    head: Share = 0.5
    distil: Amount = 1.0

    def wrong(self) -> str:
        """Site codes are contrasted where there is a module that reads them."""
        if self.weights.con and not self.net.scr:
            return "weights.con contrasts site codes; set net.scr: true"
        return "pooled images have no site; set net.scr: false" if self._pooled_scr() else ""

    def _pooled_scr(self) -> bool:
        return self.strategy == "central" and self.net.scr


class Site(Options):
    """One site: patterns of its images as ``<domain>/<image>``, and the form of its labels."""

    train: Patterns
    test: Patterns
    label: Form


class WeakLabels(Options):
    """How weak labels are made of masks (:mod:`.weak`); lengths in pixels.

    Attributes:
        seed: of their random numbers, the same for all methods and seeds of a run.
        boxes: what boxes are turned into.
        point: radius of points.
        line: width of scribbles.
        jitter: how far noisy scribbles stray.
        length: share of a scribble that is drawn.
        block: smallest and largest side of blocks, as shares of the room that a class has.
    """

    seed: Number = 0
    boxes: Literal["scribble", "block"] = "scribble"
    point: Number = 2
    line: Count = 2
    jitter: Amount = 3.0
    length: Share = 0.6
    block: tuple[Share, Share] = (0.5, 0.9)


class Tree(Options):
    """Tree energy (Eqs. 6 and 7): rows and columns of its grid, and the scales of its affinities."""

    grid: Count = 64
    low: Positive = 0.02
    high: Positive = 1.0


class Crf(Options):
    """Gated CRF: radius of neighbourhoods in pixels, scales of distance and of intensity."""

    radius: Count = 5
    xy: Positive = 6.0
    rgb: Positive = 0.1


class Task(Options):
    """Segmentation at several sites.

    Attributes:
        map: label map of the cohort.
        structures: names in tables of its labels 1, 2, ...
        nested: a structure is all labels from its own on, as a disc is with its cup.
        size: rows and columns of networks and of what is judged; null: the cohort's.
        grey: one channel, the mean of three.
        sites: by name, in their order.
        val: share of each site's training patients who say whether a network has learned, and select nothing.
        split_seed: of that choice.
        weak: how labels are made.
        tree: of the tree energy.
        crf: of the gated CRF.
        augment: of training images; what comes in from outside has no label.
    """

    kind: Literal["segmentation"]
    map: str = "masks"
    structures: Annotated[list[str], filled]
    nested: bool = False
    size: Size | None = None
    grey: bool = False
    sites: Annotated[dict[Name, Site], filled]
    val: Share = 0.1
    split_seed: Number = 0
    weak: WeakLabels = WeakLabels()
    tree: Tree = Tree()
    crf: Crf = Crf()
    augment: Augmentation2D | None = None

    def wrong(self) -> str:
        """Somebody says whether a network has learned, and rotated labels are not mirrored back."""
        if self.val == 0:
            return "val must be above 0: held out images say whether a network has learned"
        turned = self.augment is not None and (self.augment.rotate or self.augment.shift)
        if turned and self.augment is not None and self.augment.border != "zeros":
            return "augment.border must be zeros: what comes in from outside has no label"
        return (
            "a site is called 'avg', which is the mean over sites; rename it" if "avg" in self.sites else ""
        )


class Train(OptimisedTraining):
    """``round_steps``: of each site between two exchanges; ``val_batch``: images at once."""

    round_steps: Count = 60
    val_batch: Count = 16

    def wrong(self) -> str:
        """A checkpoint lies between two rounds; optimisers step at each site."""
        if self.epoch_steps % self.round_steps:
            return f"epoch_steps ({self.epoch_steps}) must be a multiple of round_steps ({self.round_steps})"
        if self.clip:
            return "clip is not available here; lower learning_rate"
        return super().wrong()


Method = Learned | Background | Truth
