"""Index a folder of images by name patterns: every kind of real cohort comes down to this.

Standard library only: this runs whenever the DAG is built.
"""

import os
import re
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find import splits
from mlmi2023.cohorts.find.groups import groups_of, keep_together
from mlmi2023.cohorts.find.patterns import Match, broken_link, clean, find, natural
from mlmi2023.cohorts.find.subject import Record
from mlmi2023.core.errors import InputError


def need_folder(where: str, root: Path) -> None:
    """Refuse a root that is no folder, or that cannot be read."""
    try:
        os.scandir(root).close()
    except (FileNotFoundError, NotADirectoryError):
        unset = re.search(r"\$\w+|\$\{\w+\}", str(root))
        why = f"{unset[0]} is not set" if unset else "which is no folder"
        raise InputError(f"{where}: key 'root' is '{root}', {why}; set it to where the images are") from None
    except OSError as error:
        raise InputError(
            f"{where}: key 'root' is '{root}', which cannot be read ({error.strerror}); fix its permissions"
        ) from error


def index_folder(where: str, config: dict[str, Any], root: Path) -> list[Record]:
    """Index any folder by the name patterns of ``images`` and ``labels``.

    Args:
        where: how messages name the configuration.
        config: a cohort of kind ``folder``, or what another kind amounts to.
        root: the folder that the patterns start from.

    Raises:
        InputError: nothing matches, a file is missing, twice there or ambiguous, or the split does not fit.
    """
    patterns: dict[str, str] = dict(config.get("images") or {})
    if not patterns:
        raise InputError(f"{where}: key 'images' is missing; add images: {{T1w: 'name{{subject}}.nii.gz'}}")
    wanted = config.get("modalities") or list(patterns)
    for modality in wanted:
        if modality not in patterns:
            raise InputError(
                f"{where}: key 'modalities' has {modality}, 'images' only {', '.join(patterns)}; add it there"
            )
    files = {m: _lookup(where, f"images.{m}", patterns[m], root) for m in wanted}
    label_files = _lookup(where, "labels", config["labels"], root) if config.get("labels") else None
    folder_of = {s: match.split for found in files.values() for s, match in found.items()}
    name_of = {s: match.subject for found in files.values() for s, match in found.items()}
    everyone = sorted(folder_of, key=natural)
    if config.get("incomplete") == "skip":
        everyone = [s for s in everyone if all(s in found for found in files.values())]
    counted = not config.get("split_file")
    groups = groups_of(where, config, root, {s: name_of[s] for s in everyone}) if counted else {}
    assigned = _assign(where, config, root, everyone, folder_of, groups)
    if not counted:  # a table of splits may leave subjects out
        groups = groups_of(where, config, root, {s: name_of[s] for s in assigned})
    keep_together(where, assigned, groups)
    records = []
    for subject, split in assigned.items():
        for modality, found in files.items():
            if subject not in found:
                _complain(where, subject, modality, patterns[modality], root)
        if label_files is not None and subject not in label_files:
            _complain(where, subject, "label", config["labels"], root)
        for found in [*files.values(), *([label_files] if label_files else [])]:
            if found[subject].lost:
                raise broken_link(found[subject].path)
        if label_files is not None and config.get("kind") != "dataset":
            images = {modality: found[subject].path for modality, found in files.items()}
            _apart(where, subject, label_files[subject].path, images)
        truth = root / f"derivatives/truth/sub-{subject}/anat"
        records.append(
            Record(
                subject,
                split,
                {modality: found[subject].path for modality, found in files.items()},
                label_files[subject].path if label_files is not None else None,
                str(truth) if truth.is_dir() else None,
            )
        )
    if config.get("atlas_image"):
        records = [*records, _atlas(where, config, root, wanted)]
    if not records:
        raise InputError(f"{where}: no subject has a split; set 'split' or fill the split column")
    if sum(record.split == "atlas" for record in records) > 1:
        raise InputError(
            f"{where}: more than one subject is the atlas; keep one of atlas, atlas_image, split"
        )
    return records


