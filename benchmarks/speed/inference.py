"""Annotating: speed, scores, memory, and whether the batch size changes anything."""

import random
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice, product
from typing import Any

from spacy.language import Language
from spacy.training import Example

from .clock import compare, peak_rss_mib, rss_mib, seconds_of
from .docs import Text, join, read_docs, read_texts
from .encoder import BareEncoder
from .pipelines import load_binder, pipe_seconds

Settings = dict[str, Any]

# What made-up types are described with: every combination is another type.
KINDS = ["vessel", "garment", "tool", "plant", "animal", "dish", "building", "document", "illness", "instrument"]
QUALITIES = ["ancient", "wooden", "royal", "invisible", "broken", "foreign", "painted", "frozen", "rented", "sacred"]
PLACES = [
    "at sea",
    "in a city",
    "on a farm",
    "in court",
    "at war",
    "in a museum",
    "on a mountain",
    "at school",
    "in a dream",
    "underground",
]


def ratio(
    pipeline: str, text_encoder: Settings, encoder: str, data: str, max_docs: int, batch_size: int, runs: int
) -> Settings:
    """Compare nlp.pipe with the bare encoder. The memory is that of nlp.pipe, before the bare encoder is loaded."""
    nlp, _ = load_binder(pipeline, text_encoder=text_encoder)
    texts = read_texts(data, max_docs)
    loaded = rss_mib()
    pipe_seconds(nlp, texts, batch_size)
    memory = {"loaded_rss_mib": loaded, "pipe_peak_rss_mib": peak_rss_mib()}
    return {**memory, **against_bare(encoder, texts, {"pipe": partial(pipe_seconds, nlp, texts, batch_size)}, runs)}


