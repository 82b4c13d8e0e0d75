"""What goes with a dataset or a method that the user leaves out of a paper.

A dataset is left out by a null (``datasets: {alberts: null}``), a method by a shorter list ``methods`` of a
dataset. Figures that show what is left out go with it, or drawing them would train it after all. A training
that other datasets take from the one that is left out becomes that of the first of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.sharing import KEYS, share_of

Config = Mapping[str, Any]


def check_some_left(base: Config, config: Config, where: str) -> None:
    """Refuse a paper of which every dataset is left out.

    Raises:
        InputError: no dataset is left.
    """
    if base.get("datasets") and not config.get("datasets"):
        raise InputError(
            f"{where}: every dataset is left out ({', '.join(base['datasets'])}); keep one, or take the "
            "paper out of 'papers'"
        )


def figures_left_out(base: Config, config: Config, over: Config) -> dict[str, str]:
    """Return the figures that go with what the user leaves out, each with the reason.

    A figure whose dataset or methods the user sets is not among them: it is checked as it is written.

    Args:
        base: the paper's own configuration at its scale.
        config: the same with the user's changes.
        over: these changes.
    """
    found = {}
    for name, figure in (base.get("figures") or {}).items():
        changed = (over.get("figures") or {}).get(name) or {}
        if name not in (config.get("figures") or {}) or {"dataset", "methods"} & set(changed):
            continue
        dataset = figure.get("dataset")
        if dataset not in base["datasets"]:
            continue  # a mistake in the paper's own file
        if dataset not in config["datasets"]:
            found[name] = f"no dataset {dataset}"
            continue
        before, now = (list((c["datasets"][dataset] or {}).get("methods") or ()) for c in (base, config))
        lost = [m for m in figure.get("methods") or () if m in before and m not in now]
        if lost:
            found[name] = f"on {dataset} no {', '.join(lost)}"
    return found


def say(slug: str, figures: Config) -> str:
    """Return the line that tells which figures are left out and why."""
    said = "; ".join(f"{name} ({reason})" for name, reason in figures.items())
    return f"paper '{slug}' goes without {said}"


def hand_on_trainings(base: Config, config: dict[str, Any], where: str) -> None:
    """Let the first dataset that takes a training of one that is left out have it, and others take it there.

    Args:
        base: the paper's own configuration at its scale.
        config: the same with the user's changes; it is changed in place.
        where: how messages name the configuration.

    Raises:
        InputError: a training cannot be handed on, since it has other stages.
    """
    heirs: dict[tuple[str, str, str], tuple[str, str]] = {}
    # where the same method runs on another dataset, it is the heir
    taken = sorted(_taken(config, where), key=lambda found: found[1] != found[3]["of"])
    for dataset, method, stage, share in taken:
        gone = share.get("dataset")
        if gone is None or gone in config["datasets"] or gone not in base["datasets"]:
            continue
        owner, name = share["of"], share.get("stage", stage)
        theirs, heir = _stages(base, gone, owner), heirs.get((gone, owner, name))
        if not heir and (list(theirs) != list(_stages(config, dataset, method)) or name != stage):
            raise InputError(
                f"{where}: '{method}' on '{dataset}' takes its training from dataset '{gone}', which is left "
                f"out; keep '{gone}', or leave '{dataset}' out too"
            )
        own = config["datasets"][dataset].setdefault("method_options", {}).setdefault(method, {})
        stages = own["stages"] = dict(own.get("stages") or {})
        # nulls take away what the method says for all datasets
        below = (config["methods"][method].get("stages") or {}).get(stage) or {}
        nulls = dict.fromkeys(key for key in KEYS if key in below)
        if heir:
            stages[stage] = {**nulls, "of": heir[1], "dataset": heir[0], "stage": name}
        else:
            heirs[gone, owner, name] = dataset, method
            stages[stage] = {**nulls, **(theirs.get(name) or {})}


def _taken(config: Config, where: str) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Yield dataset, method, stage and share of every stage that is another's, of methods that run."""
    for dataset, setup in config["datasets"].items():
        queue = [method for method in setup["methods"] if method in config["methods"]]
        for method in queue:  # grows by the methods that others use
            own = _method(config, dataset, method)
            queue += [m for m in own.get("uses") or () if m in config["methods"] and m not in queue]
            for stage in _stages(config, dataset, method):
                here = f"{where}: stage '{stage}' of '{method}' on '{dataset}'"
                if share := share_of(own, stage, here):
                    yield dataset, method, stage, share


def _method(config: Config, dataset: str, method: str) -> dict[str, Any]:
    """Return a method's options on a dataset, of which those of the dataset lie on those of the method."""
    own = (config["datasets"][dataset].get("method_options") or {}).get(method) or {}
    return merge(config["methods"].get(method, {}), own)


def _stages(config: Config, dataset: str, method: str) -> dict[str, Any]:
    return _method(config, dataset, method).get("stages") or {"main": {}}
