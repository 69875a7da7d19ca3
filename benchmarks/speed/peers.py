"""Other ways to find spans with the same encoder, untrained: only their speed means something."""

from functools import partial
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Example

from .clock import seconds_of
from .docs import Text, cut, read_docs, read_texts
from .inference import against_bare
from .pipelines import pipe_seconds


def spancat_pipeline(encoder: str, dev: str, max_docs: int, cut_at: int) -> Language:
    """RETURNS (Language): `transformer` and `spancat` with the labels of DEV, finding nothing."""
    nlp = spacy.blank("en")
    transformer = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": encoder,
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
    }
    nlp.add_pipe("transformer", config={"model": transformer})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
        "upstream": "*",
    }
    suggester = {"@misc": "spacy.ngram_suggester.v1", "sizes": list(range(1, 13))}
    # An untrained scorer's spans would cost more than all the rest.
    nlp.add_pipe("spancat", config={"threshold": 1.0, "suggester": suggester, "model": {"tok2vec": listener}})
    # Short ones, because of all n-grams of the first ten docs it looks at vectors.
    docs = [chunk for doc in read_docs(dev, max_docs, nlp.vocab) for chunk in cut(doc, cut_at)]
    examples = [Example(Text.of(doc).doc(nlp.vocab), doc) for doc in docs]
    nlp.initialize(lambda: examples)
    return nlp


def spancat(
    encoder: str, dev: str, test: str, max_docs: int, cut_at: int, sizes: list[int], runs: int
) -> dict[str, Any]:
    """Compare `transformer` and `spancat` at some batch sizes with the bare encoder."""
    nlp = spancat_pipeline(encoder, dev, max_docs, cut_at)
    texts = read_texts(test, max_docs, cut_at)
    sides = {str(size): partial(pipe_seconds, nlp, texts, size) for size in sizes}
    return against_bare(encoder, texts, sides, runs)


def gliner(
    encoder: str, dev: str, test: str, max_docs: int, cut_at: int, sizes: list[int], runs: int
) -> dict[str, Any]:
    """Compare a GLiNER bi-encoder at some batch sizes with the bare encoder.

    Labels are encoded before the clock. Texts may not be long: what is beyond its maximum length is left out.
    """
    import gliner
    from transformers import AutoConfig

    width = AutoConfig.from_pretrained(encoder).hidden_size
    config = gliner.GLiNERConfig(model_name=encoder, labels_encoder=encoder, hidden_size=width)
    model = gliner.GLiNER.from_config(config, resize_token_embeddings=False)
    labels = sorted({span.label_ for doc in read_docs(dev, max_docs) for group in doc.spans.values() for span in group})
    vectors = model.encode_labels(labels)
    texts = read_texts(test, max_docs, cut_at)
    strings = [str(text) for text in texts]

    def annotate(size: int) -> float:
        return seconds_of(
            lambda: model.batch_predict_with_embeds(
                strings, vectors, labels, flat_ner=False, threshold=1.0, batch_size=size
            )
        )

    return against_bare(encoder, texts, {str(size): partial(annotate, size) for size in sizes}, runs)
