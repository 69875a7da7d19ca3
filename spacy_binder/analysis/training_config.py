"""Make the config of a training: our own defaults, with the steps and sizes that fit the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from spacy.util import load_model_from_config
from thinc.api import Config

from ..config import find_encoder
from ..corpora.statistics import CorpusStatistics

# Tokens per passage: as many as a window of 256 wordpieces holds, on average.
MAX_TOKENS = 200
# Large corpora need few epochs. Small ones need more, until this many tokens were seen.
EPOCHS, SMALL_EPOCHS, TOKENS_SEEN = 5, 30, 120_000
MIN_STEPS, MAX_STEPS = 240, 20_000
# Batches of short passages are larger, so that they have this many tokens.
BATCH_SIZES, BATCH_TOKENS = (4, 8), 256
MIN_SPAN_LENGTH, MAX_SPAN_LENGTH = 30, 100
# Learning rates by the most dimensions of the encoder.
LEARN_RATES = {512: 1e-4, 1023: 5e-5}
LARGE_LEARN_RATE = 2e-5

# What differs from the defaults of spaCy and of `binder_ner`. What depends on the data is set by `training_config`.
SETTINGS = """
[paths]
train = null
dev = null

[system]
seed = 42
gpu_allocator = "pytorch"

[nlp]
pipeline = ["sentencizer", "binder_ner"]
batch_size = 32

[components]

[components.sentencizer]
factory = "sentencizer"

[components.binder_ner]
factory = "binder_ner"
repeat_weight = 0.3

[components.binder_ner.loss_weights]
threshold = 0.35

[components.binder_ner.model]
@architectures = "spacy_binder.Binder.v1"

[components.binder_ner.model.text_encoder]
@architectures = "spacy_binder.TextEncoder.v1"
window = 256
stride = 64

[components.binder_ner.model.type_encoder]
@architectures = "spacy_binder.TypeEncoder.v1"
name = ${components.binder_ner.model.text_encoder.name}

[components.binder_ner.model.scorer]
@architectures = "spacy_binder.SpanScorer.v1"
learn_rate_scale = 10.0

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}

[corpora.train.augmenter]
@augmenters = "spacy_binder.chunk_docs.v1"
random_start = true

[training]
annotating_components = ["sentencizer"]

[training.before_to_disk]
@callbacks = "spacy_binder.whole_saves.v1"

