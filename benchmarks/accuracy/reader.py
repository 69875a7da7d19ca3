"""The reader of the benchmark: all systems get the gold tokens, and nothing else.

It needs nothing beside it: `python -m spacy train ... --code benchmarks/accuracy/reader.py` knows it too.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import filter_spans, registry
from spacy.vocab import Vocab

READER, KEY = "benchmark.gold_tokens.v1", "sc"
Augmenter = Callable[[Language, Example], Iterator[Example]]


def read_docs(path: str | Path, vocab: Vocab) -> list[Doc]:
    """RETURNS (list[Doc]): The docs of a DocBin that have tokens, each with a group of gold spans."""
    docs = [doc for doc in DocBin().from_disk(path).get_docs(vocab) if len(doc)]
    for doc in docs:
        doc.spans.setdefault(KEY, [])
    return docs


def bare(doc: Doc) -> Doc:
    """RETURNS (Doc): A new doc of the same tokens, without annotations. Not even sentence starts are kept."""
    return Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])


@registry.readers(READER)
def make_gold_tokens(
    path: Path, ents: bool, augmenter: Optional[Augmenter] = None
) -> Callable[[Language], Iterator[Example]]:
    """A reader like `spacy.Corpus.v1`, but its examples keep the gold tokens, so that no span is lost.

    path (Path): The DocBin.
    ents (bool): Whether gold spans become the entities of the reference, too. Of overlapping spans the longest does.
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
