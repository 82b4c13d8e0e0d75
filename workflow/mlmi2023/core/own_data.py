"""Which of a paper's datasets are the user's own data, with which the paper's numbers cannot be compared."""

from mlmi2023.core.config import JOINED, SCALES, Settings, at_scale
from mlmi2023.core.errors import InputError


def own_data(settings: Settings, slug: str) -> dict[str, str]:
    """Return the cohort of each dataset that stands on other data than the paper's.

    That is every cohort but stand-ins and those that the paper's own file names, and every dataset that the
    paper does not have. The dataset's key ``compare`` decides by hand: true says that a folder of one's own
    holds the paper's dataset, false that it does not.

    Args:
        settings: the configuration.
        slug: the paper.

    Returns:
        Cohort by dataset, in the order of the config.

    Raises:
        InputError: a dataset is to be compared with one that the paper does not have.
    """
    known = {dataset["id"] for dataset in settings.reported(slug)["datasets"]}
    file = settings.paper_file(slug)
    found = {}
    for dataset, setup in settings.paper(slug)["datasets"].items():
        compare = setup.get("compare")
        if dataset not in known and compare:
            raise InputError(
                f"config of paper '{slug}': key 'datasets.{dataset}.compare' is true, but the paper reports "
                f"nothing on '{dataset}'; leave it out, or use one of {', '.join(sorted(known))}"
            )
        if compare is None:
            ours = {
                at_scale(file, scale).get("datasets", {}).get(dataset, {}).get("cohort") for scale in SCALES
            }
            compare = dataset in known and (setup["cohort"] in ours or _made(settings, setup["cohort"]))
        if not compare:
            found[dataset] = setup["cohort"]
    return found


def own_table(dataset: str) -> str:
    """Return the id of the table of a dataset that the paper does not have."""
    return f"table_{dataset}"


def _made(settings: Settings, cohort: str) -> bool:
    """Return whether a cohort is a stand-in, or joins nothing else."""
    config = settings.cohort(cohort)
    if config["kind"] == JOINED:
        return all(_made(settings, part["cohort"]) for part in config["parts"].values())
    return bool(config["kind"] == "simulated")
