"""How much fine detail the maps inside a network keep, by depth (Fig. 3)."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.papers.fine_grained_wavelet.model import FrequencyUnet

#: share of the Nyquist frequency above which a frequency counts as high
HIGH = 0.5


def amplitude(maps: Tensor) -> Tensor:
    """Return the amplitude spectrum (B, H, W) of maps (B, H, W, D), root mean square over channels.

    The frequency zero is in the middle. Every channel is brought to a spread of 1 first, so that strong
    channels do not decide alone; flat channels stay flat.
    """
    maps = maps.float()
    maps = maps - maps.mean(dim=(1, 2), keepdim=True)
    maps = maps / maps.std(dim=(1, 2), keepdim=True).clamp_min(1e-6)
    power = torch.fft.fft2(maps, dim=(1, 2), norm="ortho").abs().square().mean(dim=3)
    return torch.fft.fftshift(power.sqrt(), dim=(1, 2))


def frequency(rows: int, columns: int) -> np.ndarray:
    """Return the frequency of each place of :func:`amplitude`, (rows, columns), in shares of Nyquist's."""
    down, across = (np.fft.fftshift(np.fft.fftfreq(n)) * 2 for n in (rows, columns))
    return np.maximum(np.abs(down)[:, None], np.abs(across)[None])


def high_share(spectrum: np.ndarray) -> np.ndarray:
    """Return the share of power above half of Nyquist's frequency, (...,), for amplitudes (..., H, W).

    The mean of a map (frequency zero) is left out; a map without any variation has a share of 0.
    """
    place = frequency(*spectrum.shape[-2:])
    power = np.square(spectrum.astype(float))
    total = power[..., place > 0].sum(-1)
    return power[..., place > HIGH].sum(-1) / np.maximum(total, 1e-12)


class Listener:
    """Keep the spectra of a network's encoder blocks while it answers.

    Args:
        net: the network; its blocks are listened to from now on.
    """

    def __init__(self, net: FrequencyUnet) -> None:
        #: names of the layers, by stage and block, both from 1
        self.layers = [
            f"stage{stage}_block{block}"
            for stage, blocks in enumerate(net.encoder.stages, 1)
            for block in range(1, 1 + len(blocks))  # type: ignore[arg-type]
        ]
        self.heard: list[list[Tensor]] = [[] for _ in self.layers]
        blocks: Iterable[nn.Module] = (block for blocks in net.encoder.stages for block in blocks)  # type: ignore[attr-defined]
        for number, block in enumerate(blocks):
            block.register_forward_hook(self._hook(number))

    def _hook(self, number: int) -> Callable[..., None]:
        def listen(module: nn.Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
            self.heard[number].append(amplitude(answer).cpu())

        return listen

    def take(self) -> dict[str, np.ndarray]:
        """Return the mean amplitude (H, W) since the last call, by layer."""
        found = {name: torch.cat(parts).mean(dim=0).numpy() for name, parts in zip(self.layers, self.heard)}
        self.heard = [[] for _ in self.layers]
        return found


def spectra_of(kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the spectra among what is kept of a case, by layer."""
    return {name: array for name, array in kept.items() if name.startswith("stage")}


def deep_share(spectra: Mapping[str, np.ndarray]) -> float:
    """Return the mean share of high frequencies over the blocks of the last stage but one.

    It is the deepest whose attention the methods differ in: the last one's maps are too small to be halved.
    """
    stages = [int(name.removeprefix("stage").split("_")[0]) for name in spectra]
    deepest = max(stages) - 1
    return float(np.mean([high_share(s) for stage, s in zip(stages, spectra.values()) if stage == deepest]))
