"""The rules on Python, row by row: source that each fires on, honest source that looks alike, and a disguise of the first.

Nothing of it is ever run. A function `load` runs when it is called; what stands outside of it runs on import.
"""

from __future__ import annotations

from build.python_table import importing, loading, reaching_out, running, staying

TABLE = running.ROWS | reaching_out.ROWS | loading.ROWS | importing.ROWS | staying.ROWS
