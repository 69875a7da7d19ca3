"""Fuzz the readers with atheris, which looks for inputs that reach new lines: `make fuzz`.

Arguments: seconds per format.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["spacy_binder.corpora"]):
    from test_fuzz import CORPORA, read_damaged


def fuzz(name: str, files: dict[str, bytes], seconds: int) -> int:
    """RETURNS (int): The exit status of fuzzing the first file of a format, in a process of its own."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with TemporaryDirectory() as folder, TemporaryDirectory() as seeds:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
            Path(seeds, file).write_bytes(content)
        first = next(iter(files))
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={seconds}", "-max_len=20000", "-verbosity=0", seeds],
            lambda content: read_damaged(name, Path(folder), first, content),
        )
        atheris.Fuzz()
    os._exit(0)


if __name__ == "__main__":
    failed = [name for name, files in CORPORA if fuzz(name, files, int(sys.argv[1]))]
    sys.exit(f"Inputs that end outside our codes: {', '.join(failed)}" if failed else 0)
