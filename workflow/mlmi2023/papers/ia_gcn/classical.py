"""Methods without a graph network: ridge (the paper's LC), logistic regression, boosting, and the controls.

They are fitted when they predict, on the training rows, with scikit-learn.
"""

from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError

KINDS = ("ridge", "logistic", "boosting", "majority", "truth")


def fit_predict(
    kind: str, x: np.ndarray, labels: np.ndarray, everyone: np.ndarray, classes: int, seed: int = 0
) -> np.ndarray:
    """Fit on training rows and return class probabilities (N, C) of everyone.

    Args:
        kind: ``ridge``, ``logistic``, ``boosting`` or ``majority`` (the shares of the classes).
        x: (n, D) standardised features of the training rows.
        labels: (n,) their classes; each class occurs.
        everyone: (N, D) features of all rows.
        classes: C.
        seed: of what is drawn at random.

    Raises:
        InputError: there is no such kind.
    """
    if kind == "majority":
        return np.tile(np.bincount(labels, minlength=classes) / len(labels), (len(everyone), 1))
    if kind not in KINDS:
        raise InputError(f"config key kind is {kind!r}; choose learned or one of {', '.join(KINDS)}")
    model = _model(kind, seed).fit(x, labels)
    if kind == "ridge":
        return _as_probabilities(model.decision_function(everyone))
    return model.predict_proba(everyone)


def _model(kind: str, seed: int) -> Any:
    """Return the estimator; strengths of regularisation are chosen inside the training rows."""
    if kind == "ridge":
        from sklearn.linear_model import RidgeClassifierCV

        return RidgeClassifierCV(alphas=np.logspace(-1, 4, 11))  # leave-one-out, in closed form
    if kind == "logistic":
        from sklearn.linear_model import LogisticRegressionCV

        return LogisticRegressionCV(
            Cs=np.logspace(-3, 1, 5), cv=3, max_iter=300, random_state=seed, use_legacy_attributes=False,
            l1_ratios=(0.0,),
        )  # fmt: skip
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)


def _as_probabilities(scores: np.ndarray) -> np.ndarray:
    """Turn decision values of a ridge classifier into probabilities by softmax, which keeps their order.

    They are regressions onto -1 and 1 and were never meant as probabilities: calibration is poor.
    """
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
