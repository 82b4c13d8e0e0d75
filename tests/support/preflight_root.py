"""A repository root of links in which single files are changed, for tests of what is checked at load."""

import copy
from pathlib import Path

import yaml

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.forms import VOLUMES, form_of, raw_files
from mlmi2023.core.config import JOINED, MADE, Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.preflight.checks import check_paper, check_results

ROOT = Path(__file__).parents[2]


def settings(**changes: object) -> Settings:
    """Return the settings of our own root, with changes to the config."""
    return Settings(merge(read_yaml(ROOT / "config/config.yaml"), changes), ROOT)


def make_root(folder: Path, edits: dict[str, object]) -> Path:
    """Return a root like ours; ``edits``: by file, what changes its content (None: the file is left out)."""
    for kind in ("config/papers", "resources/papers", "config/cohorts"):
        (folder / kind).mkdir(parents=True)
        for file in (ROOT / kind).glob("*.yaml"):
            name = f"{kind}/{file.name}"
            if name not in edits:
                (folder / name).symlink_to(file)
    (folder / "config/schemas").symlink_to(ROOT / "config/schemas")
    (folder / "resources/datasets").symlink_to(ROOT / "resources/datasets")
    for name, edit in edits.items():
        if isinstance(edit, str):
            (folder / name).write_text(edit)
        elif edit is not None:
            content = copy.deepcopy(read_yaml(ROOT / name))
            edit(content)
            (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def load(root: Path, over: dict[str, object]) -> Settings:
    """Do what the workflow does when it loads: settings, then every paper that the config names."""
    settings = Settings(merge(read_yaml(ROOT / "config/config.yaml"), over), root, check_paper)
    for slug in settings.papers:
        settings.paper(slug)
    return settings


def plan(over: dict[str, object]) -> None:
    """Do what is done before a first job: load, and look for the files of every cohort of the papers."""
    settings = load(ROOT, over)
    check_results(settings.results)
    for name in {name for slug in settings.papers for name in settings.cohorts_of(slug)}:
        config, place = settings.cohort(name), settings.root_of(name)
        if form_of(config) == VOLUMES and config["kind"] != JOINED:
            index_cohort(name, config, place)
        elif config["kind"] not in (*MADE, JOINED):
            raw_files(name, config, place)
