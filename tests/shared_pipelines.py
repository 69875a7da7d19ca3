"""Small pipelines whose components share a transformer of spacy-transformers."""

from typing import Any

import spacy
import torch
from conftest import demo_examples
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy_transformers.layers.hf_shim import HFShim
from tiny_pipelines import NO_DROPOUT

SHARED_TRANSFORMER = {"@architectures": "spacy_binder.SharedTransformer.v1"}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "pooling": {"@layers": "reduce_mean.v1"},
}
NER = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 16,
    "maxout_pieces": 2,
    "use_upper": False,
    "tok2vec": LISTENER,
}


def transformer_config(encoder: str, *, window: int = 60, stride: int = 45, **settings: Any) -> dict[str, Any]:
    """The config of a `transformer`, without dropout."""
    return {
        "model": {
            "@architectures": "spacy-transformers.TransformerModel.v3",
            "name": encoder,
            "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": window, "stride": stride},
            "tokenizer_config": {"use_fast": True, **settings},
            "transformer_config": dict(NO_DROPOUT),
        }
    }


def shared_config(encoder: str) -> dict[str, Any]:
    """The config of a `binder_ner` that listens to a `transformer`."""
    return {
        "model": {
            "@architectures": "spacy_binder.SharedBinder.v1",
            "tok2vec": dict(SHARED_TRANSFORMER),
            "type_encoder": {
                "@architectures": "spacy_binder.TypeEncoder.v1",
                "name": encoder,
                "transformer_config": NO_DROPOUT,
            },
            "scorer": {"@architectures": "spacy_binder.SpanScorer.v1", "learn_rate_scale": 10.0},
        }
    }


def add_listeners(nlp: Language, encoder: str, names: tuple[str, ...]) -> None:
    """Add components that listen to a `transformer`: tagger, ner, binder_ner."""
    configs = {
        "tagger": {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}},
        "ner": {"model": NER},
        "binder_ner": shared_config(encoder),
    }
    for name in names:
        nlp.add_pipe(name, config=configs[name])


def shared_nlp(encoder: str, *names: str, n_sentences: int = 3, **settings: Any) -> tuple[Language, list[Example]]:
    """An initialized pipeline with a `transformer` and what listens to it, and examples, one of them without tokens."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=transformer_config(encoder, **settings))
    add_listeners(nlp, encoder, names)
    examples = shared_examples(nlp, n_sentences)
    nlp.initialize(lambda: examples)
    return nlp, examples


def shared_examples(nlp: Language, n_sentences: int = 3) -> list[Example]:
    """Examples with spans, entities and tags, which are made up, and one without tokens."""
    [example] = demo_examples(nlp, ["news-01"], max_sentences=n_sentences)
    gold = example.reference
    gold.set_ents(spacy.util.filter_spans(list(gold.spans["sc"])))
    for token in gold:
        token.tag_ = "NAME" if token.is_title else "OTHER"
    empty = nlp.make_doc("")
    reference = empty.copy()
    reference.spans["sc"] = []
    return [Example(example.predicted, gold), Example(empty, reference)]


def train(nlp: Language, examples: list[Example], n_updates: int = 60, **settings: Any) -> list[dict[str, float]]:
    """RETURNS (list): The losses of each update."""
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 2e-3
    return [dict(nlp.update(examples, sgd=optimizer, losses={}, **settings)) for _ in range(n_updates)]


def transformer_of(nlp: Language, name: str = "transformer") -> torch.nn.Module:
    """The Hugging Face model of a `transformer`, or of a component that has one inside."""
    shims: list[Any] = [shim for node in nlp.get_pipe(name).model.walk() for shim in node.shims]
    [module] = [shim._model for shim in shims if isinstance(shim, HFShim)]
    return module


def weights_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the weights of a module."""
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


def scored_spans(doc: Doc) -> tuple[list[tuple[int, int, str]], Any]:
    """The spans that were found in a doc, and their scores."""
    group = doc.spans["sc"]
    return [(span.start, span.end, span.label_) for span in group], group.attrs["scores"]
