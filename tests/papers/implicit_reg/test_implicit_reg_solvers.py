"""Implicit solvers of implicit_reg: against dense linear solves, adjoints, and what they leave as it is."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.implicit_reg.losses import build_regularizer
from mlmi2023.papers.implicit_reg.operators import apply_operator, energy
from mlmi2023.papers.implicit_reg.solvers import ImplicitSolver
from mlmi2023.papers.implicit_reg.transforms import dct, idct

GRIDS = [(5, 6), (4, 3, 5), (1, 4, 3)]
CASES = [
    ("diffusion", "exact", "mirror"),
    ("diffusion", "exact", "periodic"),
    ("diffusion", "aos", "mirror"),
    ("curvature", "exact", "mirror"),
    ("curvature", "exact", "periodic"),
    ("elastic", "exact", "mirror"),
    ("elastic", "exact", "periodic"),
]


def second(n: int, boundary: str) -> np.ndarray:
    """Second difference of one axis, written entry by entry."""
    a = np.zeros((n, n))
    for i in range(n):
        for j in (i - 1, i + 1):
            a[i, i] -= 1
            a[i, j % n if boundary == "periodic" else min(max(j, 0), n - 1)] += 1
    return a


def central(n: int) -> np.ndarray:
    a = np.zeros((n, n))
    for i in range(n):
        a[i, (i + 1) % n] += 0.5
        a[i, (i - 1) % n] -= 0.5
    return a


def along(a: np.ndarray, axis: int, grid) -> np.ndarray:
    whole = np.eye(1)
    for k, n in enumerate(grid):
        whole = np.kron(whole, a if k == axis else np.eye(n))
    return whole


def dense_solve(u, operator, scheme, boundary, gamma, mu=1.0, lam=0.0):
    """(I - gamma A) x = u by numpy.linalg.solve; u is (D, *grid)."""
    grid, d = u.shape[1:], len(u)
    if operator == "elastic":
        if boundary == "mirror":  # by definition: periodic on the doubled grid, and cut
            double = u
            for axis in range(1, d + 1):
                double = np.concatenate([double, np.flip(double, axis)], axis)
            cut = (slice(None), *(slice(0, n) for n in grid))
            return dense_solve(double, operator, scheme, "periodic", gamma, mu, lam)[cut]
        seconds = [along(second(n, "periodic"), k, grid) for k, n in enumerate(grid)]
        slopes = [along(central(n), k, grid) for k, n in enumerate(grid)]
        blocks = [[slopes[i] @ slopes[j] if i != j else seconds[i] for j in range(d)] for i in range(d)]
        a = mu * np.kron(np.eye(d), sum(seconds)) + (mu + lam) * np.block(blocks)
        return np.linalg.solve(np.eye(len(a)) - gamma * a, u.ravel()).reshape(u.shape)
    seconds = [along(second(n, boundary), k, grid) for k, n in enumerate(grid)]
    unit = np.eye(len(seconds[0]))
    flat = u.reshape(d, -1).T
    if scheme == "aos":
        return (sum(np.linalg.solve(unit - d * gamma * a, flat) for a in seconds) / d).T.reshape(u.shape)
    a = sum(seconds)
    a = a if operator == "diffusion" else -a @ a
    return np.linalg.solve(unit - gamma * a, flat).T.reshape(u.shape)


def field(grid, seed=0, batch=2):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((batch, len(grid), *grid)))


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9])
def test_cosine_transform_equals_scipy_and_inverts(n):
    x = torch.from_numpy(np.random.default_rng(n).standard_normal((3, n, 2)))
    ours = dct(x, 1)
    np.testing.assert_allclose(ours.numpy(), dctn(x.numpy(), axes=[1], norm="ortho"), atol=1e-12)
    torch.testing.assert_close(idct(ours, 1), x)


@pytest.mark.parametrize(("operator", "scheme", "boundary"), CASES)
@pytest.mark.parametrize("grid", GRIDS)
def test_solver_equals_dense_linear_solve(operator, scheme, boundary, grid):
    solver = ImplicitSolver(operator, 2.5, scheme, boundary, mu=1.0, lam=0.7)
    u = field(grid)
    ours = solver(u).numpy()
    for case in (0, 1):
        dense = dense_solve(u[case].numpy(), operator, scheme, boundary, 2.5, 1.0, 0.7)
        np.testing.assert_allclose(ours[case], dense, atol=1e-11)
    single = solver(u.float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), ours, atol=2e-5)


@pytest.mark.parametrize(("operator", "scheme", "boundary"), CASES)
def test_adjoint(operator, scheme, boundary):
    solver = ImplicitSolver(operator, 1.5, scheme, boundary, lam=0.3)
    u = field((4, 5), batch=1).requires_grad_()
    assert torch.autograd.gradcheck(solver, (u,))
    # the transpose, column by column, equals what backward gives
    columns = torch.eye(40, dtype=torch.float64).view(40, 2, 4, 5)
    matrix = solver(columns).reshape(40, 40).T
    v = field((4, 5), seed=1, batch=1)
    (back,) = torch.autograd.grad(solver(u), u, v)
    torch.testing.assert_close(back.flatten(), matrix.T @ v.flatten())


@pytest.mark.parametrize("operator", ["diffusion", "curvature", "elastic"])
def test_solution_satisfies_the_stencil_equation(operator):
    """(I - gamma A) u_bar = u with A as differences: solver and energy speak of the same operator."""
    u = field((9, 8, 7))
    solved = ImplicitSolver(operator, 2.0, "exact", "periodic", lam=0.5)(u)
    back = solved - 2.0 * apply_operator(solved, operator, "periodic", lam=0.5)
    torch.testing.assert_close(back, u)


@pytest.mark.parametrize(("operator", "scheme", "boundary"), CASES)
def test_constant_fields_stay_and_rough_ones_get_smoother(operator, scheme, boundary):
    solver = ImplicitSolver(operator, 3.0, scheme, boundary)
    constant = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64).view(1, 3, 1, 1, 1).expand(1, 3, 6, 5, 4)
    torch.testing.assert_close(solver(constant), constant.contiguous())
    u = field((6, 5, 8))
    assert energy(solver(u), operator, boundary) < 0.5 * energy(u, operator, boundary)
    torch.testing.assert_close(ImplicitSolver(operator, 0.0, scheme, boundary)(u), u)


def test_affine_fields_stay_inside_and_bend_at_the_mirrored_edge():
    place = torch.stack(torch.meshgrid(*[torch.arange(40, dtype=torch.float64)] * 2, indexing="ij"))[None]
    affine = torch.einsum("ij,bjxy->bixy", torch.tensor([[0.1, -0.05], [0.02, 0.2]]).double(), place)
    inner = (slice(None), slice(None), slice(15, 25), slice(15, 25))
    for operator in ("curvature", "diffusion", "elastic"):
        solved = ImplicitSolver(operator, 0.5, "exact")(affine)
        torch.testing.assert_close(solved[inner], affine[inner], atol=1e-3, rtol=0)
        assert (solved - affine)[..., 0, :].abs().max() > 0.01  # the mirrored edge bends it


def test_splitting_is_close_to_exact_for_small_weights_only():
    u = ImplicitSolver("diffusion", 2.0, "exact")(field((12, 12)))
    gap = {
        g: (ImplicitSolver("diffusion", g, "aos")(u) - ImplicitSolver("diffusion", g, "exact")(u)).norm()
        / u.norm()
        for g in (0.01, 5.0)
    }
    assert gap[0.01] < 1e-3 < 0.02 < gap[5.0]


def test_short_mirror_equals_the_whole_one():
    u = field((60, 8), batch=1)
    solver = ImplicitSolver("elastic", 0.5)
    double = torch.cat((u, u.flip(2)), 2)
    double = torch.cat((double, double.flip(3)), 3)
    whole = ImplicitSolver("elastic", 0.5, boundary="periodic")(double)[:, :, :60, :8]
    torch.testing.assert_close(solver(u), whole, atol=1e-6, rtol=0)


def test_periodic_wraps_and_mirror_does_not():
    u = torch.zeros(1, 2, 16, 16)
    u[:, :, 0] = 1.0
    for operator, scheme in product(("diffusion", "curvature", "elastic"), ("exact",)):
        far = [
            ImplicitSolver(operator, 2.0, scheme, b)(u)[0, 0, -1].abs().max() for b in ("periodic", "mirror")
        ]
        assert far[0] > 0.05 > 10 * far[1]


def test_half_precision_input_and_autocast_are_solved_in_float32():
    u = field((8, 9, 10)).float()
    solver = ImplicitSolver("elastic", 2.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        solved = solver(u)
        loss = build_regularizer({"kind": "implicit", "operator": "curvature", "sigma": 1, "gamma": 5})(u)
    assert solved.dtype == loss.dtype == torch.float32
    torch.testing.assert_close(solved, solver(u))
    assert solver(u.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("operator", ["diffusion", "curvature", "elastic"])
def test_implicit_gradient_is_the_distance_to_the_copy_and_nothing_else(operator):
    """Eq. 3: u_bar is a constant. Through the solver the gradient would be another one."""
    regularizer = build_regularizer({"kind": "implicit", "operator": operator, "sigma": 3, "gamma": 2})
    u = field((6, 7), batch=1).requires_grad_()
    (gradient,) = torch.autograd.grad(regularizer(u), u)
    copy = ImplicitSolver(operator, 2.0)(u.detach())
    torch.testing.assert_close(gradient, 3 * (u.detach() - copy) / u.numel())


@pytest.mark.parametrize("operator", ["diffusion", "curvature", "elastic"])
def test_explicit_and_implicit_pull_alike_at_alpha_sigma_gamma(operator):
    u = field((9, 8), batch=1)
    for axis in (2, 3):  # smooth, so that small gamma is small
        u = (u + u.roll(1, axis) + u.roll(-1, axis)) / 3
    u = u.requires_grad_()
    pulls = []
    for options in (
        {"kind": "explicit", "energy": operator, "alpha": 2e-6},
        {"kind": "implicit", "operator": operator, "sigma": 2, "gamma": 1e-6},
    ):
        pulls.append(torch.autograd.grad(build_regularizer(options)(u), u)[0])
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(pulls[0][inner], pulls[1][inner], rtol=0.02, atol=1e-11)


def test_energies_of_known_fields():
    x = torch.arange(12, dtype=torch.float64)
    stretch = torch.zeros(1, 2, 12, 12, dtype=torch.float64)
    stretch[:, 0] = 0.1 * x[:, None]
    inner_gradient = 0.1**2 * (11 / 12) / 2 / 2  # one of two components, 11 differences on 12 voxels, halved
    assert energy(stretch, "diffusion").item() == pytest.approx(inner_gradient)
    assert energy(stretch, "elastic", mu=1, lam=2).item() == pytest.approx((1 + 1 + 2) * inner_gradient)
    assert energy(stretch, "curvature").item() == pytest.approx(
        2 * 0.1**2 / 12 / 2 / 2
    )  # the two mirrored ends


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "implicit", "operator": "fluid", "sigma": 1, "gamma": 1},
        {"kind": "implicit", "operator": "diffusion", "gamma": 1},
        {"kind": "implicit", "operator": "diffusion", "sigma": 1, "gamma": -1},
        {"kind": "implicit", "operator": "diffusion", "sigma": 1, "gamma": 1, "speed": 2},
        {"kind": "explicit", "energy": "bending", "alpha": 1},
        {"kind": "soft"},
    ],
)
def test_bad_options_are_one_line(options):
    with pytest.raises(InputError) as error:
        build_regularizer(options)
    assert "\n" not in str(error.value)
