"""Train a pipeline on several processes: `torchrun --nproc-per-node 2 -m spacy_binder.train CONFIG --output FOLDER`."""

import contextlib
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy
import typer
from spacy.cli._util import Arg, Opt, import_code, parse_config_overrides, setup_gpu, show_validation_error
from spacy.cli.train import train as train_alone
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_nlp
from spacy.util import load_config, logger

from .errors import Errors
from .layers.gradients import parameters
from .layers.text_encoder import NAME as TEXT_ENCODER
from .modules import processes
from .pipeline import BinderNER

# For processes that say nothing.
SILENT = {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": None, "console_output": False, "output_file": None}


def train_cli(
    context: typer.Context,
    config_path: Annotated[Path, Arg(help="Path to config file", exists=True)],
    output: Annotated[Optional[Path], Opt("--output", "--output-path", "-o", help="Folder for the pipelines")] = None,
    code_path: Annotated[Optional[Path], Opt("--code", "-c", help="Python file with registered functions")] = None,
    verbose: Annotated[bool, Opt("--verbose", "-V", "-VV", help="Display more information")] = False,
    use_gpu: Annotated[int, Opt("--gpu-id", "-g", help="GPU of a machine's first process, or -1 for CPU")] = -1,
) -> None:
    """Train a pipeline as `spacy train` does, on the processes that torchrun has started.

    Arguments are those of `spacy train`, with settings of the config such as --paths.train. With a GPU, each process of
    a machine takes the next one.
    """
    if verbose:
        logger.setLevel(logging.DEBUG)
    overrides = parse_config_overrides(context.args)
    import_code(code_path)
    train(config_path, output, use_gpu=use_gpu, overrides=overrides)


def train(config_path: Path, output: Path | None, *, use_gpu: int = -1, overrides: dict[str, Any]) -> None:
    """Train a pipeline on the processes that torchrun has started. The first one evaluates, prints and saves.

    config_path (Path): The config.
    output (Path, optional): Folder for the pipelines. If None, they are not saved.
    use_gpu (int): GPU of a machine's first process. Defaults to -1, no GPU.
    overrides (dict): Settings of the config by their names, such as `paths.train`.
    RAISES (ValueError): If the pipeline can't be trained on several processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        train_alone(config_path, output, use_gpu=use_gpu, overrides=overrides)
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with processes.join(), _only_first_speaks():
        if use_gpu >= 0:
            use_gpu += int(os.environ["LOCAL_RANK"])
        setup_gpu(use_gpu)
        with show_validation_error(config_path):
            config = load_config(config_path, overrides=overrides, interpolate=False)
        with show_validation_error(config_path, hint_fill=False):
            nlp = init_nlp(config, use_gpu=use_gpu)
        share_training(nlp)
        if processes.place().rank:
            output = None
        elif output is not None:
            output.mkdir(parents=True, exist_ok=True)
        train_nlp(nlp, output, use_gpu=use_gpu, stdout=sys.stdout, stderr=sys.stderr)


def share_training(nlp: Language) -> None:
    """Prepare a pipeline for `spacy.training.loop.train` on several processes, each of which calls it.

    Each computes its share of all batches, see `BinderNER.update`. The first one evaluates for all.

    nlp (Language): The initialized pipeline.
    RAISES (ValueError): If a component can't be trained on several processes, or there is no seed.
    """
    training = nlp.config.interpolate()["training"]
    if training["seed"] is None:
        raise ValueError(Errors.B075)
    for name, pipe in nlp.pipeline:
        if name in training["frozen_components"] or not getattr(pipe, "is_trainable", False):
            continue
        if not isinstance(pipe, BinderNER) or pipe.model.get_ref("text_encoder").name != TEXT_ENCODER:
            raise ValueError(Errors.B073.format(name=name))
        processes.copy_first(parameters(pipe.model))
    is_first = processes.place().rank == 0
    if not is_first:
        nlp.config["training"]["logger"] = SILENT
    evaluate = nlp.evaluate

    def evaluate_once(*args: Any, **kwargs: Any) -> dict[str, Any]:
        scores = evaluate(*args, **kwargs) if is_first else {}
        # Reading the corpus may draw numbers, and all processes have to shuffle alike after it.
        scores, state, numpy_state = processes.get_first((scores, random.getstate(), numpy.random.get_state()))
        random.setstate(state)
        numpy.random.set_state(numpy_state)
        return scores

    nlp.evaluate = evaluate_once


@contextlib.contextmanager
def _only_first_speaks() -> Iterator[None]:
    """Drop what other processes than the first one print, and their warnings: they would say the same. Errors stay."""
    if processes.place().rank == 0:
        yield
        return
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    with open(os.devnull, "w", encoding="utf8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _interrupt(*_: Any) -> None:
    # After Ctrl-C torchrun sends one more signal. It must not come while the last pipeline is saved.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(train_cli)
    app(prog_name="torchrun -m spacy_binder.train")
