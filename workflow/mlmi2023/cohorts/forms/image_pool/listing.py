"""Which images without masks there are. Standard library only: this runs whenever the DAG is built."""

from collections.abc import Sequence
from pathlib import Path

from mlmi2023.cohorts.find.patterns import fields_of, find, natural
from mlmi2023.cohorts.forms.image_pool.options import Read, pool_of
from mlmi2023.cohorts.forms.images.listing import Item
from mlmi2023.core.errors import InputError


def pool_items(where: str, read: Read, root: Path, labelled: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Return the images of the pool in the order of their names, and patterns that fit no file.

    Files that are images with masks are left out, and so are those of the same subject, which may be copies.

    Args:
        where: how messages name the configuration.
        read: how images are read.
        root: the raw root.
        labelled: the images with masks that are used.

    Raises:
        InputError: two files have one name.
    """
    taken = {Path(item.photo).resolve() for item in labelled}
    subjects = {item.fields.get("subject", item.image) for item in labelled}
    found = {item.image: Path(item.photo) for item in labelled}
    pool: list[Item] = []
    lost: list[str] = []
    for pattern in pool_of(read):
        matches = list(find(root, pattern, fields_of(pattern)))
        lost += [] if matches else [pattern]
        for match in matches:
            if match.subject in subjects or Path(match.path).resolve() in taken:
                continue
            name = "_".join(match.fields.values()) or match.subject
            if name in found:
                raise InputError(f"{where}: '{name}' names {found[name]} and {match.path}; rename one")
            found[name] = Path(match.path)
            pool.append(Item(name, name, "pool", match.path, [], match.fields))
    return sorted(pool, key=lambda item: natural(item.image)), lost
