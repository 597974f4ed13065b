"""One model at an address of its own: rates, strengths and weaknesses, telling answers, runs, how to cite."""

from __future__ import annotations

from typing import Final

from space.frame.page import Page
from space.frame.reading import reading_page
from space.pages.model.show import ABOUT, TITLE, card, show
from space.pages.model.state import ADDRESS, fields_of, settle

PAGE: Final[Page] = reading_page(ADDRESS, TITLE, ABOUT, fields_of, show, settle=settle, card=card)
