"""The formats by name: for `spacy binder convert`, and registered as readers for `spacy train`."""

from __future__ import annotations

from .ace import read_ace
from .brat import read_brat
from .inline import read_inline
from .litbank import read_litbank
from .source import Reader, corpus_factory

FORMATS: dict[str, Reader] = {
    "ace2004": read_ace,
    "ace2005": read_ace,
    "brat": read_brat,
    "inline": read_inline,
    "litbank": read_litbank,
}

make_ace2004_corpus = corpus_factory("make_ace2004_corpus", read_ace)
make_ace2005_corpus = corpus_factory("make_ace2005_corpus", read_ace)
make_brat_corpus = corpus_factory("make_brat_corpus", read_brat)
make_inline_corpus = corpus_factory("make_inline_corpus", read_inline)
make_litbank_corpus = corpus_factory("make_litbank_corpus", read_litbank)
