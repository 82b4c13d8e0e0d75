"""Cohorts of the form ``reports``: findings and impression of radiology reports (see :mod:`.reader`).

The key ``read`` says how the raw files lie below the root. Either

``table``       a CSV file with a row for each report; ``subject``, ``findings``, ``impression`` and, where
                there are such, ``patient`` and ``split`` name its columns

or

``texts``       pattern of text files, with ``{subject}``, the report, and if wanted ``{patient}``; their
                sections begin with ``FINDINGS:`` and ``IMPRESSION:`` at the start of a line
``splits``      a table of splits as the dataset brings it, plain or gzipped: ``file``, its columns
                ``subject`` and ``split``, and ``names``, what train, val and test are called in it

``show``        whether pictures and figures may hold texts (false); logs and messages never do
``least``       words that findings and impression must have (10 and 2); other reports are left out

Splits come from the cohort's ``split`` (counts of patients, or ``rest``), ``split_seed`` or ``split_file``;
else from the table's column or from ``splits``. A patient's reports stay together. Blanks of
de-identification (``___``, ``XXXX``) are taken out.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.layouts import OWN_KEYS
from mlmi2023.cohorts.forms.reports.options import Read
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

WHERE = "config of the cohort"
#: what simulators write
MADE = {"table": "reports.csv", "patient": "patient", "split": "split", "show": True}


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's tables; texts are looked up when packing, there are many thousands."""
    from mlmi2023.cohorts.forms.reports.listing import first_text, split_table

    read, root = read_key(config, WHERE), Path(root)
    own = [root / read.table] if read.table else [first_text(read, root)]
    table = split_table(with_split(config), read, root)
    return [*own, *([table] if table else [])]


def read_key(config: dict[str, Any], where: str = WHERE) -> Read:
    """Return the key ``read``, laid on what a simulator or a dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    variant = variant_of(config, where)
    below = (variant or {}).get("read") or (MADE if config.get("kind") == "simulated" else {})
    return options(Read, merge(below, config.get("read") or {}), where, "read")


def variant_of(config: dict[str, Any], where: str = WHERE) -> dict[str, Any] | None:
    """Return the variant of a public dataset that is read, or None.

    Raises:
        InputError: it is unknown.
    """
    if not config.get("layout"):
        return None
    variants = config["layout"]["variants"]
    name = config.get("variant") or next(iter(variants))
    if name not in variants:
        raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
    return variants[name]  # type: ignore[no-any-return]


def with_split(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with the split of a dataset's variant, unless it has one of its own."""
    variant = variant_of(config) or {}
    if config.get("split") or config.get("split_file"):
        return config
    return {**{key: variant[key] for key in OWN_KEYS if key in variant}, **config}


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed reports, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix, and holds no report's text.
    """
    from mlmi2023.cohorts.forms.reports.packing import write_packed

    where = f"config of cohort '{name}'"
    own = with_split(config)
    write_packed(where, own, read_key(config, where), Path(root), out, name)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw how long sections are and, where they may be shown, some reports."""
    from mlmi2023.cohorts.forms.reports.picture import draw
    from mlmi2023.cohorts.forms.reports.reader import open_reports

    draw(open_reports(packed), png)
