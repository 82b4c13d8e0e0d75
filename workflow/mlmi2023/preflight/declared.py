"""What a paper reports against the methods, datasets, metrics and figures of its config."""

import ast
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest
from mlmi2023.preflight.paper import options_of
from mlmi2023.reporting.read_reported import parse_reported
from mlmi2023.reporting.reported import Reported

#: role of rows that a paper quotes: they need not run
QUOTED = "reference"
PAPERS = Path(__file__).resolve().parents[1] / "papers"


def check_declared(settings: Settings, slug: str) -> None:
    """Check the file of what a paper reports, then it and the config against each other.

    Raises:
        InputError: one line with the file, the place and the nearest word.
    """
    file = f"resources/papers/{slug}.yaml"
    reported = parse_reported(settings.reported(slug), file)
    if reported.slug != slug:
        raise InputError(f"{file}: slug is '{reported.slug}'; it must be the file's name, '{slug}'")
    paper, where = settings.paper(slug), f"config of paper '{slug}'"
    for dataset, setup in paper["datasets"].items():
        _known(where, "datasets", [dataset], reported.datasets, file)
        _known(where, f"datasets.{dataset}.methods", setup["methods"], reported.methods, file)
        groups = getattr(options_of(slug), "METRIC_GROUPS", {})
        asked = [one for name in setup["task"].get("metrics", ()) for one in groups.get(name, (name,))]
        _known(where, f"datasets.{dataset}.task.metrics", asked, reported.metrics, file)
    _check_figures(paper, where)
    _check_drawn(slug, paper.get("figures", {}), where)
    _check_left_out(settings, slug, reported, file)


def _known(where: str, at: str, names: Iterable[str], declared: Mapping[str, Any], file: str) -> None:
    for name in names:
        if name not in declared:
            group = at.rpartition(".")[2]
            raise InputError(
                f"{where}: key '{at}' has '{name}', which {file} does not declare among its {group}"
                f"{suggest(str(name), [*declared])}"
            )


def _check_figures(paper: Mapping[str, Any], where: str) -> None:
    """A figure shows methods that run on its dataset."""
    for name, figure in paper.get("figures", {}).items():
        at = f"figures.{name}"
        if not name.startswith("fig"):
            raise InputError(f"{where}: key '{at}': the id must begin with 'fig'")
        if figure["dataset"] not in paper["datasets"]:
            raise InputError(
                f"{where}: key '{at}.dataset' is '{figure['dataset']}', which is none of the datasets"
                f"{suggest(figure['dataset'], [*paper['datasets']])}"
            )
        runs = paper["datasets"][figure["dataset"]]["methods"]
        for method in figure["methods"]:
            if method not in runs:
                raise InputError(
                    f"{where}: key '{at}.methods' has '{method}', which does not run on "
                    f"'{figure['dataset']}'{suggest(str(method), runs)}"
                )


def _check_drawn(slug: str, figures: Iterable[str], where: str) -> None:
    """The paper's code draws each figure; its ``FIGURES`` are read without importing what draws them."""
    file = PAPERS / slug / "figures.py"
    drawn: list[str] = []
    if file.is_file():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["FIGURES"]:
                texts = (n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant))
                drawn = [text for text in texts if isinstance(text, str)]
    for figure in figures:
        if not any(fnmatchcase(figure, name) for name in drawn):
            raise InputError(
                f"{where}: key 'figures.{figure}': FIGURES in papers/{slug}/figures.py has no such figure"
                f"{suggest(figure, drawn)}"
            )


def _check_left_out(settings: Settings, slug: str, reported: Reported, file: str) -> None:
    """What is reported must be in the paper's own config, at whatever scale; quoted rows need not."""
    content = settings.paper_file(slug)
    own: dict[str, dict[str, None]] = {"methods": {}, "figures": {}}
    for part in content.values():
        for group, found in own.items():
            found |= dict.fromkeys((part or {}).get(group) or {})
    for method in reported.methods.values():
        if method.id not in own["methods"] and method.role != QUOTED:
            raise InputError(
                f"{file}: methods: '{method.id}' never runs, since config/papers/{slug}.yaml has no such "
                f"method; add it there, or give a row that is only quoted the role {QUOTED}"
                f"{_near(method.id, own['methods'])}"
            )
    for figure in reported.figures:
        if figure not in own["figures"]:
            raise InputError(
                f"{file}: figures: '{figure}' is never drawn; add it to the figures of "
                f"config/papers/{slug}.yaml, or take it out{_near(figure, own['figures'])}"
            )


def _near(name: str, known: Iterable[str]) -> str:
    found = suggest(name, [*known])
    return found if "did you mean" in found else ""
