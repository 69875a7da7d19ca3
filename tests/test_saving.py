"""A folder has the old component or the new one, never a mixture, never nothing. Damage is told."""

import fcntl
import os
import random
import resource
import shutil
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from conftest import binder_config, demo_examples
from safetensors.torch import load_file, save_file
from spacy.language import Language
from spacy.util import fix_random_seed

import spacy_binder.saving
from spacy_binder.annotation.shards import write_whole
from spacy_binder.pipeline import BinderNER


def make_pipe(encoder: str, seed: int) -> BinderNER:
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(encoder))
    assert isinstance(pipe, BinderNER)
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=2))
    for param in encoder_weights(pipe).values():
        param.data += seed / 100
    pipe.cfg["threshold"] = seed / 10
    return pipe


def encoder_weights(pipe: BinderNER) -> dict[str, torch.Tensor]:
    return {
        f"{ref}.{name}": param
        for ref in ("text_encoder", "type_encoder")
        for name, param in pipe.model.get_ref(ref).shims[0].module.named_parameters()
    }


@pytest.fixture(scope="module")
def old(tiny_encoder: str) -> BinderNER:
    return make_pipe(tiny_encoder, 1)


@pytest.fixture(scope="module")
def new(tiny_encoder: str) -> BinderNER:
    return make_pipe(tiny_encoder, 2)


@pytest.fixture
def load(tiny_encoder: str) -> Callable[[Path], BinderNER]:
    def load(folder: Path) -> BinderNER:
        pipe = spacy.blank("en").add_pipe("binder_ner", config=binder_config(tiny_encoder))
        assert isinstance(pipe, BinderNER)
        return pipe.from_disk(folder, exclude=["vocab"])

    return load


def is_same(a: BinderNER, b: BinderNER) -> bool:
    """Whether two components have the same settings and weights."""
    weights = encoder_weights(b)
    return a.cfg == b.cfg and all(torch.equal(value, weights[name]) for name, value in encoder_weights(a).items())


