"""Cohorts of the form ``spectra``: transients of single-voxel MR spectroscopy, edited or not.

The key ``read`` says how the raw files lie below the root:

``scans``    pattern of the files, or a list of such, with ``{subject}``, and ``{site}`` where scans come from
             several. Their names say what they are: ``.sdat`` (with a ``.spar`` beside it), ``.dat`` of
             Siemens, ``.7`` of GE, ``.nii`` or ``.nii.gz`` for NIfTI-MRS. All fields together name a scan
``truth``    pattern of NIfTI-MRS with the noise-free ON and OFF, where that is known
``edited``   false: there is nothing to tell apart; default true
``order``    of ON and OFF in files that do not say it: ``alternating`` (the default), or one in each of the
             ``halves``
``first``    of both: ``off`` or ``on``; ``auto`` (the default) takes for OFF what shows more of NAA, which
             editing takes away
``axis``     ``{points: 2048, width: 2000, frequency: 127.758}`` that all are brought to; needed where files
             differ

Splits come from ``split``, counts of each site, ``split_seed`` or ``split_file``; else from ``splits.csv``. A
public dataset brings the patterns of its layout (``variant`` chooses one).
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.beside import parameter_file
from mlmi2023.cohorts.forms.spectra.listing import items, scans_of, split_table
from mlmi2023.cohorts.forms.spectra.options import Read
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

#: what simulators write
MADE = {"scans": "scans/{site}_{subject}.nii", "truth": "truth/{site}_{subject}.nii"}


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; patterns that fit no file stand for themselves.

    Raises:
        InputError: files are there, and do not fit the splits.
    """
    where, root = "config of the cohort", Path(root)
    read, table = read_key(config, where), split_table(config, root)
    found = scans_of(where, read, root)
    if not found:
        return [root / read.patterns[0]]
    if table is not None and not table.exists():
        return [table]
    used = items(where, config, read, root)
    files = [item.file for item in used]
    files += [beside for file in files if (beside := parameter_file(file))]
    return [*files, *(item.truth for item in used if item.truth), *([table] if table else [])]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Read:
    """Return the key ``read``, laid on what a simulator or a dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    below: dict[str, Any] = dict(MADE) if config.get("kind") == "simulated" else {}
    if layout := config.get("layout"):
        variants = layout["variants"]
        name = config.get("variant") or next(iter(variants))
        if name not in variants:
            raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
        below = variants[name].get("read") or {}
    own = config.get("read")
    return options(
        Read, merge(below, own or {}) if own is None or isinstance(own, dict) else own, where, "read"
    )


def check_task(config: dict[str, Any], task: dict[str, Any]) -> tuple[str, str] | None:
    """Return which key the cohort cannot serve: without editing there is no difference to reconstruct."""
    if task.get("kind") == "reconstruction" and not read_key(config).edited:
        return "task.kind", "is not edited; set it to quality"
    return None


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed scans, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix.
    """
    from mlmi2023.cohorts.forms.spectra.packing import write_packed

    where, root = f"config of cohort '{name}'", Path(root)
    read = read_key(config, where)
    write_packed(where, read, items(where, config, read, root), out, name)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw the mean spectra of some scans."""
    from mlmi2023.cohorts.forms.spectra.picture import draw
    from mlmi2023.cohorts.forms.spectra.reader import open_spectra

    draw(open_spectra(packed), png)
