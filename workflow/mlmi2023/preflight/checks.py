"""All checks of a paper; the argument ``inspect`` of :class:`~mlmi2023.core.config.Settings`."""

import os
from pathlib import Path

from mlmi2023.core.config import Settings, expand
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest
from mlmi2023.preflight.cohort import check_cohort, check_tasks
from mlmi2023.preflight.declared import check_declared
from mlmi2023.preflight.paper import check_folds, check_options


def check_paper(settings: Settings, slug: str) -> None:
    """Check a paper's options, its cohorts, and what it reports.

    Raises:
        InputError: one line with the file or the key, and the fix.
    """
    check_options(settings, slug)
    names = settings.cohort_names()
    for dataset, setup in settings.paper(slug)["datasets"].items():
        if setup["cohort"] not in names:
            raise InputError(
                f"config of paper '{slug}': key 'datasets.{dataset}.cohort': unknown cohort "
                f"'{setup['cohort']}'{suggest(setup['cohort'], names)}"
            )
    for cohort in settings.cohorts_of(slug):
        check_cohort(settings, cohort)
    check_folds(settings, slug)
    check_tasks(settings, slug)
    check_declared(settings, slug)


def check_results(folder: Path) -> None:
    """Check that results can be written.

    Args:
        folder: of all results; it may not be there yet.

    Raises:
        InputError: it is a file, below one, or not to be written.
    """
    expand(str(folder))  # refuses names that no disk takes
    place = folder.absolute()
    while not os.path.exists(place):  # false too below a folder that cannot be entered
        place = place.parent
    if not place.is_dir():
        raise InputError(f"config: key 'results' leads to {place}, which is a file; name a folder")
    # /proc and its like say that they can be written and refuse new folders
    if not os.access(place, os.W_OK | os.X_OK) or os.statvfs(place).f_blocks == 0:
        raise InputError(f"config: key 'results' leads to {place}, which cannot be written; choose another")
