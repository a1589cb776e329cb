import functools
import marshal
import pickle

import cloudpickle
import dill
import joblib
import keras
import numpy as np
import pandas as pd
import torch
import yaml
from keras.models import load_model
from torch import load as torch_load


def checkpoints(path, chosen, options):
    # ruleid: torch-load-runs-code
    torch.load(path, map_location="cpu", weights_only=False)
    # ruleid: torch-load-runs-code
    torch_load(path, weights_only=False)
    # ruleid: torch-load-runs-code
    functools.partial(torch.load, weights_only=False)
    # ok: torch-load-runs-code
    torch.load(path, weights_only=True)
    # ruleid: torch-load-by-default
    torch.load(path)
    # ok: torch-load-by-default
    torch.load(path, weights_only=True)
    # ok: torch-load-by-default
    torch.load(path, weights_only=chosen)
    # ok: torch-load-by-default
    torch.load(path, **options)
    # ok: torch-load-by-default
    torch.save({}, path)


def pickles(file, thing):
    # ruleid: pickle-load
    pickle.load(file)
    # ruleid: pickle-load
    dill.loads(file.read())
    # ruleid: pickle-load
    cloudpickle.load(file)
    # ruleid: pickle-load
    joblib.load(file)
    # ruleid: pickle-load
    pd.read_pickle(file)
    # ok: pickle-load
    pickle.loads(pickle.dumps(thing))
    # ok: pickle-load
    pickle.dump(thing, file)
    # ok: pickle-load
    pd.read_parquet(file)


def arrays(path):
    # ruleid: numpy-load-objects
    np.load(path, allow_pickle=True)
    # ok: numpy-load-objects
    np.load(path)
    # ok: numpy-load-objects
    np.load(path, mmap_mode="r", allow_pickle=False)


def documents(file):
    # ruleid: yaml-load-objects
    yaml.load(file)
    # ruleid: yaml-load-objects
    yaml.load(file, Loader=yaml.Loader)
    # ruleid: yaml-load-objects
    yaml.unsafe_load(file)
    # ok: yaml-load-objects
    yaml.load(file, Loader=yaml.SafeLoader)
    # ok: yaml-load-objects
    yaml.load(file, yaml.CSafeLoader)
    # ok: yaml-load-objects
    yaml.safe_load(file)


def layers(path):
    # ruleid: keras-unsafe-mode
    keras.models.load_model(path, safe_mode=False)
    # ruleid: keras-unsafe-mode
    load_model(path, compile=False, safe_mode=False)
    # ruleid: keras-unsafe-mode
    keras.config.enable_unsafe_deserialization()
    # ok: keras-unsafe-mode
    keras.models.load_model(path)


def objects(data):
    # ruleid: marshal-load
    marshal.loads(data)
    # ok: marshal-load
    marshal.dumps(data)
