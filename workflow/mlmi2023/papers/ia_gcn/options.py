"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Any, Literal

from mlmi2023.core.conditions import Amount, Count, Number, Positive, above, between
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import Training


class Chebyshev(Options):
    """ChebNet on the graph of nearest neighbours."""

    kind: Literal["chebyshev"]
    order: Count = 3
    neighbours: Count = 10
    metric: Literal["cosine", "euclidean"] = "cosine"


class Gat(Options):
    """Graph attention on the same graph."""

    kind: Literal["gat"]
    heads: Count = 4
    neighbours: Count = 10
    metric: Literal["cosine", "euclidean"] = "cosine"


class Dgcnn(Options):
    """A graph of nearest neighbours in each layer."""

    kind: Literal["dgcnn"]
    neighbours: Count = 10


class Attention(Options):
    """A weight per feature."""

    start: float | Literal["normal"] = "normal"


class Graph(Options):
    """See :class:`~mlmi2023.papers.ia_gcn.graphs.GraphLearner`."""

    hidden: Count = 16
    embedding: Count = 8
    temperature: Positive = 1.0
    block: Count = 4096
    neighbours: Count | None = None


class LearnedGraph(Options):
    """DGM, and with ``attention`` IA-GCN."""

    kind: Literal["learned_graph"]
    attention: Attention | None = None
    graph: Graph = Graph()


class Loss(Options):
    """Eq. 1; see :func:`~mlmi2023.papers.ia_gcn.losses.total_loss`."""

    alpha_ce: Amount
    alpha_mask: Amount
    alpha1: Amount
    alpha2: Amount
    per_feature: bool = True


Net = Chebyshev | Gat | Dgcnn | LearnedGraph
Inputs = Literal["all", "ridge", "attended", "without_attended"]


class Selector(Options):
    """The IA-GCN whose attention chooses features for another method."""

    net: LearnedGraph
    loss: Loss


class ChangedLoss(Loss):
    """Changes to the loss."""

    alpha_ce: Amount = 0.0
    alpha_mask: Amount = 0.0
    alpha1: Amount = 0.0
    alpha2: Amount = 0.0


class Setting(Options):
    """What a setting changes of its method."""

    inputs: Inputs = "all"
    net: dict[str, Any] | None = None
    loss: ChangedLoss = ChangedLoss()


class Learned(Options):
    """A network, under each of its ``settings`` anew."""

    kind: Literal["learned"]
    net: Net
    loss: Loss | None = None
    inputs: Inputs = "all"
    selector: Selector | None = None
    settings: dict[Any, Setting | None] | None = None

    def wrong(self) -> str:
        """A network with attention is trained by Eq. 1."""
        if isinstance(self.net, LearnedGraph) and self.net.attention is not None and self.loss is None:
            return "net.attention needs the key loss"
        return ""


class Classical(Options):
    """A classifier of scikit-learn."""

    kind: Literal["majority", "ridge", "logistic", "boosting"]


class Task(Options):
    """Classification of a table's target.

    Attributes:
        select: features that the settings choose or leave out.
        validation: share of training rows for the operating point of two classes.
    """

    kind: Literal["classification"]
    target: str
    select: Number = 0
    validation: Annotated[float, between(0, 0.9)] = 0.0


class Train(Training):
    """``mask_learning_rate``: of the attention."""

    mask_learning_rate: Annotated[float, above(0)] | None = None


Method = Classical | Truth | Learned
#: training steps of a method that has several, in their order
STAGES = ("mask", "main")
