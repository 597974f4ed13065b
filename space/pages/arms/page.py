"""Arms: how far a model moves under another framing."""

from __future__ import annotations

from typing import Final

from space.frame.page import Page
from space.frame.reading import reading_page
from space.pages.arms.show import ABOUT, ADDRESS, TITLE, fields_of, settle, show

PAGE: Final[Page] = reading_page(ADDRESS, TITLE, ABOUT, fields_of, show, settle=settle)
