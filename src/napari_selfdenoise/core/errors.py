"""Errors whose message is a sentence a user can act on.

Everything a user can cause is a `SelfDenoiseError`: the command line prints its
sentence, the viewer shows it as a notification. Any other exception is a bug.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SelfDenoiseError(Exception):
    """Something a user can put right; the message says what and how."""


class UsageError(SelfDenoiseError):
    """The request itself is wrong: an unknown name, a value out of bounds."""


class ConfigError(UsageError):
    """A setting has an unknown name or a value that is not allowed."""


class UnknownMethodError(UsageError):
    """No method of that name."""


class ImageError(SelfDenoiseError):
    """An image cannot be used as it is: empty, not finite, of a wrong kind."""


class AxesError(UsageError):
    """An axes string does not fit the image."""


class ModelError(SelfDenoiseError):
    """A model cannot be read, or does not fit the image it is applied to."""


class FileError(SelfDenoiseError):
    """A file cannot be read or written."""


class UndenoisedError(SelfDenoiseError):
    """A network was trained on an image, which then could not be denoised.

    Attributes
    ----------
    model : Model
        What was trained.
    """

    def __init__(self, why: object, model: Any) -> None:
        super().__init__(f"{why} The network is trained all the same.")
        self.why, self.model = why, model


@contextmanager
def keeping(model: Any) -> Iterator[None]:
    """Let errors hold the model that was trained before; ``None`` if none was."""
    try:
        yield
    except SelfDenoiseError as error:
        if model is None or isinstance(error, UndenoisedError):
            raise
        raise UndenoisedError(error, model) from error


class TrainingError(SelfDenoiseError):
    """Training could not produce a usable network."""
