"""Layer ``infancy``: the first year of life, when the brain doubles and T1 and T2 contrast turn over.

White matter is darker than grey on T1 at birth and brighter at one year; on T2 it is the other way round; in
between, at about six months, both look alike. Size and contrast come from tables over age.

The template is a mean of many adults and therefore smooth. Sharp borders with bends of a few millimetres, the
same in every modality, are put back, and so is texture of one modality alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.contrast import Contrast
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject
from mlmi2023.core.errors import InputError

BRAIN = ("gm", "wm", "csf")
HEAD = ("soft", "fat", "vitreous")


@dataclass(frozen=True)
class Infancy:
    """Make an infant of an adult.

    Attributes:
        months: ages; the subjects take them in turn, number 1 the first.
        volume: age in months -> volume of the brain relative to an adult's; linear in between.
        means: modality -> tissue -> age in months -> mean, relative to the white matter of an adult on T1.
        sharpness: exponent of the tissue fractions before they are normalised again; 1 leaves them.
        bends: irregular borders: ``size``, correlation length in template mm, and ``strength``, standard
            deviation of what is added to the fractions.
        texture: detail of one modality alone: ``size`` in template mm, and its standard deviation by
            modality.
        skull: whether the head around the brain stays.
    """

    months: list[float]
    volume: Mapping[float, float]
    means: Mapping[str, Mapping[str, Mapping[float, float]]]
    sharpness: float = 1.0
    bends: Mapping[str, float] = field(default_factory=dict)
    texture: Mapping[str, float] = field(default_factory=dict)
    skull: bool = False

    def __post_init__(self) -> None:
        if not self.months or not self.volume:
            raise InputError("options.layers: infancy needs ages under 'months' and a table 'volume'")

    def apply(self, subject: Subject, maps: Maps, rng: np.random.Generator) -> Subject:
        """Return the infant; the atlas stays an adult."""
        if subject.split == "atlas":
            return subject
        month = float(self.months[(int(subject.id) - 1) % len(self.months)])
        tissues = self._tissues(subject.tissues, maps.factor, rng)
        brain = np.asarray(maps.brain, np.float32)
        contrasts: dict[str, Contrast] = {}
        for modality, contrast in subject.contrasts.items():
            means = {k: v for k, v in contrast.means.items() if k in tissues}
            for tissue, table in self.means.get(modality, {}).items():
                means[tissue] = _at(table, month)
            spread = float(self.texture.get(modality, 0.0))
            if spread:
                name = f"{modality} texture"
                tissues[name] = spread * brain * _noise(brain.shape, self.texture["size"] / maps.factor, rng)
                means[name] = 1.0
            contrasts[modality] = replace(contrast, means=means)
        pose = subject.pose.copy()
        pose[:3, :3] *= np.cbrt(_at(self.volume, month))
        return replace(subject, age=round(month / 12, 3), tissues=tissues, contrasts=contrasts, pose=pose)

    def _tissues(
        self, given: dict[str, np.ndarray], factor: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return tissues with sharp, irregular borders; fractions inside the brain still add up to one."""
        parts = [np.asarray(given[name], np.float32) for name in BRAIN]
        total = sum(parts)
        strength = float(self.bends.get("strength", 0.0))
        powers = []
        for part in parts:
            noise = _noise(part.shape, float(self.bends["size"]) / factor, rng) if strength else np.float32(0)
            powers.append(
                np.clip(part + np.float32(strength) * noise, 1e-3, None) ** np.float32(self.sharpness)
            )
        scale = total / sum(powers)
        made = {name: (power * scale).astype(np.float32) for name, power in zip(BRAIN, powers)}
        return made | ({name: given[name] for name in HEAD} if self.skull else {})


def _at(table: Mapping[Any, float], month: float) -> float:
    """Return the value of a table at an age, linear between its ages and constant beyond."""
    ages = sorted(float(age) for age in table)
    values = {float(age): float(value) for age, value in table.items()}
    return float(np.interp(month, ages, [values[age] for age in ages]))


def _noise(shape: tuple[int, ...], size: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random float32 field of correlation length ``size`` voxels, mean 0, standard deviation 1."""
    field_ = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), size, truncate=3)
    return (field_ / field_.std()).astype(np.float32)
