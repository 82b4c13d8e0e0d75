"""What a user should know of a paper's configuration before it runs, though nothing is wrong with it."""

from mlmi2023.core.config import Settings


def remarks(settings: Settings, slug: str) -> list[str]:
    """Return a line each: figures that are left out; images that are stored at one size, seen at another."""
    said = [settings.left_out[slug]] if slug in settings.left_out else []
    for dataset, setup in settings.paper(slug)["datasets"].items():
        cohort = settings.cohort(setup["cohort"])
        # of ours, both are chosen; the forms exams and images have the key
        stored, seen = (cohort.get("read") or {}).get("size"), setup["task"].get("size")
        if cohort["kind"] == "folder" and stored and seen and list(stored) != list(seen):
            said.append(
                f"paper '{slug}': cohort '{setup['cohort']}' stores images of {_sides(stored)} pixels (its "
                f"read.size), and networks see {_sides(seen)} (datasets.{dataset}.task.size, at scale "
                f"{settings.scale}); set both alike unless that is meant"
            )
    return said


def _sides(size: list[int]) -> str:
    return " x ".join(map(str, size))
