"""Images that networks see at another size than they are kept at: said when the workflow loads."""

import pytest

from mlmi2023.preflight.remarks import other_sizes
from preflight_root import ROOT, load

READ = {"images": "p/{subject}.png", "masks": "m/{subject}.png"}
SAYS = {
    "the size of the scale": (
        {"size": [224, 224]},
        {},
        "see 64 x 64 (task.size) of images that cohort 'mine'",
    ),
    "both the same": ({"size": [96, 96]}, {"size": [96, 96]}, ""),
    "tiles": ({"tiles": {"size": [96, 96]}}, {}, "keeps at 96 x 96 (read.tiles.size)"),
    "neither": ({}, {}, "see 64 x 64 (task.size) of the images of cohort 'mine', whatever their size"),
}


@pytest.mark.parametrize("case", SAYS)
def test_a_size_of_the_task_is_said(case):
    read, task, words = SAYS[case]
    cohort = {"kind": "folder", "form": "images", "root": "x", "read": {**READ, **read}, "split": {"test": 3}}
    over = {
        "isic2017": None,
        "isic2018": {"cohort": "mine", "task": task, "methods": ["background", "truth"]},
    }
    paper = {"datasets": over}
    config = {"papers": ["skin_transformer"], "scale": "demo", "cohorts": {"mine": cohort}}
    lines = list(
        other_sizes(load(ROOT, {**config, "overrides": {"skin_transformer": paper}}), "skin_transformer")
    )
    assert len(lines) == bool(words) and all(words in line and "'isic2018'" in line for line in lines)


def test_the_stand_in_has_the_size_of_its_paper():
    settings = load(ROOT, {"papers": ["skin_transformer"], "scale": "demo"})
    assert not list(other_sizes(settings, "skin_transformer"))
