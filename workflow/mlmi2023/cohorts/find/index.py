"""List the subjects of a cohort and their files, from a few lines of configuration.

Kinds of cohort:

* ``simulated``: what a simulator will write; planned from the configuration, no file needs to be there.
* ``bids``: a BIDS folder, ours or another's.
* ``dataset``: a public dataset in the layout it is distributed in (:mod:`mlmi2023.cohorts.find.layouts`).
* ``folder``: any other folder. With the images ``ilist1.nii.gz`` … ``ilist30.nii.gz`` and their labels
  ``slist1.nii.gz`` … in one folder, this is the whole import::

      kind: folder
      root: some/path
      images: {T1w: "ilist{subject}.nii.gz"}
      labels: "slist{subject}.nii.gz"
      label_names: {1: CSF, 2: grey matter, 3: white matter}
      split: {train: 20, val: 4, test: 5}    # in natural order; or split_file: table with subject, split
      split_seed: 1                          # optional: draw instead of taking them in order
      group: "{group}_*"                     # optional: who stays on one side (:mod:`.groups`)
      atlas: "12"                            # optional: this subject is the atlas

  Images sorted into folders by split: ``images: {T1w: "{split}/{subject}.nii.gz"}`` with
  ``split: {train: Train, val: Val, test: Test}``.

Standard library only and no file is opened except small tables: this runs whenever the DAG is built.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find import layouts, splits
from mlmi2023.cohorts.find.folders import index_folder, need_folder
from mlmi2023.cohorts.find.label_names import label_names
from mlmi2023.cohorts.find.patterns import Match, find, natural
from mlmi2023.cohorts.find.subject import Record
from mlmi2023.core.errors import InputError

__all__ = ["Record", "index_cohort", "label_names"]


def index_cohort(name: str, config: dict[str, Any], root: Path) -> list[Record]:
    """List the subjects of a cohort, in natural order within train, val, test, atlas.

    Args:
        name: the cohort's name, for messages.
        config: its configuration; for a ``dataset``, with the content of its file in
            ``resources/datasets/`` under the key ``layout``.
        root: folder of the images; for a stand-in, where its BIDS folder will be.

    Raises:
        InputError: the configuration and what is in the folder do not fit; the one line names key or file,
            and the fix.
    """
    where = f"config of cohort '{name}'"
    root = Path(root)
    kind = config.get("kind")
    if kind == "simulated":
        records = _simulated(where, config, root)
    elif kind == "bids":
        records = _bids(where, config, root)
    elif kind == "folder":
        need_folder(where, root)
        records = index_folder(where, config, root)
    elif kind == "dataset":
        choice = layouts.choose(where, config, root)
        records = index_folder(where, choice.config, choice.root)
        layouts.check_complete(where, config, choice, [record.split for record in records])
    else:
        raise InputError(f"{where}: key 'kind' is {kind!r}; choose one of simulated, bids, folder, dataset")
    return sorted(records, key=lambda r: (splits.SPLITS.index(r.split), natural(r.subject)))


def _simulated(where: str, config: dict[str, Any], root: Path) -> list[Record]:
    counts = config.get("subjects") or {}
    total = sum(counts.values())
    width = max(3, len(str(total)))
    ids = [f"{number:0{width}d}" for number in range(1, total + 1)]
    assigned = splits.by_counts(where, ids, counts, None, key="subjects")
    if config.get("atlas"):
        assigned["atlas"] = "atlas"
    if not assigned:
        raise InputError(f"{where}: key 'subjects' plans nobody; give counts such as {{train: 8, test: 4}}")
    modalities = config.get("modalities") or ["T1w"]
    return [
        Record(
            subject,
            split,
            {m: str(root / f"sub-{subject}/anat/sub-{subject}_{m}.nii.gz") for m in modalities},
            str(root / f"derivatives/labels/sub-{subject}/anat/sub-{subject}_dseg.nii.gz"),
            str(root / f"derivatives/truth/sub-{subject}/anat"),
        )
        for subject, split in assigned.items()
    ]


def _bids(where: str, config: dict[str, Any], root: Path) -> list[Record]:
    """Index a BIDS folder by the names that BIDS gives; ``images`` and ``labels`` of the config override."""
    need_folder(where, root)
    plan = dict(config)
    modalities = config.get("modalities") or _bids_modalities(root)
    if not config.get("images"):
        patterns = {m: _bids_pattern(where, f"images.{m}", root, "", f"_{m}.nii*") for m in modalities}
        plan["images"] = patterns
    if not config.get("labels") and (root / "derivatives/labels").is_dir():
        plan["labels"] = _bids_pattern(where, "labels", root, "derivatives/labels/", "_dseg.nii*")
    table = root / "participants.tsv"
    if not config.get("split") and not config.get("split_file"):
        if not table.exists():
            raise InputError(f"{where}: {table} does not exist; write it, or set 'split' or 'split_file'")
        plan["split_file"] = table.name
    return index_folder(where, plan, root)


def _bids_modalities(root: Path) -> list[str]:
    found = sorted({Path(m.path).name.split(".")[0].split("_")[-1] for m in _anatomy(root)})
    return found or ["T1w"]


def _anatomy(root: Path) -> Iterator[Match]:
    for pattern in ("sub-{subject}/anat/*.nii*", "sub-{subject}/ses-*/anat/*.nii*"):
        yield from find(root, pattern)


def _bids_pattern(where: str, key: str, root: Path, base: str, ending: str) -> str:
    """Return the pattern without sessions if it matches anything, else the one with sessions.

    Raises:
        InputError: both do, and whoever lies in the one layout would vanish beside the other.
    """
    flat = f"{base}sub-{{subject}}/anat/sub-{{subject}}*{ending}"
    nested = f"{base}sub-{{subject}}/ses-*/anat/sub-{{subject}}*{ending}"
    first = {p: match for p in (flat, nested) if (match := next(find(root, p), None))}
    if len(first) > 1:
        raise InputError(
            f"{where}: {first[flat].path} lies in no session, {first[nested].path} in one; bring all "
            f"subjects to one layout, or set '{key}' to the pattern of those that are meant"
        )
    return next(iter(first), flat)
