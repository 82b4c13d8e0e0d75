"""Joined cohorts have no key ``read``: their parts are read by themselves."""

from mlmi2023.core.options import Options


class Read(Options):
    """No key at all."""
