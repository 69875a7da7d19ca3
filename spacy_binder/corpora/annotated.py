"""Say with which types the documents of a corpus were annotated, where they don't say it themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Union

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors
from ..gold import annotated_labels

# What `spacy train` reads from: called with the pipeline, anew for each pass over the documents.
CorpusT = Callable[[Language], Iterable[Example]]
# Stands for the labels that occur in a corpus.
FOUND = "found"


class AnnotatedCorpus:
    """A corpus whose documents all say which types were annotated in them."""

    def __init__(self, corpus: CorpusT, labels: Iterable[str], spans_key: str = "sc") -> None:
        """
        corpus (Callable): The corpus.
        labels (Iterable[str]): The labels of the types that its documents were annotated with. "found" stands for the
            labels that occur in the corpus. The first call then reads the corpus twice.
        spans_key (str): Key of doc.spans with the gold spans. Defaults to "sc".
        RAISES (ValueError): If the labels are another text.
        """
        self.corpus = corpus
        self.labels = check_annotated(labels, option="labels", name="Annotated.v1")
        self.spans_key = spans_key

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the documents.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples. A document that says what was annotated in it stays as it is.
        RAISES (ValueError): If a gold span has another label.
        """
        if self.labels is None:
            self.labels = find_labels((example.reference for example in self.corpus(nlp)), self.spans_key)
        for example in self.corpus(nlp):
            say_annotated(example.reference, self.labels, self.spans_key)
            yield example


def check_annotated(labels: Iterable[str], *, option: str, name: str) -> list[str] | None:
    """Check what a user gives as the labels of the types that were annotated.

    labels (Iterable[str]): The labels, or "found".
    option (str): The option, for the message.
    name (str): What has the option, for the message.
    RETURNS (list[str], optional): The labels. None if they have to be found.
    RAISES (ValueError): If they are another text, which would be read as a list of letters.
    """
    if isinstance(labels, str):
        if labels == FOUND:
            return None
        expected = 'a list of labels, a dict with these as keys, or "found"'
        raise ValueError(Errors.B049.format(option=option, name=name, expected=expected, value=labels))
    return list(labels)


def find_labels(docs: Iterable[Doc], spans_key: str) -> list[str]:
    """Find the labels that occur in some docs.

    docs (Iterable[Doc]): The docs. None is kept.
    spans_key (str): Key of doc.spans with the gold spans.
    RETURNS (list[str]): The labels of spans, and those that docs say were annotated in them, in order of occurrence.
    """
    found: dict[str, None] = {}
    for doc in docs:
        found.update(dict.fromkeys(annotated_labels(doc, spans_key) or ()))
        found.update(dict.fromkeys(span.label_ for span in doc.spans.get(spans_key, ())))
    return list(found)


def say_annotated(doc: Doc, labels: list[str], spans_key: str) -> None:
    """Say which types were annotated in a doc: set `attrs["labels"]` of its span group, unless it says it already.

    doc (Doc): The doc. Without the group it gets an empty one.
    labels (list[str]): The labels of the types.
    spans_key (str): Key of doc.spans with the gold spans.
    RAISES (ValueError): If a gold span has another label.
    """
    if spans_key not in doc.spans:
        doc.spans[spans_key] = []
    doc.spans[spans_key].attrs.setdefault("labels", labels)
    annotated_labels(doc, spans_key)


def make_annotated_corpus(
    corpus: Callable, labels: Union[list[str], dict[str, Any], str], spans_key: str = "sc"
) -> AnnotatedCorpus:
    """Train from documents that were annotated with some of the types (`spacy_binder.Annotated.v1`).

    In training, other types are neither gold nor negative there. In scoring, predictions of them count for nothing.

    corpus (Callable): A corpus, such as `spacy.Corpus.v1`.
    labels (list / dict / str): Labels of the types that were annotated, or a dict with these as keys, as
        `spacy.read_labels.v1` gives it. "found" stands for the labels that occur in the corpus, which is read once for
        that. So each pass has to have the same documents and spans: put it inside of `Replay.v1`, and not around it. A
        document that says it itself, by `attrs["labels"]` of its span group, stays as it is.
    spans_key (str): Key of doc.spans with the gold spans. Defaults to "sc".
    """
    return AnnotatedCorpus(corpus, labels, spans_key)