def against_bare(encoder: str, texts: list[Text], sides: dict[str, Callable[[], float]], runs: int) -> Settings:
    """RETURNS (dict): What `compare` says of the bare encoder over some texts, and of sides that read the same."""
    bare = BareEncoder(encoder, texts).seconds
    return compare({"bare": bare, **sides}, words=sum(map(len, texts)), runs=runs)


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

    lengths (list[int]): Words of a document; the words in all are always the same.
    batch_sizes (list[int]): Documents of a batch.
    cut_at (int): The most words of a document where the batch size is varied.
    """
    nlp, _ = load_binder(pipeline, text_encoder=text_encoder)
    text = join(read_texts(data, max_docs), max(lengths))
    by_length = {str(length): partial(pipe_seconds, nlp, text.pieces(length)) for length in lengths}
    short = read_texts(data, max_docs, cut_at)
    by_size = {str(size): partial(pipe_seconds, nlp, short, size) for size in batch_sizes}
    return {
        "length": against_bare(encoder, [text], by_length, runs),
        "batch": against_bare(encoder, short, by_size, runs),
    }


def scores(pipeline: str, text_encoder: Settings, dev: str, test: str, max_docs: int, sizes: list[int]) -> Settings:
    """Score the pipeline on DEV, and compare what it finds in TEST at some batch sizes with what it finds at 32.

    sizes (list[int]): The batch sizes.
    """
    nlp, ner = load_binder(pipeline, text_encoder=text_encoder)
    gold = read_docs(dev, max_docs, nlp.vocab)
    predicted = nlp.pipe([Text.of(doc).doc(nlp.vocab) for doc in gold])
    scored = ner.score([Example(*pair) for pair in zip(predicted, gold, strict=True)])
    rows = []
    for cut_at in (0, 200) if sizes else ():
        texts = read_texts(test, max_docs, cut_at)
        expected = spans_with_scores(nlp, ner.key, texts, 32)
        for size in sizes:
            found = spans_with_scores(nlp, ner.key, texts, size)
            differences = [abs(found[span] - expected[span]) for span in found.keys() & expected.keys()]
            row = {"docs": len(texts), "cut_at": cut_at, "batch_size": size, "spans": len(found)}
            row |= {"in_one_alone": len(found.keys() ^ expected.keys()), "difference": max(differences, default=0.0)}
            rows.append(row)
    return {**{name: scored[f"spans_{ner.key}_{name}"] for name in "prf"}, "equality": rows}


def spans_with_scores(nlp: Language, key: str, texts: list[Text], size: int) -> dict[tuple[int, int, int, str], float]:
    """RETURNS (dict): The score of each span, by document, first token, end and label."""
    found = {}
    for i, doc in enumerate(nlp.pipe([text.doc(nlp.vocab) for text in texts], batch_size=size)):
        group = doc.spans[key]
        for span, score in zip(group, group.attrs["scores"], strict=True):
            found[i, span.start, span.end, span.label_] = float(score)
    return found


def memory_bare(encoder: str, data: str, max_docs: int) -> Settings:
    """Run the bare encoder once. spaCy is imported here too, because the documents are read with it."""
    bare = BareEncoder(encoder, read_texts(data, max_docs))
    return {"loaded_rss_mib": rss_mib(), "seconds": bare.seconds()}


def made_up_labels(n: int) -> dict[str, str]:
    """RETURNS (dict[str, str]): Labels and their descriptions, no two alike; the same ones every time."""
    combinations = [*product(KINDS, QUALITIES, PLACES)]
    random.Random(0).shuffle(combinations)
    if n > len(combinations):
        raise ValueError(f"No more than {len(combinations)} labels can be made up")
    return {
        f"{kind}_{quality}_{place}".upper().replace(" ", "_"): f"{kind}: any {quality} {kind} found {place}"
        for kind, quality, place in combinations[:n]
    }


def labels(pipeline: str, text_encoder: Settings, data: str, max_docs: int, count: int, runs: int) -> Settings:
    """Compare nlp.pipe with so many labels with nlp.pipe with the pipeline's own."""
    nlp, ner = load_binder(pipeline, text_encoder=text_encoder)
    texts = read_texts(data, max_docs)
    warm_up = join(texts, 50)
    n_own = len(ner.labels)
    extra = made_up_labels(count - n_own)

    def run(more: dict[str, str]) -> dict[str, float]:
        for label, description in more.items():
            ner.add_label(label, description)
        first, second = (pipe_seconds(nlp, [warm_up]) for _ in range(2))
        taken = pipe_seconds(nlp, texts)
        for label in more:
            ner.remove_label(label)
        return {"encoding": first - second, "pipe": taken}

    # Descriptions are encoded in the first run only; with few own labels first, so that nothing else is new then.
    run({})
    encoding = run(extra)["encoding"]
    sides = {"own": lambda: run({})["pipe"], "all": lambda: run(extra)["pipe"]}
    result = compare(sides, words=sum(map(len, texts)), runs=runs)
    return {"own_labels": n_own, "labels": count, "encoding_seconds": encoding, **result}


def long_stream(pipeline: str, text_encoder: Settings, data: str, max_docs: int, n_docs: int) -> Settings:
    """Annotate a long stream of short documents, and look at the memory after each tenth of it."""
    nlp, _ = load_binder(pipeline, text_encoder=text_encoder)
    texts = read_texts(data, max_docs, cut_at=40)
    stream = (text.doc(nlp.vocab) for text in islice(cycle(texts), n_docs))
    rss, words = [], 0
    for i, doc in enumerate(nlp.pipe(stream, batch_size=32), start=1):
        words += len(doc)
        if i % max(1, n_docs // 10) == 0:
            rss.append(rss_mib())
    return {"docs": n_docs, "words": words, "rss_mib": rss}


def long_document(pipeline: str, text_encoder: Settings, data: str, max_docs: int, n_words: int) -> Settings:
    """Annotate one long document."""
    nlp, ner = load_binder(pipeline, text_encoder=text_encoder)
    doc = join(read_texts(data, max_docs), n_words).doc(nlp.vocab)
    loaded = rss_mib()
    seconds = seconds_of(lambda: list(nlp.pipe([doc])))
    last = max((span.end for span in doc.spans[ner.key]), default=0)
    memory = {"loaded_rss_mib": loaded, "rss_mib": rss_mib()}
    return {"words": len(doc), "seconds": seconds, "last_span_ends": last, **memory}
