"""Which images a cohort has, whose they are, where their masks lie, and which split they are in.

Standard library only: this runs whenever the DAG is built.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.find.groups import groups_of, keep_together
from mlmi2023.cohorts.find.patterns import Match, clean, fields_of, fill, find, natural
from mlmi2023.cohorts.find.splits import SPLITS, by_counts, by_file, by_folder
from mlmi2023.cohorts.forms.images.options import masks_of
from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError

DEFAULT = {"images": "images/{subject}.png", "masks": "masks/{subject}.png"}


class Item(NamedTuple):
    """One image: its id, of which subject or group of them, in which split, and its files."""

    image: str
    group: str
    split: str
    photo: str
    masks: list[str]
    fields: Mapping[str, str]


class Source(NamedTuple):
    """What lies in one folder: images, and the masks of each by its path."""

    given: Mapping[str, Any]
    photos: list[Match]
    masks: dict[str, list[str]]

    @property
    def lost(self) -> list[str]:
        """Patterns that fit no file at all."""
        lost = [] if self.photos else [self.given["images"]]
        return lost + ([] if any(self.masks.values()) else masks_of(self.given["masks"]))

    @property
    def files(self) -> list[str]:
        """All files."""
        return [photo.path for photo in self.photos] + [
            path for paths in self.masks.values() for path in paths
        ]


def search(where: str, read: Mapping[str, Any], root: Path) -> list[Source]:
    """Return what lies in the folders of a cohort.

    Raises:
        InputError: a file is a mask of two images, or image and mask at once.
    """
    own = {key: read[key] for key in ("images", "masks") if key in read} or DEFAULT
    return [_source(where, given, root) for given in read.get("sources") or [own]]


def _source(where: str, given: Mapping[str, Any], root: Path) -> Source:
    listed: dict[str, list[str]] = {}
    photos = list(find(root, given["images"], fields_of(given["images"]), listed=listed))
    masks: dict[str, list[str]] = {}
    for photo in photos:
        found = [
            match.path
            for text in masks_of(given["masks"])
            for match in find(root, text, fields_of(text), photo.fields, listed)
        ]
        if photo.path in found:
            raise InputError(f"{where}: {photo.path} is its own mask; make the pattern of the masks narrower")
        masks[photo.path] = list(dict.fromkeys(found))
    # where masks lie beside images, the images' pattern finds them too
    claimed = {path for paths in masks.values() for path in paths}
    if "*" in given["images"]:
        _refuse_missed(where, given["images"], root, claimed | set(masks), listed)
    photos = [photo for photo in photos if photo.path not in claimed]
    masks = {photo.path: masks[photo.path] for photo in photos}
    named: dict[tuple[str, ...], str] = {}
    for photo in photos:
        other = named.setdefault(tuple(photo.fields.values()), photo.path)
        if other != photo.path:
            raise InputError(
                f"{where}: '{given['images']}' finds two files of subject {photo.subject}: {other} and "
                f"{photo.path}; make the pattern narrower or remove one"
            )
    owner: dict[str, str] = {}
    for photo in photos:
        for path in masks[photo.path]:
            if path in owner:
                raise InputError(
                    f"{where}: {path} is a mask of {owner[path]} and of {photo.path}; make the pattern of "
                    "the masks narrower"
                )
            owner[path] = photo.path
    return Source(given, photos, masks)


def _refuse_missed(
    where: str, pattern: str, root: Path, found: set[str], listed: dict[str, list[str]]
) -> None:
    """Refuse a file that a pattern with ``*`` leaves out only since ids beside one are plain."""
    for match in find(root, pattern, fields_of(pattern), listed=listed, plain="[^/]+"):
        if match.path not in found:
            raise InputError(
                f"{where}: {match.path} does not fit '{pattern}', where beside a * ids have letters and "
                "digits only; write out what the * stands for, or rename the file"
            )


def split_file(config: Mapping[str, Any], read: Mapping[str, Any], root: Path) -> Path | None:
    """Return the table of splits, if splits come from one."""
    if config.get("split_file"):
        file = expand(str(config["split_file"]))
        return file if file.is_absolute() else root / file
    if config.get("split") or any("split" in source for source in read.get("sources") or []):
        return None
    return root / "splits.csv"


def items(
    where: str, config: Mapping[str, Any], read: Mapping[str, Any], root: Path, sources: Sequence[Source]
) -> list[Item]:
    """Return all images that are used, in the order of splits and names.

    Args:
        where: how messages name the configuration.
        config: the cohort's.
        read: its key ``read``.
        root: its raw root.
        sources: what :func:`search` has found.

    Raises:
        InputError: files are missing or ambiguous, or the splits do not fit.
    """
    found: dict[str, dict[str, tuple[Match, list[str]]]] = {}
    groups: dict[str, str] = {}
    splits: dict[str, str] = {}
    folders: list[tuple[str, str]] = []
    file = split_file(config, read, root)
    for source in sources:
        if not source.photos:
            raise InputError(f"{where}: no file fits {root / source.given['images']}; check root and pattern")
        own = _named(where, source, root)
        for subject in own:
            if subject in found:
                files = [next(iter(images.values()))[0].path for images in (found[subject], own[subject])]
                raise InputError(f"{where}: '{subject}' names {files[0]} and {files[1]}; rename one")
        found |= own
        folders += [(p.subject, p.split) for p in source.photos if "split" in p.fields]
        if not file:
            groups |= groups_of(where, config, root, list(own))
        if source.given.get("split"):
            seed = source.given.get("split_seed")
            splits |= by_counts(where, list(own), source.given["split"], seed, groups)
    if file:
        splits = _by_table(where, file, found)
        groups = groups_of(where, config, root, list(splits))
    elif folders:
        splits = by_folder(where, _one_folder(where, folders), config.get("split") or {})
    elif config.get("split"):
        splits = by_counts(where, list(found), config["split"], config.get("split_seed"), groups)
    keep_together(where, splits, groups)
    used = sorted(splits, key=lambda subject: (SPLITS.index(splits[subject]), natural(subject)))
    if not used:
        raise InputError(f"{where}: no image has a split; check 'split'")
    return [
        Item(image, groups.get(subject, subject), splits[subject], match.path, masks, match.fields)
        for subject in used
        for image, (match, masks) in sorted(found[subject].items(), key=lambda pair: natural(pair[0]))
    ]


def _named(where: str, source: Source, root: Path) -> dict[str, dict[str, tuple[Match, list[str]]]]:
    """Return the images of each subject by id: the subject's, with other fields if it has several."""
    by_subject: dict[str, list[Match]] = defaultdict(list)
    for photo in source.photos:
        by_subject[photo.subject].append(photo)
    named: dict[str, dict[str, tuple[Match, list[str]]]] = {}
    for subject, photos in by_subject.items():
        images = named[subject] = {}
        for photo in photos:
            others = [value for key, value in photo.fields.items() if key not in ("subject", "split")]
            name = subject if len(photos) == 1 else "_".join([subject, *others])
            if name in images:
                raise InputError(
                    f"{where}: '{name}' names {images[name][0].path} and {photo.path}; rename one"
                )
            masks = source.masks[photo.path]
            if not masks:
                lost = fill(masks_of(source.given["masks"])[0], subject, photo.split)
                for key, value in photo.fields.items():
                    lost = lost.replace(f"{{{key}}}", value)
                raise InputError(f"{photo.path}: has no mask {root / lost}; add it or move the image away")
            images[name] = photo, masks
    return named


def _one_folder(where: str, folders: list[tuple[str, str]]) -> list[tuple[str, str]]:
    seen: dict[str, str] = {}
    for subject, folder in folders:
        if seen.setdefault(subject, folder) != folder:
            raise InputError(
                f"{where}: subject '{subject}' lies in the folders {seen[subject]} and {folder}; "
                "keep it in one"
            )
    return folders


def _by_table(where: str, file: Path, found: Mapping[str, Any]) -> dict[str, str]:
    """Return splits from a table; it may write ids with or without their punctuation."""
    if not file.is_file():
        raise InputError(
            f"{where}: no splits: set 'split' ({{train: 20, val: 5, test: rest}}), or write {file} with the "
            "columns subject and split"
        )
    plain = {clean(subject): subject for subject in found}
    if len(plain) < len(found):
        raise InputError(f"{where}: two ids differ in their punctuation only; rename one of the images")
    return {plain[name]: split for name, split in by_file(where, file, plain).items()}
