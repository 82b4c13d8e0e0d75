"""Health records: demographics, vital signs, diagnoses, medications, laboratory values.

About a dozen columns carry signal. Some follow the latent severity, which the image shows too; others follow
a predisposition that the image knows nothing of. All else is noise, and laboratory values are missing where
nobody ordered the test.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.sources.simulators.pulmonary_ct.patients import Exam

# name: (mean, spread, shift per unit of severity, clip low, clip high); unit in the comment
_VITALS: dict[str, tuple[float, float, float, float, float]] = {
    "SBP": (128.0, 18.0, -7.0, 60, 230),  # mmHg
    "DBP": (74.0, 11.0, -2.0, 30, 130),  # mmHg
    "height_inch": (66.5, 4.0, 0.0, 50, 84),  # inch
    "weight_kg": (80.0, 18.0, 0.0, 35, 220),  # kg
    "bmi": (28.0, 6.0, 0.0, 14, 65),  # kg/m2
    "tempf": (98.4, 0.8, 0.1, 94, 106),  # degrees Fahrenheit
    "spO2": (96.5, 2.0, -1.4, 60, 100),  # %
    "pulse": (84.0, 15.0, 9.0, 35, 200),  # 1/min
}
# name: (log mean, log spread, shift of the log per unit of severity, and per unit of risk)
_LABS: dict[str, tuple[float, float, float, float]] = {
    "D-DIMER": (6.6, 0.8, 0.45, 0.3),
    "TROPONIN": (-3.5, 0.9, 0.5, 0.0),
    "BNP": (4.6, 1.0, 0.45, 0.0),
    "LACTATE": (0.4, 0.4, 0.12, 0.0),
}
# name: (log odds at risk 0, shift of the log odds per unit of risk)
_DIAGNOSES = {
    "VENOUS_THROMBOSIS": (-2.6, 1.3),
    "MALIGNANT_NEOPLASM": (-1.3, 0.6),
    "SURGERY_OR_TRAUMA": (-1.1, 0.6),
}
_INPATIENT = {"HEPARIN": (-1.0, 0.9), "ENOXAPARIN": (-1.2, 0.8)}
_OUTPATIENT = {"WARFARIN": (-2.2, 0.5), "ESTROGEN": (-2.6, 0.5)}


def draw_records(exams: Sequence[Exam], seed: int, options: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Draw the tables of all exams that have a record.

    Args:
        exams: all exams.
        seed: of the cohort.
        options: the part ``records`` of the options.

    Returns:
        Tables by name (``Demographics``, ``Vitals``, ``ICD``, ``INP_MED``, ``OUT_MED``, ``LABS``), each with
        the column ``idx`` first.
    """
    rng = np.random.default_rng([seed, 2])
    label = np.array([exam.label for exam in exams], float)
    strength = float(options["signal"])
    severity = strength * np.array([exam.severity for exam in exams])
    # predisposition: higher with an embolism, whatever its size; the image does not show it
    risk = strength * (options["risk"] * 2 * label + rng.standard_normal(len(exams)))
    frames = {
        "Demographics": _demographics(rng, risk),
        "Vitals": _vitals(rng, severity),
        "ICD": _codes(rng, risk, _DIAGNOSES, options["diagnoses"], "ICD", options["noise_rate"]),
        "INP_MED": _codes(rng, risk, _INPATIENT, options["medications"] // 2, "IN", options["noise_rate"]),
        "OUT_MED": _codes(
            rng,
            risk,
            _OUTPATIENT,
            options["medications"] - options["medications"] // 2,
            "OUT",
            options["noise_rate"],
        ),
        "LABS": _labs(rng, severity, risk, options),
    }
    kept = np.array([exam.has_ehr for exam in exams])
    idx = np.array([exam.idx for exam in exams])
    tables = {}
    for name, frame in frames.items():
        frame.insert(0, "idx", idx)
        tables[name] = frame[kept].reset_index(drop=True)
    return tables


def _demographics(rng: np.random.Generator, risk: np.ndarray) -> pd.DataFrame:
    count = len(risk)
    age = np.clip(np.round(60 + 3 * risk + 16 * rng.standard_normal(count)), 18, 98)
    male = rng.random(count) < 0.48
    white = rng.random(count) < 0.6
    smoker = rng.random(count) < 0.3
    return pd.DataFrame(
        {
            "current_age_yrs": age,
            "Male": male.astype(int),
            "Female": (~male).astype(int),
            "White": white.astype(int),
            "Other": (~white).astype(int),
            "SMOKER_Y": smoker.astype(int),
        }
    )


def _vitals(rng: np.random.Generator, severity: np.ndarray) -> pd.DataFrame:
    columns = {}
    for name, (mean, spread, shift, low, high) in _VITALS.items():
        values = mean + shift * severity + spread * rng.standard_normal(len(severity))
        columns[name] = np.round(np.clip(values, low, high), 1)
    return pd.DataFrame(columns)


def _codes(
    rng: np.random.Generator,
    risk: np.ndarray,
    signal: dict[str, tuple[float, float]],
    count: int,
    prefix: str,
    rates: list[float],
) -> pd.DataFrame:
    """Return ``count`` binary columns: those with signal, and sparse ones without."""
    columns = {}
    for name, (odds, shift) in signal.items():
        columns[f"{prefix}:{name}"] = _chance(rng, odds + shift * risk)
    for number in range(max(count - len(signal), 0)):
        rate = rng.uniform(rates[0], rates[1]) ** 1.5
        columns[f"{prefix}:{number:03d}"] = (rng.random(len(risk)) < rate).astype(int)
    return pd.DataFrame(columns)


def _chance(rng: np.random.Generator, odds: np.ndarray) -> np.ndarray:
    return (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)


def _labs(
    rng: np.random.Generator, severity: np.ndarray, risk: np.ndarray, options: dict[str, Any]
) -> pd.DataFrame:
    """Return presence and latest value per test; ordered more often for those who look ill."""
    names = [*_LABS, *(f"LAB_{n:02d}" for n in range(max(options["labs"] - len(_LABS), 0)))]
    columns: dict[str, np.ndarray] = {}
    for name in names:
        mean, spread, by_severity, by_risk = _LABS.get(name, (rng.uniform(0, 5), 0.5, 0.0, 0.0))
        rate = rng.uniform(*options["ordered"])
        odds = np.log(rate / (1 - rate)) + (0.3 * severity if name in _LABS else 0.0)
        there = _chance(rng, odds + np.zeros(len(risk)))
        values = np.exp(
            mean + by_severity * severity + by_risk * risk + spread * rng.standard_normal(len(risk))
        )
        columns[f"{name}:presence"] = there
        columns[f"{name}:latest"] = np.where(there == 1, np.round(values, 3), np.nan)
    return pd.DataFrame(columns)
