"""Generation: networks that make images, from noise or from a corrupted image.

======== ================================================================================================
denoiser the module that trains a diffusion network, judged by the task's own metric
slices   results for slices of many cases at once, which do not depend on what they are batched with
======== ================================================================================================
"""

from mlmi2023.tasks.generation.denoiser import Denoiser, Example
from mlmi2023.tasks.generation.slices import over_slices

__all__ = ["Denoiser", "Example", "over_slices"]
