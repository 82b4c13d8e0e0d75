"""Stand-in CT pulmonary angiograms with records: emboli in an arterial tree, and rows that share a cause.

A patient has a latent severity. It decides, in part, both how much clot the arteries hold and how far vital
signs and laboratory values are off, so that image and record say partly the same and partly their own. The
files, in the order of the work:

========= ====================================================================================
options   the simulator's parameters and their defaults
patients  who has an embolism, of which type, how severe; splits by patient
tree      arteries from the trunk to sub-segmental branches, and veins, as tapered tubes
emboli    filling defects by type, and what they do to the blood behind them
phantom   chest, vessels and defects as a continuous phantom, sampled in Hounsfield units
scanner   contrast timing, mixing, streaks, noise
records   demographics, vital signs, diagnoses, medications, laboratory values
write     files in the layout in which RadFusion is published
cohort    all exams, in parallel
========= ====================================================================================
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
    """Write a stand-in cohort of exams, in the layout of RadFusion with the truth beside it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.pulmonary_ct.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.
        progress: called with exams done, exams in all, and the exam just done; default: print now and then.

    Raises:
        InputError: an option is unknown or out of range.
    """
    from mlmi2023.cohorts.sources.simulators.pulmonary_ct.cohort import simulate_cohort

    simulate_cohort(config, Path(out), threads, progress)
