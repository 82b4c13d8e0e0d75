# What all rules share: settings, wildcards, resources.
from snakemake.logging import logger

from mlmi2023.cohorts.forms import VOLUMES, form_of, patterns_of, raw_files
from mlmi2023.cohorts.find import unused
from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.core.config import JOINED, MADE, Settings, at_scale, read_yaml
from mlmi2023.core.merging import merge
from mlmi2023.core.own_data import own_data, own_table
from mlmi2023.core.sources import cohort_sources
from mlmi2023.preflight.checks import check_paper, check_results
from mlmi2023.preflight.remarks import remarks
from mlmi2023.reporting.record_files import read_about

try:
    SETTINGS = Settings(config, ROOT, check_paper if CHECKED else None)
    if CHECKED:
        check_results(SETTINGS.results)
    for slug in SETTINGS.papers:
        SETTINGS.paper(slug)
    for slug in SETTINGS.papers if CHECKED else ():
        for line in remarks(SETTINGS, slug):
            logger.info(line)
except InputError as error:
    stop(error)

RESULTS = SETTINGS.results.as_posix()
COHORTS = f"{RESULTS}/cohorts/{{cohort}}"
PAPER = f"{RESULTS}/{{paper}}"
RUN = "{dataset}/{method}/seed-{seed}_fold-{fold}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"


wildcard_constraints:
    cohort=r"[A-Za-z0-9_]+",
    raw="bids|raw",
    step="n4|brainmask|affine|grid",
    batch=r"\d+",
    paper="|".join(SETTINGS.known),
    dataset=r"[A-Za-z0-9_]+",
    method=r"[A-Za-z0-9_]+",
    stage=r"[A-Za-z0-9_]+",
    seed=r"\d+",
    fold=r"\d+",
    table=r"table[A-Za-z0-9_]*",
    figure=r"fig[A-Za-z0-9_]*",


def ask(getter, *args):
    """Call a method of the settings; a user's mistake ends Snakemake with one line."""
    try:
        return getter(*args)
    except InputError as error:
        stop(error)


_said = set()


def say(lines):
    """Print lines of what the user should know, each once."""
    for line in lines:
        if line not in _said:
            _said.add(line)
            logger.warning(line)


_records = {}


def records(cohort):
    """Return the records of a cohort, indexed once per workflow."""
    if cohort not in _records:
        setup = ask(SETTINGS.cohort, cohort)
        root = SETTINGS.root_of(cohort)
        _records[cohort] = ask(index_cohort, cohort, setup, root)
        if CHECKED:
            where = f"config of cohort '{cohort}'"
            say(ask(unused.of_volumes, where, setup, root, _records[cohort]))
    return _records[cohort]


def batches(cohort):
    """Return the numbers of a cohort's batches as written in paths."""
    count = -(-len(records(cohort)) // config["batch"])
    return [f"{number:03d}" for number in range(count)]


def batch_of(cohort, batch):
    """Return the records of one batch."""
    first = int(batch) * config["batch"]
    found = records(cohort)[first : first + config["batch"]]
    if not found or batch != f"{int(batch):03d}":
        last = batches(cohort)[-1]
        stop(f"cohort '{cohort}' has no batch-{batch}; its last is batch-{last}")
    return found


def cohort_of(wildcards):
    """Return the cohort that stands for a paper's dataset at this scale."""
    return ask(SETTINGS.dataset, wildcards.paper, wildcards.dataset)["cohort"]


def packed(wildcards):
    """Return the packed cohort of a run."""
    folds = ask(SETTINGS.paper, wildcards.paper).get("folds", 1)
    if int(wildcards.fold) >= folds:
        stop(
            f"paper '{wildcards.paper}' has no fold {wildcards.fold}; its last is {folds - 1}"
        )
    return f"{RESULTS}/cohorts/{cohort_of(wildcards)}/packed"
