"""Short trainings in float64, without dropout: what several processes learn is compared with what one learns.

torchrun starts this file as a program: `process_runs.py ENCODER FOLDER`. Each process writes RANK.safetensors and
RANK.json to FOLDER.
"""

import json
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import spacy
import torch
from conftest import demo_examples
from safetensors.torch import save_file
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam, Optimizer, RAdam
from tiny_pipelines import modules, quiet_config
from torch import Tensor

from spacy_binder.modules import processes
from spacy_binder.pipeline import BinderNER

# A batch is what one update gets; a step has one batch or more.
Step = list[list[Example]]
LABELS = {"PER": ["people", "anybody, by name or role"], "GPE": "countries and cities", "ORG": "companies"}


@dataclass(frozen=True)
class Run:
    """A training.

    optimizer (Callable): Makes the optimizer.
    steps (Callable): Makes the batches of each step from examples.
    architecture (dict): Settings of `spacy_binder.Binder.v1`.
    settings (dict): Settings of the component.
    drop (float): Dropout rate of the scorer. Defaults to 0.
    """

    optimizer: Callable[[], Optimizer]
    steps: Callable[[list[Example]], list[Step]]
    architecture: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    drop: float = 0.0


def plain_adam() -> Optimizer:
    return Adam(0.01, grad_clip=0.0, L2=0.0)


def averaging_adam() -> Optimizer:
    """With all that changes weights beside their gradients. The clipping is strong enough to matter."""
    return Adam(0.01, grad_clip=0.01, L2=0.1, L2_is_weight_decay=True, use_averages=True)


def radam() -> Optimizer:
    return RAdam(0.01, grad_clip=0.01)


def each_doc(examples: list[Example]) -> list[Step]:
    """A step for each of two long docs, then one for both."""
    one, two = examples[:2]
    return [[[one]], [[two]], [[one, two]]]


def in_parts(examples: list[Example]) -> list[Step]:
    """Two batches a step, whose gradients add up."""
    one, two, *short = examples
    return [[[one], [two, *short]], [[two], [one]]]


def short_docs(examples: list[Example]) -> list[Step]:
    """One window a step, so that a process has nothing to do. Then none has."""
    nothing = Example.from_dict(Doc(examples[0].predicted.vocab), {})
    return [[[example]] for example in examples[2:]] + [[[nothing]], [[examples[2]]]]


def gold_in_one(examples: list[Example]) -> list[Step]:
    """Two docs of one window each. One of them has no gold span."""
    one, two = examples[2], examples[3]
    two.reference.spans["sc"] = []
    return [[[one, two]], [[two]], [[two, one]]]


def annotated_in_one(examples: list[Example]) -> list[Step]:
    """Types that were annotated in one of two docs alone, as a list of labels or by descriptions."""
    one, two, three, four = examples[:4]
    for example, labels in ((two, ["ORG"]), (three, {"PER": "whoever acts", "TOOL": ["a tool", "an instrument"]})):
        group = example.reference.spans["sc"]
        example.reference.spans["sc"] = [span for span in group if span.label_ in labels]
        example.reference.spans["sc"].attrs["labels"] = labels
    four.reference.spans["sc"] = []
    four.reference.spans["sc"].attrs["labels"] = []
    return [[[one, two]], [[three, four]], [[four]], [[two, three, four]]]


DROPOUT = Run(plain_adam, each_doc, drop=0.5)
IN_BFLOAT16 = {name: {"mixed_precision": True} for name in ("text_encoder", "type_encoder")}
MIXED = Run(averaging_adam, in_parts, IN_BFLOAT16)
RUNS = {
    "plain": Run(plain_adam, each_doc),
    "accumulated": Run(averaging_adam, in_parts, {"clip_together": True}),
    "radam": Run(radam, in_parts),
    "short": Run(averaging_adam, short_docs),
    "gold_in_one": Run(plain_adam, gold_in_one, {"type_encoder": {"freeze": True}}),
    "annotated_in_one": Run(averaging_adam, annotated_in_one, settings={"sample_descriptions": True}),
    "shared": Run(averaging_adam, each_doc, {"type_encoder": None}),
}


