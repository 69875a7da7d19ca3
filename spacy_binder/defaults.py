"""What `binder_ner` is made of where a config says nothing else."""

from thinc.api import Config

DEFAULT_CONFIG = """
[model]
@architectures = "spacy_binder.Binder.v1"

[model.text_encoder]
@architectures = "spacy_binder.TextEncoder.v1"
name = "sentence-transformers/all-MiniLM-L6-v2"
window = 128
stride = 16
cut_at_sentences = true
max_batch_wordpieces = 1024
mixed_precision = false
inference_precision = "float32"
word_shapes = true
gradient_checkpointing = false
attention_dropout = null
tokenizer_config = {}
transformer_config = {}

[model.type_encoder]
@architectures = "spacy_binder.TypeEncoder.v1"
name = ${model.text_encoder.name}
freeze = false
max_length = 128
mixed_precision = false
tokenizer_config = {}
transformer_config = {}

[model.scorer]
@architectures = "spacy_binder.SpanScorer.v1"
linear_size = 128
max_span_length = 30
width_embedding_size = 128
temperature = 0.07
learn_rate_scale = 1.0
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_CONFIG)["model"]
DEFAULT_LOSS_WEIGHTS = {"start": 0.2, "end": 0.2, "span": 0.6, "gold": 0.5, "threshold": 0.5}
