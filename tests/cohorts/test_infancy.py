"""Stand-in infants: growth, contrast that turns over, sharp borders, texture of one modality."""

from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.sources.simulators.brain.contrast import compose
from mlmi2023.cohorts.sources.simulators.brain.labels import index_of
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.maps import block_mean, build_maps
from mlmi2023.cohorts.sources.simulators.brain.options import read_options
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject, stream
from mlmi2023.core.config import at_scale
from mlmi2023.core.errors import InputError
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
CONFIG = at_scale(read_yaml(ROOT / "config/cohorts/infants.yaml"), "demo")
MODALITIES = ["T1w", "T2w"]


@pytest.fixture(scope="module")
def maps():
    return build_maps(4.0, 32)


def infant(maps, number, **changes):
    """Return subject ``number`` before and after the layer; number 1 is two weeks old, 5 a year."""
    options = read_options({**CONFIG, "options": {**CONFIG["options"], "spacing": 4.0}})
    entry = {**options["layers"][0], **changes}
    ((name, layer),) = make_layers([entry])
    before = draw_subject(number, "test", 1, MODALITIES, options, maps)
    return before, layer.apply(before, maps, stream(1, number, f"layer {name}"))


def means(maps, subject):
    """Return the mean intensity of cortex and of white matter in each modality."""
    white = [index_of(f"{side} cerebral white matter") for side in ("left", "right")]
    share = {"gm": (range(1, 9), 0.9), "wm": (white, 0.95)}
    part = {k: block_mean(np.isin(maps.labels, v), maps.factor) > least for k, (v, least) in share.items()}
    found = {}
    for modality, contrast in subject.contrasts.items():
        image = compose(maps, subject.tissues, subject.labels, subject.texture, contrast)
        found[modality] = {name: float(np.median(image[where])) for name, where in part.items()}
    return found


def test_contrast_turns_over_in_the_first_year(maps):
    gap = {}
    for number, month in enumerate((0.5, 3, 6, 9, 12), 1):
        subject = infant(maps, number)[1]
        assert subject.age == pytest.approx(month / 12, abs=1e-3)
        found = means(maps, subject)
        gap[month] = {m: found[m]["wm"] - found[m]["gm"] for m in MODALITIES}
    for month in (0.5, 3):
        assert gap[month]["T1w"] < -0.04 and gap[month]["T2w"] > 0.04
    for month in (9, 12):
        assert gap[month]["T1w"] > 0.04 and gap[month]["T2w"] < -0.03
    assert max(abs(gap[6][m]) for m in MODALITIES) < 0.04, "isointense"


def test_the_brain_grows_and_the_atlas_does_not(maps):
    volumes = []
    for number in (1, 2, 3, 4, 5):
        before, after = infant(maps, number)
        volumes.append(np.linalg.det(after.pose[:3, :3]) / np.linalg.det(before.pose[:3, :3]))
    assert volumes == sorted(volumes) and volumes[0] == pytest.approx(0.372, abs=0.01)
    assert volumes[-1] == pytest.approx(0.72)
    before, _ = infant(maps, 1)
    before.split = "atlas"
    ((_, layer),) = make_layers([CONFIG["options"]["layers"][0]])
    assert layer.apply(before, maps, stream(1, 1, "x")) is before


def test_borders_become_sharp_and_fractions_still_add_up(maps):
    before, after = infant(maps, 1)
    names = ("gm", "wm", "csf")
    total = [sum(np.asarray(s.tissues[n]) for n in names) for s in (before, after)]
    assert np.allclose(total[0], total[1], atol=1e-4)
    brain = np.asarray(maps.brain) > 0.99

    def mixed(subject):
        return float((np.max([subject.tissues[n] for n in names], 0)[brain] < 0.8).mean())

    assert mixed(after) < 0.7 * mixed(before)
    assert not {"fat", "soft", "vitreous"} & set(after.tissues), "no skull"
    assert {"fat", "soft", "vitreous"} <= set(infant(maps, 1, skull=True)[1].tissues)


def test_texture_belongs_to_one_modality(maps):
    subject = infant(maps, 1)[1]
    for modality, other in (MODALITIES, MODALITIES[::-1]):
        assert f"{modality} texture" in subject.contrasts[modality].means
        assert f"{modality} texture" not in subject.contrasts[other].means
    first, second = (np.asarray(subject.tissues[f"{m} texture"]) for m in MODALITIES)
    inside = np.asarray(maps.brain) > 0.99
    assert first[inside].std() == pytest.approx(0.02, rel=0.1)
    assert abs(np.corrcoef(first[inside], second[inside])[0, 1]) < 0.05


def test_an_infant_without_ages_is_refused():
    with pytest.raises(InputError, match="ages under 'months'"):
        make_layers([{"name": "infancy", "months": [], "volume": {0: 1}, "means": {}}])
    with pytest.raises(InputError, match="infancy has the parameters"):
        make_layers([{"name": "infancy", "month": [1]}])
