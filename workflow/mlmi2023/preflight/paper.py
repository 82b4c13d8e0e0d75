"""A paper's methods, tasks and training against the models of its ``options.py``.

That module has ``Method``, ``Task`` and ``Train``: a model each, or a union of models
(:mod:`mlmi2023.core.options`). Keys of a method that the chain itself reads (``uses``, ``stages``, ``train``)
are not theirs. ``STAGES`` names the training steps of methods that have several, ``METRIC_GROUPS`` what a
task asks for under one name.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import read
from mlmi2023.core.schemas import suggest
from mlmi2023.core.values import Mistake

#: keys of a method that the chain reads
CHAIN = ("uses", "stages", "train")
#: a layer of the config: the keys that lead to it, and what it holds
Layer = tuple[str, Any]


def options_of(slug: str) -> ModuleType:
    """Return a paper's module ``options``.

    Raises:
        InputError: there is none.
    """
    name = f"mlmi2023.papers.{slug}.options"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in (name, name.rpartition(".")[0]):
            raise
        raise InputError(
            f"workflow/mlmi2023/papers/{slug}/options.py: no such file; the keys of the paper's methods, "
            "task and training belong there"
        ) from error


def check_options(settings: Settings, slug: str) -> None:
    """Check every method that runs, with its training, and every task.

    Raises:
        InputError: one line with the full path of the key, and the nearest word.
    """
    models, paper, where = options_of(slug), settings.paper(slug), f"config of paper '{slug}'"
    done: set[tuple[str, ...]] = set()
    for dataset, setup in paper["datasets"].items():
        for method in setup.get("method_options", {}):
            if method not in paper["methods"]:
                raise InputError(
                    f"{where}: unknown method 'datasets.{dataset}.method_options.{method}'"
                    f"{suggest(str(method), [*paper['methods']])}"
                )
        _check(where, models.Task, setup["task"], [(f"datasets.{dataset}.task", setup["task"])])
        for method in _running(settings, slug, dataset):
            _check_method(settings, slug, models, dataset, method, done)


def _running(settings: Settings, slug: str, dataset: str) -> list[str]:
    """Return the methods of a dataset and those that they use."""
    found: dict[str, None] = {}
    queue = list(settings.paper(slug)["datasets"][dataset]["methods"])
    while queue:
        method = queue.pop(0)
        if method not in found:
            found[method] = None
            queue += settings.uses(slug, dataset, method)
    return list(found)


def _check_method(
    settings: Settings, slug: str, models: ModuleType, dataset: str, method: str, done: set[tuple[str, ...]]
) -> None:
    paper, where = settings.paper(slug), f"config of paper '{slug}'"
    setup, own = paper["datasets"][dataset], paper["methods"][method]
    change = setup.get("method_options", {}).get(method)
    layers = [(f"methods.{method}", own), (f"datasets.{dataset}.method_options.{method}", change)]
    # most methods are the same on all datasets
    if change or (method,) not in done:
        merged = settings.options(slug, dataset, method)
        given = {key: value for key, value in merged.items() if key not in CHAIN}
        _check(where, models.Method, given, layers)
        done |= set() if change else {(method,)}
    _check_stages(where, models, settings.stages(slug, dataset, method), layers)
    changed = dataset if change or "train" in setup else ""
    for stage in settings.stages(slug, dataset, method):
        if settings.trained_as(slug, dataset, method, stage) != (dataset, method, stage):
            continue  # another method's training has its keys
        # methods without training keys of their own are trained alike
        alike = () if "train" in own or "stages" in own or change else (changed, "")
        if alike in done:
            continue
        below = [(f"{at}.train", (layer or {}).get("train")) for at, layer in layers]
        stages = [(f"{at}.stages", (layer or {}).get("stages") or {}) for at, layer in layers]
        parts = [(f"{at}.{stage}", layer.get(stage)) for at, layer in stages]
        top = [("train", paper.get("train")), (f"datasets.{dataset}.train", setup.get("train"))]
        _check(where, models.Train, settings.schedule(slug, dataset, method, stage), [*top, *below, *parts])
        done |= {alike} if alike else set()


def _check_stages(where: str, models: ModuleType, stages: list[str], layers: list[Layer]) -> None:
    """A method with several training steps has those that the paper's code knows."""
    known = list(getattr(models, "STAGES", ()))
    for stage in stages:
        if stage not in known and stages != ["main"]:
            at = _origin(layers, ["stages", stage])
            raise InputError(f"{where}: unknown stage '{at}.stages.{stage}'{suggest(stage, known)}")


def _check(where: str, model: Any, given: Any, layers: list[Layer]) -> None:
    try:
        read(model, given)
    except Mistake as mistake:
        raise InputError(f"{where}: {mistake.line(_origin(layers, mistake.path))}") from None


def _origin(layers: list[Layer], path: list[str | int]) -> str:
    """Return which layer of the config a key comes from: the last that holds it, or else the first."""
    return next((at for at, layer in reversed(layers) if path and _holds(layer, path)), layers[0][0])


def _holds(node: Any, path: list[str | int]) -> bool:
    for step in path:
        inside = step < len(node) if isinstance(node, list) and isinstance(step, int) else False
        if not inside and not (isinstance(node, Mapping) and step in node):
            return False
        node = node[step]  # type: ignore[index]
    return True


def check_folds(settings: Settings, slug: str) -> None:
    """Check that there are as many folds as the paper runs: a cohort's, or domains left out in turn.

    Raises:
        InputError: there are too few.
    """
    paper = settings.paper(slug)
    wanted = paper.get("folds", 1)
    for dataset, setup in paper["datasets"].items() if wanted > 1 else ():
        where = f"config of paper '{slug}': key 'folds' is {wanted}"
        if "left_out" in setup["task"]:
            count = len(setup["task"]["left_out"])
            said = f"datasets.{dataset}.task.left_out names {count}; name more, or lower folds"
        else:
            count = settings.cohort(setup["cohort"]).get("folds", {}).get("count", 1)
            said = (
                f"cohort '{setup['cohort']}' of dataset '{dataset}' has {count}; set the cohort's "
                "folds.count, or lower folds"
            )
        if count < wanted:
            raise InputError(f"{where}, {said}")
