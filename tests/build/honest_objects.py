"""Objects as honest programs keep them beside their models: boosted trees, tables, arrays, and plain Python."""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import decimal
import fractions
import functools
import pathlib
import re
import types
import typing
import uuid
import warnings

import lightgbm
import numpy as np
import pandas as pd
import scipy.interpolate
import scipy.sparse
import scipy.spatial
import scipy.stats
import xgboost
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)


def boosted() -> dict[str, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "XGBClassifier": xgboost.XGBClassifier(n_estimators=2).fit(X, Y),
            "XGBRegressor": xgboost.XGBRegressor(n_estimators=2).fit(X, X[:, 1]),
            "XGBRanker": xgboost.XGBRanker(n_estimators=2).fit(X, Y, group=[30, 30]),
            "XGBRFClassifier": xgboost.XGBRFClassifier(n_estimators=2).fit(X, Y),
            "xgboost Booster": xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), 2),
            "LGBMClassifier": lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, Y),
            "LGBMRegressor": lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(X, X[:, 1]),
            "lightgbm Booster": lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, Y), 2),
        }


def pipelines() -> dict[str, object]:
    return {
        "with a function of numpy": make_pipeline(
            FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()
        ),
        "with a scorer": GridSearchCV(LogisticRegression(), {"C": [1, 2]}, scoring=make_scorer(f1_score)).fit(X, Y),
        "with a test": SelectKBest(chi2, k=2).fit(np.abs(X), Y),
        "gaussian process": GaussianProcessRegressor(RBF() + WhiteKernel()).fit(X, Y),
    }


def tables() -> dict[str, object]:
    frame = pd.DataFrame(
        {
            "a": [1, 2, 3],
            "b": ["x", "y", None],
            "c": pd.to_datetime(["2020-01-01", "2021-02-02", None]),
            "d": pd.Categorical(["u", "v", "u"]),
            "e": [1.5, None, 2],
        }
    )
    return {
        "frame": frame,
        "frame with an index of text": frame.set_index("b"),
        "frame with two indices": frame.set_index(["a", "b"]),
        "frame of nullable types": frame.convert_dtypes(),
        "series": frame["a"],
        "series of dates": frame["c"],
        "series of categories": frame["d"],
        "index": pd.Index(["a", "b"]),
        "range": pd.RangeIndex(5),
        "dates": pd.date_range("2020", periods=3),
        "dates with a zone": pd.date_range("2020", periods=3, tz="UTC"),
        "business days": pd.date_range("2020", periods=3, freq="B"),
        "periods": pd.period_range("2020", periods=3, freq="M"),
        "intervals": pd.interval_range(0, 3),
        "timestamp": pd.Timestamp("2020-01-01"),
        "timestamp with a zone": pd.Timestamp("2020-01-01", tz="UTC"),
        "timedelta": pd.Timedelta(1, "D"),
        "NaT": pd.NaT,
        "NA": pd.NA,
        "nullable integers": pd.array([1, None], dtype="Int64"),
        "nullable booleans": pd.array([True, None], dtype="boolean"),
        "texts": pd.array(["a", None], dtype="string"),
        "sparse": pd.arrays.SparseArray([0, 0, 1]),
        "offset": pd.tseries.offsets.MonthEnd(2),
    }


def arrays() -> dict[str, object]:
    found: dict[str, object] = {
        f"array of {dtype}": np.zeros((2, 3), dtype=dtype)
        for dtype in ("f2", "f4", "f8", "i1", "i8", "u2", "c8", "c16", "?", "S5", "U4", "M8[ns]", "m8[s]", "O", ">f8")
    }
    for form in ("csr", "csc", "coo", "dia", "lil", "dok", "bsr"):
        found[f"{form} matrix"] = scipy.sparse.random(5, 5, 0.4, format=form, random_state=0)
        found[f"{form} array"] = getattr(scipy.sparse, f"{form}_array")(np.eye(3))
    return found | {
        "structured": np.zeros(3, dtype=[("a", "i4"), ("b", "f8", (2,))]),
        "columns first": np.asfortranarray(X),
        "a view": X[::2, ::2],
        "scalars": [np.float32(1), np.int64(2), np.bool_(True), np.str_("x"), np.datetime64("2020")],
        "masked": np.ma.masked_array([1, 2], [0, 1]),
        "records": np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
        "objects": np.array([{"a": 1}, None, "x"], dtype=object),
        "empty": np.empty((0, 3)),
        "no dimension": np.array(3.0),
        "random": [np.random.default_rng(1), np.random.RandomState(2), np.random.Generator(np.random.Philox(1))],
        "types": [np.dtype("f4"), np.dtype([("a", "i4")])],
        "polynomial": np.polynomial.Polynomial([1, 2, 3]),
        "spline": scipy.interpolate.make_interp_spline([1, 2, 3, 4], [1, 2, 3, 4]),
        "rotation": scipy.spatial.transform.Rotation.identity(),
        "density": scipy.stats.gaussian_kde(X[:, 0]),
    }


def plain() -> dict[str, object]:
    circle: list[object] = []
    circle.append(circle)
    utc = dt.UTC
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=utc)
    return {
        "time": [moment, moment.date(), moment.time(), dt.timedelta(1), utc],
        "a zone": dt.timezone(dt.timedelta(hours=2)),
        "a local time": dt.datetime(2026, 1, 2),  # noqa: DTZ001 -- honest programs write such
        "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1j, 10**50, -1, 2**31, 2**63, float("nan")],
        "an id": uuid.UUID(int=5),
        "containers": [
            collections.OrderedDict(a=1),
            collections.defaultdict(list, a=[1]),
            collections.Counter("aab"),
            collections.deque([1], 5),
            collections.ChainMap({"a": 1}),
            {1, 2},
            frozenset([1]),
            slice(1, 2),
            range(3),
        ],
        "paths": [pathlib.PurePosixPath("/x/y"), pathlib.Path("a")],
        "a pattern": re.compile("a.*", re.IGNORECASE),
        "bags": [types.SimpleNamespace(a=1), argparse.Namespace(b=2)],
        "bytes": [b"bytes", bytearray(b"x")],
        "constants": [None, True, ..., NotImplemented],
        "types": [int, str, float, list, dict, type(None), typing.Any],
        "an error": ValueError("x"),
        "a function with arguments": functools.partial(np.mean, axis=0),
        "a circle": circle,
        "words that look like code": ["os", "system", "eval", "__import__('os')", "cos\nsystem\n(S'id'\ntR."] * 20,
    }
