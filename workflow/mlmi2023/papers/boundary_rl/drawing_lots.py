"""The environment's random numbers: where walks start, the noise over hits, and draws for actions."""

import torch
from torch import Tensor

#: keeps the streams of images and of walks apart
LEAP = 10_007


class Common:
    """Random numbers from torch's own state, for training.

    Args:
        most: steps of a walk.
        side: pixels of a patch.
        device: where they are wanted.
    """

    def __init__(self, most: int, side: int, device: torch.device) -> None:
        self.most, self.side, self.device = most, side, device

    def beginnings(self, rows: Tensor, episodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return where walks start, (n,) in [0, 1) along the edges, and draws for their actions, (n, T).

        Args:
            rows: (n,) images.
            episodes: (n,) how many walks each has had before.
        """
        drawn = torch.rand(len(rows), 1 + self.most, device=self.device)
        return drawn[:, 0], drawn[:, 1:]

    def noise(self, rows: Tensor, episodes: Tensor) -> Tensor:
        """Return standard normal numbers (n, P, P)."""
        return torch.randn(len(rows), self.side, self.side, device=self.device)


class OfImages(Common):
    """Random numbers that depend on seed, image and walk alone, whatever other images are walked beside it.

    Args:
        seed: of the run.
        most: steps of a walk.
        side: pixels of a patch.
        device: where they are wanted.
    """

    def __init__(self, seed: int, most: int, side: int, device: torch.device) -> None:
        super().__init__(most, side, device)
        self.seed = seed

    def _stream(self, row: int, episode: int, purpose: int) -> torch.Generator:
        number = (self.seed * LEAP + row) * LEAP + episode
        return torch.Generator().manual_seed(2 * number + purpose)

    def beginnings(self, rows: Tensor, episodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return starts (n,) and draws for actions (n, T)."""
        found = [
            torch.rand(1 + self.most, generator=self._stream(row, episode, 0))
            for row, episode in zip(rows.tolist(), episodes.tolist())
        ]
        drawn = torch.stack(found).to(self.device)
        return drawn[:, 0], drawn[:, 1:]

    def noise(self, rows: Tensor, episodes: Tensor) -> Tensor:
        """Return standard normal numbers (n, P, P)."""
        found = [
            torch.randn(self.side, self.side, generator=self._stream(row, episode, 1))
            for row, episode in zip(rows.tolist(), episodes.tolist())
        ]
        return torch.stack(found).to(self.device)
