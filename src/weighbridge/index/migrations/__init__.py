"""The history of the index's tables. What runs them is `index/database.py`; there is no env.py."""