def _lookup(where: str, key: str, pattern: str, root: Path) -> dict[str, Match]:
    """Return the file of each subject that a pattern finds."""
    if "{subject}" not in pattern:
        raise InputError(
            f"{where}: key '{key}' is '{pattern}' without {{subject}}; put it where the names differ"
        )
    if pattern.endswith("{subject}"):
        raise InputError(
            f"{where}: key '{key}' is '{pattern}' without the ending of the names, which all files have; "
            "write it too, such as {subject}.nii.gz"
        )
    if "**" in pattern:
        raise InputError(f"{where}: key '{key}' has **; write one * for each folder between")
    found: dict[str, Match] = {}
    for match in find(root, pattern):
        subject = clean(match.subject)
        if not subject:
            raise InputError(f"{match.path}: no letter or digit in the place of {{subject}}; rename the file")
        if subject in found and found[subject].split == match.split:
            raise InputError(
                f"{where}: key '{key}' finds two files of subject {subject}: {found[subject].path} and "
                f"{match.path}; make the pattern narrower or remove one"
            )
        if subject in found:
            raise InputError(
                f"{where}: subject {subject} lies in the folders {found[subject].split} and {match.split}; "
                "keep it in one, splits must not overlap"
            )
        found[subject] = match
    if not found:
        names = sorted(os.listdir(root))[:4]
        shown = f"it holds {', '.join(names)}" if names else "it is empty"
        raise InputError(f"{where}: key '{key}': no file in {root} is named like '{pattern}'; {shown}")
    return found


def _assign(
    where: str,
    config: dict[str, Any],
    root: Path,
    subjects: list[str],
    folder_of: dict[str, str],
    groups: dict[str, str],
) -> dict[str, str]:
    """Return the split of every subject that is used, the atlas included."""
    atlas = config.get("atlas")
    atlas = clean(atlas) if isinstance(atlas, str) else None
    if atlas is not None and atlas not in subjects:
        raise InputError(f"{where}: key 'atlas' is '{config['atlas']}', who has no image; name a subject")
    others = [subject for subject in subjects if subject != atlas]
    counts = config.get("split")
    if config.get("split_file"):
        if counts:
            raise InputError(f"{where}: keys 'split' and 'split_file' exclude each other; keep one")
        assigned = splits.by_file(
            f"{where}: key 'split_file'", splits.table_place(root, config["split_file"]), subjects
        )
        assigned.pop(atlas or "", None)
    elif not counts:
        raise InputError(f"{where}: key 'split' is missing; add split: {{train: 20, val: 4, test: 6}}")
    elif any("{split}" in pattern for pattern in config["images"].values()):
        assigned = splits.by_folder(where, [(s, folder_of[s]) for s in others], counts)
    else:
        assigned = splits.by_counts(where, others, counts, config.get("split_seed"), groups, atlas=atlas)
    return {**assigned, atlas: "atlas"} if atlas is not None else assigned


def _atlas(where: str, config: dict[str, Any], root: Path, modalities: list[str]) -> Record:
    """Return the record of an atlas that lies in files of its own; names may hold a ``*``."""
    given = config["atlas_image"]
    named = dict(given) if isinstance(given, dict) else {modalities[0]: given}
    images = {m: _single(where, "atlas_image", path, root) for m, path in named.items()}
    labels = config.get("atlas_labels")
    return Record(
        "atlas", "atlas", images, _single(where, "atlas_labels", labels, root) if labels else None, None
    )


def _single(where: str, key: str, pattern: str, root: Path) -> str:
    path = Path(os.path.expanduser(pattern))
    found = [str(path)] * path.is_file() if path.is_absolute() else [m.path for m in find(root, pattern)]
    if len(found) != 1:
        raise InputError(
            f"{where}: key '{key}' is '{pattern}': {len(found) or 'no'} such files in {root}; name one"
        )
    return found[0]


def _apart(where: str, subject: str, labels: str, images: dict[str, str]) -> None:
    """Refuse an image that is its own label map; releases of arrays that hold both are public datasets."""
    for modality, image in images.items():
        if image == labels:
            raise InputError(
                f"{where}: keys 'images.{modality}' and 'labels' both find {image} for subject {subject}; "
                "name the label maps"
            )


def _complain(where: str, subject: str, what: str, pattern: str, root: Path) -> None:
    raise InputError(
        f"{where}: subject {subject} has no {what} file named like '{pattern}' in {root}; "
        "add it, leave the subject out with a split_file, or set 'modalities' to those that all have"
    )
