"""Say with which types the documents of a corpus were annotated, where they don't say it themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Union

from spacy.language import Language
from spacy.training import Example

from ..gold import annotated_labels

# What `spacy train` reads from: called with the pipeline, anew for each pass over the documents.
CorpusT = Callable[[Language], Iterable[Example]]


class AnnotatedCorpus:
    """A corpus whose documents all say which types were annotated in them."""

    def __init__(self, corpus: CorpusT, labels: Iterable[str], spans_key: str = "sc") -> None:
        """
        corpus (Callable): The corpus.
        labels (Iterable[str]): The labels of the types that its documents were annotated with.
        spans_key (str): Key of doc.spans with the gold spans. Defaults to "sc".
        """
        self.corpus = corpus
        self.labels = list(labels)
        self.spans_key = spans_key

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the documents.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples. A document that says what was annotated in it stays as it is.
        RAISES (ValueError): If a gold span has another label.
        """
        for example in self.corpus(nlp):
            spans = example.reference.spans
            if self.spans_key not in spans:
                spans[self.spans_key] = []
            spans[self.spans_key].attrs.setdefault("labels", self.labels)
            annotated_labels(example.reference, self.spans_key)
            yield example


def make_annotated_corpus(
    corpus: Callable, labels: Union[list[str], dict[str, Any]], spans_key: str = "sc"
) -> AnnotatedCorpus:
    """Train from documents that were annotated with some of the types (`spacy_binder.Annotated.v1`).

    In training, other types are neither gold nor negative there. In scoring, predictions of them count for nothing.

    corpus (Callable): A corpus, such as `spacy.Corpus.v1`.
    labels (list / dict): Labels of the types that were annotated, or a dict with these as keys, as
        `spacy.read_labels.v1` gives it. A document that says it itself, by `attrs["labels"]` of its span group, stays
        as it is.
    spans_key (str): Key of doc.spans with the gold spans. Defaults to "sc".
    """
    return AnnotatedCorpus(corpus, labels, spans_key)
