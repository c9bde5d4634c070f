"""Configuration of the documentation: `make docs`. Nothing is fetched from the network."""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import geomdl  # noqa: E402

os.environ.setdefault("MPLBACKEND", "agg")
# Raised at import by e3nn and torch_geometric, which still script parts of themselves.
warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is", DeprecationWarning, "torch")

project = "geomdl"
author = "The geomdl authors"
copyright = author
version = release = geomdl.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "api_pages",
    "formulas",
    "floors",
    "plain_text",
    "root_pages",
]
exclude_patterns = [
    "_ext",
    "tutorials/*.ipynb",
    "tutorials/*.py",
    "tutorials/*.md5",
    "**/*.codeobj*",
]
suppress_warnings = ["config.cache"]
root_doc = "index"
language = "en"

# Docstrings: Google style; what stands in single backticks is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Shape", "notes_style")]
maximum_signature_line_length = 70
python_display_short_literal_types = True
add_module_names = False
toc_object_entries = False
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "tutorials")],
    "gallery_dirs": ["tutorials"],
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("figures",),
    "capture_repr": (),
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "parallel": os.cpu_count() or 1,  # tutorials, each in a process
    "download_all_examples": False,
    "show_memory": False,
    "remove_config_comments": True,
    "min_reported_time": 0,
    "write_computation_times": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "geomdl"
html_static_path = ["_static"]
html_css_files = ["geomdl.css"]
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathtext"
html_favicon = "_static/logo.svg"
html_theme_options = {
    "logo": {"text": "geomdl", "image_light": "_static/logo.svg", "image_dark": "_static/logo.svg"},
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "show_nav_level": 1,
}
# Pages without a section of their own have nothing to show on the left.
_ALONE = (
    "index",
    "conventions",
    "architecture",
    "changelog",
    "contributing",
    "versioning",
    "security",
    "tutorials/*",
)
html_sidebars: dict[str, list[str]] = {page: [] for page in _ALONE}
