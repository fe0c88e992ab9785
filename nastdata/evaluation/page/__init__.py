"""The results page: one HTML file that opens without a network."""

from nastdata.evaluation.page.page import write_page

__all__ = ["write_page"]
