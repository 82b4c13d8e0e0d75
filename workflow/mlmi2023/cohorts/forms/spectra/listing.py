"""Which scans there are and who tests. Standard library only: this runs whenever the DAG is built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.find.patterns import clean, fields_of, find, natural
from mlmi2023.cohorts.find.splits import SPLITS, by_counts, by_file, table_place
from mlmi2023.cohorts.forms.spectra.options import Read
from mlmi2023.core.errors import InputError

#: splits of simulated cohorts
TABLE = "splits.csv"


class Item(NamedTuple):
    """One scan.

    Attributes:
        name: id.
        site: where it was made; empty where names do not say it.
        split: train, val or test.
        file: its transients.
        truth: what it shows without noise, where that is known.
    """

    name: str
    site: str
    split: str
    file: Path
    truth: Path | None


def scans_of(where: str, read: Read, root: Path) -> dict[str, tuple[str, Path, Path | None]]:
    """Return site, file and truth of each scan that patterns find.

    Raises:
        InputError: two files have one name, or a truth is missing.
    """
    found: dict[str, tuple[str, Path, Path | None]] = {}
    for pattern in read.patterns:
        fields = fields_of(pattern)
        for match in find(root, pattern, fields):
            name = "_".join(match.fields[field] for field in fields)
            if name in found:
                raise InputError(
                    f"{where}: '{name}' names {found[name][1]} and {match.path}; narrow 'read.scans'"
                )
            truth = None
            if read.truth:
                beside = list(find(root, read.truth, fields_of(read.truth), match.fields))
                if len(beside) != 1:
                    raise InputError(f"{match.path}: has {len(beside)} files of '{read.truth}'; it needs one")
                truth = Path(beside[0].path)
            found[name] = (match.fields.get("site", ""), Path(match.path), truth)
    return found


def items(where: str, config: Mapping[str, Any], read: Read, root: Path) -> list[Item]:
    """Return the scans that are used, split by split.

    Raises:
        InputError: there are none, or the split does not fit.
    """
    found = scans_of(where, read, root)
    if not found:
        raise InputError(f"{where}: no file fits {root / read.patterns[0]}; check root and 'read.scans'")
    splits = _splits(where, config, root, {name: own[0] for name, own in found.items()})
    used = [Item(name, found[name][0], splits[name], *found[name][1:]) for name in splits]
    return sorted(used, key=lambda item: (SPLITS.index(item.split), natural(item.site), natural(item.name)))


def split_table(config: Mapping[str, Any], root: Path) -> Path | None:
    """Return the table of splits; None where counts say who is in which."""
    if config.get("split_file"):
        return table_place(root, str(config["split_file"]))
    return None if config.get("split") else root / TABLE


def _splits(where: str, config: Mapping[str, Any], root: Path, sites: dict[str, str]) -> dict[str, str]:
    """Return the split of each scan; counts are those of each site."""
    table = split_table(config, root)
    if table is not None:
        if not table.exists() and not config.get("split_file"):
            raise InputError(
                f"{where}: no splits: set 'split', such as {{train: 7, val: 2, test: 3}}, of each site"
            )
        # tables may write ids as they like
        plain = {clean(name): name for name in sites}
        return {plain[own]: split for own, split in by_file(where, table, plain).items()}
    splits: dict[str, str] = {}
    for site in sorted(set(sites.values()), key=natural):
        own = [name for name in sites if sites[name] == site]
        whose = f"{where}, site '{site}'" if site else where
        splits |= by_counts(whose, own, config["split"], config.get("split_seed"))
    return splits
