"""Save a component to a folder, and load it. The folder has the old component or the new one, never a mixture.

Weights go to new files, which `model` names. `model` is replaced last: before that the folder has the old component,
after it the new one. The weights of the old one are then removed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import uuid4

import srsly
from spacy.language import Language
from spacy.training.loop import DIR_MODEL_LAST
from thinc.api import Model

from .errors import Errors, Warnings
from .layers.encoder_shim import encoder_shims, weights_apart
from .layers.saved_encoder import name_damage
from .layers.seal import file_checksum, is_sealed, seal, unseal

WEIGHTS = "{layer}-{save_id:.8}.safetensors"
# Name of the weights in versions that saved them without checksum.
EARLIER_WEIGHTS = "{layer}.safetensors"
LAYERS = ("text_encoder", "type_encoder")
TEMPORARY = ".part"


def save_component(folder: Path, cfg: dict[str, Any] | None, model: Model | None) -> None:
    """Save the settings and the model of a component. A crash leaves the component that was there before.

    folder (Path): The folder. It is made if it is missing. Symbolic links in it are replaced.
    cfg (dict, optional): The settings, or None to leave them out.
    model (Model, optional): The bi-encoder, or None to leave it out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder, shared=False):
        try:
            if model is None:
                _write_settings(folder, cfg)
            else:
                _save_model(folder, cfg, model)
        finally:
            for name in ("cfg", "model", *(WEIGHTS.format(layer=layer, save_id="*") for layer in LAYERS)):
                for path in folder.glob(name + TEMPORARY):
                    path.unlink()


def _save_model(folder: Path, cfg: dict[str, Any] | None, model: Model) -> None:
    save_id = uuid4().hex
    with weights_apart():
        content = model.to_bytes()
    weights = {}
    written = None
    try:
        for layer, shim in encoder_shims(model).items():
            if shim.is_built:
                path = folder / WEIGHTS.format(layer=layer, save_id=save_id)
                with _replacing(path) as temporary:
                    shim.save_weights(temporary, save_id)
                    weights[layer] = {"file": path.name, "checksum": file_checksum(temporary)}
        record = {"save_id": save_id, "cfg": cfg, "weights": weights, "model": content}
        _write_settings(folder, None if cfg is None else {**cfg, "save_id": save_id})
        written = seal(srsly.msgpack_dumps(record))
        with _replacing(folder / "model") as temporary:
            temporary.write_bytes(written)
    except BaseException:
        # A user may stop it when `model` has just been replaced. Then it names the new weights.
        if written is None or not (folder / "model").exists() or (folder / "model").read_bytes() != written:
            for saved in weights.values():
                (folder / saved["file"]).unlink(missing_ok=True)
        raise
    current = {saved["file"] for saved in weights.values()}
    for layer in LAYERS:
        earlier = folder / EARLIER_WEIGHTS.format(layer=layer)
        for path in (*folder.glob(WEIGHTS.format(layer=layer, save_id="*")), earlier):
            if path.name not in current:
                path.unlink(missing_ok=True)


def _write_settings(folder: Path, cfg: dict[str, Any] | None) -> None:
    if cfg is not None:
        with _replacing(folder / "cfg") as temporary:
            srsly.write_json(temporary, cfg)


def load_component(folder: Path, model: Model | None) -> dict[str, Any] | None:
    """Load what `save_component` or an earlier version saved.

    folder (Path): The folder.
    model (Model, optional): The bi-encoder that takes what was saved, or None to leave it out.
    RETURNS (dict, optional): The settings of the component, or None if they were not saved.
    RAISES (ValueError): If a file is missing, damaged, or from another pipeline.
    """
    with name_damage(str(folder)), _lock(folder, shared=True):
        return _load(folder, model)


def _load(folder: Path, model: Model | None) -> dict[str, Any] | None:
    cfg = _read_settings(folder / "cfg")
    saved_with = None if cfg is None else cfg.pop("save_id", None)
    if model is None:
        return cfg
    content = _read(folder / "model")
    if not is_sealed(content):
        _load_earlier(folder, model, content)
        return cfg
    content = unseal(content, str(folder / "model"))
    with name_damage(str(folder / "model")):
        record: Any = srsly.msgpack_loads(content)
        files = {layer: folder / Path(saved["file"]).name for layer, saved in record["weights"].items()}
        # In a thread of its own: checksums take a twelfth of the time of a load.
        with ThreadPoolExecutor(1) as pool:
            checksums = {layer: pool.submit(file_checksum, path) for layer, path in files.items()}
            model.from_bytes(record["model"])
            for layer, shim in encoder_shims(model).items():
                if layer in files:
                    if checksums[layer].result() != record["weights"][layer]["checksum"]:
                        raise ValueError(Errors.B052.format(source=files[layer]))
                    shim.load_weights(files[layer], record["save_id"])
        # Where a save was interrupted between the two files, the settings of this model are in `model`.
        belongs = saved_with in (None, record["save_id"]) or record["cfg"] is None
        return cfg if belongs else record["cfg"]


def _load_earlier(folder: Path, model: Model, content: bytes) -> None:
    warnings.warn(Warnings.BW14.format(folder=folder), stacklevel=4)
    with name_damage(str(folder / "model")):
        model.from_bytes(content)
    for layer, shim in encoder_shims(model).items():
        path = folder / EARLIER_WEIGHTS.format(layer=layer)
        if not shim.has_weights or path.exists():
            shim.load_weights(path)


def _read(path: Path) -> bytes:
    with name_damage(str(path)):
        return path.read_bytes()


def _read_settings(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    content = _read(path)
    with name_damage(str(path)):
        cfg = srsly.json_loads(content.decode("utf8"))
        if not isinstance(cfg, dict):
            raise ValueError("It has no JSON object")
        return cfg


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside a file, and put it in its place when it is complete."""
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    yield temporary
    sync(temporary)
    os.replace(temporary, path)


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    # Windows syncs only what it can write.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@contextmanager
def _lock(folder: Path, *, shared: bool) -> Iterator[None]:
    """Let several load from a folder, or one save to it, where the system can do that."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems have no locks.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
        if not shared:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_whole_saves() -> Callable[[Language], Language]:
    """Make the callback `spacy_binder.whole_saves.v1` for `[training.before_to_disk]`.

    spaCy writes the files of a pipeline one after the other, in place. With this callback `spacy train` writes
    `model-last` beside the old one, and puts it in its place when it is whole.

    RETURNS (Callable): The callback. It changes `to_disk` of the pipeline for folders of this name, and no others.
    """

    def before_to_disk(nlp: Language) -> Language:
        # `spacy train` calls `to_disk` of what it gets here, which has to be a pipeline.
        nlp.to_disk = partial(_save_pipeline, nlp)  # type: ignore[method-assign]
        return nlp

    return before_to_disk


def _save_pipeline(nlp: Language, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
    path = Path(path)
    if path.name != DIR_MODEL_LAST:
        type(nlp).to_disk(nlp, path, exclude=exclude)
        return
    new, old = (path.with_name(f"{path.name}.{state}") for state in ("new", "old"))
    if not path.exists() and old.exists():
        # A save was killed between the renames below: the new one was whole.
        (new if new.exists() else old).rename(path)
    for left_over in (new, old):
        rmtree(left_over, ignore_errors=True)
    type(nlp).to_disk(nlp, new, exclude=exclude)
    for file in new.rglob("*"):
        if file.is_file():
            sync(file)
    if path.exists():
        path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    rmtree(old, ignore_errors=True)
