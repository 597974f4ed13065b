"""Driving the pages that show results: their table, their controls, and when they are ready."""

from __future__ import annotations

from typing import Any, Final

ROWS: Final = "table.br-board tbody tr"
# Holds back what the browser sends of an event whose data hold a text, until it is let go.
HOLD: Final = """
window.__held = [];
const send = window.fetch;
window.fetch = async (where, what) => {
  const joins = String(where?.url ?? where).includes('queue/join');
  if (joins && window.__hold && String(what?.body).includes(window.__hold)) {
    await new Promise((go) => window.__held.push(go));
  }
  return send(where, what);
};
null
"""


def ready(page: Any) -> None:
    """Wait until the page has been filled: its link bar comes with the answer to its first event.

    What stood in the served HTML goes then.
    """
    page.locator("a.br-state").first.wait_for()
    page.locator(".br-at-once").wait_for(state="detached")


def models(page: Any) -> list[str]:
    """The models of the table in its order."""
    return [str(text) for text in page.locator(f"{ROWS} th").all_inner_texts()]


def wait_for_models(page: Any, *names: str) -> None:
    """Wait until the page is filled and its table holds these models in this order."""
    ready(page)
    script = """([selector, names]) => {
      const found = [...document.querySelectorAll(selector)].map((e) => e.textContent.trim());
      return JSON.stringify(found) === JSON.stringify(names);
    }"""
    page.wait_for_function(script, arg=[f"{ROWS} th", list(names)])


def open_filters(page: Any) -> None:
    """Unfold the leaderboard's search, judge, filters and columns."""
    ready(page)
    page.get_by_role("button", name="Search and filter").click()
    page.get_by_role("textbox", name="Search").wait_for()
    settled(page)


def settled(page: Any) -> None:
    """Wait until the browser has nothing left to do.

    What is typed while gradio still puts up fields that were folded is overwritten with what they held.
    """
    page.evaluate(
        "new Promise((go) => requestIdleCallback(() => requestAnimationFrame(() => requestIdleCallback(go))))"
    )


def pick(page: Any, label: str, option: str) -> None:
    """Pick an option of a dropdown, once what the page does of itself is over."""
    ready(page)
    field = page.get_by_role("combobox", name=label, exact=True)
    field.click()
    if field.get_attribute("readonly") is None:
        field.fill(option)
        field.press("Enter")
    else:
        page.get_by_role("option", name=option).first.click()
    field.press("Escape")
