"""`aejax explore`."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from aejax.applications import edits
from aejax.explorer import maps, scene, server
from aejax.explorer.export import export_page
from aejax.explorer.operations import Operations
from aejax.runs import load
from aejax.types import InputError
from aejax.verbs.common import data_of, refuse_to_replace

logger = logging.getLogger("aejax")


def explore(flags: Any, *, command: str) -> None:
    """`aejax explore RUN`: prints the page's address and serves it; with --export writes it and prints its path."""
    names = tuple(flags.map.split(","))
    for name in names:
        if name not in maps.MAPS:
            raise InputError(f"--map {name}: some of {', '.join(maps.MAPS)}")
    if flags.points < 2:
        raise InputError(f"--points must be at least 2, got {flags.points}")
    if flags.export is None:
        server.needs("starlette"), server.needs("uvicorn")
    elif flags.export.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--export {flags.export}: name a file that ends in .html")
    else:
        refuse_to_replace([flags.export], flags.overwrite, flag="export")
    run = load(flags.run)
    scene.check_run(run)
    walks = dict(map(_walk, flags.steering))
    dataset = data_of(run, data=flags.data, data_dir=flags.data_dir, resize=True)
    shown, prior = scene.compose(run, dataset, points=flags.points, maps=names, walks=walks)
    if flags.export is not None:
        print(export_page(flags.export.expanduser(), run, dataset, shown))
        return
    sock = server.listen(flags.host, flags.port)
    local = flags.host in server.LOOPBACK
    app = server.application(operations := Operations(run, scene.scale_of(run, dataset), prior), shown,
                             hosts={*server.LOOPBACK, flags.host}, addresses=not local)
    operations.warm_up()
    if not local:
        logger.warning("--host %s: everyone who reaches this machine can use the page; nothing asks for a password",
                       flags.host)
    host, port = sock.getsockname()[:2]
    print(f"http://{f'[{host}]' if ':' in host else host}:{port}/", flush=True)
    logger.info("Ctrl-C ends it")
    server.serve(app, sock)


def _walk(path: Path) -> tuple[str, tuple[np.ndarray, float, str]]:
    """Name, and direction, limit and unit, of a linear walk that `aejax steer` wrote."""
    try:
        with safe_open(path, framework="numpy") as file:
            facts = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            if facts.get("walk") != "linear" or facts.get("joint"):
                raise InputError(f"{path}: the page walks along straight directions of the run's own code: learn one "
                                 "with aejax steer --walk linear, without --joint")
            scale, step = (file.get_tensor(f"walk/{part}") for part in ("fixed/scale", "step/w"))
            edit = edits.find(facts["edit"])
        limit = float(facts["limit"])
        return f"{facts['edit']} ({path.parent.name})", (scale * step / limit, limit, edit.unit)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: no walk of aejax steer ({error})") from error
