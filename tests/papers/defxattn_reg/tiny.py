"""Heads of 5 mm, and networks of a few channels that train for two steps."""

from pathlib import Path

CONFIG = (Path(__file__).parents[2] / "support/tiny.yaml").read_text()


def make(place):
    """The workflow simulates the data."""
