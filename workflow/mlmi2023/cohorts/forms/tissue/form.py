"""Cohorts of the form ``tissue``: microscopy of stained tissue (see :mod:`.reader`).

The key ``read`` says how the raw files lie below the root:

``images``   pattern of the images, with ``{subject}``; other fields tell the images of one folder apart.
             ``{tissue}`` and ``{organ}`` are what the image is of
``sources``  instead: a list of mappings with ``images``, ``split`` and ``split_seed``, one a folder
``table``    ``{file, image, patient, split, organ, tissue}``: a table and its columns, by the name of the
             image's file; images that it leaves out are not used
``nuclei``   ``{files, how, threshold, least}``: single nuclei, from ``labels`` (a number per nucleus),
             ``masks`` (a file per nucleus), ``parts`` (connected parts of a mask) or ``outlines`` (XML of
             Aperio ImageScope)
``maps``     label maps by name: ``{cells: {files: "types/{subject}.png", classes: {1: neoplastic}}}``
``paired``   images of the same tissue by name, kept in grey: ``{panck: "if/{subject}.png"}``
``tissues``  names of the kinds of tissue by what ``{tissue}`` or the table say, in their order
``size``     [rows, columns] that everything is resized to; this or ``tiles`` where sizes differ
``tiles``    ``{size, stride}``, as for images; tiles of one image share its split, and each is a case
``page``     which page of files with several, from 1

Splits come from ``split`` (numbers, or ``rest``, counted by patient), ``split_seed`` or ``split_file``,
from those of the sources, or from the table. Without ``read`` the layout is that of simulators
(:mod:`.own_layout`). A public dataset brings the patterns of its layout (``variant`` chooses one).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.tissue.listing import found_files, items
from mlmi2023.cohorts.forms.tissue.options import Read
from mlmi2023.cohorts.forms.tissue.own_layout import own_layout
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; patterns that fit no file stand for themselves.

    Raises:
        InputError: all kinds of files are there, and they do not fit each other or the splits.
    """
    where, root = "config of the cohort", Path(root)
    read = _whole(read_key(config, where), root)
    found = found_files(config, read, root)
    if all(file.exists() for file in found):
        items(where, config, read, root)
    return found


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Read:
    """Return the key ``read``, laid on what the dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    layout, own = config.get("layout"), config.get("read")
    if layout:
        name = config.get("variant") or next(iter(layout["variants"]))
        if name not in layout["variants"]:
            raise InputError(
                f"{where}: key 'variant' is '{name}'{suggest(str(name), list(layout['variants']))}"
            )
        below = layout["variants"][name]["read"]
        if own is None or isinstance(own, dict):
            # one way to say where images are, and at which size, in the place of the other
            instead = {"images": "sources", "sources": "images", "size": "tiles", "tiles": "size"}
            below = {key: value for key, value in below.items() if instead.get(key) not in (own or {})}
            own = merge(below, own or {})
    read = options(Read, own, where, "read")
    if own is not None and read.images is None and read.sources is None and config.get("kind") != "simulated":
        raise InputError(f"{where}: key 'read.images' is missing; give the pattern of the images")
    return read


def _whole(given: Read, root: Path) -> Read:
    """Return how files are read: as given, or in the layout of simulators at the size that is given."""
    if given.images or given.sources:
        return given
    own = own_layout(root)
    return (
        Read(**{**vars(own), "size": given.size, "tiles": given.tiles}) if given.size or given.tiles else own
    )


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed images, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix.
    """
    import numpy as np

    from mlmi2023.cohorts.forms.images.sizes import tiles_of
    from mlmi2023.cohorts.forms.tissue.facts import facts_of
    from mlmi2023.cohorts.forms.tissue.pixels import Pixels
    from mlmi2023.cohorts.forms.tissue.reader import FORM

    where, root = f"config of cohort '{name}'", Path(root)
    read = _whole(read_key(config, where), root)
    used = items(where, config, read, root)
    pixels = Pixels(where, read, used)
    tiles = [tiles_of(item.name, header.shape, read.tiles) for item, header in zip(used, pixels.headers)]
    shape = (sum(map(len, tiles)), *pixels.size)
    rows: list[dict[str, Any]] = []
    with atomic(out) as part:
        part.mkdir()

        def array(file: str, kind: Any, *more: int) -> Any:
            return np.lib.format.open_memmap(part / f"{file}.npy", "w+", kind, (*shape, *more))

        images = array("images", np.uint8, 3)
        nuclei = array("nuclei", np.uint16) if read.nuclei else None
        maps = {key: array(f"map_{key}", np.uint8) for key in read.maps or {}}
        paired = {key: array(f"paired_{key}", np.uint8) for key in read.paired or {}}
        for item, header, own in zip(used, pixels.headers, tiles):
            layers = pixels.read(item, header)
            for tile in own:
                place = (
                    slice(tile.top, tile.top + pixels.size[0]),
                    slice(tile.left, tile.left + pixels.size[1]),
                )
                number = len(rows)
                images[number] = layers.image[place]
                row: dict[str, Any] = {"subject": tile.name, "split": item.split, "group": item.patient}
                row |= {
                    key: value for key, value in (("organ", item.organ), ("tissue", item.tissue)) if value
                }
                if nuclei is not None and layers.nuclei is not None:
                    cut = layers.nuclei[place]
                    nuclei[number] = cut
                    row["nuclei"] = int((np.unique(cut) > 0).sum())
                    row["covered"] = float((cut > 0).mean())
                for group, source in ((maps, layers.maps), (paired, layers.paired)):
                    for key, values in source.items():
                        group[key][number] = values[place]
                rows.append(row)
        for written in (images, nuclei, *maps.values(), *paired.values()):
            if written is not None:
                written.flush()
        if nuclei is not None and not any(row["nuclei"] for row in rows):
            raise InputError(f"{where}: no image has a nucleus; check 'read.nuclei'")
        names = {key: labels.names for key, labels in pixels.labels.items()}
        kinds = list(dict.fromkeys(read.tissues.values())) if read.tissues else []
        kinds = kinds or sorted({row["tissue"] for row in rows if "tissue" in row})
        about: dict[str, Any] = {
            "name": name,
            "form": FORM,
            "subjects": rows,
            "classes": names,
            "tissues": kinds,
            "nuclei": nuclei is not None,
            "paired": list(paired),
            "facts": facts_of(rows, pixels, names),
        }
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def looks(packed: Path) -> Iterator[Any]:
    """Yield every image for the search of near-twins."""
    from mlmi2023.cohorts.forms.tissue.reader import open_tissue
    from mlmi2023.preprocessing.twins import Look

    cohort = open_tissue(packed)
    for subject, split, image in zip(cohort.subjects, cohort.splits, cohort.images):
        yield Look(subject, split, image, channels=True)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some images of each split with their nuclei outlined."""
    from mlmi2023.cohorts.forms.tissue.facts import draw
    from mlmi2023.cohorts.forms.tissue.reader import open_tissue

    draw(open_tissue(packed), png)
