"""Cohorts of the form ``domain_images``: photographs from several domains (see :mod:`.reader`).

A domain is a camera, a centre or a dataset. There are no splits: who trains and who is tested follows from
the domains that a paper's task names (:mod:`mlmi2023.cohorts.find.domains`). The key ``read`` says how the
raw files lie below the root:

``images``   pattern of the images, with ``{subject}``, the patient: ``photos/{subject}_{eye}.jpg``. Other
             fields tell the images of a patient apart; ``{domain}`` is the domain
``table``    ``{file, image, patient, domain, grade}``: a CSV, or several (``Base*/*.csv``), and its columns.
             ``image`` (by default called so) holds the names of the files, with or without their ending; each
             other may be left out. ``separator`` where it is none of tab and comma. Images that it leaves out
             are not used, nor those without a grade
``domain``   instead: one for all
``sources``  instead of the three: a list of mappings with ``images``, ``table`` and ``domain``, one a folder
``maps``     label maps by name: ``{masks: {files: "masks/{subject}.png", classes: {255: lesion}}}``.
             ``classes`` and ``threshold`` as in :mod:`mlmi2023.cohorts.forms.images.form`
             ``layers: {rim: "{subject}_disc.png", cup: "{subject}_cup.png"}`` instead of ``files``: a file
             for each class, of which the last counts
``crop``     {map, side}: a square around the middle of what a map shows, before anything is resized
``grades``   names of the grades 0, 1, ... in their order
``size``     [rows, columns] that everything is resized to; needed where sizes differ

Without ``read`` the layout is that of the simulators (:mod:`.listing`): ``images/{subject}.png``,
``maps/<name>/{subject}.png`` and the tables ``samples.csv``, ``maps.csv`` and ``grades.csv``. A public
dataset brings the patterns of its layout.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.patterns import fields_of, find
from mlmi2023.cohorts.forms.domain_images.listing import items, own_layout, sources_of, tables_of
from mlmi2023.cohorts.forms.domain_images.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; patterns that fit no file stand for themselves.

    Which of them a table leaves out is seen when packing.
    """
    where, root = "config of the cohort", Path(root)
    read = read_key(config, where)
    found: list[Path] = []
    for source in sources_of(read):
        found += _fitting(root, source.images)
        if source.table:
            file = source.table.file
            found += _fitting(root, file) if "*" in file else tables_of(where, source, root)
    for own in (read.maps or {}).values():
        for pattern in own.patterns:
            found += _fitting(root, pattern)
    return found


def _fitting(root: Path, pattern: str) -> list[Path]:
    """Return the files that fit a pattern, or the pattern itself."""
    return [Path(match.path) for match in find(root, pattern, fields_of(pattern))] or [root / pattern]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Read:
    """Return the key ``read``, laid on what the dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    layout, own = config.get("layout"), config.get("read") or {}
    if layout:
        name = config.get("variant") or next(iter(layout["variants"]))
        if name not in layout["variants"]:
            known = list(layout["variants"])
            raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), known)}")
        own = merge(layout["variants"][name]["read"], own)
    return options(Read, own, where, "read")


def check_task(config: dict[str, Any], task: dict[str, Any]) -> tuple[str, str] | None:
    """Return a key of a dataset that a simulated cohort cannot serve, and what the cohort has; else None."""
    known = [name for name, count in (config.get("subjects") or {}).items() if count]
    return unknown_domain(known, task) if config["kind"] == "simulated" else None


def unknown_domain(known: list[str], task: dict[str, Any]) -> tuple[str, str] | None:
    """Return the key of a task that names a domain which is not there, and which are."""
    for key in ("targets", "sources"):
        if any(domain not in known for domain in task.get(key) or ()):
            return f"task.{key}", f"has the domains {', '.join(known)}"
    return None


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

    from mlmi2023.cohorts.forms.domain_images.facts import changes_of, facts_of
    from mlmi2023.cohorts.forms.domain_images.pixels import Pixels
    from mlmi2023.cohorts.forms.domain_images.reader import FORM

    where, root = f"config of cohort '{name}'", Path(root)
    given = read_key(config, where)
    read = given if given.images or given.sources else own_layout(root)
    if given.size and read is not given:
        read = Read(**{**vars(read), "size": given.size})
    used = items(where, read, root)
    pixels = Pixels(where, read, used)
    with atomic(out) as part:
        part.mkdir()
        shape = (len(used), *pixels.size)
        images = np.lib.format.open_memmap(part / "images.npy", "w+", np.uint8, (*shape, 3))
        maps = {
            key: np.lib.format.open_memmap(part / f"map_{key}.npy", "w+", np.uint8, shape)
            for key in pixels.labels
        }
        for row, item in enumerate(used):
            images[row], own = pixels.read(item)
            for key, values in own.items():
                maps[key][row] = values
        for array in (images, *maps.values()):
            array.flush()
        rows = [
            {"subject": item.name, "split": "all", "group": item.patient, "domain": item.domain}
            | ({"grade": item.grade} if read.grades else {})
            for item in used
        ]
        changes = changes_of(pixels.resized, pixels.blank)
        for what, text in changes:
            print(f"{name}: {what}: {text}", flush=True)
        classes = {key: labels.names for key, labels in pixels.labels.items()}
        about: dict[str, Any] = {
            "name": name,
            "form": FORM,
            "subjects": rows,
            "classes": classes,
            "grades": read.grades or [],
            "facts": facts_of(rows, images.shape, read.grades or [], classes, changes),
        }
        hashes = {file.name: file_hash(file) for file in sorted(part.iterdir())}
        seal(part, about, hashes)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some images of each domain, of all grades if there are any, the first label map outlined."""
    from mlmi2023.cohorts.forms.domain_images.picture import draw
    from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images

    draw(open_domain_images(packed), png)