def train(run: Run, encoder: str, precision: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """RETURNS (dict[str, Tensor]): Weights, averages, loss and counts of a training."""
    nlp, pipe, examples = prepare(run, encoder, precision)
    before = [param.detach().clone() for param in parameters(pipe)]
    optimizer = run.optimizer()
    losses: dict[str, float] = {}
    for step in run.steps(examples):
        for batch in step:
            nlp.update(batch, drop=run.drop, sgd=False, losses=losses)  # type: ignore[arg-type]
        pipe.finish_update(optimizer)
    found = {f"{i}": param.detach() for i, param in enumerate(parameters(pipe))}
    if optimizer.averages:
        found.update({f"average {i}": torch.as_tensor(a) for i, a in enumerate(optimizer.averages.values())})
    assert not all(torch.equal(*pair) for pair in zip(before, parameters(pipe), strict=True))
    numbers = [losses["binder_ner"], pipe.gold_counts["total"], len(pipe.cfg["trained"]), random.random()]
    return {name: tensor.clone() for name, tensor in found.items()} | {
        "numbers": torch.tensor(numbers, dtype=torch.float64)
    }


def prepare(run: Run, encoder: str, precision: torch.dtype) -> tuple[Language, BinderNER, list[Example]]:
    """RETURNS (tuple): A pipeline, its component, and examples: two long ones, then two of one window."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = {**quiet_config(encoder, window=48, max_batch_wordpieces=100), **run.settings}
    for name, value in run.architecture.items():
        config["model"][name] = {**config["model"].get(name, {}), **value} if isinstance(value, dict) else value
    pipe = nlp.add_pipe("binder_ner", config=config)
    assert isinstance(pipe, BinderNER)
    examples = demo_examples(nlp, ["news-01", "science-01"], max_sentences=6)
    examples += demo_examples(nlp, ["news-01", "science-01"], max_sentences=1)
    for example in examples:
        group = example.reference.spans["sc"]
        example.reference.spans["sc"] = [span for span in group if span.label_ in LABELS]
    nlp.config["initialize"]["components"]["binder_ner"] = {"labels": LABELS}
    nlp.initialize(lambda: examples)
    for module in modules(pipe.model):
        module.to(precision)
    return nlp, pipe, examples


def parameters(pipe: BinderNER) -> Iterator[Tensor]:
    return (param for module in modules(pipe.model) for param in module.parameters())


def main(encoder: str, folder: str) -> None:
    """Run all trainings on several processes."""
    warnings.simplefilter("error")
    with processes.join():
        rank, _ = processes.place()
        found = {f"{name}/{key}": tensor for name, run in RUNS.items() for key, tensor in train(run, encoder).items()}
        save_file(found, Path(folder) / f"{rank}.safetensors")
        facts = {
            "place": processes.place(),
            "same": processes.is_same("\ud800"),
            "different": processes.is_same(rank),
            "first": processes.get_first(f"from {rank}"),
            "dropout": [float(tensor.sum()) for tensor in train(DROPOUT, encoder).values()],
            "mixed": [float(tensor.sum()) for tensor in train(MIXED, encoder, torch.float32).values()],
            "torch": float(torch.rand(())),
            "random": [random.random(), float(numpy.random.rand())],
            "gradients": add_up_gradients(rank),
            **break_gradient(encoder, rank),
            "error": give_other_batch(encoder, rank),
        }
    (Path(folder) / f"{rank}.json").write_text(json.dumps({**facts, "alone": processes.place()}))


def add_up_gradients(rank: int) -> list[list[float]]:
    """RETURNS (list): Sums of gradients of all shapes, as the first and the last number and the sum of all."""
    shapes = [(), (3,), (20_000,), (20_000, 2), (200, 300), (2, 3, 5000), (4,), (4,)]
    params = [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for param in params[:-2]:
        param.grad = torch.zeros_like(param)
        param.grad.view(-1)[rank - 1] = 1.0 + rank
    # One that the second process alone has a gradient for, and one that has none.
    params[-2].grad = torch.ones(4) if rank else None
    processes.add_up_gradients(params)
    assert params[-1].grad is None
    gradients = [param.grad.reshape(-1) for param in params[:-1] if param.grad is not None]
    return [[float(gradient[0]), float(gradient[-1]), float(gradient.sum())] for gradient in gradients]


def break_gradient(encoder: str, rank: int) -> dict[str, Any]:
    """RETURNS (dict): Whether a gradient that is no number in the second process lets both of them skip the step."""
    nlp, pipe, examples = prepare(RUNS["plain"], encoder, torch.float32)
    before = [param.detach().clone() for param in parameters(pipe)]
    get_loss = pipe.get_loss

    def get_broken_loss(*args: Any) -> tuple[float, Any]:
        loss, d_scores = get_loss(*args)
        return loss, d_scores._replace(span=d_scores.span * torch.nan) if rank else d_scores

    pipe.get_loss = get_broken_loss
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\[BW15\]")
        nlp.update(examples, sgd=plain_adam())
    kept = all(torch.equal(*pair) for pair in zip(before, parameters(pipe), strict=True))
    return {"skipped": pipe.n_skipped_steps, "kept": kept}


def give_other_batch(encoder: str, rank: int) -> str:
    """RETURNS (str): The error where each process has a batch of its own."""
    nlp, _, examples = prepare(RUNS["plain"], encoder, torch.float32)
    try:
        nlp.update([examples[rank]])
    except ValueError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
