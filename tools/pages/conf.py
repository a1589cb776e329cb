"""How Sphinx builds the site; `tools/website.py` gives it the pages. Nothing here makes a page ask another host."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from weighbridge import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Weighbridge"
author = "The Weighbridge authors"
release = version = __version__

extensions = ["myst_parser"]
root_doc = "index"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # examples that are cut short are no faulty pages

html_theme = "furo"
html_title = f"Weighbridge {release}"
html_copy_source = False
html_use_index = False
html_show_sourcelink = False
html_show_copyright = False
html_permalinks_icon = "#"

_menus: dict[str, str] = {}


def _menu_once(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Let the pages of one folder that are not in the menu share it: making it takes half of a page's time."""
    if "orphan" not in app.env.metadata.get(page, {}):
        return
    made, folder = context["toctree"], posixpath.dirname(page)

    def menu(**options: object) -> str:
        if folder not in _menus:
            _menus[folder] = made(**options)
        return _menus[folder]

    context["toctree"] = menu


def setup(app: Sphinx) -> None:
    """Before the theme, which listens at 500."""
    app.connect("html-page-context", _menu_once, priority=400)
