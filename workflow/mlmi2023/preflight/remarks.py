"""What a user should know of a paper's configuration before it runs, though nothing is wrong with it."""

from mlmi2023.core.config import Settings
from mlmi2023.preflight.sizes import other_sizes


def remarks(settings: Settings, slug: str) -> list[str]:
    """Return a line each: figures that are left out; images that are kept at one size, seen at another."""
    said = [settings.left_out[slug]] if slug in settings.left_out else []
    return [*said, *other_sizes(settings, slug)]
