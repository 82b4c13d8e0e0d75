"""Segmentation: one or many structures, one or several channels, in images, slices or whole volumes.

``module``      what trains: network, loss, source of batches, Dice on validation cases
``cases``       what a network sees of a cohort and how its answer comes back to be judged; three ways:
``resized``     2D images at one size, judged at that size
``slices``      slices of scans, or images, resampled for the network and judged as the cohort has them
``volumes``     3D scans, trained on patches, seen through a sliding window
``planning``    the plan of a training
``predicting``  what networks and controls find, and how it is kept
``scoring``     values of the tested cases

A paper opens its cases and calls :func:`plan`, :func:`predict` and :func:`score`; what it does differently it
passes as a function: what builds the network, what settles and keeps an answer, a measure.
"""

from mlmi2023.tasks.segmentation.cases import Cases
from mlmi2023.tasks.segmentation.planning import build_network, count_weights, plan
from mlmi2023.tasks.segmentation.predicting import (
    CONTROLS,
    answers,
    predict,
    read_about,
    read_case,
    trained,
    write,
)
from mlmi2023.tasks.segmentation.resized import Resized
from mlmi2023.tasks.segmentation.scoring import Pair, dice_values, pairs, rate_values, score
from mlmi2023.tasks.segmentation.slices import Slices
from mlmi2023.tasks.segmentation.volumes import Volumes

__all__ = [
    "CONTROLS",
    "Cases",
    "Pair",
    "Resized",
    "Slices",
    "Volumes",
    "answers",
    "build_network",
    "count_weights",
    "dice_values",
    "pairs",
    "plan",
    "predict",
    "rate_values",
    "read_about",
    "read_case",
    "score",
    "trained",
    "write",
]
