"""Pickles, and the files of joblib, NumPy and skops that may carry one."""
