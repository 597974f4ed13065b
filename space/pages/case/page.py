"""One case at an address of its own: the request, the rule, and all answers side by side."""

from __future__ import annotations

from typing import Final

from space.frame.page import Page
from space.frame.reading import reading_page
from space.pages.case.show import ABOUT, ADDRESS, TITLE, card, fields_of, settle, show

PAGE: Final[Page] = reading_page(ADDRESS, TITLE, ABOUT, fields_of, show, settle=settle, card=card)
