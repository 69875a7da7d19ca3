"""Choose the threshold of a pipeline by the mean F1 of several corpora."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.util import registry

from spacy_binder.analysis.calibration import ScoredSpans, count_found, scored_spans
from spacy_binder.analysis.component import changed, get_component
from spacy_binder.analysis.docs import FLOOR, evaluate
from spacy_binder.gold import annotated_labels

# From 0.05, the lowest score of what is found, to 0.95.
THRESHOLDS = [i / 20 for i in range(1, 20)]


def dev_examples(nlp: Language) -> dict[str, list[Example]]:
    """RETURNS (dict[str, list[Example]]): The development part of a trained pipeline's config, by corpus of the mix."""
    corpora = registry.resolve({"dev": nlp.config.interpolate()["corpora"]["dev"]})
    by_corpus: defaultdict[str, list[Example]] = defaultdict(list)
    for example in corpora["dev"](nlp):
        key = next(iter(example.reference.spans))
        by_corpus[example.reference.spans[key].attrs["corpus"]].append(example)
    return dict(by_corpus)


def score_corpora(
    nlp: Language, name: str, corpora: Mapping[str, Sequence[Example]]
) -> dict[str, tuple[ScoredSpans, int]]:
    """Find spans of each corpus with its own types alone.

    nlp (Language): The pipeline. Its types are those of all corpora.
    name (str): The component.
    corpora (Mapping): Examples by corpus. They say which types were annotated.
    RETURNS (dict): Scores of the spans that are found, from the lowest threshold on, and the number of gold spans.
    """
    pipe = get_component(nlp, name)
    found = {}
    for corpus, examples in corpora.items():
        # Passages of one corpus may have been annotated with different types.
        said = [annotated_labels(example.reference, pipe.key) for example in examples]
        annotated = {label for labels in said for label in (pipe.labels if labels is None else labels)}
        labels = {label: words for label, words in pipe.cfg["labels"].items() if label in annotated}
        with changed(pipe, labels=labels, thresholds={}):
            docs = list(evaluate(nlp, name, examples, FLOOR))
        found[corpus] = scored_spans(docs), sum(len(doc.gold) for doc in docs)
    return found


def f_scores(spans: ScoredSpans, n_gold: int, thresholds: Iterable[float]) -> list[float]:
    """RETURNS (list[float]): F1 of the spans above each threshold, from 0 to 1."""
    values, n_found, n_right = count_found(spans.scores, spans.right)
    scores = []
    for threshold in thresholds:
        n = int((values > threshold).sum())
        found, right = (int(n_found[n - 1]), int(n_right[n - 1])) if n else (0, 0)
        scores.append(2 * right / (found + n_gold) if found + n_gold else 0.0)
    return scores


def choose_threshold(found: Mapping[str, tuple[ScoredSpans, int]]) -> tuple[float, list[dict[str, Any]]]:
    """Choose the threshold with the highest mean F1. Of equal ones, the one nearest to 0.5.

    found (Mapping): The result of `score_corpora`.
    RETURNS (tuple): The threshold, and for each one that was tried F1 by corpus and the mean.
    """
    by_corpus = {corpus: f_scores(spans, n_gold, THRESHOLDS) for corpus, (spans, n_gold) in found.items()}
    rows = []
    for i, threshold in enumerate(THRESHOLDS):
        scores = {corpus: values[i] for corpus, values in by_corpus.items()}
        rows.append({"threshold": threshold, "f": scores, "mean": sum(scores.values()) / len(scores)})
    best = max(rows, key=lambda row: (row["mean"], -abs(row["threshold"] - 0.5)))
    return best["threshold"], rows