[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"

[training.logger]
@loggers = "spacy.ConsoleLogger.v3"
progress_bar = "train"

[training.optimizer]
@optimizers = "Adam.v1"
L2 = 0.0
use_averages = true

[training.optimizer.learn_rate]
@schedules = "warmup_linear.v1"

[training.score_weights]
sents_f = null
sents_p = null
sents_r = null
"""
READ_LABELS = {"@readers": "spacy.read_labels.v1", "path": "${paths.labels}", "require": True}


@dataclass
class Schedule:
    """How long to train, and how often to evaluate.

    batch_size (int): Passages per batch.
    steps_per_epoch (int): Batches per epoch.
    max_steps (int): Batches of the training, a multiple of eval_frequency, so that the last one is evaluated.
    eval_frequency (int): Batches between evaluations.
    warmup_steps (int): Batches until the learning rate is at its highest. It then falls to zero.
    """

    batch_size: int
    steps_per_epoch: int
    max_steps: int
    eval_frequency: int
    warmup_steps: int

    @property
    def epochs(self) -> float:
        """RETURNS (float): Number of epochs."""
        return self.max_steps / self.steps_per_epoch


def choose_schedule(train: CorpusStatistics, epochs: int | None = None) -> Schedule:
    """Choose how long to train.

    train (CorpusStatistics): What the training part has.
    epochs (int, optional): Number of epochs. If None, five, more for small corpora and less for very large ones.
    RETURNS (Schedule): The schedule.
    """
    per_passage = train.tokens / train.passages
    batch_size = next((size for size in BATCH_SIZES if size * per_passage >= BATCH_TOKENS), BATCH_SIZES[-1])
    steps_per_epoch = ceil(train.passages / batch_size)
    if epochs is None:
        enough = min(max(EPOCHS, TOKENS_SEEN / train.tokens), SMALL_EPOCHS)
        steps = min(max(enough * steps_per_epoch, MIN_STEPS), MAX_STEPS)
    else:
        steps = epochs * steps_per_epoch
    # One evaluation per epoch, if that is neither rare nor often.
    n_evaluations = min(max(round(steps / steps_per_epoch), 5), 8)
    eval_frequency = max(round(steps / n_evaluations), 1)
    max_steps = eval_frequency * max(round(steps / eval_frequency), 1)
    return Schedule(batch_size, steps_per_epoch, max_steps, eval_frequency, warmup_steps=round(0.06 * max_steps))


def choose_max_span_length(lengths: Mapping[int, int]) -> int:
    """Choose the length of the longest span that the component can find.

    lengths (Mapping[int, int]): Number of spans by length in tokens.
    RETURNS (int): A multiple of 10 that at most one in a hundred spans exceeds, from 30 (the default) to 100.
    """
    longest_first = sorted(Counter(lengths).elements(), reverse=True)
    length = longest_first[len(longest_first) // 100]
    return min(max(10 * ceil(length / 10), MIN_SPAN_LENGTH), MAX_SPAN_LENGTH)


def encoder_size(name: str) -> int | None:
    """RETURNS (int, optional): The number of dimensions of a Hugging Face encoder, or None if it can't be read here."""
    from transformers import AutoConfig

    try:
        return int(AutoConfig.from_pretrained(find_encoder(name)[0], trust_remote_code=False).hidden_size)
    except (OSError, ValueError, AttributeError):
        return None


def training_config(
    train: CorpusStatistics,
    schedule: Schedule,
    *,
    lang: str,
    encoder: str,
    size: int,
    max_span_length: int,
    paths: Mapping[str, Path],
    gpu: bool = False,
) -> Config:
    """Make the config of a training.

    train (CorpusStatistics): What the training part has.
    schedule (Schedule): How long to train.
    lang (str): Code of the language.
    encoder (str): Name or folder of a Hugging Face encoder.
    size (int): Its number of dimensions.
    max_span_length (int): Length of the longest span that the component can find, in tokens.
    paths (Mapping[str, Path]): Paths of `train`, `dev` and, if there is such a file, `labels`.
    gpu (bool): Whether the training runs on a GPU. Defaults to False.
    RETURNS (Config): The config, complete and not interpolated.
    """
    config = Config().from_str(SETTINGS, interpolate=False)
    config["paths"] = {name: path.as_posix() for name, path in paths.items()}
    config["nlp"]["lang"] = lang
    config["corpora"]["train"]["augmenter"]["max_tokens"] = train.max_tokens
    training = config["training"]
    # The learning rate falls to zero at the end, so an early stop would waste the best part.
    training |= {"max_steps": schedule.max_steps, "eval_frequency": schedule.eval_frequency, "patience": 0}
    training["batcher"]["size"] = schedule.batch_size
    rate = next((rate for most, rate in LEARN_RATES.items() if size <= most), LARGE_LEARN_RATE)
    steps = {"warmup_steps": schedule.warmup_steps, "total_steps": schedule.max_steps}
    training["optimizer"]["learn_rate"] |= {"initial_rate": rate, **steps}
    _set_score_weights(training["score_weights"], train.gold.spans_key)
    component = config["components"]["binder_ner"]
    component["spans_key"] = train.gold.spans_key
    if not train.overlapping:
        component |= {"allow_overlap": False, "annotate_ents": True}
    text_encoder, type_encoder = component["model"]["text_encoder"], component["model"]["type_encoder"]
    text_encoder["name"] = encoder
    component["model"]["scorer"]["max_span_length"] = max_span_length
    if gpu:
        text_encoder |= {"mixed_precision": True, "max_batch_wordpieces": 16384}
        type_encoder["mixed_precision"] = True
    if "labels" in paths:
        config["initialize"] = {"components": {"binder_ner": {"labels": dict(READ_LABELS)}}}
    return load_model_from_config(config, auto_fill=True).config


def _set_score_weights(weights: dict[str, float | None], spans_key: str) -> None:
    figures = {"f": 1.0, "p": 0.0, "r": 0.0, "nested_r": 0.0, "per_type": None}
    # The factory's own weights are for "sc", whatever the key is. None switches them off.
    weights.update({f"spans_sc_{name}": None for name in figures})
    weights.update({f"spans_{spans_key}_{name}": weight for name, weight in figures.items()})
