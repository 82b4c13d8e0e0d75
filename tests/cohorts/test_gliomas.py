"""Glioma stand-ins: contrasts show their own parts, tumours push, and a label is told by two traits."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import norm

from bad_inputs import said
from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.sources.simulators.brain.maps import build_maps
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject
from mlmi2023.cohorts.sources.simulators.brain.warps import Warp
from mlmi2023.cohorts.sources.simulators.gliomas.cohort import make_patient
from mlmi2023.cohorts.sources.simulators.gliomas.growth import ABOVE, CORE, OEDEMA, RIM, Glioma
from mlmi2023.cohorts.sources.simulators.gliomas.methylation import Trait, accuracy, between, draw_trait
from mlmi2023.cohorts.sources.simulators.gliomas.options import CONTRASTS, read_options
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient

BRAIN = {"spacing": 5.0, "fov": [160, 200, 160], "landmarks": 2, "bias": {"peak": [0.0, 0.0]}}
SEPARATIONS = {"rim": 0.954, "texture": 0.954}


def options(**own):
    return read_options({"options": {"brain": BRAIN, **own}})


@pytest.fixture(scope="module")
def maps():
    return build_maps(5.0, 2)


def grown(maps, trait=Trait(0, 0.0, 0.0, 0.5), **tumour):  # noqa: B008
    own = options(tumour=tumour)
    plain = draw_subject(1, "train", 1, sorted(set(CONTRASTS.values())), own["brain"], maps)
    layer = Glioma(own["tumour"], own["shades"], 0.0, trait, SEPARATIONS)
    return plain, layer.apply(plain, maps, np.random.default_rng(3))


def volume(subject, value):
    return int((subject.labels == ABOVE + value).sum())


def test_tissues_give_way_to_the_parts_and_space_does_not_fold(maps):
    plain, ill = grown(maps, radius=[20.0, 20.0], enhancing=1.0)
    parts = ("necrosis", "rim", "oedema")
    assert all(ill.tissues[part].max() > 0.5 for part in parts) and ill.tissues["solid"].max() == 0
    total = sum(np.asarray(own) for name, own in ill.tissues.items() if name != "mottle")
    before = sum(np.asarray(own) for own in plain.tissues.values())
    inside = np.asarray(maps.brain) > 0.99
    assert np.allclose(total[inside], before[inside], atol=0.02)
    assert min(volume(ill, value) for value in (CORE, OEDEMA, RIM)) > 500
    assert Warp(ill.pose, ill.velocity, maps.velocity_affine).displacement() is not None
    assert "rim" not in plain.tissues and list(ill.contrasts) == list(CONTRASTS)


def test_traits_show_as_thickness_and_texture(maps):
    thin, thick = (grown(maps, Trait(0, z, z, 0.5), enhancing=1.0)[1] for z in (-2.0, 2.0))
    assert volume(thick, RIM) > 1.3 * volume(thin, RIM) and volume(thick, CORE) < volume(thin, CORE)
    assert volume(thick, OEDEMA) == volume(thin, OEDEMA)
    strength = [own.contrasts["FLAIR"].means["mottle"] for own in (thin, thick)]
    assert strength[1] > 3 * strength[0] > 0
    assert thick.contrasts["T1"].means["mottle"] < 0.3 * strength[1]
    _, solid = grown(maps, enhancing=0.0)
    assert volume(solid, RIM) == 0 < volume(solid, CORE)


def test_the_best_decision_is_right_as_often_as_is_written():
    assert accuracy(0.954, 0.954) == pytest.approx(0.75, abs=1e-3)
    assert accuracy(0.954) == pytest.approx(float(norm.cdf(0.477)), abs=1e-6)
    rng = np.random.default_rng(0)
    own = {"share": 0.5, **SEPARATIONS}
    traits = [draw_trait(own, rng) for _ in range(4000)]
    labels = np.array([t.methylated for t in traits])
    both = np.array([t.posterior > 0.5 for t in traits])
    assert (both == labels).mean() == pytest.approx(0.75, abs=0.02)
    rims = np.array([t.rim > 0 for t in traits])
    assert (rims == labels).mean() == pytest.approx(accuracy(0.954), abs=0.02)
    chances = np.array([t.posterior for t in traits])
    sure = chances > 0.8
    assert labels[sure].mean() == pytest.approx(chances[sure].mean(), abs=0.05), "calibrated"
    places = [between((0, 1), t.rim, 0.954) for t in traits]
    assert np.quantile(places, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.04)
    assert between((2, 4), sqrt(1 + 0.954**2 / 4), 0.954) == pytest.approx(2 + 2 * float(norm.cdf(1)))


def test_each_contrast_shows_its_own_part(maps, tmp_path):
    maps.save(tmp_path)
    own = options(tumour={"radius": [22.0, 22.0], "enhancing": 1.0}, spread=0.0)
    trait = make_patient(Patient(4, "004", "train", 7), own, tmp_path, tmp_path / "out")
    again = make_patient(Patient(4, "004", "train", 7), own, tmp_path, tmp_path / "again")
    place = tmp_path / "out/train/004"
    labels = read_labels(place / "004_seg.nii.gz")[0]
    assert set(np.unique(labels)) == {0, CORE, OEDEMA, RIM} and trait == again
    seen = {}
    for ending in ("flair", "t1", "t1ce", "t2"):
        image, _ = read_volume(place / f"004_{ending}.nii.gz")
        same, _ = read_volume(tmp_path / f"again/train/004/004_{ending}.nii.gz")
        assert np.array_equal(image, same)
        brain = image > 0
        assert not labels[~brain].any()
        values = (image - image[brain].mean()) / image[brain].std()
        healthy = brain & (labels == 0)
        seen[ending] = {part: values[labels == part].mean() for part in (CORE, OEDEMA, RIM)}
        seen[ending]["bright"] = np.quantile(values[healthy], 0.95)
    assert seen["t1ce"][RIM] > seen["t1ce"]["bright"] + 1, "the rim takes up contrast agent"
    assert all(seen[e][RIM] < seen[e]["bright"] + 1 for e in ("t1", "t2"))
    assert seen["flair"][OEDEMA] > seen["flair"]["bright"], "nothing healthy is as bright"
    assert 0.5 < seen["t2"][OEDEMA] < seen["t2"]["bright"] + 0.5, "fluid is as bright"
    assert seen["t1"][OEDEMA] < 0.5


def test_mistakes_are_one_line():
    said(lambda: options(tumour={"radius": [20.0, 10.0]}), "options.tumour.radius")
    said(lambda: options(tumour={"push": [0.2, 0.9]}), "options.tumour.push", "fold")
    said(lambda: options(tumour={"rim": [0.2, 1.5]}), "options.tumour.rim")
    said(lambda: options(methylation={"share": 2.0}), "options.methylation.share")
    said(lambda: options(shades={"T1x": {}}), "unknown option 'T1x'")
