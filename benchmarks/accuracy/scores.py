"""Score all systems in one way: borders and label of a span must be those of the gold span."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import mean
from time import perf_counter
from typing import Any

from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Doc, Span

from spacy_binder.scorer import nested_offsets

from .reader import KEY, bare

Extents = set[tuple[int, int, str]]


def score(nlp: Language, gold: list[Doc]) -> dict[str, Any]:
    """Score what a pipeline finds in the tokens of gold docs.

    nlp (Language): The pipeline. Its entities count if it has a component `ner`, its spans otherwise.
    gold (list[Doc]): The gold docs.
    RETURNS (dict): What `compare` returns, and `words_per_second`: the speed at which they were found.
    """
    start = perf_counter()
    # One doc at a time: those of spacy-transformers hold their vectors.
    docs = nlp.pipe(map(bare, gold))
    found = [extents(doc.ents if "ner" in nlp.pipe_names else doc.spans[KEY]) for doc in docs]
    seconds = perf_counter() - start
    return {**compare(found, gold), "words_per_second": sum(map(len, gold)) / seconds}


def compare(found_in: Iterable[Extents], gold: list[Doc]) -> dict[str, Any]:
    """Compare what was found with the gold spans.

    found_in (Iterable[set]): First token, end and label of each span that was found, for each doc.
    gold (list[Doc]): The gold docs.
    RETURNS (dict): `p`, `r` and `f`, and by label `f` and the number of `gold` spans; `macro_f`, the mean F1 of the
        labels that have gold spans; `nested_r`, the recall of gold spans inside or around another one (None if there
        are none); and the numbers of spans, `gold` and `found`.
    """
    total, nested, labels = PRFScore(), PRFScore(), defaultdict(PRFScore)
    for found, reference in zip(found_in, gold, strict=True):
        right = extents(reference.spans[KEY])
        total.score_set(found, right)
        for label in {span[2] for span in found | right}:
            labels[label].score_set(*({span for span in spans if span[2] == label} for spans in (found, right)))
        inner = nested_offsets(right)
        nested.score_set(found & inner, inner)
    by_label = {label: {"f": labels[label].fscore, "gold": n_gold(labels[label])} for label in sorted(labels)}
    return {
        "p": total.precision,
        "r": total.recall,
        "f": total.fscore,
        "macro_f": mean([scores["f"] for scores in by_label.values() if scores["gold"]] or [0.0]),
        "nested_r": nested.recall if n_gold(nested) else None,
        "gold": n_gold(total),
        "found": total.tp + total.fp,
        "labels": by_label,
    }


def extents(spans: Iterable[Span]) -> Extents:
    """RETURNS (set): First token, end and label of each span."""
    return {(span.start, span.end, span.label_) for span in spans}


def n_gold(counts: PRFScore) -> int:
    """RETURNS (int): The number of gold spans that were counted."""
    return counts.tp + counts.fn
