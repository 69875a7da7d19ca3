"""The `binder_ner` component: spaCy's contract for a trainable pipe, and nothing else."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Optional, Union

import numpy
from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

from .config import DEFAULT_LOSS_WEIGHTS, DEFAULT_MODEL, check_settings, default_description
from .errors import Errors, Warnings

# At a threshold near 0 every span of every type is a prediction: no more than this many a word are kept.
MAX_SPANS_PER_WORD = 4


@Language.factory(
    "binder_ner",
    assigns=["doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "spans_key": "sc",
        "threshold": 0.5,
        "thresholds": {},
        "allow_overlap": True,
        "joint_inference": False,
        "annotate_ents": False,
        "window_merge": "best_context",
        "repeat_weight": 0.0,
        "loss_weights": DEFAULT_LOSS_WEIGHTS,
        "scorer": {"@scorers": "spacy_binder.binder_scorer.v1"},
    },
    default_score_weights={
        "spans_sc_f": 1.0,
        "spans_sc_p": 0.0,
        "spans_sc_r": 0.0,
        "spans_sc_nested_r": None,
        "spans_sc_per_type": None,
    },
)
def make_binder_ner(
    nlp: Language,
    name: str,
    model: Model,
    spans_key: str,
    threshold: float,
    thresholds: dict[str, float],
    allow_overlap: bool,
    joint_inference: bool,
    annotate_ents: bool,
    window_merge: str,
    repeat_weight: float,
    loss_weights: dict[str, float],
    scorer: Optional[Callable],
) -> "BinderNER":
    """Construct a BinderNER component: nested or flat named entities, by the similarity of spans with types.

    model (Model): The bi-encoder, like `spacy_binder.Binder.v1`.
    spans_key (str): Key of doc.spans that gold spans are read from and predictions written to.
    threshold (float): A span has to score above it. 0.5 is the paper's rule; lower finds more.
    thresholds (dict): Labels that have a threshold of their own, for which `threshold` then says nothing.
    allow_overlap (bool): Whether spans may nest and overlap. If not, the best-scoring ones are kept.
    joint_inference (bool): Whether a span's start and end have to beat their thresholds too.
    annotate_ents (bool): Whether the best spans that don't overlap also go to doc.ents.
    window_merge (str): Who judges a span that several windows see: best_context (the window that gives it the
        most context) or union (any of them, as in the published code).
    repeat_weight (float): How much of a span's logit comes from the best span of the same words and type in the
        doc, from 0 (the paper) to 1. Names and phrases that are clear in one place are then found in others.
    loss_weights (dict): Weights of the loss: start, end and span; gold and threshold terms.
    scorer (Callable, optional): The scoring method.
    RETURNS (BinderNER): The component.
    """
    return BinderNER(
        nlp.vocab,
        model,
        name,
        spans_key=spans_key,
        threshold=threshold,
        thresholds=thresholds,
        allow_overlap=allow_overlap,
        joint_inference=joint_inference,
        annotate_ents=annotate_ents,
        window_merge=window_merge,
        repeat_weight=repeat_weight,
        loss_weights=loss_weights,
        scorer=scorer,
    )


class BinderNER(TrainablePipe):
    """Finds spans of types that are given by descriptions (Zhang et al., ICLR 2023)."""

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "binder_ner",
        *,
        spans_key: str = "sc",
        threshold: float = 0.5,
        thresholds: Optional[dict[str, float]] = None,
        allow_overlap: bool = True,
        joint_inference: bool = False,
        annotate_ents: bool = False,
        window_merge: str = "best_context",
        repeat_weight: float = 0.0,
        loss_weights: Optional[dict[str, float]] = None,
        scorer: Optional[Callable] = None,
    ) -> None:
        """Initialize the component; see `make_binder_ner` for the arguments.

        vocab (Vocab): The shared vocabulary.
        RAISES (ValueError): If a setting can't be, see `check_settings`.
        """
        check_settings(
            name,
            threshold=threshold,
            thresholds=thresholds or {},
            window_merge=window_merge,
            repeat_weight=repeat_weight,
            loss_weights=loss_weights or {},
        )
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.loss_weights = {**DEFAULT_LOSS_WEIGHTS, **(loss_weights or {})}
        self.gold_counts: Counter[str] = Counter()
        self._warned: set[str] = set()
        self.cfg: dict[str, Any] = {
            "labels": {},
            "spans_key": spans_key,
            "threshold": threshold,
            "thresholds": dict(thresholds or {}),
            "calibration": None,
            "allow_overlap": allow_overlap,
            "joint_inference": joint_inference,
            "annotate_ents": annotate_ents,
            "window_merge": window_merge,
            "repeat_weight": repeat_weight,
        }

    @property
    def key(self) -> str:
        """RETURNS (str): Key of doc.spans that spans are read from and written to."""
        return str(self.cfg["spans_key"])

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple[str, ...]): The labels of the component's types."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> dict[str, str]:
        """RETURNS (dict[str, str]): The description of each label, as `initialize` takes it."""
        return dict(self.cfg["labels"])

    def add_label(self, label: str, description: Optional[str] = None) -> int:
        """Add a type, or describe one anew. No weight depends on it, before or after training.

        label (str): The label.
        description (str, optional): What spans of the type are. If None, a label that is there keeps its
            description, and a new one gets spaCy's explanation of the label, or the label itself.
        RETURNS (int): 0 if the label was there, otherwise 1.
        RAISES (ValueError): If the label is no string or empty, or the description is empty.
        """
        if not isinstance(label, str):
            raise ValueError(SpacyErrors.E187)
        if not label.strip():
            raise ValueError(Errors.B001.format(name=self.name, label=label))
        if description is not None and not description.strip():
            raise ValueError(Errors.B002.format(label=label))
        is_new = label not in self.cfg["labels"]
        if is_new or description is not None:
            self.cfg["labels"][label] = description or default_description(label)
            self.vocab.strings.add(label)
        return int(is_new)

    def remove_label(self, label: str) -> str:
        """Drop a type, and its own threshold if it has one. The other types' scores stay as they are.

        label (str): The label.
        RETURNS (str): Its description.
        RAISES (ValueError): If there is no such label.
        """
        if label not in self.cfg["labels"]:
            raise ValueError(Errors.B016.format(kind="label", name=label, known=", ".join(self.labels)))
        self.cfg["thresholds"].pop(label, None)
        return self.cfg["labels"].pop(label)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Union[dict[str, str], list[str]]] = None,
    ) -> None:
        """Load the encoders and set the labels.

        get_examples (Callable): Gives the training examples.
        nlp (Language, optional): The pipeline, whose score weights are checked.
        labels (dict or list, optional): Description of each label, or labels alone, as `spacy init labels`
            writes them. If None, the labels of the gold spans.
        RAISES (ValueError): If there are no labels, the gold spans are under another key, a gold span has
            no label or an unknown one, or no score weight names the spans key.
        """
        validate_get_examples(get_examples, "BinderNER.initialize")
        if labels is not None and not isinstance(labels, (dict, list, tuple)):
            given = type(labels).__name__
            raise ValueError(Errors.B014.format(setting="labels", name=self.name, given=given))
        if nlp is not None:
            self._check_score_weights(nlp)
        for label in labels or ():
            self.add_label(label, labels[label] if isinstance(labels, dict) else None)
        sample: list[Doc] = []
        self._read_examples(get_examples, sample, add_labels=labels is None)
        self._require_labels()
        unknown = ", ".join(label for label in self.cfg["thresholds"] if label not in self.cfg["labels"])
        if unknown:
            message = Warnings.BW09.format(unknown=unknown, name=self.name, labels=", ".join(self.labels))
            warnings.warn(message, stacklevel=2)
        from .layers.types import BinderInput

        self.model.initialize(X=BinderInput(sample, list(self.label_data.values())))

    def _read_examples(self, get_examples: Callable, sample: list[Doc], *, add_labels: bool) -> None:
        n_spans = 0
        others: Counter[str] = Counter()
        for example in get_examples():
            if len(sample) < 10:
                sample.append(example.x)
            others.update({key: len(group) for key, group in example.reference.spans.items() if len(group)})
            for span in example.reference.spans.get(self.key, []):
                n_spans += 1
                if add_labels:
                    self.add_label(span.label_)
                elif span.label_ not in self.cfg["labels"]:
                    raise ValueError(self._unknown_label(span))
        if not n_spans and others:
            keys = ", ".join(f"doc.spans['{key}'] ({n})" for key, n in others.most_common())
            raise ValueError(Errors.B003.format(key=self.key, others=keys, name=self.name))

    def _unknown_label(self, span: Span) -> str:
        return Errors.B010.format(
            text=span.text,
            start=span.start,
            end=span.end,
            label=span.label_,
            name=self.name,
            labels=", ".join(self.labels),
        )

    def _check_score_weights(self, nlp: Language) -> None:
        weights = nlp.config["training"]["score_weights"]
        if any(weight for name, weight in weights.items() if name.startswith(f"spans_{self.key}_")):
            return
        if any(weight for name, weight in weights.items() if not name.startswith("spans_sc_")):
            return
        corpora = nlp.config.interpolate()["corpora"]
        if any(isinstance(corpus, dict) and corpus.get("path") for corpus in corpora.values()):
            raise ValueError(Errors.B004.format(key=self.key, name=self.name))
        warnings.warn(Warnings.BW02.format(key=self.key, name=self.name), stacklevel=3)

    def predict(self, docs: Iterable[Doc]) -> list:
        """Find the spans of some docs, without changing them.

        docs (Iterable[Doc]): The docs.
        RETURNS (list[Candidates]): The spans of each doc that beat their label's threshold, in document order.
        RAISES (ValueError): If the component was not initialized.
        """
        from .layers.types import BinderInput, Search
        from .spans.decoding import NEAR, of_docs, over_limits, to_tokens, with_repeats
        from .spans.margins import margin_limits

        docs = list(docs)
        self._require_initialized()
        limits = margin_limits(self.cfg, self.labels)
        # Neither this nor window_merge is in what earlier versions saved.
        weight = self.cfg.get("repeat_weight", 0.0)
        least = numpy.minimum(limits, NEAR) if weight else limits
        search = Search(least, limits if self.cfg["joint_inference"] else None, MAX_SPANS_PER_WORD)
        output = self.model.predict(BinderInput(docs, list(self.label_data.values()), search))
        union = self.cfg.get("window_merge") == "union"
        parts = []
        n_dropped = 0
        for found in output.passes:
            parts.append(to_tokens(output.windows, found, all_windows=union))
            n_dropped += found.n_dropped
        if n_dropped:
            lowest = min([self.cfg["threshold"], *self.cfg["thresholds"].values()])
            message = Warnings.BW04.format(n=n_dropped, threshold=lowest, cap=MAX_SPANS_PER_WORD, name=self.name)
            self._warn_once("BW04", message)
        spans = of_docs(parts, self.labels, len(docs), union=union)
        if weight:
            spans = [
                with_repeats(of_doc, doc.to_array("ORTH"), weight) for of_doc, doc in zip(spans, docs, strict=True)
            ]
            spans = [over_limits(of_doc, limits, allow_overlap=True) for of_doc in spans]
        return spans

    def set_annotations(self, docs: Iterable[Doc], candidates: list) -> None:
        """Write predicted spans to doc.spans, with `attrs["scores"]`, and to doc.ents if asked for.

        docs (Iterable[Doc]): The docs.
        candidates (list[Candidates]): What `predict` gave.
        """
        from .spans.decoding import over_limits, without_overlap
        from .spans.margins import margin_limits

        labels = self.labels
        limits = margin_limits(self.cfg, labels)
        for doc, found in zip(docs, candidates, strict=True):
            found = over_limits(found, limits, allow_overlap=self.cfg["allow_overlap"])
            doc.spans[self.key] = self._group(doc, found, labels)
            if self.cfg["annotate_ents"]:
                doc.set_ents(list(self._group(doc, without_overlap(found), labels)))

    def _group(self, doc: Doc, found: Any, labels: tuple[str, ...]) -> SpanGroup:
        from .spans.margins import published_scores

        spans = [
            Span(doc, start, end, label=labels[label])
            for start, end, label in zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), strict=True)
        ]
        scores = published_scores(found.margin, self.cfg["calibration"])
        return SpanGroup(doc, name=self.key, spans=spans, attrs={"scores": scores})

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[dict[str, float]] = None,
    ) -> dict[str, float]:
        """Learn from a batch of examples. Memory depends on the model's budget of wordpieces, not on their length.

        examples (Iterable[Example]): The examples.
        drop (float): The dropout rate after the scorer's projections; the encoders have their own.
        sgd (Optimizer, optional): The optimizer. If None, gradients are only accumulated.
        losses (dict, optional): Where the loss is added, under the component's name.
        RETURNS (dict[str, float]): The losses.
        RAISES (ValueError): If a gold span has an unknown label.
        """
        from .layers.types import BinderInput
        from .spans.targets import make_targets

        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BinderNER.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        self._require_initialized()
        if self.cfg["calibration"] is not None:
            self._warn_once("BW08", Warnings.BW08.format(name=self.name))
        set_dropout_rate(self.model, drop)
        gold = [self._aligned_gold(example) for example in examples]
        descriptions = list(self.label_data.values())
        output, backprop = self.model.begin_update(BinderInput([eg.predicted for eg in examples], descriptions))
        most_words = self.model.get_ref("scorer").attrs["max_span_length"]
        targets, reasons = make_targets(output.windows, gold, max_span_length=most_words)
        self._count_gold(reasons, sum(len(spans) for spans in gold))
        for scored in output.passes:
            loss, d_scores = self.get_loss(scored, targets, len(output.windows))
            scored.backprop(d_scores)
            losses[self.name] += loss
        backprop(None)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def get_loss(self, scored: Any, targets: Any, n_windows: int) -> tuple[float, Any]:
        """The loss of one forward pass and its gradient.

        scored (ScoredWindows): The windows of the pass and their logits.
        targets (Targets): The gold items of all windows of the update.
        n_windows (int): The windows of the update, over which terms are averaged.
        RETURNS (tuple[float, SpanScores]): The loss and the gradient of the logits.
        """
        from .modules.loss import loss_of_pass

        return loss_of_pass(scored, targets, n_windows, self.loss_weights)

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the component to a folder, the encoders' weights in files of their own.

        path (str / Path): The folder.
        exclude (Iterable[str]): What to leave out: cfg, model or vocab.
        """
        from .layers.encoder_shim import save_weights, weights_apart

        with weights_apart(self.model):
            super().to_disk(path, exclude=tuple(exclude))
        if "model" not in exclude:
            save_weights(self.model, Path(path))

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "BinderNER":
        """Load the component from a folder.

        path (str / Path): The folder.
        exclude (Iterable[str]): What to leave alone: cfg, model or vocab.
        RETURNS (BinderNER): The component itself.
        """
        super().from_disk(path, exclude=tuple(exclude))
        if "model" not in exclude:
            from .layers.encoder_shim import load_weights

            load_weights(self.model, Path(path))
        return self

    def _require_initialized(self) -> None:
        if not self.model.get_ref("scorer").has_dim("nI"):
            raise ValueError(SpacyErrors.E109.format(name=self.name))
        self._require_labels()

    def _aligned_gold(self, example: Example) -> list[tuple[int, int, int]]:
        place = {label: i for i, label in enumerate(self.labels)}
        spans = example.reference.spans.get(self.key, [])
        for span in spans:
            if span.label_ not in place:
                raise ValueError(self._unknown_label(span))
        aligned = example.get_aligned_spans_y2x(spans, allow_overlap=True)
        self.gold_counts["not aligned with tokens"] += len(spans) - len(aligned)
        return sorted({(span.start, span.end, place[span.label_]) for span in aligned})

    def _count_gold(self, reasons: Counter[str], n_aligned: int) -> None:
        self.gold_counts["total"] += n_aligned
        self.gold_counts.update(reasons)
        lost = {reason: n for reason, n in self.gold_counts.items() if reason != "total" and n}
        if lost:
            total = self.gold_counts["total"] + self.gold_counts["not aligned with tokens"]
            parts = ", ".join(f"{n} {reason}" for reason, n in lost.items())
            message = Warnings.BW01.format(n=sum(lost.values()), total=total, name=self.name, reasons=parts)
            self._warn_once("BW01", message)

    def _warn_once(self, code: str, message: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            warnings.warn(message, stacklevel=3)
