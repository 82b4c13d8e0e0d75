"""What a packed cohort of several domains says of itself on pages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def facts_of(
    rows: Sequence[Mapping[str, Any]],
    shape: Sequence[int],
    grades: Sequence[str],
    classes: Mapping[str, Sequence[str]],
    changes: Sequence[tuple[str, str]] = (),
) -> list[tuple[str, str]]:
    """Return lines of what and how much there is.

    Args:
        rows: of each image, ``subject``, ``group`` (the patient), ``domain`` and, with grades, ``grade``.
        shape: of all images, (N, H, W, C).
        grades: their names.
        classes: names of the labels of each map.
        changes: what was changed or looks wrong, see :func:`changes_of`.
    """
    found = [("size", f"{shape[1]} x {shape[2]}, RGB")]
    people: dict[str, set[str]] = {}
    for row in rows:
        people.setdefault(row["domain"], set()).add(row["group"])
    for domain, own in people.items():
        images = [row for row in rows if row["domain"] == domain]
        text = f"{len(images)} images of {len(own)} patients"
        counts = Counter(row.get("grade") for row in images)
        kinds = ", ".join(f"{counts[number]} {name}" for number, name in enumerate(grades))
        found.append((f"domain {domain}", f"{text}: {kinds}" if grades else text))
    found += [(f"map {name}", ", ".join(own)) for name, own in classes.items()]
    shared = sum(len({row["domain"] for row in rows if row["group"] == who}) > 1 for who in _several(rows))
    if shared:
        found.append(("patients in several domains", str(shared)))
    return [*found, *changes]


def changes_of(resized: str, blank: Sequence[str]) -> list[tuple[str, str]]:
    """Return lines of what packing has changed, and which images show nothing."""
    found = [("resized", resized)] if resized else []
    if blank:
        some = ", ".join(blank[:4]) + (", ..." if len(blank) > 4 else "")
        found.append(("nearly constant images", f"{len(blank)} ({some})"))
    return found


def _several(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the patients with more than one image."""
    counts = Counter(row["group"] for row in rows)
    return [who for who, count in counts.items() if count > 1]
