"""Stand-in FLAIR scans with white-matter lesions of multiple sclerosis, from several centres.

Heads are those of :mod:`mlmi2023.cohorts.sources.simulators.brain`, with one more layer that grows lesions.
Each centre has a contrast, resolution and noise of its own, and a split takes its patients from the centres
that name it, so that some splits are from centres that training never saw. Images come as Shifts distributes
them: skull-stripped, without bias field, on cubic voxels. The files, in the order of the work:

======= ==========================================================================
options the simulator's parameters and their defaults
lesions the layer: where lesions lie, how large and how bright they are
cohort  all patients, in parallel, and their files
======= ==========================================================================
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
    """Write a stand-in cohort, in the raw layout of :mod:`mlmi2023.cohorts.forms.scans.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.flair_lesions.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.
        progress: called with patients done, patients in all, and the patient just done.

    Raises:
        InputError: an option is unknown or out of range, or a split has no centre.
    """
    from mlmi2023.cohorts.sources.simulators.flair_lesions.cohort import simulate_cohort

    simulate_cohort(config, Path(out), threads, progress)
