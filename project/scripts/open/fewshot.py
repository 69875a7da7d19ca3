"""Learn the types of a domain from a few sentences: from examples alone, or by training on the sentences."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import Adam, fix_random_seed, warmup_linear

from .passages import KEY

# Sentences per training step, and the number of steps by the number of sentences per type.
BATCH = 6
STEPS = {1: 60, 5: 120, 20: 200}
# The share of the steps in which the learning rate rises, its highest value, and the dropout.
WARM_UP, RATE, DROPOUT = 0.1, 1e-4, 0.1


def draw_shots(docs: Sequence[Doc], labels: Iterable[str], n: int, seed: int) -> list[Doc]:
    """Draw sentences until each type has some.

    docs (Sequence[Doc]): Sentences with gold spans.
    labels (Iterable[str]): The types.
    n (int): Sentences per type. A type that fewer sentences have gets these.
    seed (int): Decides which sentences are drawn.
    RETURNS (list[Doc]): The sentences, in a random order. One sentence can count for several types.
    """
    order = list(docs)
    Random(seed).shuffle(order)
    counts: Counter[str] = Counter()
    drawn = []
    # Rare types first: their sentences have others too.
    frequency = Counter(label for doc in order for label in {span.label_ for span in doc.spans[KEY]})
    for label in sorted(labels, key=lambda name: (frequency[name], name)):
        for doc in order:
            if counts[label] >= n:
                break
            found = {span.label_ for span in doc.spans[KEY]}
            if label in found and doc not in drawn:
                drawn.append(doc)
                counts.update(found)
    Random(seed).shuffle(drawn)
    return drawn


def with_examples(types: Mapping[str, Any], shots: Sequence[Doc], max_length: int) -> dict[str, Any]:
    """RETURNS (dict): Types for one call, each with its description and its spans of at most MAX_LENGTH words."""
    spans = [span for doc in shots for span in doc.spans[KEY] if len(span) <= max_length]
    return {
        label: {"description": text, "examples": [span for span in spans if span.label_ == label]}
        for label, text in types.items()
    }


def train_on(nlp: Language, name: str, shots: Sequence[Doc], steps: int, seed: int) -> None:
    """Train a component on some sentences.

    nlp (Language): The pipeline. It has the types already, and is changed.
    name (str): The component. Nothing else is trained.
    shots (Sequence[Doc]): Sentences with gold spans.
    steps (int): The number of updates.
    seed (int): Decides the batches and the dropout.
    """
    fix_random_seed(seed)
    rng = Random(seed)
    rates = warmup_linear(RATE, max(1, round(WARM_UP * steps)), steps)
    optimizer = Adam(learn_rate=rates, L2=0.0, grad_clip=1.0, use_averages=False)  # type: ignore[arg-type]
    # In the vocabulary of the pipeline: it may not know the labels yet.
    gold = list(DocBin(docs=shots).get_docs(nlp.vocab))
    queue: list[Doc] = []
    with nlp.select_pipes(enable=[name]):
        for _ in range(steps):
            while len(queue) < BATCH:
                queue += rng.sample(gold, len(gold))
            batch, queue = queue[:BATCH], queue[BATCH:]
            examples = [Example(_without_spans(nlp, doc), doc) for doc in batch]
            nlp.update(examples, sgd=optimizer, drop=DROPOUT)
            optimizer.step_schedules()


def _without_spans(nlp: Language, doc: Doc) -> Doc:
    return Doc(nlp.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
