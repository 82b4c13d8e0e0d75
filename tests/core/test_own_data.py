"""Which datasets are the user's own data, and which the paper's or its stand-ins."""

import pytest

from bad_inputs import said
from mlmi2023.core.own_data import own_data
from preflight_root import settings

MINE = {
    "kind": "folder",
    "form": "images",
    "root": "x",
    "read": {"images": "i{subject}.png", "masks": "m{subject}.png"},
    "split": {"train": 2, "val": 1, "test": 1},
}


def of_skin(**isic2018):
    over = {"skin_transformer": {"datasets": {"isic2018": {"cohort": "mine", **isic2018}}}}
    return own_data(settings(cohorts={"mine": MINE}, overrides=over), "skin_transformer")


@pytest.mark.parametrize("scale", ["demo", "bench", "paper"])
def test_stand_ins_and_the_papers_datasets_are_compared(scale):
    chosen = settings(scale=scale, papers="all")
    assert not any(own_data(chosen, slug) for slug in chosen.papers)


def test_a_folder_in_the_place_of_a_dataset_is_own_data_unless_it_is_said_to_be_it():
    assert of_skin() == {"isic2018": "mine"}
    assert of_skin(compare=True) == {}


def test_a_stand_in_may_be_another_one_and_a_joined_cohort_is_what_it_joins():
    chosen = settings(
        overrides={"skin_transformer": {"datasets": {"isic2018": {"cohort": "dermoscopy_2017"}}}}
    )
    assert own_data(chosen, "skin_transformer") == {}
    parts = {"oasis": {"cohort": "brains_a"}, "lpba": {"cohort": "mine"}}
    cohorts = {
        "mine": {**MINE, "form": "scans"},
        "both": {"kind": "joined", "form": "joined", "parts": parts},
    }
    over = {"nio_reg": {"datasets": {"oasis_to_lpba": {"cohort": "both"}}}}
    assert own_data(settings(cohorts=cohorts, overrides=over), "nio_reg") == {"oasis_to_lpba": "both"}


def test_what_the_paper_does_not_have_cannot_be_compared():
    own = {"cohort": "mine", "task": {"kind": "segmentation"}, "methods": ["unet"]}
    over = {"skin_transformer": {"datasets": {"retina": own}}}
    chosen = settings(cohorts={"mine": MINE}, overrides=over)
    assert own_data(chosen, "skin_transformer") == {"retina": "mine"}
    over["skin_transformer"]["datasets"]["retina"]["compare"] = True
    chosen = settings(cohorts={"mine": MINE}, overrides=over)
    said(lambda: own_data(chosen, "skin_transformer"), "datasets.retina.compare", "leave it out")
