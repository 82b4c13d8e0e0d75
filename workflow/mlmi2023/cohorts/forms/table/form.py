"""Cohorts of the form ``table``: a row of numbers per subject (see :mod:`.reader`).

The raw root holds tidy CSV files (:mod:`mlmi2023.cohorts.formats.tables`), or one CSV that the key ``read``
describes (:mod:`.own`). A public dataset is read by the importer that its layout names.
"""

import importlib
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlmi2023.cohorts.forms.table.options import IMPORTERS, Own, Tidy
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.options import Options, keys_of, options
from mlmi2023.core.schemas import suggest

if TYPE_CHECKING:
    from mlmi2023.cohorts.formats.tables import RawTable


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads."""
    read = config.get("read") or {}
    if config["kind"] == "dataset":
        return _importer(config).raw_files(config, root)
    if "file" in read:
        return [root / str(read["file"])]
    truth = root / "truth.csv"
    return [root / f"{n}.csv" for n in ("features", "targets", "columns")] + (
        [truth] if truth.exists() else []
    )


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Options:
    """Return the key ``read``, by the model of what reads the table.

    Raises:
        InputError: a key is unknown, missing, or of another type.
    """
    given = config.get("read") or {}
    if config["kind"] == "dataset":
        _importer(config)
        return options(IMPORTERS[config["layout"]["importer"]], given, where, "read")
    # the tidy form has one key; all others, known or not, are about a table of one's own
    return options(Tidy if set(given) <= set(keys_of(Tidy)) else Own, given, where, "read")


def check_task(config: dict[str, Any], task: dict[str, Any]) -> tuple[str, str] | None:
    """Return a key of a dataset that this table cannot serve, and what the table has; None if it can.

    Args:
        config: the cohort's configuration.
        task: the dataset's ``task``.
    """
    if not config.get("folds"):
        return "cohort", "has no key 'folds', which says who is tested; give it {count: 5}, say"
    known = _targets(config)
    if known and "target" in task and task["target"] not in known:
        return "task.target", f"has no target '{task['target']}'{suggest(str(task['target']), known)}"
    return None


def _targets(config: dict[str, Any]) -> list[str]:
    """Return the targets as far as the configuration tells."""
    if config["kind"] == "dataset":
        return list(_importer(config).TARGETS)
    read = read_key(config)
    if isinstance(read, Own):
        return [read.target] if isinstance(read.target, str) else list(read.target)
    return [str(target) for target in (config.get("options") or {}).get("targets", ())]


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed table, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: the table cannot be used; the line names the file, column or key and the fix.
    """
    import numpy as np
    import pandas as pd

    from mlmi2023.cohorts.find.folds import stratified_folds

    where = f"config of cohort '{name}'"
    table = _read(where, _without_group(config), root)
    groups = _groups(where, config, Path(root), table.subjects)
    for what, text in table.notes:
        print(f"{name}: {what}: {text}", flush=True)
    for target, positive in table.positive.items():
        print(f"{name}: {target}: the positive class is {positive!r}", flush=True)
    codes = {t: [table.classes[t].index(value) for value in own] for t, own in table.targets.items()}
    folds = config.get("folds") or {}
    with atomic(out) as part:
        part.mkdir()
        np.save(part / "features.npy", table.features.astype(np.float32))
        np.save(part / "targets.npy", np.array(list(codes.values()), dtype=np.int16).T)
        if folds:
            seed = int(folds.get("seed", 0))
            dealt = [
                stratified_folds(
                    where, own, groups or table.subjects, folds["count"], seed, table.classes[target]
                )
                for target, own in codes.items()
            ]
            np.save(part / "folds.npy", np.array(dealt, dtype=np.int16).T)
        if table.truth:
            frame = pd.DataFrame({"subject": table.subjects, **table.truth})
            frame.to_csv(part / "truth.csv", index=False, lineterminator="\n")
        about: dict[str, Any] = {
            "name": name,
            "form": "table",
            "subjects": [
                {"subject": subject, "split": "all", **({"group": groups[row]} if groups else {})}
                for row, subject in enumerate(table.subjects)
            ],
            "columns": [vars(column) for column in table.columns],
            "targets": list(table.targets),  # their order; JSON keeps none of the keys
            "classes": table.classes,
            "folds": folds,
            "facts": _facts(table, folds),
        }
        if table.positive:
            about["positive"] = table.positive
        hashes = {file.name: file_hash(file) for file in sorted(part.iterdir())}
        seal(part, about, hashes)


