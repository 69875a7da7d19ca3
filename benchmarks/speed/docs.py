"""The documents that are measured on: as they are, cut, or joined."""

from collections.abc import Iterable
from itertools import cycle

import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import registry
from spacy.vocab import Vocab


def read_gold(path: str, max_docs: int, vocab: Vocab | None = None, cut_at: int = 0) -> list[Doc]:
    """Read docs with their gold spans.

    path (str): The DocBin. Docs without tokens are left out.
    max_docs (int): The most docs, or 0 for all.
    vocab (Vocab): Their vocabulary.
    cut_at (int): The most words of a doc: longer ones are cut at sentence starts. 0 for any length.
    RETURNS (list[Doc]): The docs.
    """
    # A bare Vocab, because spacy.blank imports every plugin.
    docs = [doc for doc in DocBin().from_disk(path).get_docs(vocab or Vocab()) if len(doc)][: max_docs or None]
    if not cut_at:
        return docs
    chunk_docs = registry.augmenters.get("spacy_binder.chunk_docs.v1")(max_tokens=cut_at)
    nlp = spacy.blank("en")
    return [example.reference for doc in docs for example in chunk_docs(nlp, Example(doc, doc))]


def read_docs(path: str, max_docs: int, vocab: Vocab | None = None, cut_at: int = 0) -> list[Doc]:
    """RETURNS (list[Doc]): The same docs without spans."""
    return [unannotated(doc) for doc in read_gold(path, max_docs, vocab, cut_at)]


def unannotated(doc: Doc) -> Doc:
    """RETURNS (Doc): A copy without spans. Sentence starts are kept."""
    copy = doc.copy()
    copy.spans.clear()
    return copy


def join(docs: list[Doc], size: int) -> Doc:
    """RETURNS (Doc): Docs joined to one of so many words. The first one follows the last."""
    chosen, words = [], 0
    for doc in cycle(docs):
        chosen.append(doc)
        words += len(doc)
        if words >= size:
            break
    return Doc.from_docs(chosen)[:size].as_doc()


def pieces(doc: Doc, size: int) -> list[Doc]:
    """RETURNS (list[Doc]): The doc in pieces of so many words, sentences or not."""
    return [doc[i : i + size].as_doc() for i in range(0, len(doc), size)]


def count_words(docs: Iterable[Doc]) -> int:
    """RETURNS (int): The words of all docs."""
    return sum(map(len, docs))
