"""Train and score GLiNER with its own trainer; `benchmarks.accuracy` starts a process of this for each run."""

import json
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import spacy
import typer
from gliner import GLiNER  # pyright: ignore[reportMissingImports]
from gliner.training import Trainer  # pyright: ignore[reportMissingImports]
from spacy.tokens import Doc
from spacy.util import load_model_from_config, minibatch, registry
from thinc.api import Config
from transformers import AutoConfig
from transformers.trainer_callback import TrainerCallback
from transformers.trainer_utils import set_seed

from spacy_binder.config import find_encoder
from spacy_binder.text.augmenters import passage_borders

from ..machine import machine
from .gliner_format import Border, count_unreachable, read_names, to_example, to_extents
from .reader import bare, read_docs
from .scores import Extents, compare


class Finder:
    """Finds spans in docs with a GLiNER model, passage by passage."""

    def __init__(self, model: Any, config: Config, names: dict[str, str]) -> None:
        """model (GLiNER): The model.

        config (Config): The run's config.
        names (dict[str, str]): The name of each label.
        """
        self.model = model
        self.names = names
        self.max_tokens = config["corpora"]["train"]["augmenter"]["max_tokens"]
        self.max_width = config["gliner"]["model"]["max_width"]
        self.batch_size = config["gliner"]["prediction"]["batch_size"]
        self.most_wordpieces = model.data_processor.transformer_tokenizer.model_max_length
        self.options = {key: value for key, value in config["gliner"]["prediction"].items() if key != "batch_size"}
        self.nlp = load_model_from_config(config, auto_fill=True)

    def score(self, gold: list[Doc]) -> dict[str, Any]:
        """Score what is found in the tokens of gold docs.

        gold (list[Doc]): The gold docs.
        RETURNS (dict): What `scores.score` returns for a pipeline; and `unreachable`: what `count_unreachable` returns,
            and the number of passages that fill the encoder, whose ends may be lost (`full_passages`).
        """
        start = perf_counter()
        docs = list(self.nlp.pipe(map(bare, gold)))
        borders = [passage_borders(doc, self.max_tokens) for doc in docs]
        found, full = self.find(docs, borders)
        seconds = perf_counter() - start
        unreachable = {**count_unreachable(gold, borders, self.max_width), "full_passages": full}
        speed = sum(map(len, gold)) / seconds
        return {**compare(found, gold), "words_per_second": speed, "unreachable": unreachable}

    def find(self, docs: Iterable[Doc], borders: Iterable[list[Border]]) -> tuple[list[Extents], int]:
        """Find the spans of docs.

        docs (Iterable[Doc]): The docs.
        borders (Iterable[list]): First token and end of each passage, for each doc.
        RETURNS (tuple[list[set], int]): First token, end and label of each span, for each doc; and the number of
            passages that fill the encoder.
        """
        self.model.eval()
        collator = self.model.create_collator()
        found: list[Extents] = []
        passages, full = [], 0
        for doc, cut in zip(docs, borders, strict=True):
            passages += [(len(found), start, [token.text for token in doc[start:end]]) for start, end in cut]
            found.append(set())
        for passage_batch in minibatch(passages, self.batch_size):
            inputs = self.model.prepare_base_input([words for _, _, words in passage_batch])
            batch = self.model.collate_batch(inputs, list(self.names.values()), collator)
            full += int((batch["attention_mask"].sum(1) >= self.most_wordpieces).sum())
            output = self.model.run_batch(batch, threshold=self.options["threshold"])
            for (place, start, _), entities in zip(
                passage_batch, self.model.decode_batch(output, batch, **self.options), strict=True
            ):
                extents = [(entity.start, entity.end, entity.entity_type) for entity in entities]
                found[place] |= to_extents(extents, start, self.names)
        return found, full


