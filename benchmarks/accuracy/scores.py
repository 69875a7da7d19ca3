"""Scoring, in one way for all systems: borders and label have to be those of the gold span."""

from collections import Counter
from statistics import mean
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_binder.scorer import binder_score

from .docs import KEY, bare


def score(nlp: Language, gold: list[Doc]) -> dict[str, Any]:
    """Score what a pipeline finds in the tokens of gold docs.

    nlp (Language): The pipeline. Its entities count if it has an entity recognizer, its spans otherwise.
    gold (list[Doc]): The gold docs.
    RETURNS (dict): Precision, recall and F1, in all and by label; `macro_f`, the mean F1 of the labels that have gold
        spans; `nested_r`, the recall of gold spans inside or around another one; and numbers of spans.
    """
    ents = "ner" in nlp.pipe_names
    examples = []
    for doc, reference in zip(nlp.pipe(map(bare, gold)), gold, strict=True):
        # A doc of its own, since the encoder's vectors stay with the other one.
        found = bare(reference)
        spans = doc.ents if ents else doc.spans[KEY]
        found.spans[KEY] = [Span(found, span.start, span.end, label=span.label_) for span in spans]
        examples.append(Example(found, reference))
    return score_examples(examples)


def score_examples(examples: list[Example]) -> dict[str, Any]:
    """RETURNS (dict): The scores of examples, as `score` describes them."""
    scores = binder_score(examples, spans_key=KEY, allow_overlap=True)
    gold = Counter(span.label_ for example in examples for span in example.reference.spans[KEY])
    found = Counter(span.label_ for example in examples for span in example.predicted.spans[KEY])
    labels = {}
    for label in sorted(gold | found):
        of_label = scores[f"spans_{KEY}_per_type"][label]
        labels[label] = {name: float(of_label[name]) for name in "prf"}
        labels[label] |= {"gold": gold[label], "found": found[label]}
    nested = scores[f"spans_{KEY}_nested_r"]
    return {
        **{name: float(scores[f"spans_{KEY}_{name}"] or 0.0) for name in "prf"},
        "macro_f": mean(labels[label]["f"] for label in gold) if gold else 0.0,
        "nested_r": None if nested is None else float(nested),
        "gold": gold.total(),
        "found": found.total(),
        "labels": labels,
    }
