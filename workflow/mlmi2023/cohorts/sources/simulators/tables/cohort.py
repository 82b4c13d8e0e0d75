"""A table of subjects in communities; see the package."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.tables import Column, RawTable, write_tidy
from mlmi2023.cohorts.forms.table.reader import POPULATION
from mlmi2023.cohorts.sources.simulators.tables.options import read_options
from mlmi2023.core.errors import InputError


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in table in tidy form (:mod:`mlmi2023.cohorts.formats.tables`) into the folder ``out``.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (counts, summed) and ``options``: see
            ``config/cohorts/tadpole_like.yaml``, which explains each.
        out: folder to write.
        threads: not used; a table takes a moment.

    Raises:
        InputError: an option is unknown, missing or out of range.
    """
    write_tidy(make_table(config), Path(out))


def make_table(config: dict[str, Any]) -> RawTable:
    """Return the table of a cohort; the same configuration gives the same values."""
    options = read_options(config)
    number = sum((config.get("subjects") or {}).values())
    if number < 2:
        raise InputError("config of the cohort: key 'subjects' plans nobody; give it {all: 500}, say")
    rng = np.random.default_rng(int(config.get("seed", 0)))
    places = _places(options)
    total = sum(block["features"] for block in options["blocks"].values())
    values = np.empty((number, total))
    for name, block in options["blocks"].items():
        values[:, places[name]] = _nuisance(rng, number, block)
    informative: list[list[str]] = [[] for _ in range(total)]
    free = {name: list(where) for name, where in places.items()}

    setup = options["community"]
    community = rng.permutation(np.arange(number) % setup["count"])
    centres = rng.normal(size=(setup["count"], setup["dims"]))
    position = centres[community] + setup["spread"] * rng.normal(size=(number, setup["dims"]))
    position /= np.sqrt(1 + setup["spread"] ** 2)
    for feature in _take(rng, free, setup["block"], setup["features"]):
        mix = rng.normal(size=setup["dims"])
        signal = position @ (mix / np.linalg.norm(mix))
        values[:, feature] = _blend(signal, rng.normal(size=number), np.sqrt(1 - setup["noise"] ** 2))
        informative[feature].append(POPULATION)

    targets, classes, truth = {}, {}, {"community": [str(c) for c in community]}
    for name, target in options["targets"].items():
        shared = rng.normal(size=setup["count"])[community]
        severity = _blend(_unit(shared), rng.normal(size=number), np.sqrt(target["shared"]))
        signals: list[int] = []
        for signal in target["signals"]:
            for feature in _take(rng, free, signal["block"], signal["features"]):
                values[:, feature] = _blend(severity, values[:, feature], signal["correlation"])
                signals.append(feature)
        for original in rng.permutation(signals)[: target.get("copies", 0)]:
            block = next(b for b, where in places.items() if original in where)
            copy = _take(rng, free, block, 1)[0]
            values[:, copy] = _blend(values[:, original], values[:, copy], target["copy_correlation"])
            signals.append(copy)
        for feature in signals:
            informative[feature].append(name)
        classes[name] = [str(c) for c in target["classes"]]
        targets[name] = _classes(severity, list(target["classes"].values()), classes[name])
        truth[f"severity_{name}"] = [f"{v:.5f}" for v in severity]

    columns = []
    for block, where in places.items():
        for place, feature in enumerate(where, start=1):
            kind = options["blocks"][block].get("kind", "continuous")
            unit = "points" if kind == "ordinal" else ""
            about = (kind, unit, tuple(informative[feature]))
            columns.append(Column(f"{block}_{place:03d}", block, *about))
            values[:, feature] = _scaled(rng, values[:, feature], kind)
    for name, block in options["blocks"].items():
        _lose(rng, values[:, places[name][0] : places[name][-1] + 1], block)
    subjects = [f"{row:0{len(str(number))}d}" for row in range(1, number + 1)]
    return RawTable(subjects, columns, values.astype(np.float32), targets, classes, truth)


def _places(options: dict[str, Any]) -> dict[str, range]:
    places, start = {}, 0
    for name, block in options["blocks"].items():
        places[name] = range(start, start + block["features"])
        start += block["features"]
    return places


def _take(rng: np.random.Generator, free: dict[str, list[int]], block: str, count: int) -> list[int]:
    """Draw features of a block that bear on nothing yet."""
    if block not in free or len(free[block]) < count:
        left = len(free.get(block, []))
        raise InputError(
            f"config of the cohort: block '{block}' has {left} features left, {count} are asked for; "
            "raise its 'features'"
        )
    taken = sorted(int(f) for f in rng.permutation(free[block])[:count])
    free[block] = [f for f in free[block] if f not in taken]
    return taken


def _nuisance(rng: np.random.Generator, number: int, block: dict[str, Any]) -> np.ndarray:
    """Return (N, features) of unit variance, of which a share comes from the block's few factors."""
    factors = block.get("factors", 0)
    own = rng.normal(size=(number, block["features"]))
    if not factors:
        return own
    loadings = rng.normal(size=(factors, block["features"]))
    loadings /= np.linalg.norm(loadings, axis=0)
    return _blend(rng.normal(size=(number, factors)) @ loadings, own, np.sqrt(block.get("factor_share", 0.5)))


def _blend(signal: np.ndarray, noise: np.ndarray, correlation: float) -> np.ndarray:
    """Return unit-variance values that correlate with a unit-variance ``signal`` as asked."""
    return correlation * signal + np.sqrt(1 - correlation**2) * noise


def _unit(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def _classes(severity: np.ndarray, shares: list[float], names: list[str]) -> list[str]:
    """Cut the severity so that classes have exactly their shares, in order."""
    edges = np.cumsum(shares)[:-1] / np.sum(shares)
    ranks = np.argsort(np.argsort(severity)) / len(severity)
    return [names[int(np.searchsorted(edges, rank, side="right"))] for rank in ranks]


def _scaled(rng: np.random.Generator, values: np.ndarray, kind: str) -> np.ndarray:
    """Give a feature a mean and spread of its own; ordinal ones become whole points of 0 to 30."""
    if kind == "ordinal":
        return np.clip(np.round(20 + 4 * values), 0, 30)
    spread = 10 ** rng.uniform(-1, 2)
    return spread * (values + rng.uniform(3, 10))


def _lose(rng: np.random.Generator, values: np.ndarray, block: dict[str, Any]) -> None:
    """Lose single values at random, and the whole block of some subjects who were not measured."""
    values[rng.random(values.shape) < block.get("missing", 0.0)] = np.nan
    values[rng.random(len(values)) < block.get("absent", 0.0)] = np.nan
