"""What the script of each rule imports before it starts to work."""

from typing import Any

_REPORTING = "mlmi2023.reporting."
_VOLUMES = ("mlmi2023.cohorts.forms.volumes.reader", "mlmi2023.preprocessing.qc")
_BY_RULE = {
    "simulate": ("mlmi2023.cohorts.sources.make", "mlmi2023.cohorts.sources.simulators.{simulator}.cohort"),
    "n4": ("ants", "skimage.filters", "mlmi2023.preprocessing.steps", "mlmi2023.preprocessing.n4"),
    "brainmask": ("mlmi2023.preprocessing.steps", "mlmi2023.preprocessing.brainmask", "{backend}"),
    "affine": ("ants", "mlmi2023.preprocessing.steps", "mlmi2023.preprocessing.affine"),
    "grid": ("mlmi2023.preprocessing.steps", "mlmi2023.preprocessing.grid"),
    "pack": ("mlmi2023.cohorts.forms.{form}.form",),
    "qc": ("mlmi2023.cohorts.forms.{form}.form",),
    "train": (
        "lightning.pytorch",
        "torch._dynamo",  # by the first step of an optimiser
        "mlmi2023.tasks.chain",
        "mlmi2023.cohorts.about",
        "mlmi2023.training.loop.fit",
        "mlmi2023.papers.{paper}.train",
    ),
    "evaluate": (
        "mlmi2023.tasks.chain",
        "mlmi2023.cohorts.about",
        "mlmi2023.core.tidy",
        "mlmi2023.training.loop.device",
        "mlmi2023.papers.{paper}.evaluate",
    ),
    "figure": (
        "mlmi2023.tasks.chain",
        "mlmi2023.reporting.read_reported",
        "mlmi2023.training.loop.device",
        "mlmi2023.papers.{paper}.figures",
    ),
    "metrics": ("mlmi2023.core.tidy", _REPORTING + "learned", _REPORTING + "runs"),
    "table": (_REPORTING + "figures.plots", _REPORTING + "tables.build"),
    "claims": (_REPORTING + "claims.results", _REPORTING + "figures.plots", _REPORTING + "tables.build"),
    "page": (_REPORTING + "pages.paper", _REPORTING + "pages.cohorts", _REPORTING + "bench_record"),
    "overview": (_REPORTING + "pages.overview", _REPORTING + "bench_record"),
    "record": (_REPORTING + "bench_record",),
    "records": (_REPORTING + "pages.overview", _REPORTING + "pages.record"),
    "ro_crate": (_REPORTING + "crate", _REPORTING + "read_reported"),
}


def modules_of(snakemake: Any) -> tuple[str, ...]:
    """Return the names of the modules that a script of the workflow works with; empty for an unknown rule."""
    params = snakemake.params
    cohort = params.get("cohort") or {}
    names = {
        "paper": snakemake.wildcards.get("paper", ""),
        "simulator": cohort.get("simulator", ""),
        "form": cohort.get("form", ""),
        "backend": (params.get("options") or {}).get("backend", "deepbet"),
    }
    if snakemake.rule in ("pack", "qc") and not names["form"]:
        return _VOLUMES
    found = (name.format(**names) for name in _BY_RULE.get(snakemake.rule, ()))
    return tuple(name for name in found if name and ".." not in name and not name.endswith("."))
