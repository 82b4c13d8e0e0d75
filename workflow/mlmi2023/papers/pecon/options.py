"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Interval, Number, Positive, Share, filled
from mlmi2023.core.options import Options
from mlmi2023.nets.options import WeightsFile
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import Training

Modality = Literal["ct", "ehr"]


class Net(Options):
    """PENet; see :class:`~mlmi2023.papers.pecon.penet.PENet`."""

    in_channels: Count = 1
    stem: Count = 64
    widths: Counts = (128, 256, 512, 1024)
    blocks: Counts = (3, 4, 6, 3)
    cardinality: Count = 32
    reduction: Count = 16
    drop_path: Share = 0.0
    groups: Count = 16


class Explain(Options):
    """Heat maps of the last or the first ``stages``; ``tolerance``: voxels that a point may miss by."""

    stages: Number | None = None
    tolerance: Number


class Backbone(Options):
    """What is trained here; ``views``: copies of each training exam whose features are kept."""

    kind: Literal["learned"]
    model: Literal["penet"]
    net: Net = Net()
    views: Count = 8
    explain: Explain | None = None


class Pretrained(Options):
    """The same with published weights."""

    kind: Literal["pretrained"]
    model: Literal["penet"]
    weights: WeightsFile
    net: Net = Net()
    views: Count = 8
    explain: Explain | None = None


class Projections(Options):
    """See :class:`~mlmi2023.papers.pecon.branches.Branches`."""

    ct_hidden: Counts = (512, 256)
    ehr_hidden: Counts = (128,)
    embedding: Count = 128
    ct_dropout: Share = 0.5
    ehr_dropout: Share = 0.4


class SupervisedContrastive(Options):
    """PECon's."""

    loss: Literal["supervised_contrastive"]
    temperature: Positive = 0.8
    reduction: Literal["mean", "sum"] = "mean"


class InfoNce(Options):
    """ConVIRT's; ``weight`` of one of its two directions."""

    loss: Literal["info_nce"]
    temperature: Positive = 0.1
    weight: Share = 0.5


class BarlowTwins(Options):
    """Barlow Twins'."""

    loss: Literal["barlow_twins"]
    off_diagonal: Amount = 0.005


class Clip(Options):
    """CLIP's, with a learned temperature."""

    loss: Literal["clip"]
    weight: Share = 0.5


class Exclude(Options):
    """Types of embolism that a stage leaves out."""

    pretrain: tuple[str, ...] = ()
    finetune: tuple[str, ...] = ()


class Branches(Options):
    """Two branches, pretrained and fine-tuned; ``lambda`` weighs the scan's answer."""

    kind: Literal["learned"]
    model: Literal["branches"]
    backbone: str
    branches: Projections = Projections()
    pretraining: SupervisedContrastive | InfoNce | BarlowTwins | Clip
    exclude: Exclude | None = None
    explain: Explain | None = None
    lambda_: Share | Literal["validation"] = "validation"


class ElasticNet(Options):
    """Logistic regression on the record."""

    kind: Literal["elasticnet"]
    l1_ratio: Share
    strengths: Annotated[list[Positive], filled]


class LateFusion(Options):
    """The mean of two other methods' answers."""

    kind: Literal["late_fusion"]
    ct: str
    ehr: str
    lambda_: Share | Literal["validation"] = "validation"


class Branch(Options):
    """One branch of another method."""

    kind: Literal["branch"]
    of: str
    branch: Modality


class Prevalence(Options):
    """The floor: the share of positive training exams."""

    kind: Literal["prevalence"]


class Scan(Options):
    """Sub-volumes; see :class:`~mlmi2023.papers.pecon.scans.Cut`."""

    slices: Count = 24
    crop: Count = 192
    jitter: Number = 8
    rotation: Amount = 15.0
    hu: Interval = (-100.0, 900.0)
    positive_slices: Count = 4


class Selection(Options):
    """L1-penalised linear support vector machine; ``c``: inverse strength."""

    c: Positive


class Task(Options):
    """Diagnosis from scan and record."""

    kind: Literal["diagnosis"]
    scan: Scan = Scan()
    selection: Selection | None = None


class Epochs(Options):
    """Epochs after which each branch's rate falls; 0: never."""

    ct: Number
    ehr: Number


class Rates(Options):
    """Rate of each branch."""

    ct: Positive
    ehr: Positive


class Train(Training):
    """``rates`` and ``decay_epochs`` by branch are those of fine-tuning.

    ``keep``: weights that fine-tuning keeps of each branch, the last ones, or those of the first epoch with
    its best validation accuracy.
    """

    weight_decay: Amount = 0.01
    optimiser: Literal["sgd", "adam"] = "sgd"
    gamma: Positive = 0.1
    decay_epochs: Number | Epochs = 0
    rates: Rates | None = None
    keep: Literal["last", "accuracy"] = "last"


Method = Backbone | Pretrained | Branches | ElasticNet | LateFusion | Branch | Prevalence | Truth
#: training steps of a method that has several, in their order
STAGES = ("pretrain", "finetune")
