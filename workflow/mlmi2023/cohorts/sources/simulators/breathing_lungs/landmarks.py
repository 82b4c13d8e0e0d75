"""Landmarks: places where vessels branch, at full inhale and at full exhale."""

import numpy as np

from mlmi2023.cohorts.sources.simulators.breathing_lungs.geometry import SIDES
from mlmi2023.cohorts.sources.simulators.breathing_lungs.motion import Breath, columns
from mlmi2023.cohorts.sources.simulators.breathing_lungs.options import EXHALE, INHALE
from mlmi2023.cohorts.sources.simulators.chest_ct.vessels import Tube
from mlmi2023.core.errors import InputError

MARGIN = 0.06  # of the lung, so that all of a landmark's surroundings is lung in both phases


def find_landmarks(
    breath: Breath, trees: dict[int, list[Tube]], count: int, half: np.ndarray
) -> dict[int, np.ndarray]:
    """Return the landmarks of a patient by phase: {0: (count, 3), 50: (count, 3)}, mm, row by row the same.

    They are spread out: each is the branching place that lies furthest from all chosen before it.

    Args:
        breath: how the patient breathes.
        trees: vessels of each side at full exhale.
        count: how many.
        half: half of the field of view, mm.

    Raises:
        InputError: the vessels have too few branching places.
    """
    found: dict[int, list[np.ndarray]] = {INHALE: [], EXHALE: []}
    for side in SIDES:
        tissue = np.array([end for _, end, _ in trees[side]])
        # lung at full exhale first: elsewhere the map means nothing
        tissue = tissue[breath.inside(EXHALE, side, columns(tissue), MARGIN)]
        places = {percent: breath.push(percent, side, tissue) for percent in found}
        good = np.ones(len(tissue), bool)
        for percent, own in places.items():
            good &= breath.inside(percent, side, columns(own), MARGIN) & (np.abs(own) < half).all(1)
        for percent, own in places.items():
            found[percent].append(own[good])
    joined = {percent: np.concatenate(own) for percent, own in found.items()}
    if len(joined[EXHALE]) < count:
        raise InputError(
            f"options.landmarks: {count} are wanted, the vessels branch at {len(joined[EXHALE])} places that "
            "fit; ask for fewer, or raise options.vessels.roots"
        )
    chosen = _spread(joined[EXHALE], count)
    return {percent: own[chosen] for percent, own in joined.items()}


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    chosen = np.empty(count, int)
    chosen[0] = 0
    nearest = np.linalg.norm(points - points[0], axis=1)
    for number in range(1, count):
        chosen[number] = int(nearest.argmax())
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[number]], axis=1))
    return chosen
