"""Stand-in chest CT: a continuous phantom, scanned at any slice thickness and overlap by integrating it.

Each volume comes as a reference with cubic voxels and as scans of the same chest with thick, overlapping
slices. All are integrals of one finely sampled phantom with its noise, so that no scan is a resampled
reference. Axes are (z, y, x): to the head, to the front, to the left. The files, in the order of the work:

======== ======================================================================
options  the simulator's parameters and their defaults
vessels  branching trees of tapered tubes
phantom  body, lungs, bones, vessels, fissures, nodules, texture
scanner  noise, and the integration over pixels and slices
cohort   all volumes, in parallel, and their files
======== ======================================================================
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def simulate(
    config: dict[str, Any],
    out: Path,
    threads: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Write a stand-in cohort of CT volumes, in the layout of :mod:`mlmi2023.cohorts.forms.ct_stacks.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (volumes per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.chest_ct.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.
        progress: called with volumes done, volumes in all, and the volume just done.

    Raises:
        InputError: an option is unknown or out of range.
    """
    from mlmi2023.cohorts.sources.simulators.chest_ct.cohort import simulate_cohort

    simulate_cohort(config, Path(out), threads, progress)
