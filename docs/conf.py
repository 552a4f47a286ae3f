"""Settings of the site: pages of this folder, and a reference out of the docstrings. Built by `make docs`."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import _site  # noqa: E402

import aejax  # noqa: E402

project, release, version = "aejax", aejax.__version__, aejax.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_*"]
highlight_language = "text"

myst_heading_anchors = 3
nb_execution_mode = "cache"              # again only where a cell has changed
nb_execution_cache_path = str(FOLDER.parent / "build" / "notebooks")
nb_execution_timeout = 300
nb_execution_raise_on_error = True

default_role = "code"                    # one pair of backticks, as docstrings have it
autodoc_inherit_docstrings = False       # or flax's own stand in every network
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]   # a list, without links to all that is named alike
python_maximum_signature_line_length = 100

html_theme = "pydata_sphinx_theme"
html_title = "aejax"
html_theme_options = {"navigation_with_keys": False, "navbar_center": [], "globaltoc_includehidden": True,
                      "secondary_sidebar_items": ["page-toc"]}
html_sidebars = {"**": ["globaltoc.html"]}   # all pages at the left, on each of them
html_show_copyright = html_show_sphinx = html_show_sourcelink = False


def setup(app):
    """Writes the reference's pages, and bends links and docstrings to what Sphinx reads."""
    _site.write_reference(FOLDER / "api")
    app.connect("source-read", lambda app, name, source: source.__setitem__(0, _site.page(source[0], name)))
    app.connect("autodoc-process-docstring", lambda app, what, name, thing, options, lines: lines.__setitem__(
        slice(None), _site.docstring(lines)), priority=400)   # before napoleon's, which knows sections
    app.connect("autodoc-process-signature", lambda app, what, name, thing, options, signature, returned: (
        _site.signature(signature), _site.signature(returned)))
    app.connect("autodoc-skip-member", lambda app, what, name, thing, skip, options: True if _site.field(thing)
                else None)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
