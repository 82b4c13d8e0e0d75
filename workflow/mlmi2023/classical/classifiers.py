"""Classifiers that are no networks: ridge, logistic regression, elastic net, boosting.

They are fitted when they predict, on the training rows, with scikit-learn.
"""

import warnings
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError

FEWEST = 3  # parts of the training rows on which logistic regression chooses its strength


def fit_predict(
    kind: str, x: np.ndarray, labels: np.ndarray, everyone: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Fit on training rows and return class probabilities (N, C) of everyone.

    Args:
        kind: of :data:`MODELS`.
        x: (n, D) standardised features of the training rows.
        labels: (n,) their classes; each class occurs.
        everyone: (N, D) features of all rows.
        seed: of what is drawn at random.

    Raises:
        InputError: there are too few training rows to choose the strength of logistic regression on.
    """
    if kind == "logistic" and np.bincount(labels).max() < FEWEST:
        raise InputError(
            f"method '{kind}' needs {FEWEST} training subjects of a class, there are fewer; add subjects, or "
            "leave the method out"
        )
    model = MODELS[kind](seed).fit(x, labels)
    if kind == "ridge":
        return _as_probabilities(model.decision_function(everyone))
    return model.predict_proba(everyone)


# strengths of regularisation are chosen inside the training rows


def _ridge(seed: int) -> Any:
    from sklearn.linear_model import RidgeClassifierCV

    return RidgeClassifierCV(alphas=np.logspace(-1, 4, 11))  # leave-one-out, in closed form


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegressionCV

    return LogisticRegressionCV(
        Cs=np.logspace(-3, 1, 5), cv=FEWEST, max_iter=300, random_state=seed, use_legacy_attributes=False,
        l1_ratios=(0.0,),
    )  # fmt: skip


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)


MODELS = {"ridge": _ridge, "logistic": _logistic, "boosting": _boosting}


def _as_probabilities(scores: np.ndarray) -> np.ndarray:
    """Turn decision values of a ridge classifier into probabilities by softmax, which keeps their order.

    They are regressions onto -1 and 1 and were never meant as probabilities: calibration is poor.
    """
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def elastic_net(
    x: np.ndarray, labels: np.ndarray, everyone: np.ndarray, strength: float, l1_ratio: float
) -> np.ndarray:
    """Fit logistic regression with an elastic net and return the probability of class 1 of everyone, (N,).

    Args:
        x: (n, D) features of the training rows.
        labels: (n,) 0 or 1.
        everyone: (N, D).
        strength: inverse of the regularisation.
        l1_ratio: share of the L1 penalty.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, l1_ratio=l1_ratio, solver="saga", max_iter=2000, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a looser optimum is still a valid candidate
        model.fit(x, labels)
    return model.predict_proba(everyone)[:, 1]
