"""Training with evaluations on development data; the best pipeline is kept on disk."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_before_to_disk_callback, create_train_batches, train_while_improving
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, fix_random_seed

from .docs import read_docs
from .pace import ByClock, BySteps, Pace
from .scores import score

Listen = Callable[[dict[str, Any]], None]
CLOCKS = {"wall": perf_counter, "cpu": process_time}


def train(
    config: Config,
    best: Path,
    *,
    clock: str,
    max_seconds: float | None,
    n_evaluations: int,
    gpu_id: int,
    listen: Listen,
) -> dict[str, Any]:
    """Train as `spacy train` does, but without an evaluation before the first steps.

    config (Config): The whole config.
    best (Path): Where the pipeline with the best F1 on the development data goes; the earliest of equal ones.
    clock (str): What seconds are measured by, one of `CLOCKS`.
    max_seconds (float): For how many seconds to train, evaluations not included. None for the config's steps.
    n_evaluations (int): The number of evaluations within that time.
    gpu_id (int): Processor, or -1 for none.
    listen (Callable): Gets the part that is done, and the scores of each evaluation.
    RETURNS (dict): The evaluations, the scores at the best one, numbers of steps and words, and the seconds taken.
    """
    nlp = init_nlp(config, use_gpu=gpu_id)
    resolved = nlp.config.interpolate()
    fix_random_seed(resolved["training"]["seed"])
    settings: dict[str, Any] = registry.resolve(resolved["training"], schema=ConfigSchemaTraining)
    if max_seconds is None:
        pace: Pace = BySteps(settings["max_steps"], settings["eval_frequency"])
    else:
        pace = ByClock(max_seconds, n_evaluations)
    now = CLOCKS[clock]
    checkpoints = Checkpoints(nlp, read_docs(resolved["paths"]["dev"], nlp.vocab), best, settings)
    seconds, words, step = 0.0, 0, 0
    updates = update_steps(nlp, resolved, settings)
    learn_rate = settings["optimizer"].learn_rate
    while True:
        factor = pace.rate(step, seconds)
        if factor is not None:
            settings["optimizer"].learn_rate = factor * learn_rate
        start = now()
        update = next(updates, None)
        seconds += now() - start
        if update is None:
            break
        batch, info, _ = update
        step, words = info["step"], words + sum(map(len, batch))
        if pace.is_due(step, seconds, len(checkpoints.evaluations)):
            listen({"done": pace.done(step, seconds), **checkpoints.evaluate(step, info["epoch"], seconds)})
        else:
            listen({"done": pace.done(step, seconds)})
        if pace.done(step, seconds) >= 1 or checkpoints.hopeless(step):
            break
    if not checkpoints.evaluations or checkpoints.evaluations[-1]["step"] != step:
        checkpoints.evaluate(step, checkpoints.epoch, seconds)
    return {
        "dev": checkpoints.best_scores,
        "best_step": checkpoints.best_step,
        "evaluations": checkpoints.evaluations,
        # The first one is number 0.
        "steps": step + 1,
        "words": words,
        "training_seconds": seconds,
        "evaluation_seconds": checkpoints.seconds,
    }


def update_steps(nlp: Language, config: Config, settings: dict[str, Any]) -> Any:
    """RETURNS (Iterator): What spaCy's training loop yields after each update, its evaluations left out."""
    [train_corpus] = resolve_dot_names(config, [settings["train_corpus"]])
    return train_while_improving(
        nlp,
        settings["optimizer"],
        create_train_batches(nlp, train_corpus, settings["batcher"], settings["max_epochs"]),
        lambda: (0.0, {}),
        dropout=settings["dropout"],
        eval_frequency=sys.maxsize,
        accumulate_gradient=settings["accumulate_gradient"],
        patience=0,
        max_steps=settings["max_steps"],
        exclude=settings["frozen_components"],
        annotating_components=settings["annotating_components"],
        before_update=settings["before_update"],
    )


class Checkpoints:
    """Evaluates a pipeline while it is trained, and keeps the best one."""

    def __init__(self, nlp: Language, dev: list[Doc], best: Path, settings: dict[str, Any]) -> None:
        """
        nlp (Language): The pipeline.
        dev (list[Doc]): The gold docs.
        best (Path): Where the best pipeline goes.
        settings (dict): Those of training, resolved.
        """
        self.nlp = nlp
        self.dev = dev
        self.best = best
        self.averages = settings["optimizer"].averages
        self.before_to_disk = create_before_to_disk_callback(settings["before_to_disk"])
        self.patience = settings["patience"]
        self.evaluations: list[dict[str, Any]] = []
        self.best_scores: dict[str, Any] = {"f": -1.0}
        self.best_step = 0
        self.epoch = 0
        self.seconds = 0.0

    def evaluate(self, step: int, epoch: int, training_seconds: float) -> dict[str, Any]:
        """RETURNS (dict): The scores in all, after they have been noted and the pipeline kept if it is the best."""
        start = perf_counter()
        self.epoch = epoch
        with self.nlp.use_params(self.averages) if self.averages else nullcontext():
            scores = score(self.nlp, self.dev)
            if scores["f"] > self.best_scores["f"]:
                self.best_scores, self.best_step = scores, step
                self.best.parent.mkdir(parents=True, exist_ok=True)
                self.before_to_disk(self.nlp).to_disk(self.best)
        row = {"step": step, "epoch": epoch, "training_seconds": training_seconds}
        row |= {name: scores[name] for name in ("p", "r", "f", "macro_f", "nested_r")}
        self.evaluations.append(row)
        self.seconds += perf_counter() - start
        return row

    def hopeless(self, step: int) -> bool:
        """RETURNS (bool): Whether there has been nothing better for as many steps as `patience` says."""
        return bool(self.evaluations and self.patience and step - self.best_step >= self.patience)
