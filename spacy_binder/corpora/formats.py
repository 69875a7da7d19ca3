"""The formats by name: for `spacy binder convert`, and registered as readers for `spacy train`."""

from __future__ import annotations

from .ace import read_ace
from .brat import read_brat
from .conll import read_conll
from .dygie import read_dygie
from .ents import read_ents
from .genia import read_genia
from .genia_xml import read_genia_xml
from .huggingface import read_huggingface
from .inline import read_inline
from .jsonl import read_jsonl
from .label_studio import read_label_studio
from .litbank import read_litbank
from .source import Reader, corpus_factory

FORMATS: dict[str, Reader] = {
    "ace2004": read_ace,
    "ace2005": read_ace,
    "brat": read_brat,
    "conll": read_conll,
    "dygie": read_dygie,
    "ents": read_ents,
    "genia": read_genia,
    "genia_xml": read_genia_xml,
    "huggingface": read_huggingface,
    "inline": read_inline,
    "jsonl": read_jsonl,
    "label_studio": read_label_studio,
    "litbank": read_litbank,
}

# What setup.cfg registers as spacy_binder.{name}.v1.
make_ace2004_corpus = corpus_factory("make_ace2004_corpus", read_ace)
make_ace2005_corpus = corpus_factory("make_ace2005_corpus", read_ace)
make_brat_corpus = corpus_factory("make_brat_corpus", read_brat)
make_conll_corpus = corpus_factory("make_conll_corpus", read_conll)
make_dygie_corpus = corpus_factory("make_dygie_corpus", read_dygie)
make_ents_corpus = corpus_factory("make_ents_corpus", read_ents)
make_genia_corpus = corpus_factory("make_genia_corpus", read_genia)
make_genia_xml_corpus = corpus_factory("make_genia_xml_corpus", read_genia_xml)
make_huggingface_corpus = corpus_factory("make_huggingface_corpus", read_huggingface)
make_inline_corpus = corpus_factory("make_inline_corpus", read_inline)
make_jsonl_corpus = corpus_factory("make_jsonl_corpus", read_jsonl)
make_label_studio_corpus = corpus_factory("make_label_studio_corpus", read_label_studio)
make_litbank_corpus = corpus_factory("make_litbank_corpus", read_litbank)
