"""How these pages become a site: `make docs`."""

project = "QFL-ETHICS"
author = "The QFL-ETHICS engineers"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
html_theme = "furo"
html_title = "QFL-ETHICS"
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # examples leave out what does not matter
