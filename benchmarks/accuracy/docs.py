"""The documents: all systems get the gold tokens, and nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import filter_spans, registry
from spacy.vocab import Vocab

from .configs import READER

KEY = "sc"
Augmenter = Callable[[Language, Example], Iterator[Example]]


def read_docs(path: str | Path, vocab: Vocab | None = None) -> list[Doc]:
    """RETURNS (list[Doc]): The docs of a DocBin that have tokens, each with a group of gold spans."""
    # A bare Vocab, because spacy.blank imports every plugin there is.
    docs = [doc for doc in DocBin().from_disk(path).get_docs(vocab or Vocab()) if len(doc)]
    for doc in docs:
        # Docs without the key are left out of the score.
        if KEY not in doc.spans:
            doc.spans[KEY] = []
    return docs


def bare(doc: Doc) -> Doc:
    """RETURNS (Doc): A new doc of the same tokens, without annotations: not even where sentences start."""
    return Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])


@registry.readers(READER)
def make_gold_tokens(
    path: Path, ents: bool, augmenter: Optional[Augmenter] = None
) -> Callable[[Language], Iterator[Example]]:
    """A reader like `spacy.Corpus.v1` whose examples keep the gold tokens, so that no span gets lost.

    path (Path): The DocBin.
    ents (bool): Whether gold spans are also the entities of the reference; of overlapping ones the longest.
    augmenter (Callable): Cuts or changes the examples.
    RETURNS (Callable): Takes the pipeline, yields examples.
    """

    def gold_tokens(nlp: Language) -> Iterator[Example]:
        for doc in read_docs(path, nlp.vocab):
            if ents:
                doc.set_ents(filter_spans(doc.spans[KEY]))
            example = Example(bare(doc), doc)
            yield from augmenter(nlp, example) if augmenter else [example]

    return gold_tokens


def is_nested(docs: list[Doc]) -> bool:
    """RETURNS (bool): Whether gold spans overlap anywhere."""
    for doc in docs:
        end = 0
        for span in sorted(doc.spans[KEY], key=lambda span: span.start):
            if span.start < end:
                return True
            end = max(end, span.end)
    return False
