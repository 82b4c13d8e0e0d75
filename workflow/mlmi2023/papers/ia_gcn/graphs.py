"""Population graphs: learned from the features (Sect. 2.2), or of nearest neighbours.

A learned graph is fully connected. Up to ``block`` subjects it is one matrix; above, its rows are made block by
block and again in the backward pass, so that memory grows with the number of subjects and not its square. With
``neighbours`` each subject keeps its nearest ones only, and time and memory of a step grow with the edges.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

#: H (N, F) -> D^-1/2 (G' + I) D^-1/2 H, the propagation of a graph convolution
Propagate = Callable[[Tensor], Tensor]


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Return Euclidean distances between rows, (Na, Nb), with a gradient that stays finite at zero."""
    squares = (a * a).sum(1, keepdim=True) + (b * b).sum(1) - 2 * a @ b.T
    return squares.clamp_min(1e-12).sqrt()


@torch.no_grad()
def nearest(x: Tensor, count: int, metric: str = "euclidean", block: int = 2048) -> Tensor:
    """Return the ``count`` nearest other rows of each row, (N, count), nearest first.

    Args:
        x: (N, D).
        count: neighbours; at most N - 1 are there.
        metric: ``euclidean`` or ``cosine``.
        block: rows looked at together; bounds the memory.
    """
    x = F.normalize(x, dim=1) if metric == "cosine" else x
    count = min(count, len(x) - 1)
    found = []
    for start in range(0, len(x), block):
        part = x[start : start + block]
        near = -part @ x.T if metric == "cosine" else distances(part, x)
        near[torch.arange(len(part)), torch.arange(start, start + len(part))] = torch.inf
        found.append(near.topk(count, dim=1, largest=False).indices)
    return torch.cat(found)


def edge_index(neighbours: Tensor) -> Tensor:
    """Return neighbours (N, k) as edges neighbour -> row, (2, N k), the form of PyTorch Geometric."""
    rows = torch.arange(len(neighbours), device=neighbours.device).repeat_interleave(neighbours.shape[1])
    return torch.stack([neighbours.reshape(-1), rows])


def symmetric(edges: Tensor) -> Tensor:
    """Return edges (2, E) in both directions, each once."""
    from torch_geometric.utils import to_undirected

    return to_undirected(edges)


class GraphLearner(nn.Module):
    """The graph learning module g_phi: an MLP embeds subjects, near ones are joined.

    g'_ij = 1 / (1 + exp(t |x_i - x_j| + T)) for embeddings centred and scaled to unit range; t > 0 is kept so
    by softplus.

    Args:
        features: D.
        hidden: width of the first layer.
        embedding: width of the second.
        temperature: t at the start.
        block: subjects above which rows are made in blocks.
        neighbours: keep only so many edges per subject; None keeps all.
    """

    def __init__(
        self,
        features: int,
        hidden: int = 16,
        embedding: int = 8,
        temperature: float = 1.0,
        block: int = 4096,
        neighbours: int | None = None,
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, embedding))
        self.sharpness = nn.Parameter(torch.tensor(float(temperature)).expm1().log())
        self.threshold = nn.Parameter(torch.tensor(0.0))
        self.block = block
        self.neighbours = neighbours

    @property
    def temperature(self) -> Tensor:
        """t, above 0."""
        return F.softplus(self.sharpness)

    @torch.no_grad()
    def start_at(self, x: Tensor, rows: int = 1000) -> None:
        """Set T so that the median pair of subjects has an edge of 1/2; needs T below 0."""
        e = self.embed(x)[:rows]
        pairs = distances(e, e)[~torch.eye(len(e), dtype=torch.bool, device=e.device)]
        self.threshold.copy_(-self.temperature * pairs.median())

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding, (N, E), with mean 0 and largest absolute value 1."""
        e = self.mlp(x)
        e = e - e.mean(dim=0)
        return e / e.abs().max().clamp_min(1e-6)

    def strengths(self, distance: Tensor) -> Tensor:
        """Return g' for distances of any shape."""
        return torch.sigmoid(-(self.temperature * distance + self.threshold))

    def dense(self, x: Tensor) -> Tensor:
        """Return G', (N, N), symmetric."""
        e = self.embed(x)
        return self.strengths(distances(e, e))

    def forward(self, x: Tensor) -> Propagate:
        """Return how the graph learned from x (N, D) propagates."""
        e = self.embed(x)
        if self.neighbours:
            return self._sparse(e, nearest(e.detach(), self.neighbours))
        if len(x) <= self.block:
            g = self.strengths(distances(e, e))
            return _normalised(g.sum(dim=1), lambda h: g @ h)
        return self._blocked(e)

    def _sparse(self, e: Tensor, near: Tensor) -> Propagate:
        steps = (e.unsqueeze(1) - e[near]).pow(2).sum(dim=2).clamp_min(1e-12).sqrt()
        g = self.strengths(steps)
        return _normalised(g.sum(dim=1), lambda h: (g.unsqueeze(2) * h[near]).sum(dim=1))

    def _blocked(self, e: Tensor) -> Propagate:
        def times(h: Tensor) -> Tensor:
            parts = [checkpoint(self._rows, part, e, h, use_reentrant=False) for part in e.split(self.block)]
            return torch.cat([part for part in parts if part is not None])

        return _normalised(times(e.new_ones(len(e), 1))[:, 0], times)

    def _rows(self, part: Tensor, e: Tensor, h: Tensor) -> Tensor:
        return self.strengths(distances(part, e)) @ h


def _normalised(degree: Tensor, times: Propagate) -> Propagate:
    """Wrap H -> G' H into H -> D^-1/2 (G' + I) D^-1/2 H, where ``degree`` (N,) are the row sums of G'."""
    scale = (degree + 1).rsqrt().unsqueeze(1)

    def propagate(h: Tensor) -> Tensor:
        y = scale * h
        return scale * (times(y) + y)

    return propagate
