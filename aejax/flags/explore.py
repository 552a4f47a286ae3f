"""Flags of the verb that shows a run's latent space."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from aejax.flags.common import DataOfRunFlags, Place


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explore(DataOfRunFlags):
    """Open a page that walks the latent space of a run: sliders, a map, drawing, samples; until Ctrl-C."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    host: str = "127.0.0.1"
    """Address to serve on; another than this machine's own lets everyone on its network use the page."""
    port: int = 0
    """Port; 0 takes a free one."""
    map: Annotated[str, arg(metavar="pca|tsne|umap")] = "pca"
    """How the codes of test examples are laid out, with commas between; tsne needs scikit-learn, umap umap-learn."""
    points: int = 600
    """Test examples on the map, at most."""
    steering: Annotated[tuple[Path, ...], UseAppendAction, arg(metavar="FILE", help_behavior_hint="(repeatable)")] = ()
    """A linear walk in the code to steer along: steering.safetensors of `aejax steer`."""
    export: Place = None
    """Write one HTML file that works without a server, and end."""
    overwrite: bool = False
    """Replace that file."""


VERBS = {"explore": Explore}
