"""The part of the comparison desk that shows scores."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.gui.comparison_runs import Scored
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.number_table import NumberTable, number

_TITLES = ("Layer", "PSNR, dB", "SSIM", "fitted, dB")
_TIP = (
    "PSNR and SSIM against the clean layer, in the plane shown; higher is nearer. Fitted: PSNR "
    "after the best scale and offset, for results of another brightness. A smooth image that "
    "lost its finest details can score higher than one that kept them with some noise: look "
    "at the images, too."
)


class ScoreTable(QWidget):
    """A row of numbers for each image, and sentences; takes no room while there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table, self._says = NumberTable(_TITLES, _TIP), sentence_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._table)
        layout.addWidget(self._says)

    @property
    def rows(self) -> list[list[str]]:
        """The texts of the table."""
        return self._table.rows

    @property
    def sentence(self) -> str:
        """What is said below the table."""
        return self._says.text()

    def say(self, sentence: str) -> None:
        """Show a sentence in place of scores."""
        self.show_scores([])
        self._says.say(sentence)

    def add_sentence(self, sentence: str) -> None:
        """Say one more thing below the table."""
        self._says.say("\n".join(filter(None, (self.sentence, sentence))))

    def show_scores(self, found: Sequence[Scored]) -> None:
        """Show what was found, the best first where there are numbers."""
        scored = [each for each in found if each.likeness is not None]
        self._table.show_rows([_row(each) for each in sorted(scored, key=_worse)])
        self._says.say("\n".join(f"{each.name}: {each.says}" for each in found if each.says))


def _row(scored: Scored) -> list[str]:
    like = scored.likeness
    values = (None,) * 3 if like is None else (like.psnr, like.ssim, like.range_invariant_psnr)
    texts = [number(value, digits) for value, digits in zip(values, (2, 3, 2), strict=True)]
    return [scored.name, *texts]


def _worse(scored: Scored) -> float:
    value = None if scored.likeness is None else scored.likeness.psnr
    return float("inf") if value is None else -value