def run_forked(function: Callable[[], None]) -> int:
    """RETURNS (int): The exit status of a function in a process of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            torch.set_num_threads(1)
            function()
            os._exit(0)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


CALLS = [
    (os, "replace"),
    (os, "fsync"),
    (spacy_binder.saving, "file_checksum"),
    (Path, "write_bytes"),
    (Path, "unlink"),
]


def die_at(count: int, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Let the process be killed or the disk be full at the n-th call of one of `CALLS`, or stop it after the call."""
    left = [count]

    def dying(function: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and fault == "killed":
                os._exit(1)
            if left[0] == 0 and fault == "disk full":
                raise OSError(28, "No space left on device")
            result = function(*args, **kwargs)
            if left[0] == 0:
                raise KeyboardInterrupt
            return result

        return call

    for module, name in CALLS:
        monkeypatch.setattr(module, name, dying(getattr(module, name)))


@pytest.mark.parametrize("fault", ["killed", "disk full", "stopped"])
def test_interrupted_save_leaves_the_old_component_or_the_new_one(
    old: BinderNER, new: BinderNER, load: Callable, tmp_path: Path, fault: str
) -> None:
    seen = []
    for point in range(1, 60):
        old.to_disk(tmp_path, exclude=["vocab"])

        def save(point: int = point) -> None:
            with pytest.MonkeyPatch.context() as monkeypatch:
                die_at(point, monkeypatch, fault)
                new.to_disk(tmp_path, exclude=["vocab"])

        status = run_forked(save)
        found = load(tmp_path)
        seen.append("old" if is_same(found, old) else "new" if is_same(found, new) else "mixture")
        if status == 0:
            break
    assert len(seen) > 12
    assert "mixture" not in seen
    # First always the old one, then always the new one.
    assert seen == sorted(seen, reverse=True) and seen[0] == "old" and seen[-1] == "new"
    old.to_disk(tmp_path, exclude=["vocab"])
    files = sorted(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert files == ["cfg", "model", "text_encoder", "type_encoder"]


def test_files_are_synced_by_handles_that_can_write(
    old: BinderNER, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows syncs no others."""
    modes, fsync = [], os.fsync

    def spy(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    old.to_disk(tmp_path / "pipe", exclude=["vocab"])
    write_whole(tmp_path / "row.json", lambda path: path.write_text("{}", encoding="utf8"))
    assert len(modes) == 5 and os.O_RDONLY not in modes


def test_failed_save_leaves_no_new_files(old: BinderNER, new: BinderNER, load: Callable, tmp_path: Path) -> None:
    old.to_disk(tmp_path, exclude=["vocab"])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    size = min(path.stat().st_size for path in tmp_path.glob("*.safetensors"))

    def save() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
        new.to_disk(tmp_path, exclude=["vocab"])

    assert run_forked(save) != 0
    new.to_disk(tmp_path / "other", exclude=["vocab"])
    remaining = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file() and path.suffix != ".part"}
    assert remaining == before
    assert is_same(load(tmp_path), old)


def test_several_savers_and_readers(old: BinderNER, new: BinderNER, load: Callable, tmp_path: Path) -> None:
    old.to_disk(tmp_path, exclude=["vocab"])

    def save(pipe: BinderNER) -> None:
        for _ in range(20):
            pipe.to_disk(tmp_path, exclude=["vocab"])

    def read() -> list[bool]:
        found = [load(tmp_path) for _ in range(10)]
        return [is_same(pipe, old) or is_same(pipe, new) for pipe in found]

    with ThreadPoolExecutor(3) as pool:
        savers = [pool.submit(save, pipe) for pipe in (old, new)]
        reader = pool.submit(read)
        for saver in savers:
            saver.result()
        assert all(reader.result())
    assert len(list(tmp_path.iterdir())) == 4
    found = load(tmp_path)
    assert is_same(found, old) or is_same(found, new)


def test_bytes_have_the_weights_while_another_thread_saves(old: BinderNER, tmp_path: Path) -> None:
    whole = len(old.model.to_bytes())
    with ThreadPoolExecutor(1) as pool:
        saver = pool.submit(lambda: [old.to_disk(tmp_path, exclude=["vocab"]) for _ in range(10)])
        sizes = {len(old.model.to_bytes()) for _ in range(10)}
        saver.result()
    assert sizes == {whole}


def test_symbolic_links_are_replaced_and_not_written_through(
    old: BinderNER, new: BinderNER, load: Callable, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    folder = tmp_path / "pipe"
    old.to_disk(folder, exclude=["vocab"])
    for name in ("cfg", "model", "cfg.part", "model.part"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(other)
    new.to_disk(folder, exclude=["vocab"])
    assert other.read_text() == "precious"
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert is_same(load(folder), new)


@pytest.fixture
def saved_whole(tiny_nlp: Language) -> Language:
    """A pipeline whose config has `before_to_disk`, as `spacy train` uses it."""
    return spacy.registry.callbacks.get("spacy_binder.whole_saves.v1")()(tiny_nlp)


def test_spacys_files_are_whole_too_with_the_callback(
    saved_whole: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model-last"
    saved_whole.to_disk(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    saved_whole.meta["description"] = "the next one"
    with monkeypatch.context() as patched:
        # spaCy has then written the config, the tokenizer and meta.json.
        patched.setattr(BinderNER, "to_disk", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            saved_whole.to_disk(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    saved_whole.to_disk(folder)
    assert spacy.load(folder).meta["description"] == "the next one"
    assert [path.name for path in tmp_path.iterdir()] == ["model-last"]


def test_a_pipeline_that_was_left_between_two_renames_is_found_again(saved_whole: Language, tmp_path: Path) -> None:
    """The new one was whole before the old one was moved away."""
    folder, new, old = (tmp_path / f"model-last{ending}" for ending in ("", ".new", ".old"))
    saved_whole.to_disk(folder)
    shutil.copytree(folder, tmp_path / "kept")
    saved_whole.meta["description"] = "the next one"
    saved_whole.to_disk(folder)
    folder.rename(new)
    (tmp_path / "kept").rename(old)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BinderNER, "to_disk", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            saved_whole.to_disk(folder)
    assert spacy.load(folder).meta["description"] == "the next one"


def test_the_old_pipeline_comes_back_if_the_new_one_cannot_take_its_place(
    saved_whole: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model-last"
    saved_whole.to_disk(folder)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "model-last.new":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    saved_whole.meta["description"] = "the next one"
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        saved_whole.to_disk(folder)
    assert spacy.load(folder).meta["description"] == ""


def test_the_callback_leaves_other_folders_alone(saved_whole: Language, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    saved_whole.to_disk(tmp_path)
    assert (tmp_path / "notes.txt").exists()
    assert spacy.load(tmp_path).pipe_names == ["binder_ner"]


# Damage


@pytest.fixture
def folder(old: BinderNER, tmp_path: Path) -> Path:
    old.to_disk(tmp_path / "pipe", exclude=["vocab"])
    return tmp_path / "pipe"


def weights_file(folder: Path) -> Path:
    return next(folder.glob("text_encoder-*.safetensors"))


def test_missing_weights(folder: Path, load: Callable) -> None:
    weights_file(folder).unlink()
    with pytest.raises(ValueError, match=r"\[B027\].*text_encoder-.*safetensors"):
        load(folder)


def test_weights_of_another_save(folder: Path, new: BinderNER, load: Callable, tmp_path: Path) -> None:
    new.to_disk(tmp_path / "new", exclude=["vocab"])
    weights_file(folder).write_bytes(weights_file(tmp_path / "new").read_bytes())
    with pytest.raises(ValueError, match=r"\[B052\].*text_encoder-.*safetensors"):
        load(folder)


@pytest.mark.parametrize("size", [0, 7, 1000])
@pytest.mark.parametrize("name", ["model", "cfg", "text_encoder-*.safetensors"])
def test_truncated_files(folder: Path, load: Callable, name: str, size: int) -> None:
    (path,) = folder.glob(name)
    path.write_bytes(path.read_bytes()[: min(size, path.stat().st_size // 2)])
    with pytest.raises(ValueError, match=rf"\[B0(27|52)\] .*{path.name}"):
        load(folder)


def test_wrong_types_of_weights(folder: Path, new: BinderNER, tiny_encoder: str) -> None:
    """A file whose checksum was made to fit."""
    shim = new.model.get_ref("text_encoder").shims[0]
    weights = load_file(weights_file(folder))
    name = next(name for name, tensor in weights.items() if tensor.dim() > 1)
    save_file({**weights, name: weights[name].to(torch.int8)}, folder / "wrong.safetensors")
    with pytest.raises(ValueError, match=rf"\[B027\].*wrong.safetensors.*{name}.*int8"):
        shim.load_weights(folder / "wrong.safetensors")


def flips(folder: Path, n: int) -> Iterator[tuple[Path, bytes]]:
    """A file and its content with one wrong byte."""
    generator = random.Random(0)
    files = [path for path in sorted(folder.iterdir()) if path.name != "cfg"]
    for i in range(n):
        path = files[i % len(files)]
        content = bytearray(path.read_bytes())
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        yield path, bytes(content)


def test_flipped_bytes_are_told(folder: Path, load: Callable) -> None:
    for path, content in flips(folder, 30):
        right = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"\[B0(27|52)\] "):
            load(folder)
        path.write_bytes(right)


def test_flipped_bytes_of_to_bytes_are_told_or_change_nothing(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    content = pipe.model.to_bytes()
    generator = numpy.random.default_rng(0)
    n_told = 0
    for place in generator.integers(len(content), size=20).tolist():
        changed = bytearray(content)
        changed[place] ^= 4
        again = spacy.util.load_model_from_config(tiny_nlp.config).get_pipe("binder_ner")
        try:
            again.model.from_bytes(bytes(changed))
        except Exception:
            n_told += 1
    assert n_told >= 19


def test_settings_that_were_edited_by_hand_are_taken(folder: Path, load: Callable) -> None:
    path = folder / "cfg"
    path.write_text(path.read_text().replace('"threshold":0.1', '"threshold":0.25'))
    assert load(folder).cfg["threshold"] == 0.25
