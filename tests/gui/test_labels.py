from napari_selfdenoise.gui.labels import scrolled_column, sentence_label


def test_a_column_is_scrolled_only_where_it_is_too_high(qtbot):
    sentence = sentence_label("A sentence that takes several lines in a narrow column. " * 4)
    column = scrolled_column(sentence)
    qtbot.addWidget(column)
    column.resize(300, 150)
    column.show()
    qtbot.waitExposed(column)
    assert column.verticalScrollBar().maximum() == 0
    assert sentence.height() >= sentence.heightForWidth(sentence.width())
    column.resize(300, 40)
    qtbot.waitUntil(lambda: column.verticalScrollBar().maximum() > 0, timeout=5000)
