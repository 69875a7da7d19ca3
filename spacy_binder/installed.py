"""Whether an optional package is installed."""

from importlib.util import find_spec


def is_installed(module: str) -> bool:
    """Find out whether a package is installed. It is not imported.

    module (str): The name by which it is imported.
    RETURNS (bool): False also for a mere folder of that name, such as the `datasets` of a spaCy project. Python can
        import each folder of the working directory.
    """
    spec = find_spec(module)
    return spec is not None and spec.origin is not None
