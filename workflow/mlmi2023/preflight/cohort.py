"""How a cohort is read, preprocessed and simulated, against the models and checks of who does it."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.groups import check_group
from mlmi2023.cohorts.forms import VOLUMES, form_of, load_form
from mlmi2023.cohorts.forms.scans.options import file_name
from mlmi2023.core.config import JOINED, MADE, Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import Options, options
from mlmi2023.core.schemas import suggest
from mlmi2023.preprocessing.options import STEPS

#: splits on which nothing is scored
UNTESTED = {"train", "val", "atlas"}
SOURCES = "mlmi2023.cohorts.sources"
#: forms whose splits and folds keep groups together
GROUPED = {VOLUMES, "aligned_scans", "ct_stacks", "images", "outlines", "phased_scans", "scans", "table"}


def check_cohort(settings: Settings, name: str) -> None:
    """Check a cohort's configuration as far as that needs no data.

    Raises:
        InputError: one line with the key and the nearest word.
    """
    config, where = settings.cohort(name), f"config of cohort '{name}'"
    _check_read(where, config)
    for step, given in config.get("preprocess", {}).items():
        options(STEPS[step], given, where, f"preprocess.{step}")
    _check_tested(where, config)
    _check_names(where, config)
    _check_group(where, config)
    if config["kind"] == "simulated":
        _check_simulator(where, config)
    elif config["kind"] == "packaged":
        _find(where, "packaged", "dataset", config["dataset"])
        if form_of(config) == VOLUMES:
            raise InputError(f"{where}: key 'form' is missing; packaged data are tables: form: table")
    elif config["kind"] == JOINED:
        _check_circle(settings, name, ())


def check_tasks(settings: Settings, slug: str) -> None:
    """Check that cohorts can serve the tasks of a paper, where their forms know that without data.

    Raises:
        InputError: one line with the key and what the cohort has.
    """
    for dataset, setup in settings.paper(slug)["datasets"].items():
        config = settings.cohort(setup["cohort"])
        name = form_of(dict(config))
        if name in (VOLUMES, JOINED):
            continue
        form = load_form(name)
        said = form.check_task(config, setup["task"]) if hasattr(form, "check_task") else None
        if said:
            raise InputError(
                f"config of paper '{slug}': key 'datasets.{dataset}.{said[0]}': cohort "
                f"'{setup['cohort']}' {said[1]}"
            )


def _check_read(where: str, config: Mapping[str, Any]) -> None:
    """Check the key ``read``; made cohorts of most forms need none."""
    if config["kind"] in MADE and "read" not in config:
        return
    name = form_of(dict(config))
    if name in (VOLUMES, JOINED):
        options(Options, config.get("read"), where, "read")  # no key at all
        return
    form = load_form(name, where)
    # some forms lay it on what a public dataset's layout says
    if hasattr(form, "read_key"):
        form.read_key(config, where)
        return
    models = importlib.import_module(f"{form.__name__.removesuffix('.form')}.options")
    options(models.Read, config.get("read"), where, "read")


def _check_tested(where: str, config: Mapping[str, Any]) -> None:
    """Somebody must be tested: in a split of the plan, or in turn by folds."""
    for key in ("subjects", "split"):
        plan = config.get(key)
        if plan is None:
            continue
        some = [split for split, count in plan.items() if count != 0]
        if not some:
            raise InputError(
                f"{where}: key '{key}' plans nobody; give it counts such as {{train: 6, test: 3}}"
            )
        if set(some) <= UNTESTED and "folds" not in config:
            raise InputError(f"{where}: key '{key}' has nobody in 'test'; give it some")


def _check_names(where: str, config: Mapping[str, Any]) -> None:
    """Images have names of files, labels are other files than images, and a real atlas is a subject."""
    for name, pattern in (config.get("images") or {}).items():
        if wrong := file_name(name):
            raise InputError(f"{where}: key 'images' names '{name}': {wrong}")
        if pattern == config.get("labels") and not pattern.endswith(".pkl"):  # which may hold both
            raise InputError(
                f"{where}: key 'labels' is '{pattern}', as images.{name} is; name the label maps"
            )
    if config.get("atlas") is True and config["kind"] not in MADE:
        raise InputError(f"{where}: key 'atlas' is true; name the subject that is the atlas, in quotes")


def _check_group(where: str, config: Mapping[str, Any]) -> None:
    """Who belongs together is said of real data, in forms that are split or dealt into folds."""
    if "group" not in config:
        return
    form = form_of(dict(config))
    if form not in GROUPED or config["kind"] in MADE:
        what = f"the form {form}" if form not in GROUPED else f"kind {config['kind']}"
        raise InputError(f"{where}: key 'group' has no meaning for {what}; take it out")
    check_group(where, config["group"])


def _find(where: str, place: str, key: str, name: str) -> ModuleSpec:
    found = importlib.util.find_spec(f"{SOURCES}.{place}.{name}")
    if found is None:
        folder = importlib.import_module(f"{SOURCES}.{place}").__path__[0]
        known = sorted({entry.name for entry in pkgutil.iter_modules([folder])})
        raise InputError(f"{where}: key '{key}' is '{name}'{suggest(name, known)}")
    return found


def _check_simulator(where: str, config: dict[str, Any]) -> None:
    """Let the simulator check its options; one without ``options.py`` does so when it runs."""
    name = config["simulator"]
    folders = _find(where, "simulators", "simulator", name).submodule_search_locations
    if not folders or not (Path(folders[0]) / "options.py").exists():
        return
    module = importlib.import_module(f"{SOURCES}.simulators.{name}.options")
    try:
        module.read_options(config)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        # a value of another type than the simulator's defaults have
        text = " ".join(str(error).split())
        raise InputError(f"{where}: key 'options' has a value of the wrong type: {text}") from error


def _check_circle(settings: Settings, name: str, above: tuple[str, ...]) -> None:
    for part in settings.cohort(name)["parts"].values():
        if part["cohort"] in (name, *above):
            raise InputError(
                f"config of cohort '{name}': key 'parts' names '{part['cohort']}', which joins '{name}' in "
                "turn; break the circle"
            )
        if settings.cohort(part["cohort"])["kind"] == JOINED:
            _check_circle(settings, part["cohort"], (*above, name))
