"""The file; what it computes is tested by `test_browser`."""

import json
import re

import numpy as np
import pytest

from aejax.explorer import scene as scenes
from aejax.explorer.export import CHECKED, export_page
from aejax.explorer.server import unpack
from aejax.types import InputError


def test_the_file_holds_scene_and_weights(run, data, tmp_path):
    path = export_page(tmp_path / "page.html", run, data, scenes.compose(run, data)[0])
    text = path.read_text()
    found = {name: json.loads(content) for name, content in
             re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', text)}
    assert found["scene"]["code_dim"] == 4
    program = found["program"]
    weights = unpack(program["tensors"][program["decode"][0]["kernel"]])
    np.testing.assert_array_equal(weights, run.params["decoder_kernel_0"])
    assert program["check"]["codes"]["shape"] == [CHECKED, 4]


def test_nothing_is_written_for_an_unknown_network(make_run, data, composed, tmp_path):
    with pytest.raises(InputError, match="without --export"):
        export_page(tmp_path / "page.html", make_run("quantised"), data, composed[0])
    assert not list(tmp_path.iterdir())