class KeepBest(TrainerCallback):
    """Scores the model on the development part in the course of training, and keeps the weights that are best."""

    def __init__(self, finder: Finder, gold: list[Doc], every: int) -> None:
        """finder (Finder): Has the model.

        gold (list[Doc]): The development part.
        every (int): After how many steps it is scored. It is scored at the end, too.
        """
        self.finder, self.gold, self.every = finder, gold, every
        self.evaluations: list[dict[str, Any]] = []
        self.best: tuple[float, dict[str, Any]] = (-1.0, {})

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Score the model if it is time to. `Trainer` calls it."""
        if state.global_step % self.every and state.global_step != state.max_steps:
            return
        f = self.finder.score(self.gold)["f"]
        if f > self.best[0]:
            self.best = f, deepcopy(self.finder.model.state_dict())
        self.evaluations.append({"step": state.global_step, "epoch": state.epoch, "f": f})
        print(json.dumps(self.evaluations[-1]), flush=True)


def make_model(config: Config) -> Any:
    """RETURNS (GLiNER): A bi-encoder with pretrained encoders and untrained layers, as a run's config says."""
    encoder = find_encoder(config["gliner"]["encoder"]["name"])[0]
    width = AutoConfig.from_pretrained(encoder).hidden_size
    names = {"model_name": encoder, "labels_encoder": encoder}
    return GLiNER.from_config({**names, "hidden_size": width, **config["gliner"]["model"]})


def make_trainer(
    model: Any, examples: list[dict[str, Any]], config: Config, folder: Path, callback: KeepBest, gpu_id: int
) -> Trainer:
    """Make GLiNER's own trainer.

    model (GLiNER): The model.
    examples (list[dict]): The training examples, in its format.
    config (Config): The run's config.
    folder (Path): Where it may write.
    callback (KeepBest): Called after each step.
    gpu_id (int): The GPU, or -1 for none.
    RETURNS (Trainer): The trainer.
    """
    training = config["training"]
    schedule = training["optimizer"]["learn_rate"]
    arguments = model.create_training_args(
        output_dir=folder / "trainer",
        learning_rate=schedule["initial_rate"],
        warmup_ratio=0.0,
        warmup_steps=schedule["warmup_steps"],
        lr_scheduler_type="linear",
        max_steps=training["max_steps"],
        per_device_train_batch_size=training["batcher"]["size"],
        logging_steps=training["eval_frequency"],
        save_strategy="no",
        # Another process would take another core.
        dataloader_num_workers=0,
        dataloader_pin_memory=gpu_id >= 0,
        disable_tqdm=True,
        seed=config["system"]["seed"],
        use_cpu=gpu_id < 0,
        **config["gliner"]["training"],
    )
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=examples,
        processing_class=model.data_processor.transformer_tokenizer,
        data_collator=model._create_data_collator(),
        callbacks=[callback],
    )


def main(
    folder: Path, dev: Path, test: Annotated[Path | None, typer.Argument()] = None, gpu_id: int = -1
) -> dict[str, Any]:
    """Train with FOLDER/config.cfg; score the model that is best on DEV on DEV and on TEST.

    The last line that it prints is the result as JSON.
    """
    config = Config().from_disk(folder / "config.cfg")
    vocab = spacy.blank(config["nlp"]["lang"]).vocab
    start = perf_counter()
    set_seed(config["system"]["seed"])
    model = make_model(config)
    names = read_names(Path(config["paths"]["labels"]), described=config["gliner"]["labels"] == "guideline")
    finder = Finder(model, config, names)
    corpus = registry.resolve({"train": config["corpora"]["train"]})["train"]
    passages = [example.reference for example in corpus(finder.nlp)]
    gold = read_docs(dev, vocab)
    best = KeepBest(finder, gold, config["training"]["eval_frequency"])
    examples = [to_example(passage, names) for passage in passages]
    trainer = make_trainer(model, examples, config, folder, best, gpu_id)
    trainer.train()
    seconds = perf_counter() - start
    model.load_state_dict(best.best[1])
    model.save_pretrained(folder / "model-best")
    losses = {row["step"]: row["loss"] for row in trainer.state.log_history if "loss" in row}
    whole = [[(0, len(passage))] for passage in passages]
    result = {
        "dev": finder.score(gold),
        "test": finder.score(read_docs(test, vocab)) if test else None,
        "evaluations": [{**row, "loss": losses.get(row["step"])} for row in best.evaluations],
        "training_seconds": seconds,
        "passages": len(passages),
        "unreachable": count_unreachable(passages, whole, finder.max_width),
        "machine": machine(),
    }
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    typer.run(main)
