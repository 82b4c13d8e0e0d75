"""Stand-in brains: heads made from the MNI152 template, with the truth about each of them.

A subject is the template seen through a random diffeomorphism and pose, with tissue intensities, bias field
and noise of its own. The files, in the order of the work:

========== ====================================================================================
template   MNI152 tissue maps and head, read from installed packages
labels     the labelled structures of the template
maps       what all subjects share, derived once: tissues, texture, landmarks, label map
options    the simulator's parameters and their defaults
subject    one subject before it is imaged; its random draws
layers     changes to a subject: ageing, site; the place for pathology
infancy    a layer: the first year of life
warps      velocity fields, pose, the total map native -> template and back
contrast   intensities of tissues and structures per modality
acquire    voxel grid, bias field, noise: from a subject to images
write      the BIDS files
cohort     all subjects, in parallel
========== ====================================================================================
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
    """Write a stand-in cohort as a BIDS folder.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (count per split), ``atlas``,
            ``modalities`` and ``options`` (see :mod:`mlmi2023.cohorts.sources.simulators.brain.options`).
        out: the BIDS root; made if absent.
        threads: worker processes; a subject's bytes depend on neither their number nor the other subjects.
        progress: called with subjects done, subjects in all, and the id just done; default: print a line.

    Raises:
        InputError: an option is unknown or out of range, or a template is missing.
    """
    from mlmi2023.cohorts.sources.simulators.brain.cohort import simulate_cohort

    simulate_cohort(config, Path(out), threads, progress)
