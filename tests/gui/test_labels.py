from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.gui.labels import scrolled_column, sentence_label


def test_a_column_is_scrolled_only_where_it_is_too_high(qtbot):
    part = QWidget()
    sentence = sentence_label("A sentence that takes several lines in a narrow column. " * 4)
    QVBoxLayout(part).addWidget(sentence)
    column = scrolled_column(part)
    qtbot.addWidget(column)
    width = 400
    needed = column.widget().heightForWidth(width)
    column.resize(width, needed)
    column.show()
    qtbot.waitExposed(column)
    assert column.verticalScrollBar().maximum() == 0
    assert sentence.height() >= sentence.heightForWidth(sentence.width())
    column.resize(width, needed - 20)
    qtbot.waitUntil(lambda: column.verticalScrollBar().maximum() > 0, timeout=5000)
