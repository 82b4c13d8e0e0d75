"""One scanner at work: its sector and style, and the way from scatterers to a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.physics.sector import Sector
from mlmi2023.physics.speckle import (
    REACH,
    PointSpread,
    Scatterers,
    compress,
    echoes,
    smear,
    transmission,
)


@dataclass(frozen=True)
class Machine:
    """A scanner as it is set for one patient.

    Attributes:
        sector: what it sees.
        spread: its point spread function.
        style: a number for each key of :data:`.options.STYLE`.
    """

    sector: Sector
    spread: PointSpread
    style: Mapping[str, float]

    @property
    def margin(self) -> float:
        """How far beyond the sector scatterers are still heard in it, mm."""
        return REACH * float(max(self.spread.axial, self.spread.width(self.sector.depths).max()))

    def grey(
        self,
        rng: np.random.Generator,
        cloud: Scatterers,
        strength: np.ndarray,
        mirror: np.ndarray | None = None,
        loss: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the grey values of all samples, (S, B) in [0, 1].

        Args:
            rng: for electronic noise.
            cloud: of N scatterers, of mean square amplitude 1, where they are now.
            strength: mean amplitude of the tissue that each lies in, (N,).
            mirror: amplitude that walls and other bright things add at each place now, (S, B).
            loss: beyond the style's attenuation, (S, B) dB per mm; shadows.
        """
        sector, style = self.sector, self.style
        if mirror is not None:
            at = sector.indices(cloud.x, cloud.z)
            strength = strength + ndimage.map_coordinates(mirror, at, order=1, mode="constant")
        lost = style["attenuation"] + (0.0 if loss is None else loss)
        heard = echoes(sector, cloud.times(strength), self.spread)
        heard = heard * transmission(sector, np.broadcast_to(lost, heard.shape))
        noise = rng.normal(0, np.sqrt(0.5), (*heard.shape, 2)) * 10 ** (style["noise"] / 20)
        heard = heard + smear(noise[..., 0] + 1j * noise[..., 1], self.spread.axial / sector.step, axis=0)
        envelope = np.abs(heard) * 10 ** (style["compensation"] * sector.depths / 20)
        grey = compress(envelope, style["range"], style["gain"]) ** style["gamma"]
        across = (sector.radius + sector.depth / 2) * sector.turn
        return ndimage.gaussian_filter(grey, (style["smooth"] / sector.step, style["smooth"] / across))

    def picture(
        self,
        rng: np.random.Generator,
        cloud: Scatterers,
        strength: np.ndarray,
        shape: tuple[int, int],
        mirror: np.ndarray | None = None,
        loss: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return an image (H, W) uint8, black outside of the sector; see :meth:`grey`."""
        grey = self.grey(rng, cloud, strength, mirror, loss)
        return np.rint(255 * np.clip(self.sector.to_image(grey, shape), 0, 1)).astype(np.uint8)


def draw_machine(rng: np.random.Generator, options: Mapping[str, Any]) -> Machine:
    """Draw a scanner from the checked options of :func:`.options.read_scanner`."""
    depth, width, radius = (float(rng.uniform(*options[key])) for key in ("depth", "width", "radius"))
    sector = Sector(depth, width, radius, int(options["samples"]), int(options["beams"]))
    style = {key: float(rng.uniform(*pair)) for key, pair in options["style"].items()}
    spread = PointSpread(style["axial"], style["lateral"], style["focus"] * depth, style["reach"] * depth)
    return Machine(sector, spread, style)
