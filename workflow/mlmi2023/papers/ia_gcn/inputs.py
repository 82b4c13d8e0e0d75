"""Which features the classifiers get (Table 3)."""

import numpy as np

from mlmi2023.core.errors import InputError

RULES = ("all", "ridge", "attended", "without_attended")


def width(rule: str, features: int, count: int) -> int:
    """Return how many features a rule keeps.

    Raises:
        InputError: there is no such rule, or the table has too few features for it.
    """
    if rule not in RULES:
        raise InputError(f"config key 'inputs' is {rule!r}; choose one of {', '.join(RULES)}")
    if rule != "all" and not 0 < count < features:
        raise InputError(f"config key task.select is {count}; it must lie between 1 and {features - 1}")
    return {"all": features, "without_attended": features - count}.get(rule, count)


def choose(
    rule: str,
    x: np.ndarray,
    labels: np.ndarray,
    count: int,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return the features that a column of Table 3 uses, sorted.

    Args:
        rule: ``all`` (a); ``ridge``, those with the largest coefficients of a ridge classifier (b);
            ``without_attended``, all but those with the largest attention (c); ``attended``, only those (d).
        x: (n, D) standardised features of the training rows; nothing else is looked at.
        labels: (n,) their classes.
        count: features to select.
        weights: (D,) attention that IA-GCN learned on the same training rows; for c and d.
    """
    width(rule, x.shape[1], count)
    if rule == "all":
        return np.arange(x.shape[1])
    if rule == "ridge":
        from sklearn.linear_model import RidgeClassifier

        coefficients = np.atleast_2d(RidgeClassifier().fit(x, labels).coef_)
        return largest(np.linalg.norm(coefficients, axis=0), count)
    if weights is None:
        raise InputError(f"inputs '{rule}' need the attention of a stage 'mask' before; add it to 'stages'")
    attended = largest(weights, count)
    return attended if rule == "attended" else np.setdiff1d(np.arange(x.shape[1]), attended)


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the ``count`` largest values, sorted; of equal values the first ones."""
    return np.sort(np.argsort(-values, kind="stable")[:count])
