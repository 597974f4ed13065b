"""The pages, one a file; ``PAGES`` below lists them in the order of the navigation, then those that others lead to.

How to write one
----------------
A page module ends with ``PAGE = Page("compare", "Compare", build, about)``: its address (relative, no slashes), its
name in the navigation, ``build(shell: Shell) -> None``, and what a link to it says of it. ``build`` makes the page's
components; it is called once, inside the page's own Blocks context. ``shell.data`` is the live ``SpaceData``;
``shell.app`` is the app, for ``app.load``.

The state of a page is its query string:

* ``FIELDS`` (``space.ui.links``) names every part of the state: filters, models, slice, what is open. Where the values
  on offer come from the data, make the fields inside ``build``.
* One function shows a state: ``show(state) -> (values of the controls …, HTML …, link bar)``. Three things call it:
  ``shell.app.load`` with ``state_of(FIELDS, request)``; the controls' user events (``.input`` alone: ``page.js`` sees
  to it that a text box raises it for every edit; never ``.change``, which also fires when ``show`` sets the control);
  and clicks on our own links.
* The last output is always ``html(classes="br-bar")``, placed under the heading, with
  ``link_bar(ADDRESS, FIELDS, state)``: the "Copy link" button, and what ``page.js`` keeps the browser's address bar in
  step with.
* A link within the page is ``<a href="compare?a=…" data-go="a=…">``, shown in a ``html(follow=True)``, whose
  ``.click(fn)`` gets ``followed(FIELDS, event)``. Leave its ``trigger_mode`` alone: "always_last" forgets which link it
  was, and with "multiple" answers can overtake each other. A link to another page is a plain relative
  ``<a href="transcripts?family=…">`` made with ``links.address``.

A page that is only read, with links as its controls, is made by ``space.frame.reading.reading_page`` of two pure
functions: the fields of its state and what is shown of one. It stands in no navigation; other pages link to it.

Rules that keep the pages alike and safe
----------------------------------------
* Begin with ``html(heading(title, lead))``. Use ``space.frame.page.html``, not ``gr.HTML``, which brings gradio's
  styles. HTML stands in the page's ``page.html.j2``, a macro a piece, filled by ``space.ui.templates.template``:
  it escapes whatever is put in. Text that we did not write goes through its filter ``text`` (or ``marked``,
  ``excerpt``, ``block``), always; titles and definitions come from ``dataset_builder.dataset.taxonomy``.
* Read ``shell.data.now`` once at the start of an event. Keep nothing per visitor (no ``gr.State``). Events are
  queued as any other, and ``api_visibility="private"``: what programs may ask is in ``space.api``.
* Colours only from ``space.ui.palette`` (figures) or its CSS variables (``var(--br-helps)`` …). Classes of
  ``style.css`` that are free to use: ``br-lead``, ``br-note`` (a quiet aside), ``br-notice`` (something is wrong),
  ``br-table`` (a plain table, figures right-aligned with class ``num``), ``br-chip`` with ``data-type="helps"`` and
  so on.
* Every control has a label; every figure has a sentence beside it that says what it shows.
"""

from __future__ import annotations

from space.frame.page import Page
from space.pages.arms import page as arms
from space.pages.breakdown import page as breakdown
from space.pages.case import page as case
from space.pages.cases import page as cases
from space.pages.compare import page as compare
from space.pages.judges import page as judges
from space.pages.leaderboard import page as leaderboard
from space.pages.method import page as method
from space.pages.model import page as model
from space.pages.pairs import page as pairs
from space.pages.submit import page as submit
from space.pages.transcripts import page as transcripts

PAGES: tuple[Page, ...] = (
    leaderboard.PAGE,
    breakdown.PAGE,
    compare.PAGE,
    transcripts.PAGE,
    cases.PAGE,
    method.PAGE,
    submit.PAGE,
    model.PAGE,
    case.PAGE,
    judges.PAGE,
    pairs.PAGE,
    arms.PAGE,
)
