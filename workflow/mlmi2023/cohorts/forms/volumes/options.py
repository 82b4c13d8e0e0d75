"""Volumes on a grid have no key ``read``: ``images``, ``labels`` and ``preprocess`` say how they are read."""

from mlmi2023.core.options import Options


class Read(Options):
    """No key at all."""
