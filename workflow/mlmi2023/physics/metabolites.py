"""Proton spin systems of the brain's metabolites, for simulated spectra.

Shifts (ppm) and couplings (Hz) are those of Govindaraju V, Young K, Maudsley AA, Proton NMR chemical shifts
and coupling constants for brain metabolites, NMR in Biomedicine 13, 129-153 (2000). Exchanging protons (NH,
OH) are left out, and so are moieties that are neither edited nor seen beside an edited peak: the glycerol of
GPC, the ethanolamine chains of GPC and PCh, and all of NAAG but its acetyl and glutamate groups. That table
lists no coupling within those CH2 groups of GABA, taurine and creatine whose two protons share a shift;
GABA's get -12 Hz, as is usual for CH2, since unequal couplings to their neighbours let it be seen.

Concentrations (mM) are middle values of the ranges for the adult brain in de Graaf RA, In Vivo NMR
Spectroscopy, 3rd edition (2019); the paper varies its own by a tenth.
"""

from typing import NamedTuple

from mlmi2023.physics.spins import Spins

#: of a CH2 group whose protons share a shift
WITHIN = -12.0


class Metabolite(NamedTuple):
    """A molecule: groups of protons that couple within themselves alone, and its usual amount in mM."""

    groups: tuple[Spins, ...]
    concentration: float


def _singlet(shift: float, protons: float) -> Spins:
    return Spins((shift,), {}, protons)


def _pairs(*rows: tuple[int, int, float]) -> dict[tuple[int, int], float]:
    return {(one, other): coupling for one, other, coupling in rows}


#: CH2 at 3.01 (0, 1), 1.89 (2, 3) and 2.28 (4, 5)
_GABA = Spins(
    (3.0128, 3.0128, 1.8890, 1.8890, 2.2840, 2.2840),
    _pairs(
        (0, 2, 5.372), (0, 3, 7.127), (1, 2, 10.578), (1, 3, 6.982),
        (2, 4, 7.755), (2, 5, 7.432), (3, 4, 6.173), (3, 5, 7.933),
        (0, 1, WITHIN), (2, 3, WITHIN), (4, 5, WITHIN),
    ),
)  # fmt: skip
_GLU = Spins(
    (3.7433, 2.0375, 2.1200, 2.3378, 2.3520),
    _pairs(
        (0, 1, 7.331), (0, 2, 4.651), (1, 2, -14.849), (1, 3, 6.413), (1, 4, 8.406),
        (2, 3, 8.478), (2, 4, 6.875),
        (3, 4, -15.915),
    ),
)  # fmt: skip
_GLN = Spins(
    (3.7530, 2.1290, 2.1090, 2.4320, 2.4540),
    _pairs(
        (0, 1, 5.847), (0, 2, 6.500), (1, 2, -14.504), (1, 3, 9.165), (1, 4, 6.347),
        (2, 3, 6.324), (2, 4, 9.209),
        (3, 4, -15.371),
    ),
)  # fmt: skip
_INOSITOL = Spins(
    (3.5217, 4.0538, 3.5217, 3.6144, 3.2690, 3.6144),
    _pairs((0, 1, 2.889), (1, 2, 3.006), (2, 3, 9.997), (3, 4, 9.485), (4, 5, 9.482), (0, 5, 9.998)),
)

METABOLITES: dict[str, Metabolite] = {
    "GABA": Metabolite((_GABA,), 1.3),
    "Glu": Metabolite((_GLU,), 9.5),
    "Gln": Metabolite((_GLN,), 3.0),
    "GSH": Metabolite(
        (
            _singlet(3.769, 2),
            Spins(
                (4.5608, 2.9264, 2.9747),
                _pairs((0, 1, 7.09), (0, 2, 4.71), (1, 2, -14.06)),
            ),
            Spins(
                (3.769, 2.159, 2.146, 2.510, 2.560),
                _pairs(
                    (0, 1, 6.34), (0, 2, 6.36), (1, 2, -15.48), (1, 3, 6.7), (1, 4, 7.6),
                    (2, 3, 7.6), (2, 4, 6.7),
                    (3, 4, -15.92),
                ),
            ),
        ),
        2.0,
    ),
    "NAA": Metabolite(
        (
            _singlet(2.008, 3),
            Spins((4.3817, 2.6727, 2.4863), _pairs((0, 1, 3.861), (0, 2, 9.821), (1, 2, -15.592))),
        ),
        11.0,
    ),
    # its glutamate group is placed at its own shifts with glutamate's couplings
    "NAAG": Metabolite(
        (
            _singlet(2.042, 3),
            Spins((4.128, 1.881, 2.049, 2.190, 2.180), _GLU.couplings),
        ),
        1.5,
    ),
    "Cr": Metabolite((_singlet(3.027, 3), _singlet(3.913, 2)), 4.5),
    "PCr": Metabolite((_singlet(3.029, 3), _singlet(3.930, 2)), 4.0),
    "GPC": Metabolite((_singlet(3.212, 9),), 1.0),
    "PCh": Metabolite((_singlet(3.208, 9),), 0.6),
    "mI": Metabolite((_INOSITOL,), 6.0),
    "sI": Metabolite((_singlet(3.340, 6),), 0.3),
    "Gly": Metabolite((_singlet(3.548, 2),), 0.7),
    "Lac": Metabolite(
        (
            Spins(
                (4.0974, 1.3142, 1.3142, 1.3142),
                _pairs((0, 1, 6.933), (0, 2, 6.933), (0, 3, 6.933)),
            ),
        ),
        0.7,
    ),
    "Ala": Metabolite(
        (
            Spins(
                (3.7746, 1.4667, 1.4667, 1.4667),
                _pairs((0, 1, 7.234), (0, 2, 7.234), (0, 3, 7.234)),
            ),
        ),
        0.7,
    ),
    "Asp": Metabolite(
        (Spins((3.8914, 2.8011, 2.6533), _pairs((0, 1, 3.647), (0, 2, 9.107), (1, 2, -17.426))),), 1.5
    ),
    "Tau": Metabolite(
        (
            Spins(
                (3.4206, 3.4206, 3.2459, 3.2459),
                _pairs((0, 2, 6.742), (0, 3, 6.464), (1, 2, 6.403), (1, 3, 6.792)),
            ),
        ),
        1.5,
    ),
}  # fmt: skip
