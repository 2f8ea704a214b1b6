"""How much of the label a linear probe finds in rows: a lower bound of their mutual information with it.

`I(h;y) ≥ H(y) − CE(probe)` for the cross-entropy of any probe on examples it was not fitted to (McAllester and Stratos
2020, section 2). The probe is a multinomial logistic regression on standardised features; its capacity is fixed.
"""

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

STRENGTH = 0.01  # inverse of the probe's L2 penalty: few examples, many features
MOST_STEPS = 500
SEED = 0  # the same folds for every prompt and block


def label_entropy(gold: Int[np.ndarray, "n"]) -> float:
    """Return the entropy of labels, in nats."""
    shares = np.unique(gold, return_counts=True)[1] / len(gold)
    return float(-(shares * np.log(shares)).sum())


def task_information(rows: Float[np.ndarray, "n d"], gold: Int[np.ndarray, "n"], *, n_folds: int) -> float:
    """Return the entropy of the labels minus the cross-validated cross-entropy of a probe, at least 0, in nats.

    Classes with fewer examples than folds are left out, for the entropy as well; NaN where fewer than two are left.
    """
    classes, counts = np.unique(gold, return_counts=True)
    kept = np.isin(gold, classes[counts >= n_folds])
    rows, gold = rows[kept], gold[kept]
    if len(np.unique(gold)) < 2:
        return float("nan")
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=MOST_STEPS))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=SEED)
    chances = cross_val_predict(probe, rows, gold, cv=folds, method="predict_proba")
    return max(0.0, label_entropy(gold) - float(log_loss(gold, chances, labels=np.unique(gold))))
