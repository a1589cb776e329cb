"""How Sphinx builds the site; `tools/website.py` gives it the pages. Nothing here makes a page ask another host."""

from __future__ import annotations

from weighbridge import __version__

project = "Weighbridge"
author = "The Weighbridge authors"
release = version = __version__

extensions = ["myst_parser"]
root_doc = "README"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
myst_enable_extensions: list[str] = []
suppress_warnings = ["misc.highlighting_failure"]  # examples that are cut short are no faulty pages

html_theme = "furo"
html_title = f"Weighbridge {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_last_updated_fmt = None
html_use_opensearch = ""
html_baseurl = ""
html_permalinks_icon = "#"
