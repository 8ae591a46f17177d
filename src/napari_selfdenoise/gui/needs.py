"""What a run needs, said before it begins: memory, time, tiles."""

from __future__ import annotations

from napari_selfdenoise.engine.free_memory import free_memory, gigabytes
from napari_selfdenoise.engine.memory_forecast import Need
from napari_selfdenoise.gui.labels import SentenceLabel
from napari_selfdenoise.gui.spoken import spoken

_TIP = (
    "Beyond what napari has already: the images of the result, and what computing takes "
    "meanwhile, as it was measured. Free is what the machine has left, or what the preferences "
    "allow."
)


class NeedsLabel(SentenceLabel):
    """Says what a run needs, as a warning if that is more than is free."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(_TIP)

    def show_need(self, need: Need, seconds: float) -> None:
        """Show memory (in bytes) and time.

        Parameters
        ----------
        need : Need
            What is expected.
        seconds : float
            How long it is expected to take.

        Raises
        ------
        SelfDenoiseError
            If the settings file, which may limit the memory, cannot be read.
        """
        free = free_memory()
        told = f"{gigabytes(need.total)} of {gigabytes(free)} free, about {spoken(seconds)}"
        if need.tiles:
            told += f", {need.tiles} tile{'s' * (need.tiles != 1)}"
        short = need.total > free
        if short:
            told += ". The memory may not suffice"
        self.say(f"Needs about {told}.", "warning" if short else "info")
