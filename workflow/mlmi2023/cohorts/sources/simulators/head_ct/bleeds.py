"""Five kinds of bleed, each where anatomy has it; they share their attenuation.

=================  ====================================================================================
epidural           a lens between skull and dura: thick in its middle, sharp at its rim
subdural           a crescent under the dura of one side: thin, wide, of even thickness
subarachnoid       what was fluid in sulci, fissures and cisterns of a region
intraparenchymal   a lump in the brain, most often in deep nuclei, with a dark rim of oedema
intraventricular   what lies at the back of the ventricles of a lying patient, up to some level
=================  ====================================================================================
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.head_ct.anatomy import NUCLEUS, Head
from mlmi2023.cohorts.sources.simulators.head_ct.fields import between, direction, smooth
from mlmi2023.cohorts.sources.simulators.head_ct.options import BLEEDS

OEDEMA = 18.0
#: samples of a bleed, at least: fewer would not be seen by any slice
LEAST = 40
TRIES = 20


def add_bleeds(rng: np.random.Generator, head: Head, options: dict[str, Any]) -> np.ndarray:
    """Let a head bleed, one kind or several; its attenuation is changed in place.

    Returns:
        Labels (X, Y, Z) uint8, numbered as :data:`~.options.BLEEDS`; later kinds lie over earlier ones.
    """
    labels = np.zeros(head.space.shape, np.uint8)
    for name in _kinds(rng, options["chance"]):
        number = next(value for value, text in BLEEDS.items() if text == name)
        for _ in range(TRIES):
            mask = DRAW[name](rng, head, options["bleeds"][name])
            if mask.sum() >= LEAST:
                break
        grain = 3 * smooth(rng, head.space.shape, head.space.step, 5.0)[mask]
        head.hu[mask] = between(rng, options["hu"]["blood"]) + grain
        labels[mask] = number
    return labels


def _kinds(rng: np.random.Generator, chances: dict[str, float]) -> list[str]:
    """Return the kinds of one patient, at least one, from the inside to the outside."""
    order = ["intraparenchymal", "intraventricular", "subarachnoid", "subdural", "epidural"]
    while True:
        found = [name for name in order if rng.random() < chances[name]]
        if found:
            return found


def _epidural(rng: np.random.Generator, head: Head, own: dict[str, Any]) -> np.ndarray:
    way = direction(rng.choice([-1, 1]), rng.uniform(-50, 50), rng.uniform(-5, 50))
    share = head.space.along(way) / between(rng, own["radius"])
    return (head.depth > 0) & (head.depth < between(rng, own["height"]) * (1 - share**2))


def _subdural(rng: np.random.Generator, head: Head, own: dict[str, Any]) -> np.ndarray:
    side = rng.choice([-1, 1])
    way = direction(side, rng.uniform(-35, 35), rng.uniform(5, 40))
    share = head.space.along(way) / between(rng, own["radius"])
    height = between(rng, own["height"]) * np.sqrt(np.clip(1 - share**4, 0, 1))
    return (head.depth > 0) & (head.depth < height) & (side * head.space.x > 3)


def _subarachnoid(rng: np.random.Generator, head: Head, own: dict[str, Any]) -> np.ndarray:
    low = rng.random() < 0.5  # from an aneurysm at the base, or over the hemisphere from an injury
    side = rng.choice([-1, 1])
    centre = np.array([side * 18.0, 8.0, -20.0]) if low else 62 * direction(
        side, rng.uniform(-50, 60), rng.uniform(0, 60)
    )  # fmt: skip
    near = head.space.egg(centre, [between(rng, own["radius"])] * 3)
    return head.fluid & (near + 0.25 * smooth(rng, head.space.shape, head.space.step, 12.0) < 1)


def _intraparenchymal(rng: np.random.Generator, head: Head, own: dict[str, Any]) -> np.ndarray:
    side = rng.choice([-1, 1])
    if rng.random() < 0.6:
        centre = np.array([side * NUCLEUS[0][0], *NUCLEUS[0][1:]]) + 5 * rng.standard_normal(3)
    else:
        centre = rng.uniform(38, 50) * direction(side, rng.uniform(-70, 70), rng.uniform(0, 50))
    radius = between(rng, own["radius"])
    radii = radius * np.exp(0.2 * rng.standard_normal(3))
    ragged = head.space.egg(centre, radii) + 0.12 * smooth(rng, head.space.shape, head.space.step, 6.0)
    room = head.brain & (head.depth > 5)
    rim = room & (ragged < 1 + own["oedema"] / radius)
    head.hu[rim & (head.hu > OEDEMA) & (head.hu < 50)] = OEDEMA
    return room & (ragged < 1)


def _intraventricular(rng: np.random.Generator, head: Head, own: dict[str, Any]) -> np.ndarray:
    if not head.ventricles.any():
        return head.ventricles
    tilt = head.space.y + 0.2 * rng.standard_normal() * head.space.x
    level = np.quantile(tilt[head.ventricles], between(rng, own["filled"]))
    return head.ventricles & (tilt <= level)


DRAW: dict[str, Callable[[np.random.Generator, Head, dict[str, Any]], np.ndarray]] = {
    "epidural": _epidural,
    "intraparenchymal": _intraparenchymal,
    "intraventricular": _intraventricular,
    "subarachnoid": _subarachnoid,
    "subdural": _subdural,
}
