"""Other ways to find spans with the same encoder, untrained: only their speed means something."""

from functools import partial
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config

from .clock import seconds_of
from .docs import read_docs, read_gold, unannotated
from .inference import against_bare
from .pipelines import pipe_seconds

SPANCAT = Path(__file__).parents[1] / "accuracy" / "peers" / "spancat.cfg"


def spancat_pipeline(encoder: str, dev: str, max_docs: int, cut_at: int) -> Language:
    """RETURNS (Language): `transformer` and `spancat` with the labels of DEV, finding nothing."""
    # An untrained scorer's spans would cost more than all the rest.
    overrides = {"components.transformer.model.name": encoder, "components.spancat.threshold": 1.0}
    nlp = load_model_from_config(load_config(SPANCAT, overrides=overrides), auto_fill=True)
    # Short docs, because it looks at the vectors of all n-grams of the first ten.
    gold = read_gold(dev, max_docs, nlp.vocab, cut_at)
    nlp.initialize(lambda: [Example(unannotated(doc), doc) for doc in gold])
    return nlp


def spancat(
    encoder: str, dev: str, test: str, max_docs: int, cut_at: int, sizes: list[int], runs: int
) -> dict[str, Any]:
    """Compare `transformer` and `spancat` at some batch sizes with the bare encoder."""
    nlp = spancat_pipeline(encoder, dev, max_docs, cut_at)
    docs = read_docs(test, max_docs, nlp.vocab, cut_at)
    return against_bare(encoder, docs, {str(size): partial(pipe_seconds, nlp, docs, size) for size in sizes}, runs)


def gliner(
    encoder: str, dev: str, test: str, max_docs: int, cut_at: int, sizes: list[int], runs: int
) -> dict[str, Any]:
    """Compare a GLiNER bi-encoder at some batch sizes with the bare encoder.

    Labels are encoded before the clock starts. Texts are short: GLiNER leaves out what is beyond its maximum length.
    """
    import gliner  # pyright: ignore[reportMissingImports]
    from transformers import AutoConfig

    width = AutoConfig.from_pretrained(encoder).hidden_size
    config = gliner.GLiNERConfig(model_name=encoder, labels_encoder=encoder, hidden_size=width)
    model = gliner.GLiNER.from_config(config, resize_token_embeddings=False)
    labels = sorted({span.label_ for doc in read_gold(dev, max_docs) for group in doc.spans.values() for span in group})
    vectors = model.encode_labels(labels)
    docs = read_docs(test, max_docs, cut_at=cut_at)
    texts = [doc.text for doc in docs]

    def annotate(size: int) -> float:
        options = {"flat_ner": False, "threshold": 1.0, "batch_size": size}
        return seconds_of(lambda: model.batch_predict_with_embeds(texts, vectors, labels, **options))

    return against_bare(encoder, docs, {str(size): partial(annotate, size) for size in sizes}, runs)
