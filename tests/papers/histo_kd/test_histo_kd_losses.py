"""VICReg's three terms and NT-Xent against values by hand, a loop and a library; which partners are found."""

import math

import pytest
import torch
from monai.losses import ContrastiveLoss

from mlmi2023.papers.histo_kd.losses import found_partners, loss_of, nt_xent, vicreg, vicreg_terms
from mlmi2023.papers.histo_kd.options import Simclr, Vicreg

A = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
B = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
VICREG, SIMCLR = Vicreg(name="vicreg"), Simclr(name="simclr")
# A: both numbers have the variance 2, more than is asked; their covariance is -2, twice off the diagonal, by
# d = 2. B: variances 0 and 1/2, no covariance. Differences 2, 0, 0, 1
INVARIANCE, COVARIANCE = (4 + 1) / 4, 2 * 4 / 2
VARIANCE = ((1 - math.sqrt(1e-5)) + (1 - math.sqrt(0.5 + 1e-5))) / 2


def test_terms_of_two_embeddings_by_hand():
    found = vicreg_terms(A, B)
    assert math.isclose(found.invariance.item(), INVARIANCE, rel_tol=1e-6)
    assert math.isclose(found.variance.item(), VARIANCE, rel_tol=1e-6)
    assert math.isclose(found.covariance.item(), COVARIANCE, rel_tol=1e-6)
    # each branch has its own
    assert vicreg_terms(B, A).variance == found.variance
    assert math.isclose(vicreg_terms(A, A).covariance.item(), 2 * COVARIANCE, rel_tol=1e-6)


def test_weights_are_the_paper_s_and_twice_counts_the_invariance_alone():
    once = 25 * INVARIANCE + 25 * VARIANCE + COVARIANCE
    assert math.isclose(vicreg(A, B, VICREG).item(), once, rel_tol=1e-6)
    twice = vicreg(A, B, Vicreg(name="vicreg", twice=True)).item()
    assert math.isclose(twice - once, 25 * INVARIANCE, rel_tol=1e-5)
    assert loss_of(A, B, VICREG) == vicreg(A, B, VICREG) and loss_of(A, B, SIMCLR) == nt_xent(A, B, 0.5)


def test_collapse_costs_and_steps_lead_out_of_it():
    torch.manual_seed(0)
    z = (1e-2 * torch.randn(16, 4)).requires_grad_()
    before = vicreg(z, z, VICREG)
    assert before > 45
    (slope,) = torch.autograd.grad(before, z)
    assert vicreg(z - 1e-3 * slope, z - 1e-3 * slope, VICREG) < before


def loop(a, b, temperature):
    """NT-Xent as Chen et al. (2020) write it, pair by pair."""
    z = torch.cat([a, b]).double()
    total, count = 0.0, len(a)
    for i in range(2 * count):
        j = (i + count) % (2 * count)
        near = [math.exp(torch.cosine_similarity(z[i], z[k], dim=0) / temperature) for k in range(2 * count)]
        total -= math.log(near[j] / sum(value for k, value in enumerate(near) if k != i))
    return total / (2 * count)


@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_nt_xent_is_that_of_a_loop_and_of_monai(temperature):
    torch.manual_seed(1)
    a, b = torch.randn(2, 5, 7)
    found = nt_xent(a, b, temperature).item()
    assert math.isclose(found, loop(a, b, temperature), rel_tol=1e-5)
    assert math.isclose(found, ContrastiveLoss(temperature=temperature)(a, b).item(), rel_tol=1e-5)
    assert found < nt_xent(a, a.flip(0), temperature)


def test_a_partner_is_found_where_it_is_the_nearest():
    a, b = (
        torch.tensor([[0.0, 1.0], [3.0, 0.0], [1.0, 0.0]]),
        torch.tensor([[0.0, 9.0], [2.9, 0.1], [2.0, 0.0]]),
    )
    # by distance the first has the last nearest, by angle its own; the last is nearest to itself by both
    assert found_partners(a, b, VICREG).tolist() == [False, True, True]
    assert found_partners(a, b, SIMCLR).tolist() == [True, False, True]
    # what is the same for all finds nobody
    assert not found_partners(torch.ones(4, 2), torch.ones(4, 2), VICREG).any()
