"""Train and score one system; `benchmarks.accuracy` starts a process of this for each run."""

import json
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import spacy
import typer
from spacy.cli.train import train

from ..machine import machine
from .reader import read_docs
from .scores import score


def main(
    folder: Path, dev: Path, test: Annotated[Path | None, typer.Argument()] = None, gpu_id: int = -1
) -> dict[str, Any]:
    """Train with FOLDER/config.cfg as `spacy train` does; score the pipeline that is best on DEV on DEV and on TEST.

    The last line that it prints is the result as JSON.
    """
    start = perf_counter()
    train(folder / "config.cfg", folder, use_gpu=gpu_id)
    seconds = perf_counter() - start
    nlp = spacy.load(folder / "model-best")
    log = [json.loads(line) for line in (folder / "training.jsonl").read_text(encoding="utf8").splitlines()]
    result = {
        "dev": score(nlp, read_docs(dev, nlp.vocab)),
        "test": score(nlp, read_docs(test, nlp.vocab)) if test else None,
        "evaluations": [{"step": row["step"], "epoch": row["epoch"], "f": row["score"]} for row in log if row["step"]],
        "training_seconds": seconds,
        "machine": machine(),
    }
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    typer.run(main)
