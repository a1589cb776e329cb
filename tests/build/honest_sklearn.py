"""Every estimator of scikit-learn, made and fitted as its own tests do, on a small table."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

X, Y = make_classification(40, 6, random_state=0)
X = np.abs(X)
CLASSIFIERS = [("a", LogisticRegression()), ("b", DecisionTreeClassifier())]
REGRESSORS = [("a", Ridge()), ("b", Ridge())]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "ColumnTransformer": {"transformers": [("a", "passthrough", [0])]},
    "FeatureUnion": {"transformer_list": [("p", PCA(2))]},
    "Pipeline": {"steps": [("s", StandardScaler()), ("l", LogisticRegression())]},
    "VotingClassifier": {"estimators": CLASSIFIERS},
    "StackingClassifier": {"estimators": CLASSIFIERS},
    "VotingRegressor": {"estimators": REGRESSORS},
    "StackingRegressor": {"estimators": REGRESSORS},
    "GridSearchCV": {"estimator": LogisticRegression(), "param_grid": {"C": [1, 2]}},
    "HalvingGridSearchCV": {"estimator": LogisticRegression(), "param_grid": {"C": [1, 2]}},
    "RandomizedSearchCV": {"estimator": LogisticRegression(), "param_distributions": {"C": [1, 2]}, "n_iter": 2},
    "HalvingRandomSearchCV": {"estimator": LogisticRegression(), "param_distributions": {"C": [1, 2]}},
    "SparseCoder": {"dictionary": np.eye(6)},
}
TEXTS = ["os.system('id') eval", "import exec"] * 5


def _arguments(name: str, cls: type) -> dict[str, Any]:
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc] # only looked at
    required = [
        p for p in parameters if p.default is p.empty and p.name != "self" and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    return {p.name: LogisticRegression() for p in required}


def fitted() -> dict[str, object]:
    """Name → estimator. One that does not fit this table is kept as it was made."""
    found: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, cls in all_estimators():
            estimator = cls(**_arguments(name, cls))
            data: Any = (X, Y)
            if name in ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"):
                data = (TEXTS,)
            elif name in ("DictVectorizer", "FeatureHasher"):
                data = ([{"a": 1}],)
            elif name in ("LabelBinarizer", "LabelEncoder"):
                data = (Y,)
            elif name.startswith(("PLS", "CCA", "MultiTask", "MultiOutput")):
                data = (X, np.c_[Y, Y])
            try:
                estimator.fit(*data)
            except (ValueError, TypeError, IndexError, AttributeError):
                estimator = cls(**_arguments(name, cls))
            found[name] = estimator
    return found
