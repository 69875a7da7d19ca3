"""Train and score one system in a process of its own; `benchmarks.accuracy` starts these processes."""

import json
import sys
from pathlib import Path
from shutil import rmtree
from time import monotonic
from typing import Any

import spacy
from spacy.cli._util import setup_gpu
from thinc.api import Config
from torch import set_num_threads

from spacy_binder.config import find_encoder

from ..machine import machine
from ..speed.clock import peak_rss_mib
from .docs import read_docs
from .scores import score
from .training import train

# Seconds between lines that say how far it is.
QUIET = 1.0


class Progress:
    """Prints how far it is as JSON, not too often."""

    def __init__(self) -> None:
        self.last = 0.0

    def __call__(self, state: dict[str, Any]) -> None:
        """Print a state, if it has scores or the last one was a while ago."""
        if "f" in state or monotonic() > self.last + QUIET:
            self.last = monotonic()
            print(json.dumps(state), flush=True)


def main(config_path: Path, model: Path, threads: int, test: str, settings: dict[str, Any]) -> None:
    """Train with a config, keep the best pipeline in MODEL, score it, and print all as JSON.

    test (str): What the best pipeline is scored on, once, at the very end; empty for nothing.
    settings (dict): those of `train`, and `keep`: whether MODEL stays.
    """
    set_num_threads(threads)
    # Messages go to stderr, which is read where something fails.
    setup_gpu(settings["gpu_id"], silent=True)
    config = Config().from_disk(config_path, interpolate=False)
    if "transformer" in config["components"]:
        transformer = config["components"]["transformer"]["model"]
        transformer["name"] = find_encoder(transformer["name"])[0]
    keep = settings.pop("keep")
    rmtree(model, ignore_errors=True)
    result = train(config, model, **settings, listen=Progress())
    result["test"] = None
    if test:
        nlp = spacy.load(model)
        result["test"] = score(nlp, read_docs(test, nlp.vocab))
    if not keep:
        rmtree(model)
    print(json.dumps({**result, "peak_rss_mib": peak_rss_mib(), "machine": machine()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], json.loads(sys.argv[5]))
