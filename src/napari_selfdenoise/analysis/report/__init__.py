"""A comparison as a page that needs nothing but itself: no network, no other file."""

from napari_selfdenoise.analysis.report.page import page, write_report

__all__ = ["page", "write_report"]