def _read(where: str, config: dict[str, Any], root: Path) -> "RawTable":
    from mlmi2023.cohorts.forms.table.own import read_own
    from mlmi2023.cohorts.forms.table.tidy import read_tidy

    read = read_key(config, where)
    if config["kind"] == "dataset":
        return _importer(config).read(where, read, root)  # type: ignore[no-any-return]
    if isinstance(read, Own):
        return read_own(where, read, root)
    assert isinstance(read, Tidy)
    return read_tidy(where, read.classes, root)


def _without_group(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with the column of groups among those that are no features."""
    from mlmi2023.cohorts.find.groups import is_column

    read, group = dict(config.get("read") or {}), config.get("group")
    if "file" not in read or not is_column(group) or group in read.get("drop", ()):
        return config
    return {**config, "read": {**read, "drop": [*read.get("drop", ()), group]}}


def _groups(where: str, config: dict[str, Any], root: Path, subjects: list[str]) -> list[str]:
    """Return the group of each subject; empty without the key ``group``."""
    from mlmi2023.cohorts.find.groups import groups_of
    from mlmi2023.cohorts.formats.delimited import Layout, read_csv

    read = config.get("read") or {}
    layout = Layout(read.get("separator"), read.get("encoding"), keys=True)
    own = (root / str(read["file"]), str(read.get("subject", "subject"))) if "file" in read else None
    found = groups_of(
        where, config, root, subjects, own,
        lambda file, text: read_csv(file, text, layout=layout).to_dict("records"),  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    return [found[subject] for subject in subjects] if found else []


def _importer(config: dict[str, Any]) -> ModuleType:
    layout = config["layout"]
    if "importer" not in layout:
        raise InputError(
            f"config of the cohort: dataset '{config['dataset']}' is no table; remove the key 'form'"
        )
    return importlib.import_module(f"mlmi2023.cohorts.forms.table.importers.{layout['importer']}")


def _facts(table: "RawTable", folds: dict[str, Any]) -> list[tuple[str, str]]:
    import numpy as np

    groups = Counter(column.group for column in table.columns)
    split = ", ".join(f"{count} {group or 'without group'}" for group, count in groups.items())
    facts = [("features", f"{len(table.columns)}" + (f" ({split})" if len(groups) > 1 else ""))]
    facts.append(("missing", f"{100 * float(np.isnan(table.features).mean()):.1f} % of the values"))
    for target, values in table.targets.items():
        counts = Counter(values)
        facts.append((target, ", ".join(f"{counts[c]} {c}" for c in table.classes[target])))
        known = [c for c in table.columns if c.informative is not None]
        if known:
            number = sum(target in (c.informative or ()) for c in known)
            facts.append((f"truly relevant to {target}", f"{number} features"))
    if folds:
        facts.append(("folds", f"{folds['count']}, by subject and stratified, seed {folds.get('seed', 0)}"))
    return facts + table.notes


def draw_samples(packed: Path, png: Path) -> None:
    """Draw the table: subjects ordered by class, features by group, in units of each feature's spread."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.table.reader import open_table

    table = open_table(packed)
    target = next(iter(table.classes))
    labels = table.labels(target)
    shown = np.concatenate([np.flatnonzero(labels == c)[:40] for c in range(len(table.classes[target]))])
    values = np.asarray(table.features, dtype=float)
    spread = np.nanstd(values, axis=0)
    scaled = (values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1)
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained", facecolor="black")
    colours = plt.get_cmap("RdBu_r").with_extremes(bad="#444444")
    image = axes.imshow(scaled[shown], aspect="auto", cmap=colours, vmin=-3, vmax=3, interpolation="nearest")
    borders = np.flatnonzero(np.diff(labels[shown])) + 0.5
    for border in borders:
        axes.axhline(border, color="black", linewidth=1.5)
    groups = [column.group for column in table.columns]
    starts = [i for i in range(len(groups)) if i == 0 or groups[i] != groups[i - 1]]
    for start in starts[1:]:
        axes.axvline(start - 0.5, color="black", linewidth=1)
    if any(groups):
        axes.set_xticks(starts, [groups[i] for i in starts], rotation=30, ha="left", fontsize=7)
        axes.xaxis.tick_top()
    middles = [float(np.mean(np.flatnonzero(labels[shown] == c))) for c in range(len(table.classes[target]))]
    axes.set_yticks(middles, table.classes[target], fontsize=8)
    axes.tick_params(colors="white", length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.01)
    bar.set_label("standard deviations from the mean; grey: missing", color="white", fontsize=7)
    bar.ax.tick_params(colors="white", labelsize=7)
    figure.savefig(png, dpi=110, facecolor="black")
    plt.close(figure)
