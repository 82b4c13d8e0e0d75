"""What a user should know of a paper's configuration before it runs, though nothing is wrong with it."""

from collections.abc import Iterator

from mlmi2023.core.config import Settings


def remarks(settings: Settings, slug: str) -> list[str]:
    """Return a line each: figures that are left out; images that are kept at one size, seen at another."""
    said = [settings.left_out[slug]] if slug in settings.left_out else []
    return [*said, *other_sizes(settings, slug)]


def other_sizes(settings: Settings, slug: str) -> Iterator[str]:
    """Yield a line for each dataset of a paper whose task has a size of its own.

    Args:
        settings: of the run.
        slug: the paper.
    """
    for dataset, setup in settings.paper(slug)["datasets"].items():
        cohort = settings.cohort(setup["cohort"])
        seen = setup.get("task", {}).get("size")
        if cohort["kind"] != "folder" or cohort.get("form") != "images" or not isinstance(seen, list):
            continue
        read = cohort.get("read") or {}
        kept = {"size": read.get("size"), "tiles.size": (read.get("tiles") or {}).get("size")}
        start = f"paper '{slug}', dataset '{dataset}': networks see {_by(seen)} (task.size)"
        whose = f"cohort '{setup['cohort']}'"
        if not any(kept.values()):
            yield f"{start} of the images of {whose}, whatever their size"
        for key, own in kept.items():
            if own and own != seen:
                yield f"{start} of images that {whose} keeps at {_by(own)} (read.{key}); give both the same"


def _by(size: list[int]) -> str:
    return " x ".join(map(str, size))
