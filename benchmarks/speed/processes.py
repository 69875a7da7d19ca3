"""Words per second of training on one process and on several: `python -m benchmarks.speed.processes CONFIG`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Annotated, Any

import typer
from spacy.cli._util import parse_config_overrides
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches, train_while_improving
from spacy.util import load_config, registry, resolve_dot_names
from thinc.api import fix_random_seed

from spacy_binder.modules.processes import join
from spacy_binder.train import share_training

from ..parts import THREADS

# Steps that are not counted.
WARM_UP = 3


def time_steps(config_path: Path, overrides: dict[str, Any], n_steps: int) -> dict[str, float]:
    """Time the steps of spaCy's training loop in this process, which torchrun has started. Nothing is evaluated.

    config_path (Path): The config.
    overrides (dict): Settings of the config.
    n_steps (int): The steps that count.
    RETURNS (dict[str, float]): Words of these steps, and seconds by the clock and of this process.
    """
    with join() if int(os.environ["WORLD_SIZE"]) > 1 else nullcontext():
        nlp = init_nlp(load_config(config_path, overrides=overrides, interpolate=False))
        share_training(nlp)
        config = nlp.config.interpolate()
        training = registry.resolve(config["training"])
        fix_random_seed(training["seed"])
        [corpus] = resolve_dot_names(config, [training["train_corpus"]])
        steps = train_while_improving(
            nlp,
            training["optimizer"],
            create_train_batches(nlp, corpus, training["batcher"], 0),
            lambda: (0.0, {}),
            exclude=training["frozen_components"],
            patience=0,
            max_steps=0,
            eval_frequency=10**9,
            **{name: training[name] for name in ("dropout", "accumulate_gradient", "annotating_components")},
            before_update=None,
        )
        for _ in islice(steps, WARM_UP):
            pass
        start, processor_start = perf_counter(), process_time()
        words = sum(len(example) for batch, _, _ in islice(steps, n_steps) for example in batch)
        return {"words": words, "seconds": perf_counter() - start, "processor": process_time() - processor_start}


def summarize(found: dict[int, list[dict[str, float]]]) -> Iterator[str]:
    """Compare numbers of processes.

    found (dict): Results of `time_steps` by the number of processes, one per round. The first is what others are
        compared to.
    YIELDS (str): A line for each number of processes.
    """
    base = next(iter(found.values()))
    for number, results in found.items():
        columns = []
        for clock in ("seconds", "processor"):
            speeds, others = ([result["words"] / result[clock] for result in side] for side in (results, base))
            ratios = [a / b for a, b in zip(speeds, others, strict=True)]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            columns.append(f"{median(speeds):.0f} words per second, {median(ratios):.2f} times as many ({spread})")
        yield f"{number} process(es): {columns[0]}; by the processor time of one of them {columns[1]}"


def main(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="A config. Its settings can be given as for `spacy train`.")],
    processes: Annotated[str, typer.Option(help="Numbers of processes. Others are compared to the first.")] = "1,2",
    steps: Annotated[int, typer.Option(help="Training steps that are timed.")] = 20,
    runs: Annotated[int, typer.Option(help="Rounds. What is printed are medians of them.")] = 3,
) -> None:
    """Train for some steps on each number of processes in turn, with one thread each, and print words per second."""
    if "RANK" in os.environ:
        result = time_steps(config, parse_config_overrides(context.args), steps)
        if os.environ["RANK"] == "0":
            print(json.dumps(result))
        return
    found: dict[int, list[dict[str, float]]] = {int(number): [] for number in processes.split(",")}
    for _ in range(runs):
        for number, results in found.items():
            command = [
                "-m",
                "torch.distributed.run",
                "--standalone",
                "--nproc-per-node",
                str(number),
                "-m",
                __spec__.name,
            ]
            done = subprocess.run(
                [sys.executable, *command, str(config), "--steps", str(steps), *context.args],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
            )
            results.append(json.loads(done.stdout.splitlines()[-1]))
    for line in summarize(found):
        print(line)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(main)
    app()
