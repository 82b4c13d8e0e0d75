"""nio_reg piece by piece: loss, deformation, cases, optimisation at test time, measures."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms.joined.parts import structures
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.losses.similarity import LNCC
from mlmi2023.nets.registration.lapirn import LapIRN
from mlmi2023.papers.nio_reg.cases import groups
from mlmi2023.papers.nio_reg.instance import refine_field, refine_network
from mlmi2023.papers.nio_reg.measures import MEASURES, quality, registered, worst_mean
from mlmi2023.papers.nio_reg.objective import Deformation, Objective
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.registration.score import measured
from mlmi2023.tasks.runs import Value
from nio_reg_data import ACROSS, make_joined

PLAIN = Deformation(None)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return open_packed(make_joined(tmp_path_factory.mktemp("cohorts")))


@pytest.fixture(scope="module")
def pair(packed):
    images = packed.images("T1w")
    return tuple(torch.from_numpy(np.asarray(images[row], np.float32))[None, None] for row in (0, 1))


def pyramid(seed=0, spread=0.05):
    torch.manual_seed(seed)
    net = LapIRN(channels=4, blocks=1, code=8)
    for level in net.levels:
        torch.nn.init.normal_(level.field.weight, std=spread)
    return net


# --- Eq. 3 ---------------------------------------------------------------------------------------


def test_the_loss_is_the_weighted_sum_of_negated_correlation_and_squared_gradient(pair):
    """Smoothness is that of the unit flow times the size, as the network's released training has it.

    A flow of 2 is the whole image.
    """
    torch.manual_seed(0)
    u, (moving, fixed) = torch.randn(1, 3, 16, 16, 16), pair
    flow = u[0].numpy().astype(float) / (16 / 2)
    field = flow * 16
    gradient = np.mean([np.mean(np.diff(field, axis=axis) ** 2) for axis in (1, 2, 3)])
    similarity = float(LNCC(window=7)(warp(moving, u, padding="border"), fixed))
    loss = Objective({"window": 7, "weight": 0.4})(u, moving, fixed)
    assert float(loss) == pytest.approx(0.6 * similarity + 0.4 * gradient, rel=1e-5)
    with pytest.raises(InputError, match="weight"):
        Objective({"window": 7, "weight": 1.5})


def test_better_alignment_and_smoother_fields_cost_less(pair):
    objective = Objective({"window": 5, "weight": 0.4})
    still, (moving, _) = torch.zeros(1, 3, 16, 16, 16), pair
    shifted = warp(moving, still + torch.tensor([2.0, 0, 0]).view(1, 3, 1, 1, 1), padding="border")
    right = still + torch.tensor([2.0, 0, 0]).view(1, 3, 1, 1, 1)
    assert objective(right, moving, shifted) < objective(still, moving, shifted)
    assert objective(still, moving, shifted) < objective(-right, moving, shifted)
    rough = right + torch.randn(1, 3, 16, 16, 16)
    assert objective(rough, moving, shifted) > objective(right, moving, shifted)


def test_similarity_at_moved_points_is_that_of_images_sampled_there(pair):
    objective = Objective({"window": 5, "weight": 0.0})
    moving, fixed = pair
    u = torch.full((1, 3, 16, 16, 16), 1.0)
    place = torch.full((1, 3, 16, 16, 16), -2.0)
    wanted = objective.lncc(warp(moving, place + u, padding="border"), warp(fixed, place, padding="border"))
    assert float(objective(u, moving, fixed, place)) == pytest.approx(float(wanted))
    here = float(objective(u, moving, fixed, torch.zeros_like(u)))
    assert here == pytest.approx(float(objective(u, moving, fixed)), abs=1e-5)


# --- the model of fields of lungs ----------------------------------------------------------------


def test_splines_smooth_by_their_kernel_and_keep_constants():
    smooth = Deformation({"bspline": True}).smooth
    u = torch.zeros(1, 3, 15, 15, 15)
    u[0, 0, 7, 7, 7] = 27.0**3
    kernel = torch.tensor([1.0, 3, 6, 7, 6, 3, 1])
    assert torch.allclose(smooth(u)[0, 0, 4:11, 7, 7], kernel * 27**2 * (7 / 27) ** 2 * 1.0, rtol=1e-4)
    assert torch.allclose(smooth(torch.ones(1, 3, 8, 8, 8)), torch.ones(1, 3, 8, 8, 8))
    assert PLAIN.smooth(u) is u


def test_sampling_points_move_by_a_random_affine_map_about_the_middle():
    shape, random = (9, 11, 13), torch.Generator().manual_seed(1)
    assert PLAIN.place(shape, torch.device("cpu"), random) is None
    own = Deformation({"affine": 0.01})
    first, second = (own.place(shape, torch.device("cpu"), random) for _ in range(2))
    assert first.shape == (1, 3, 9, 11, 13) and not torch.allclose(first, second)
    again = own.place(shape, torch.device("cpu"), torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    for axis in (2, 3, 4):
        assert first.diff(n=2, dim=axis).abs().max() < 1e-5
    assert first.abs().max() < 0.5
    with pytest.raises(InputError, match="knots"):
        Deformation({"knots": 3})


# --- which pairs ---------------------------------------------------------------------------------


def test_a_network_learns_on_one_part_and_is_tested_on_the_other(packed):
    [group] = groups(packed, ACROSS)

    def splits(rows):
        return {packed.splits[row] for row in rows}

    assert splits(sum(group.train, ())) == {"a-train"} and len(group.train) == 6
    assert splits(row for c in group.val for row in (c.moving, c.fixed)) == {"a-val"}
    assert splits(row for c in group.test for row in (c.moving, c.fixed)) == {"b-test"}
    # the atlas is always fixed, and never registered to itself
    assert {packed.subjects[c.fixed] for c in group.test} == {"b-05"} and len(group.test) == 2
    assert all(c.moving != c.fixed for c in group.test)
    assert group.test[0].case == "b-06-to-b-05"


def test_atlases_by_name_and_limits(packed):
    [group] = groups(packed, {**ACROSS, "atlases": ["06", "07"]})
    assert len(group.test) == 4 and {packed.subjects[c.fixed] for c in group.test} == {"b-06", "b-07"}
    [group] = groups(packed, {**ACROSS, "atlases": 3, "max_pairs": {"test": 2, "val": 1}})
    assert len(group.test) == 2 and len(group.val) == 1
    for change, said in (
        ({"atlases": ["19"]}, "b-19"),
        ({"learn": "c"}, "c-train"),
        ({"kind": "both"}, "task.kind"),
    ):
        with pytest.raises(InputError, match=said) as error:
            groups(packed, {**ACROSS, **change})
        assert "\n" not in str(error.value)


# --- optimisation on one pair --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("iterations", "changed"),
    [((2, 0, 0), [True, False, False]), ((1, 1, 0), [True, True, False]), ((0, 0, 1), [True] * 3),
     ((0, 0, 0), [False] * 3)],
)  # fmt: skip
def test_a_stage_changes_the_levels_up_to_its_own(pair, iterations, changed):
    net = pyramid()
    start = copy.deepcopy(net.state_dict())
    refine_network(net, start, pair, Objective(ACROSS["loss"]), iterations, 0.01, PLAIN)
    for number, expected in enumerate(changed):
        own = [k for k in start if k.startswith(f"levels.{number}.")]
        assert any(not torch.equal(net.state_dict()[k], start[k]) for k in own) is expected


def test_the_field_of_each_level_is_scored_on_whole_images(pair):
    seen = []

    def spy(u, moving, fixed, place):
        assert moving is pair[0] and fixed is pair[1] and place is None
        seen.append(u.detach())
        return Objective(ACROSS["loss"])(u, moving, fixed, place)

    net = pyramid()
    start = copy.deepcopy(net.state_dict())
    refine_network(net, start, pair, spy, (1, 1, 1), 0.0, PLAIN)  # at rate 0 nothing changes
    assert all(torch.equal(*levels) for levels in zip(seen, net.fields(*pair), strict=True))


def test_pairs_start_from_the_trained_weights_in_any_order(pair):
    net, objective = pyramid(), Objective(ACROSS["loss"])
    start = {k: v.clone() for k, v in net.state_dict().items()}
    own = Deformation({"bspline": True, "affine": 0.02})
    other = pair[1], pair[0]

    def run(images):
        return refine_network(net, start, images, objective, (2, 1, 1), 0.01, own)

    first = run(pair)
    run(other)
    assert torch.equal(run(pair), first)
    assert all(torch.equal(v, pyramid().state_dict()[k]) for k, v in start.items())


def test_both_ways_lower_the_loss_of_their_pair(pair):
    net, objective = pyramid(), Objective(ACROSS["loss"])
    start = {k: v.clone() for k, v in net.state_dict().items()}
    with torch.no_grad():
        u = net(*pair)
        before = float(objective(u, *pair))
    by_weights = refine_network(net, start, pair, objective, (10, 5, 5), 0.01, PLAIN)
    by_values = refine_field(u, pair, objective, 20, 0.05, PLAIN)
    assert float(objective(by_weights, *pair)) < before - 0.01
    assert float(objective(by_values, *pair)) < before - 0.01
    assert torch.equal(refine_field(u, pair, objective, 0, 0.05, PLAIN), u)


def test_iterations_must_fit_the_levels(pair):
    net = pyramid()
    with pytest.raises(InputError, match="iterations"):
        refine_network(net, net.state_dict(), pair, Objective(ACROSS["loss"]), (5, 5), 0.01, PLAIN)


# --- measures ------------------------------------------------------------------------------------


def measure(pair, u, cohort, task):
    return list(measured(registered(pair, u, cohort, task), task["metrics"], MEASURES))


def table(values):
    return {(value.label, value.metric): value.value for value in values}


def test_overlap_counts_the_structures_of_the_scans_own_part(packed):
    assert structures(packed, 0) == {1: "large", 2: "small", 5: "core"}
    assert structures(packed, 14) == {1001: "large", 1002: "small"}
    still = np.zeros((3, 16, 16, 16), np.float32)
    values = table(measure(Pair("x", 14, 13), still, packed, {"metrics": ["dsc"]}))
    for label, name in ((1001, "large"), (1002, "small")):
        a, b = (np.asarray(packed.labels[row]) == label for row in (14, 13))
        assert values[name, "dsc"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    mean = (values["large", "dsc"] + values["small", "dsc"]) / 2
    assert quality(Pair("x", 14, 13), still, packed) == pytest.approx(mean)


def test_measures_of_known_fields(packed):
    case, u = Pair("x", 14, 13), np.zeros((3, 16, 16, 16), np.float32)
    way = (packed.landmarks[14] - packed.landmarks[13])[0]
    u += way.reshape(3, 1, 1, 1)  # leads from the fixed landmark to the moving one
    found = table(measure(case, u, packed, ACROSS))
    away = 2.0 * np.linalg.norm((packed.landmarks[14] - packed.landmarks[13])[1] - way)  # 2 mm voxels
    assert found["mean", "tre"] == pytest.approx(away / 2, abs=1e-4) and found["", "std_jac"] == 0
    x = np.arange(16.0)
    u[0] = np.where(x < 8, 0.5 * x, 4 - 0.25 * (x - 8)).reshape(-1, 1, 1)
    found = table(measure(case, u, packed, ACROSS))
    det = [1.5] * 7 + [1.125] + [0.75] * 6  # central differences, voxels 1 to 14
    assert found["", "std_jac"] == pytest.approx(np.std(det), rel=1e-4)
    ceiling = table(measure(case, None, packed, ACROSS))
    assert ceiling["mean", "dsc"] == 1 and ceiling["mean", "tre"] == 0 and ("", "std_jac") not in ceiling


def test_chests_have_a_row_per_landmark_and_a_share_that_is_near():
    marks = np.array([[[4.0, 4, 4], [8, 8, 8], [np.nan] * 3], [[4.0, 4, 5], [8, 8, 11], [1, 1, 1]]])
    chest = SimpleNamespace(landmarks=marks, spacing=(1.0, 1.0, 1.0), labels=None, name="chest")
    case, still = Pair("p8", 1, 0, "case8"), np.zeros((3, 16, 16, 16), np.float32)
    task = {"metrics": ["tre", "within"], "near": 1.2}
    rows = measure(case, still, chest, task)
    marks = [(v.case, v.value) for v in rows if (v.label, v.metric) == ("case8", "tre")]
    assert marks == [("p8-000", 1.0), ("p8-001", 3.0)]
    assert Value("tre", 2.0, "p8", "mean") in rows and Value("within", 50.0, "p8", "mean") in rows
    assert quality(case, still, chest) == -2.0


def test_the_worst_third():
    assert worst_mean([0.9, 0.1, 0.5, 0.2, 0.8, 0.3, 0.7, 0.6, 0.4, 1.0]) == pytest.approx(0.2)
    assert worst_mean([0.5, 0.4]) == 0.4
