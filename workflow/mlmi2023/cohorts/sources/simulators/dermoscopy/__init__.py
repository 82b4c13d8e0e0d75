"""Stand-in dermoscopy: pigmented lesions on skin, with what gets in the way of seeing their border.

A lesion is an ellipse with an irregular, star-shaped border. Along an arc of some lesions the pigment fades
out before the border and the irregularity with it: there the image tells nothing, and the border is that of
the ellipse which the rest of the lesion shows. Small spots of the same colours lie beside the lesion and are
no part of it. So a network has to see the whole. Lengths are shares of the image's width. The files:

========= ====================================================================
options   the simulator's parameters and their defaults
lesion    shape, fading arc, colours, and the true mask
skin      tone, light, texture, spots
artefacts hairs, ruler, bubbles, dark corners
cohort    all images, in parallel, and their files
========= ====================================================================
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
    """Write a stand-in cohort of images, in the default layout of :mod:`mlmi2023.cohorts.forms.images.form`.

    ``truth.csv`` beside them says of each image what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (images per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.dermoscopy.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.
        progress: called with images done, images in all, and the image just done.

    Raises:
        InputError: an option is unknown or out of range.
    """
    from mlmi2023.cohorts.sources.simulators.dermoscopy.cohort import simulate_cohort

    simulate_cohort(config, Path(out), threads, progress)
