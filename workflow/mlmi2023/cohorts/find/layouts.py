"""Public datasets in the layouts that they are distributed in.

``resources/datasets/<id>.yaml`` says where a dataset comes from and, for each ``variant`` of its
distribution, the name patterns of its files and its split. A variant is read as it was unpacked: nothing is
converted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.patterns import fill, find
from mlmi2023.core.errors import InputError

# keys of a cohort that take the place of the variant's own
OWN_KEYS = (
    *("split", "split_file", "split_seed", "group"),
    *("atlas", "atlas_image", "atlas_labels", "modalities"),
)


@dataclass(frozen=True)
class Choice:
    """The variant of a dataset that was found on disk.

    Attributes:
        variant: its id.
        config: the folder cohort that it amounts to.
        root: the folder that its patterns start from.
    """

    variant: str
    config: dict[str, Any]
    root: Path


def choose(where: str, config: dict[str, Any], root: Path) -> Choice:
    """Return the variant that the configuration names, or the first one with files below ``root``.

    Raises:
        InputError: the variant is unknown, or the data are missing; then the line says where they can be had,
            under which licence and where to put them.
    """
    layout = config["layout"]
    variants: dict[str, Any] = layout["variants"]
    wanted = config.get("variant")
    if wanted is not None and wanted not in variants:
        raise InputError(f"{where}: key 'variant' is '{wanted}'; known: {', '.join(variants)}")
    names = [wanted] if wanted else list(variants)
    for name in names:
        variant = variants[name]
        for folder in [*variant.get("folders", []), "."]:
            base = root / folder if folder != "." else root
            if any(next(find(base, pattern), None) for pattern in variant["images"].values()):
                return Choice(name, _as_folder(where, config, name, variant, base), base)
    raise InputError(missing(where, layout, names, root))


def variants_at(config: dict[str, Any], root: Path) -> list[str]:
    """Return the variants of a dataset that have files below the root."""
    found = []
    for name, variant in config["layout"]["variants"].items():
        bases = [root / folder for folder in [*variant.get("folders", []), "."]]
        patterns = variant["images"].values()
        if any(next(find(base, pattern), None) for base in bases for pattern in patterns):
            found.append(name)
    return found


def missing(where: str, layout: dict[str, Any], variants: list[str], root: Path) -> str:
    """Return the line that tells how to get a dataset."""
    looked = " or ".join(
        f"{example(layout['variants'][name])} (variant {name})"
        for name in variants
        if name in layout["variants"]
    )
    sources = "; ".join(
        dict.fromkeys(layout["variants"][name].get("url", layout["url"]) for name in variants)
    )
    state = "holds no such file" if root.is_dir() else "does not exist"
    return (
        f"{where}: {layout['name']} is missing: '{root}' {state}, looked for {looked}. "
        f"Get it from {sources} (access: {layout['access']}; licence: {layout['licence']}). "
        f"{layout['where_to_put']} Or set key 'root' to where you have it"
    )


def example(variant: dict[str, Any]) -> str:
    """Return the name of one file of a variant, as the pattern gives it for its example subject."""
    pattern = next(iter(variant["images"].values()))
    split = next((str(v) for v in (variant.get("split") or {}).values()), "")
    return fill(pattern, str(variant.get("example", "1")), split)


def check_complete(where: str, config: dict[str, Any], choice: Choice, splits: list[str]) -> None:
    """Compare how many subjects each split has with what the release has.

    A cohort that sets ``split`` or ``split_file`` itself may use a part of the dataset.

    Raises:
        InputError: a split of the release is not whole.
    """
    expected = config["layout"]["variants"][choice.variant].get("subjects") or {}
    if config.get("split") or config.get("split_file"):
        return
    for split, count in expected.items():
        found = splits.count(split)
        if found != count:
            raise InputError(
                f"{where}: {choice.root} has {found} {split} subjects, the release has {count}; "
                "unpack it again, or set 'split' in the cohort's config to use what is there"
            )


def _as_folder(
    where: str, config: dict[str, Any], name: str, variant: dict[str, Any], base: Path
) -> dict[str, Any]:
    plan = {key: value for key, value in variant.items() if key not in ("about", "url", "folders", "notes")}
    plan["kind"] = "dataset"
    own = {key: config[key] for key in OWN_KEYS if config.get(key) is not None}
    # a split or atlas of its own replaces the variant's whole, not key by key
    if "split" in own or "split_file" in own:
        plan.pop("split_seed", None)
        plan.pop("split", None)
    if "atlas" in own or "atlas_image" in own:
        plan.pop("atlas_image", None)
        plan.pop("atlas_labels", None)
    plan.update(own)
    for modality in plan.get("modalities") or []:
        if modality not in variant["images"]:
            others = [other for other, v in config["layout"]["variants"].items() if modality in v["images"]]
            hint = f"variant {' or '.join(others)} has it" if others else "no variant has it"
            raise InputError(
                f"{where}: variant {name} of {config['layout']['name']} has no {modality}; {hint}"
            )
    if isinstance(variant.get("labels"), list):
        found = [pattern for pattern in variant["labels"] if next(find(base, pattern), None)]
        plan["labels"] = (found or variant["labels"])[0]
    return plan
