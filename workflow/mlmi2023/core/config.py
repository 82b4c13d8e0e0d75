"""Read, merge and validate the configuration, with one clear line for each mistake.

No import here costs time: this runs whenever the DAG is built.
"""

import copy
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlmi2023.core import left_out
from mlmi2023.core.cohort_config import JOINED, MADE, STEPS, Cohorts
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import content_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.paths import expand
from mlmi2023.core.scales import SCALES, at_scale, scale_of
from mlmi2023.core.schemas import check, suggest
from mlmi2023.core.sharing import Training, check_alike, share_of
from mlmi2023.core.yaml_files import read_yaml

__all__ = ["JOINED", "MADE", "SCALES", "STEPS", "Settings", "at_scale", "expand"]
# what a paper consists of beside its code
PLACES = {"config/papers": "how the paper runs", "resources/papers": "what the paper reports"}


def _unusable(value: Any) -> str | None:
    """Return the keys that lead to a number that is NaN or infinite, or to a set, joined by points."""
    if isinstance(value, float):
        return None if math.isfinite(value) else ""
    if isinstance(value, set):  # of YAML's tag !!set
        return ""
    items = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        if (found := _unusable(item)) is not None:
            return f"{key}.{found}".rstrip(".")
    return None


class Settings:
    """The configuration of one run of the workflow, resolved at its scale.

    Attributes:
        scale: ``demo``, ``bench`` or ``paper``.
        results: folder of all results at this scale.
        papers: slugs to make, in the order of the config.
        known: slugs of all papers that have a config and a file of reported numbers.
        left_out: by slug, the line that tells which figures the paper goes without; filled as papers are
            read.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        root: Path,
        inspect: "Callable[[Settings, str], None] | None" = None,
    ) -> None:
        """Validate ``config`` (the merged content of all config files and command line keys).

        Args:
            config: the workflow's configuration.
            root: the repository's root, where ``config/`` and ``resources/`` lie.
            inspect: called once with each paper that is asked for; see :mod:`mlmi2023.preflight`.

        Raises:
            InputError: a key is unknown, a value is not allowed, a paper or cohort does not exist.
        """
        if key := _unusable(config):
            raise InputError(f"config: key '{key}' is not a finite number, text, list or mapping; give one")
        check(config, root / "config/schemas/config.schema.yaml", "config")
        self.root = root
        self._inspect = inspect
        self.raw = config
        self.scale: str = config["scale"]
        self.results = Path(config["results"]) / self.scale
        self.device: str = config["device"]
        kept = {kind: {p.stem for p in (root / kind).glob("*.yaml")} for kind in PLACES}
        self.known = sorted(set.intersection(*kept.values()))
        wanted = config["papers"]
        self.papers: list[str] = self.known if wanted == "all" else list(wanted)
        for slug in [*self.papers, *config["overrides"]]:
            if slug in self.known:
                continue
            for kind, what in PLACES.items():
                if any(slug in slugs for slugs in kept.values()) and slug not in kept[kind]:
                    raise InputError(f"{kind}/{slug}.yaml: no such file; {what} belongs there")
            raise InputError(f"config: unknown paper '{slug}'{suggest(slug, self.known)}")
        self.left_out: dict[str, str] = {}
        self._without: dict[str, set[str]] = {}
        self._papers: dict[str, dict[str, Any]] = {}
        self._cohorts = Cohorts(config["cohorts"], root, self.scale, self.results)
        self._reported: dict[str, dict[str, Any]] = {}
        self._files: dict[str, Any] = {}
        # asked for once per job, and a DAG may have tens of thousands
        self._methods: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._options: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._schedules: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self._trainings: dict[tuple[str, str, str, str], Training] = {}

    def paper(self, slug: str) -> dict[str, Any]:
        """Return the paper's configuration at the scale of this run, with the user's overrides.

        The key ``like`` of the overrides names another scale to start from.
        """
        if slug not in self._papers:
            file = self.root / f"config/papers/{slug}.yaml"
            over = dict(self.raw["overrides"].get(slug, {}))
            start = over.pop("like", self.scale)
            if start not in SCALES:
                raise InputError(
                    f"config: key 'overrides.{slug}.like' is {start!r}; choose {', '.join(SCALES)}"
                )
            base, where = scale_of(self.paper_file(slug), start, file), f"config of paper '{slug}'"
            merged = merge(base, over)
            if self.raw["seeds"]:
                merged["seeds"] = self.raw["seeds"]
            left_out.check_some_left(base, merged, where)
            check(merged, self.root / "config/schemas/paper.schema.yaml", where)
            self._without[slug] = set(base["datasets"]) - set(merged["datasets"])
            left_out.hand_on_trainings(base, merged, where)
            if lost := left_out.figures_left_out(base, merged, over):
                merged["figures"] = {k: v for k, v in merged["figures"].items() if k not in lost}
                self.left_out[slug] = left_out.say(slug, lost)
            for dataset in merged["datasets"].values():
                for method in dataset["methods"]:
                    if method not in merged["methods"]:
                        names = list(merged["methods"])
                        raise InputError(
                            f"config of paper '{slug}': unknown method '{method}'{suggest(method, names)}"
                        )
                    self._check_uses(slug, merged, dataset, method, ())
            self._papers[slug] = merged
            try:
                self._check_trainings(slug)
            except InputError:
                del self._papers[slug]
                raise
            if self._inspect:
                self._inspect(self, slug)
        return self._papers[slug]

    def paper_file(self, slug: str) -> dict[str, Any]:
        """Return the content of ``config/papers/<slug>.yaml``: ``all`` and the scales' parts."""
        if slug not in self._files:
            self._files[slug] = read_yaml(self.root / f"config/papers/{slug}.yaml")
        return self._files[slug]

    def _check_trainings(self, slug: str) -> None:
        """Refuse a stage that is to be shared and cannot be."""
        for name, dataset in self.paper(slug)["datasets"].items():
            for method in dataset["methods"]:
                for stage in self.stages(slug, name, method):
                    self.trained_as(slug, name, method, stage)

    def _check_uses(
        self,
        slug: str,
        config: dict[str, Any],
        dataset: dict[str, Any],
        method: str,
        above: tuple[str, ...],
    ) -> None:
        """Refuse a method that uses one that does not exist, or that in the end uses itself."""
        own = merge(config["methods"][method], dataset.get("method_options", {}).get(method, {}))
        for used in own.get("uses", []):
            where = f"config of paper '{slug}': methods.{method}.uses"
            if used not in config["methods"]:
                names = list(config["methods"])
                raise InputError(f"{where}: unknown method '{used}'{suggest(used, names)}")
            if used in (method, *above):
                raise InputError(f"{where}: '{used}' uses '{method}' in turn; break the circle")
            self._check_uses(slug, config, dataset, used, (*above, method))

    def cohort(self, name: str) -> dict[str, Any]:
        """Return the configuration of a cohort; see :meth:`Cohorts.config`."""
        return self._cohorts.config(name)

    def cohort_names(self) -> list[str]:
        """Return the names of all cohorts: the user's own, and ours."""
        return self._cohorts.names()

    def steps(self, cohort: str) -> list[str]:
        """Return the preprocessing steps of a cohort in their order; the last one is ``grid``."""
        return self._cohorts.steps(cohort)

    def root_of(self, cohort: str) -> Path:
        """Return the folder with the cohort's raw data; see :meth:`Cohorts.root_of`."""
        return self._cohorts.root_of(cohort)

    def dataset(self, paper: str, dataset: str) -> dict[str, Any]:
        """Return what a paper's configuration says of a dataset.

        Raises:
            InputError: the paper has none of that name.
        """
        known = self.paper(paper)["datasets"]
        if dataset not in known:
            raise InputError(f"paper '{paper}' has no dataset '{dataset}'{suggest(dataset, [*known])}")
        return known[dataset]

    def method(self, paper: str, dataset: str, method: str) -> dict[str, Any]:
        """Return a method's options on a dataset: the paper's, with the dataset's own laid on them.

        It is the same object at each call; take a copy to change it.

        Raises:
            InputError: the paper has no such dataset or method.
        """
        key = (paper, dataset, method)
        if key not in self._methods:
            config, setup = self.paper(paper), self.dataset(paper, dataset)
            if method not in config["methods"]:
                raise InputError(
                    f"paper '{paper}' has no method '{method}'{suggest(method, [*config['methods']])}"
                )
            own = setup.get("method_options", {}).get(method, {})
            merged = merge(config["methods"][method], own)
            if not isinstance(merged.get("kind"), str):
                at = f"datasets.{dataset}.method_options.{method}"
                raise InputError(
                    f"config of paper '{paper}': key '{at}' takes out the method's kind; leave that"
                )
            self._methods[key] = merged
        return self._methods[key]

    def options(self, paper: str, dataset: str, method: str) -> dict[str, Any]:
        """Return :meth:`method` without its training keys, so that those rerun training alone."""
        key = (paper, dataset, method)
        if key not in self._options:
            options = self.method(paper, dataset, method)
            self._options[key] = {k: v for k, v in options.items() if k not in ("train", "stages")}
        return self._options[key]

    def schedule(self, paper: str, dataset: str, method: str, stage: str = "main") -> dict[str, Any]:
        """Return the training keys of one stage: the paper's, the dataset's, the method's, the stage's.

        Those of a shared stage are those of the method that has it. It is the same object at each call; take
        a copy to change it.
        """
        key = (paper, *self.trained_as(paper, dataset, method, stage))
        if key not in self._schedules:
            _, dataset, method, stage = key
            config = self.paper(paper)
            options = self.method(paper, dataset, method)
            schedule = merge(config.get("train", {}), config["datasets"][dataset].get("train", {}))
            schedule = merge(schedule, options.get("train", {}))
            self._schedules[key] = merge(schedule, (options.get("stages") or {}).get(stage) or {})
        return self._schedules[key]

    def reported(self, paper: str) -> dict[str, Any]:
        """Return the content of the file of what a paper reports, unchecked."""
        if paper not in self._reported:
            self._reported[paper] = read_yaml(self.root / f"resources/papers/{paper}.yaml")
        return self._reported[paper]

    def tables(self, paper: str) -> list[str]:
        """Return the ids of the tables that a paper reports, but those of datasets that are left out."""
        self.paper(paper)
        return [t["id"] for t in self.reported(paper)["tables"] if t["dataset"] not in self._without[paper]]

    def fingerprint(self, paper: str) -> str:
        """Return a hash of all configuration that decides a paper's numbers at this scale.

        Texts that only pages print are left out.
        """
        config = copy.deepcopy(self.paper(paper))
        for text in ("summary", "figures"):
            config.pop(text, None)
        cohorts = {name: dict(self.cohort(name)) for name in self.cohorts_of(paper)}
        for cohort in cohorts.values():
            cohort.pop("about", None)
        return content_hash({"scale": self.scale, "paper": config, "cohorts": cohorts})

    def cohorts_of(self, paper: str) -> list[str]:
        """Return the cohorts that a paper's datasets stand on, and those that these join, sorted."""
        found = {dataset["cohort"] for dataset in self.paper(paper)["datasets"].values()}
        joined = [self.cohort(name) for name in found if self.cohort(name)["kind"] == JOINED]
        return sorted(found | {part["cohort"] for config in joined for part in config["parts"].values()})

    def uses(self, paper: str, dataset: str, method: str) -> list[str]:
        """Return the methods whose predictions and weights a method takes as input, such as a backbone's."""
        return list(self.method(paper, dataset, method).get("uses", []))

    def seeds(self, paper: str, dataset: str, method: str) -> list[int]:
        """Return the seeds of a method: the first alone if neither it nor what it uses is trained."""
        seeds = list(self.paper(paper)["seeds"])
        if self.stages(paper, dataset, method):
            return seeds
        below = [self.seeds(paper, dataset, used) for used in self.uses(paper, dataset, method)]
        return max(below, key=len, default=seeds[:1])

    def stages(self, paper: str, dataset: str, method: str) -> list[str]:
        """Return the training stages of a method in their order; empty if it is not trained."""
        options = self.method(paper, dataset, method)
        if options["kind"] != "learned":
            return []
        return list(options.get("stages") or ["main"])

    def trained_as(self, paper: str, dataset: str, method: str, stage: str = "main") -> Training:
        """Return whose training a stage of a method is: its own, or the one that its key ``of`` leads to.

        See :mod:`mlmi2023.core.sharing`.

        Raises:
            InputError: it leads to what does not exist or is not trained, in a circle, or to another network.
        """
        key = (paper, dataset, method, stage)
        if key not in self._trainings:
            here = Training(dataset, method, stage)
            seen = [here]
            while (then := self._step(paper, here)) is not None:
                if then in seen:
                    raise InputError(f"config of paper '{paper}': {here} is {then} in turn; break the circle")
                seen.append(then)
                here = then
            self._trainings[key] = here
        return self._trainings[key]

    def _step(self, paper: str, here: Training) -> Training | None:
        """Return the stage that a stage is said to be; None if it is the method's own."""
        where = f"config of paper '{paper}': {here}"
        share = share_of(self.method(paper, here.dataset, here.method), here.stage, where)
        if not share:
            return None
        config = self.paper(paper)
        dataset, method = share.get("dataset", here.dataset), share["of"]
        for word, name, known in (("dataset", dataset, "datasets"), ("method", method, "methods")):
            if name not in config[known]:
                raise InputError(f"{where}: unknown {word} '{name}'{suggest(name, list(config[known]))}")
        theirs = self.stages(paper, dataset, method)
        if not theirs:
            raise InputError(f"{where}: method '{method}' is not trained; name one of kind 'learned'")
        stage = share.get("stage") or (here.stage if here.stage in theirs else theirs[-1])
        if stage not in theirs:
            raise InputError(f"{where}: '{method}' has no stage '{stage}'{suggest(stage, theirs)}")
        whole = here.stage == self.stages(paper, here.dataset, here.method)[-1]
        other = self.method(paper, dataset, method)
        check_alike(self.method(paper, here.dataset, here.method), other, whole, where)
        return Training(dataset, method, stage)
