"""Annotating: speed, F1 and memory."""

import warnings
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice, product
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example

from .clock import compare, peak_rss_mib, rss_mib, seconds_of
from .docs import count_words, join, pieces, read_docs, read_gold, unannotated
from .pipelines import BareEncoder, load_binder, pipe_seconds

Settings = dict[str, Any]

# What made-up types are described with: every combination is another type.
KINDS = ["vessel", "garment", "tool", "plant", "animal", "dish", "building", "document", "illness", "instrument"]
QUALITIES = ["ancient", "wooden", "royal", "invisible", "broken", "foreign", "painted", "frozen", "rented", "sacred"]
PLACES = ["sea", "court", "war", "school", "home", "night", "random", "work", "noon", "risk"]


def ratio(pipeline: str, text_encoder: Settings, encoder: str, data: str, max_docs: int, runs: int) -> Settings:
    """Compare nlp.pipe with the bare encoder. The memory is that of nlp.pipe, before the bare encoder is loaded."""
    nlp, _ = load_binder(pipeline, text_encoder=text_encoder)
    docs = read_docs(data, max_docs, nlp.vocab)
    pipe_seconds(nlp, docs)
    memory = {"pipe_peak_rss_mib": peak_rss_mib()}
    return {**memory, **against_bare(encoder, docs, {"pipe": partial(pipe_seconds, nlp, docs)}, runs)}


def against_bare(encoder: str, docs: list[Doc], sides: dict[str, Callable[[], float]], runs: int) -> Settings:
    """RETURNS (dict): What `compare` says of the bare encoder over some docs, and of sides that read the same."""
    bare = BareEncoder(encoder, docs).seconds
    return compare({"bare": bare, **sides}, words=count_words(docs), runs=runs)


def sweeps(
    pipeline: str,
    text_encoder: Settings,
    encoder: str,
    data: str,
    max_docs: int,
    lengths: list[int],
    batch_sizes: list[int],
    cut_at: int,
    runs: int,
) -> Settings:
    """Compare nlp.pipe with the bare encoder: over documents of some lengths, then at some batch sizes.

    lengths (list[int]): Words per document. The words in all are always the same.
    batch_sizes (list[int]): Documents per batch.
    cut_at (int): The most words per document where the batch size is varied.
    """
    nlp, _ = load_binder(pipeline, text_encoder=text_encoder)
    doc = join(read_docs(data, max_docs, nlp.vocab), max(lengths))
    by_length: dict[str, Callable[[], float]] = {
        str(length): partial(pipe_seconds, nlp, pieces(doc, length)) for length in lengths
    }
    short = read_docs(data, max_docs, nlp.vocab, cut_at)
    by_size: dict[str, Callable[[], float]] = {
        str(size): partial(pipe_seconds, nlp, short, size) for size in batch_sizes
    }
    return {
        "length": against_bare(encoder, [doc], by_length, runs),
        "batch": against_bare(encoder, short, by_size, runs),
    }


def scores(pipeline: str, text_encoder: Settings, data: str, max_docs: int) -> Settings:
    """Score the pipeline."""
    nlp, ner = load_binder(pipeline, text_encoder=text_encoder)
    gold = read_gold(data, max_docs, nlp.vocab)
    found = nlp.evaluate([Example(unannotated(doc), doc) for doc in gold])
    return {name: found[f"spans_{ner.key}_{name}"] for name in "prf"}


def memory(encoder: str, data: str, max_docs: int) -> Settings:
    """Run the bare encoder once. spaCy is imported here too, because the documents are read with it."""
    return {"seconds": BareEncoder(encoder, read_docs(data, max_docs)).seconds()}


def made_up_labels(n: int) -> dict[str, str]:
    """RETURNS (dict[str, str]): Labels and their descriptions, no two alike; the same ones every time."""
    combinations = [*product(PLACES, QUALITIES, KINDS)]
    if n > len(combinations):
        raise ValueError(f"No more than {len(combinations)} labels can be made up")
    return {
        f"{quality}_{kind}_{place}".upper(): f"{kind}: any {quality} {kind} found at {place}"
        for place, quality, kind in combinations[:n]
    }


def labels(pipeline: str, text_encoder: Settings, data: str, max_docs: int, count: int, runs: int) -> Settings:
    """Compare nlp.pipe with so many labels with nlp.pipe with the pipeline's own."""
    nlp, ner = load_binder(pipeline, text_encoder=text_encoder)
    docs = read_docs(data, max_docs, nlp.vocab)
    warm_up = [join(docs, 50)]
    n_own = len(ner.labels)
    extra = made_up_labels(count - n_own)

    def run(more: dict[str, str]) -> dict[str, float]:
        for label, description in more.items():
            ner.add_label(label, description)
        with warnings.catch_warnings():
            # That made-up descriptions are unlike trained ones.
            warnings.filterwarnings("ignore", message=r"\[BW16\]")
            first, second = (pipe_seconds(nlp, warm_up) for _ in range(2))
        taken = pipe_seconds(nlp, docs)
        for label in more:
            ner.remove_label(label)
        return {"encoding": first - second, "pipe": taken}

    # Descriptions are encoded in the first run only; with the own labels first, so that nothing else is new then.
    run({})
    encoding = run(extra)["encoding"]
    sides = {"own": lambda: run({})["pipe"], "all": lambda: run(extra)["pipe"]}
    result = compare(sides, words=count_words(docs), runs=runs)
    return {"own_labels": n_own, "labels": count, "encoding_seconds": encoding, **result}


def long_stream(pipeline: str, text_encoder: Settings, data: str, max_docs: int, n_docs: int) -> Settings:
    """Annotate a long stream of short documents, and look at the memory after each tenth of it."""
    nlp, _ = load_binder(pipeline, text_encoder=text_encoder)
    docs = read_docs(data, max_docs, nlp.vocab, cut_at=40)
    rss, words = [], 0
    stream = (doc.copy() for doc in islice(cycle(docs), n_docs))
    for i, doc in enumerate(nlp.pipe(stream, batch_size=32), start=1):
        words += len(doc)
        if i % max(1, n_docs // 10) == 0:
            rss.append(rss_mib())
    return {"docs": n_docs, "words": words, "rss_mib": rss}


def long_document(pipeline: str, text_encoder: Settings, data: str, max_docs: int, n_words: int) -> Settings:
    """Annotate one long document."""
    nlp, ner = load_binder(pipeline, text_encoder=text_encoder)
    doc = join(read_docs(data, max_docs, nlp.vocab), n_words)
    loaded = rss_mib()
    seconds = seconds_of(lambda: list(nlp.pipe([doc])))
    last = max((span.end for span in doc.spans[ner.key]), default=0)
    return {
        "words": len(doc),
        "seconds": seconds,
        "last_span_ends": last,
        "loaded_rss_mib": loaded,
        "rss_mib": rss_mib(),
    }
