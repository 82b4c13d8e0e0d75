"""Layers: changes to a subject on top of normal variation, listed in ``options.layers`` and applied in order.

A layer sees the subject in template space, before it is warped and imaged. It may add to the velocity
(growth, atrophy, mass effect), replace tissues and labels (lesions: a tissue of their own and its mean in
each contrast), or change contrasts and the scanner. To add one: a class with ``apply``, and its name in
``LAYERS``.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np

from mlmi2023.cohorts.sources.simulators.brain.infancy import Infancy
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest


class Layer(Protocol):
    """One change to a subject."""

    def apply(self, subject: Subject, maps: Maps, rng: np.random.Generator) -> Subject:
        """Return the changed subject; the one given stays as it is."""
        ...


@dataclass(frozen=True)
class Ageing:
    """Ventricles widen and grey-white contrast fades with age.

    Attributes:
        reference: age without effect, years: about the mean of those averaged into the template.
        expansion: how far the wall of the lateral ventricle moves per decade, mm at most; 0.8 nearly doubles
            the volume between 30 and 80.
        fading: loss of the difference between grey and white matter per decade, of it.
        spread: standard deviation of a person's own pace around 1.
    """

    reference: float = 35.0
    expansion: float = 0.8
    fading: float = 0.02
    spread: float = 0.2

    def apply(self, subject: Subject, maps: Maps, rng: np.random.Generator) -> Subject:
        """Return the aged subject. The map native -> template points towards the ventricles."""
        if subject.age is None or subject.velocity is None:
            return subject
        pace = 1 + self.spread * float(np.clip(rng.standard_normal(), -2, 2))
        decades = (subject.age - self.reference) / 10
        velocity = subject.velocity + np.float32(self.expansion * decades * pace) * maps.pull
        contrasts = {}
        for name, contrast in subject.contrasts.items():
            gm, wm = contrast.means["gm"], contrast.means["wm"]
            means = {**contrast.means, "gm": gm + self.fading * decades * (wm - gm)}
            contrasts[name] = replace(contrast, means=means)
        return replace(subject, velocity=velocity.astype(np.float32), contrasts=contrasts)


@dataclass(frozen=True)
class Site:
    """Each subject is scanned at one of several sites.

    Attributes:
        profiles: name -> ``gamma`` (exponent of intensity), ``noise`` and ``bias`` (factors on the subject's
            own), ``lean`` (x, y, z: direction in which the bias grows), ``share`` (of the subjects).
    """

    profiles: dict[str, dict[str, Any]]

    KEYS = ("gamma", "noise", "bias", "lean", "share")

    def __post_init__(self) -> None:
        for name, profile in self.profiles.items():
            for key in profile:
                if key not in self.KEYS:
                    hint = suggest(key, [*self.KEYS])
                    raise InputError(f"options.layers: site '{name}' has an unknown key '{key}'{hint}")

    def apply(self, subject: Subject, maps: Maps, rng: np.random.Generator) -> Subject:
        """Return the subject at a site drawn by the sites' shares; the atlas has none."""
        if subject.split == "atlas":
            return subject
        names = list(self.profiles)
        shares = np.array([float(self.profiles[n].get("share", 1)) for n in names])
        site = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        profile = self.profiles[site]
        return replace(
            subject,
            site=site,
            gamma=subject.gamma * float(profile.get("gamma", 1)),
            noise=subject.noise * float(profile.get("noise", 1)),
            bias_peak=subject.bias_peak * float(profile.get("bias", 1)),
            bias_lean=np.asarray(profile.get("lean", (0, 0, 0)), float),
        )


LAYERS: dict[str, type] = {"ageing": Ageing, "site": Site, "infancy": Infancy}


def make_layers(entries: list[dict[str, Any]]) -> list[tuple[str, Layer]]:
    """Return the layers of ``options.layers`` with their names.

    Raises:
        InputError: an unknown layer or parameter.
    """
    layers = []
    for entry in entries:
        given = dict(entry)
        name = given.pop("name", None)
        if name not in LAYERS:
            raise InputError(f"options.layers: unknown layer '{name}'{suggest(str(name), list(LAYERS))}")
        try:
            layers.append((name, LAYERS[name](**given)))
        except TypeError as error:
            known = [f.name for f in fields(LAYERS[name])]
            raise InputError(
                f"options.layers: {name} has the parameters {', '.join(known)}: {error}"
            ) from error
    return layers
