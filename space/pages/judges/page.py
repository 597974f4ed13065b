"""Judge against judge: the table of their verdicts on the same answers, down to the answers themselves."""

from __future__ import annotations

from typing import Final

from space.frame.page import Page
from space.frame.reading import reading_page
from space.pages.judges.show import ABOUT, ADDRESS, TITLE, fields_of, settle, show

PAGE: Final[Page] = reading_page(ADDRESS, TITLE, ABOUT, fields_of, show, settle=settle)
