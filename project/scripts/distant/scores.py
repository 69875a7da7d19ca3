"""Compare a dictionary and the pipeline that has learned from it on the same gold spans."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import load_model

from .strings import KEY

Extents = list[set[tuple[int, int, str]]]


def predict(nlp: Language, path: Path) -> list[Example]:
    """RETURNS (list[Example]): Gold docs, and the docs that a pipeline makes of their texts."""
    examples = list(Corpus(path)(nlp))
    for example, doc in zip(examples, nlp.pipe([example.predicted for example in examples]), strict=True):
        example.predicted = doc
    return examples


def spacy_scores(nlp: Language, examples: Sequence[Example]) -> dict[str, Any]:
    """RETURNS (dict): p, r, f, per_type as `spacy evaluate` gives them, from 0 to 1."""
    scores = Scorer(nlp).score(examples)
    return {name: scores[f"spans_{KEY}_{name}"] for name in ("p", "r", "f", "per_type")}


def compare(dictionary: Path, model: Path, test: Path) -> dict[str, Any]:
    """Score both, and count how many of the spans that the dictionary finds or misses the pipeline finds.

    dictionary (Path): The dictionary as a pipeline.
    model (Path): The trained pipeline.
    test (Path): A DocBin with gold spans.
    RETURNS (dict): JSON: the scores of both, and under `gold_spans` the number of those that the dictionary finds and
        misses, and how many of these the trained pipeline finds.
    """
    ruler, nlp = load_model(dictionary), load_model(model)
    by_dictionary, by_model = predict(ruler, test), predict(nlp, test)
    training = nlp.config.interpolate()["training"]
    gold = extents([example.reference for example in by_model])
    found, learned = (extents([e.predicted for e in examples]) for examples in (by_dictionary, by_model))
    groups = {
        "found_by_dictionary": [g & f for g, f in zip(gold, found, strict=True)],
        "missed_by_dictionary": [g - f for g, f in zip(gold, found, strict=True)],
    }
    return {
        "dictionary": {**spacy_scores(ruler, by_dictionary), "patterns": len(ruler.get_pipe("span_ruler").patterns)},
        "trained": {
            **spacy_scores(nlp, by_model),
            "seed": training["seed"],
            "max_steps": training["max_steps"],
        },
        "gold_spans": {
            name: {
                "n": sum(map(len, group)),
                "trained": sum(len(g & f) for g, f in zip(group, learned, strict=True)),
            }
            for name, group in groups.items()
        },
    }


def extents(docs: Sequence[Doc]) -> Extents:
    """RETURNS (list[set]): First character, end and label of the spans of each doc."""
    return [{(span.start_char, span.end_char, span.label_) for span in doc.spans.get(KEY, [])} for doc in docs]
