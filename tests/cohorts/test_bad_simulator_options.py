"""Wrong options of every shipped simulator are one line, found when the workflow loads."""

import copy
import importlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from bad_inputs import said
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.preflight.cohort import check_cohort
from preflight_root import ROOT

COHORTS = [
    "abdominal_slices",
    "brain_adults",
    "breathing_lungs",
    "chest_ct",
    "colonoscopy_centres",
    "dermoscopy_2018",
    "fibre_bundles",
    "fundus_domains",
    "gliomas",
    "infants",
    "mega_press",
    "octa_sites",
    "nuclei_organs",
    "prostate_lesions",
    "prostate_planes",
    "prostate_trus",
    "reports_ward",
    "moving_hearts",
    "oct_dme",
    "oct_mcnv",
    "pulmonary_ct",
    "t2_tumours",
    "tadpole_like",
    "thumbnail_cells",
    "thumbnail_lungs",
    "ultrasound_heads",
    "wm_lesions",
    "xray_reports",
]
ODD = [
    None,
    True,
    -1,
    -1.5,
    0,
    10**9,
    "",
    "x",
    [],
    [1],
    ["a", "b"],
    [2, 1],
    [1, 2, 3],
    [[1, 2]],
    {},
    {"x": 1},
]


def cohort(name: str, options: Any) -> Settings:
    """The settings in which the cohort ``mine`` is like one of ours, with options laid on."""
    own = {"like": name, "options": options}
    return Settings(merge(read_yaml(ROOT / "config/config.yaml"), {"cohorts": {"mine": own}}), ROOT)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("abdominal_slices", [1], "key 'options' is [1]; give a mapping"),
        ("abdominal_slices", {"psf": [0.3]}, "options.psf: [0.3] is not two numbers"),
        ("brain_adults", {"spacing": "1mm"}, "options.spacing: '1mm' is not a list"),
        (
            "brain_adults",
            {"layers": [{"name": "aging"}]},
            "'options.layers.0.name' is 'aging'; did you",
        ),
        ("brain_adults", {"layers": [{"name": "ageing", "fadng": 1}]}, "did you mean 'fading'?"),
        (
            "brain_adults",
            {"pose": {"rotation": -6}},
            "options.pose.rotation: -6 is below 0; the default is 6.0",
        ),
        ("breathing_lungs", {"special": {"001": 3}}, "options.special.001: 3 is not a mapping"),
        ("chest_ct", {"shape": ["a", "b", "c"]}, "options.shape[0]: 'a' is not a number"),
        ("chest_ct", {"nodules": {"count": -4}}, "options.nodules.count: -4 is below 0"),
        ("dermoscopy_2018", {"size": "big"}, "options.size: 'big' is not a number"),
        ("dermoscopy_2018", {"tone": ["a", "b"]}, "options.tone[0]: 'a' is not a number"),
        ("mega_press", {"linewidth": [9, 6]}, "options.linewidth: [9, 6] is not a pair"),
        ("mega_press", {"pairs": 0.5}, "options.pairs: 0.5 is not between 1 and 4096"),
        ("mega_press", {"watr": {}}, "did you mean 'water'?"),
        ("nuclei_organs", {"likeness": 2}, "options.likeness: 2 is not between 0 and 1"),
        ("nuclei_organs", {"cells": {"dead": {"radius": [0, 1]}}}, "options.cells.dead.radius"),
        ("nuclei_organs", {"organs": {"brest": {}}}, "unknown option 'brest'; did you mean 'breast'?"),
        ("nuclei_organs", {"kind": "tile"}, "options.kind: unknown word 'tile'; did you mean 'tiles'?"),
        ("tadpole_like", {"blocks": 5}, "key 'options.blocks' is 5; give a mapping"),
        (
            "tadpole_like",
            {"blocks": {"mri": {"features": -5}}},
            "key 'options.blocks.mri.features' is -5; it must be at least 1",
        ),
        (
            "tadpole_like",
            {"blocks": {"cognitive": {"features": 2}}},
            "block 'cognitive' has 2 features, 4 bear on communities and targets; raise its 'features'",
        ),
        ("tadpole_like", {"community": {"block": "mry"}}, "unknown block 'mry'; did you mean 'mri'?"),
        ("wm_lesions", {"sites": {"a": {"splits": [[1]]}}}, "options.sites.a.splits: [1] is not a text"),
    ],
)
def test_wrong_options_are_one_line(name, options, words):
    said(lambda: check_cohort(cohort(name, options), "mine"), "config of cohort 'mine': ", words)


def _places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from _places(value, (*above, key))


@pytest.mark.parametrize("name", COHORTS)
def test_odd_values_anywhere_are_used_or_said(name):
    config = cohort(name, {}).cohort("mine")
    module = importlib.import_module(f"mlmi2023.cohorts.sources.simulators.{config['simulator']}.options")
    whole = merge(getattr(module, "DEFAULTS", {}), config["options"])
    module.read_options({**config, "options": whole})
    draw = random.Random(5)
    for _ in range(400):
        options = copy.deepcopy(whole)
        *above, last = draw.choice([*_places(options)])
        inner = options
        for key in above:
            inner = inner[key]
        inner[last] = draw.choice(ODD)
        try:
            module.read_options({**config, "options": options})
        except InputError as error:
            assert "\n" not in str(error)
