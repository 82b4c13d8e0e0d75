"""Forms of cohorts other than volumes on a grid: what a cohort's key ``form`` names.

A form is a folder here; its module ``form`` has these functions, and its module ``reader``, as a rule, what
opens a packed cohort. The top level of ``form`` imports the standard library and this package
only, since ``raw_files`` is called whenever the DAG is built:

``pack(config, root, out, name)``
    Read the raw root and write the packed folder ``out``, whole or not at all. It ends with
    :func:`~mlmi2023.cohorts.seal.seal`, which writes ``cohort.json``: at least ``name``, ``form``,
    ``subjects`` (rows of ``subject`` and ``split``; split ``all`` where folds decide), ``facts`` (rows of
    what and text, for the page), and what the seal adds, ``content_hash`` (of all that is packed) among it.
    A reader begins with :func:`~mlmi2023.cohorts.about.about_packed`, which refuses what has changed since.
``draw_samples(packed, png)``
    Draw a picture of some samples.
``looks(packed)``
    Optional: yield every case with its side of the split and its image
    (:class:`mlmi2023.preprocessing.twins.Look`), so that near-twins are found.
``turned(packed)``
    Optional: a line for each case that a registration left turned.
``raw_files(config, root)``
    Optional: the user's files that ``pack`` reads. Without it, every file below the root counts.
``read_key(config, where)``
    Optional: check the key ``read``, where the form's module ``options`` has more than one model ``Read``.
``check_task(config, task)``
    Optional: which key of a dataset the cohort cannot serve, and what it has; None if it can. Reads no data.

``config`` is the cohort's configuration, with the layout of a public dataset under the key ``layout``. What a
form needs to know of the raw files stands in the cohort's key ``read``.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from mlmi2023.cohorts.about import about_packed
from mlmi2023.cohorts.find.patterns import broken_link, is_broken_link
from mlmi2023.core.errors import InputError

#: how messages of forms name the configuration; which cohort it is of, they do not know
WHERE = "config of the cohort"
VOLUMES = "volumes"
#: by form: whose module ``reader`` opens it, and the function that does
READERS = {
    VOLUMES: (VOLUMES, "open_packed"),
    "aligned_scans": (VOLUMES, "open_packed"),
    "joined": (VOLUMES, "open_packed"),
    "ct_stacks": ("ct_stacks", "open_stacks"),
    "exams": ("exams", "open_exams"),
    "images": ("images", "open_images"),
    "phased_scans": ("phased_scans", "open_phased"),
    "scans": ("scans", "open_scans"),
    "table": ("table", "open_table"),
}


def form_of(config: dict[str, Any]) -> str:
    """Return the form of a cohort; without the key it is volumes on a grid."""
    return config.get("form", VOLUMES)


def load_form(name: str, where: str = WHERE) -> ModuleType:
    """Return the module of a form.

    Args:
        name: of the form.
        where: how messages name the configuration.

    Raises:
        InputError: there is none of that name.
    """
    try:
        return importlib.import_module(f"{__name__}.{name}.form")
    except ModuleNotFoundError as error:
        if error.name not in (f"{__name__}.{name}", f"{__name__}.{name}.form"):
            raise
        raise InputError(f"{where}: key 'form' is '{name}'; choose one of {', '.join(READERS)}") from error


def open_cohort(folder: Path) -> Any:
    """Open a packed cohort by the reader of its form.

    Args:
        folder: what ``pack`` wrote.

    Raises:
        InputError: there is no packed cohort, or it is of an unknown form.
    """
    form = about_packed(folder).get("form", VOLUMES)
    if form not in READERS:
        raise InputError(f"{folder / 'cohort.json'}: form '{form}' is unknown; pack again")
    place, name = READERS[form]
    return getattr(importlib.import_module(f"{__name__}.{place}.reader"), name)(folder)


def raw_files(name: str, config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files of a cohort that are not made by the workflow.

    Args:
        name: the cohort's name, for messages.
        config: its configuration.
        root: its raw root.

    Raises:
        InputError: files are missing; for a public dataset the line says how to get them.
    """
    where = f"config of cohort '{name}'"
    form = load_form(form_of(config), where)
    if hasattr(form, "raw_files"):
        try:
            files = form.raw_files(config, root)
        except InputError as error:
            raise InputError(str(error).replace(WHERE, where, 1)) from error
    else:
        files = sorted(p for p in root.rglob("*") if p.is_file() or p.is_symlink()) or [root]
    lost = [file for file in files if not file.exists()]
    if lost and is_broken_link(lost[0]):
        raise broken_link(lost[0])
    if lost:
        raise InputError(f"{where}: no such file: {lost[0]}; {_how_to_get(config)}")
    return files


def patterns_of(config: dict[str, Any]) -> dict[str, str]:
    """Return the name patterns of a cohort's images by their key, of forms that find subjects by them."""
    read, found = config.get("read") or {}, {}
    if "images" in read and isinstance(read["images"], str):
        found["read.images"] = read["images"]
    for kind in ("sources", "groups"):
        for number, group in enumerate(read.get(kind) or ()):
            for key in ("image", "images"):
                given = group.get(key)
                several = given if isinstance(given, dict) else {"": given} if given else {}
                for name, pattern in several.items():
                    found[f"read.{kind}[{number}].{key}{'.' * bool(name)}{name}"] = pattern
    return found


def _how_to_get(config: dict[str, Any]) -> str:
    layout = config.get("layout")
    if not layout:
        return "set key 'root' to the folder that holds it"
    return (
        f"get {layout['name']} from {layout['url']} (access: {layout['access']}; "
        f"licence: {layout['licence']}). {layout['where_to_put']} Or set key 'root' to where you have it"
    )
