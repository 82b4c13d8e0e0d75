"""What the configuration says of cohorts: the user's own and ours, with one clear line for each mistake."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.order import in_order
from mlmi2023.core.paths import expand
from mlmi2023.core.scales import scale_of
from mlmi2023.core.schemas import check, suggest
from mlmi2023.core.yaml_files import read_yaml

STEPS = ("n4", "brainmask", "affine", "grid")
# kinds of cohort whose raw data the workflow makes
MADE = ("simulated", "packaged")
# the kind that puts other cohorts side by side
JOINED = "joined"


class Cohorts:
    """The cohorts of one run.

    Args:
        own: the user's, by name.
        root: the repository's root, where ``config/`` and ``resources/`` lie.
        scale: of the run.
        results: folder of all results at this scale.
    """

    def __init__(self, own: Mapping[str, Any], root: Path, scale: str, results: Path) -> None:
        self.own, self.root, self.scale, self.results = own, root, scale, results
        self._read: dict[str, dict[str, Any]] = {}

    def config(self, name: str) -> dict[str, Any]:
        """Return the configuration of a cohort: the user's own, or that of ``config/cohorts/<name>.yaml``.

        The user's own may be ``like`` one of ours, with other keys laid on it. A ``dataset`` cohort gets its
        published layout under the key ``layout``.
        """
        if name not in self._read:
            own = self.own.get(name)
            if own is None:
                own = self._known(name)
            elif "like" in own:
                self._check_like(name, own["like"])
                over = {key: value for key, value in own.items() if key != "like"}
                own = merge(self._known(own["like"]), over)
            check(own, self.root / "config/schemas/cohort.schema.yaml", f"config of cohort '{name}'")
            own = in_order(own)
            if own["kind"] == "dataset":
                known = sorted(file.stem for file in (self.root / "resources/datasets").glob("*.yaml"))
                if own["dataset"] not in known:
                    raise InputError(
                        f"config of cohort '{name}': key 'dataset' is '{own['dataset']}'"
                        f"{suggest(own['dataset'], known)}"
                    )
                own["layout"] = read_yaml(self.root / f"resources/datasets/{own['dataset']}.yaml")
            self._read[name] = own
        return self._read[name]

    def names(self) -> list[str]:
        """Return the names of all cohorts: the user's own, and ours."""
        return sorted({*self.own, *self._ours()})

    def _ours(self) -> list[str]:
        return sorted(file.stem for file in (self.root / "config/cohorts").glob("*.yaml"))

    def _check_like(self, name: str, like: Any) -> None:
        """Refuse a cohort that is to be like none of ours."""
        where = f"config of cohort '{name}': key 'like' is {like!r}"
        if not isinstance(like, str):
            raise InputError(f"{where}; name one of config/cohorts")
        ours = self._ours()
        if like in ours:
            return
        if like in self.own:
            raise InputError(f"{where}, a cohort of your own; it can be like one of config/cohorts only")
        raise InputError(f"{where}, which is none of config/cohorts{suggest(like, ours)}")

    def _known(self, name: str) -> dict[str, Any]:
        """Return what ``config/cohorts/<name>.yaml`` says at this scale."""
        file = self.root / f"config/cohorts/{name}.yaml"
        if not file.exists():
            raise InputError(f"config: unknown cohort '{name}'{suggest(name, self.names())}")
        own = scale_of(read_yaml(file), self.scale, file)
        if "kind" not in own:
            raise InputError(
                f"{file}: says nothing about scale '{self.scale}'; add that key or use another cohort"
            )
        return own

    def steps(self, cohort: str) -> list[str]:
        """Return the preprocessing steps of a cohort in their order; the last one is ``grid``.

        Cohorts of other forms than volumes have none.
        """
        asked = self.config(cohort).get("preprocess", {})
        return [step for step in STEPS if step in asked]

    def root_of(self, cohort: str) -> Path:
        """Return the folder with the cohort's raw data; that of a stand-in is made by the workflow.

        A joined cohort's is the folder of all cohorts.
        """
        config = self.config(cohort)
        if config["kind"] == JOINED:
            return self.results / "cohorts"
        if config["kind"] in MADE:
            raw = "bids" if config.get("form", "volumes") == "volumes" else "raw"
            return self.results / "cohorts" / cohort / raw
        return expand(config["root"])
