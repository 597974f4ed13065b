"""What eyes and fingers need of a page, measured in the browser: sizes, whole words, nothing out of sight."""

from __future__ import annotations

from typing import Any, Final

WIDTHS: Final = (390, 1024, 1440)
# Text in pixels as it is seen, a drawing's scale included; a target's height and width (WCAG 2.5.8, which leaves out
# links within a sentence); words of plain letters; text beyond the edge, but in a part that says that it scrolls.
_MEASURED: Final = r"""() => {
  const wide = document.documentElement.clientWidth, found = new Set();
  const name = (e) => {
    const kind = e.getAttribute('class');
    return `${e.tagName.toLowerCase()}${kind ? '.' + kind.split(' ')[0] : ''} “${e.textContent.trim().slice(0, 40)}”`;
  };
  const how = {opacityProperty: true, visibilityProperty: true};
  const seen = (e) => e.checkVisibility(how) && e.getClientRects().length > 0;
  const all = document.documentElement.scrollWidth;
  if (all > wide) found.add(`the page is ${all} wide`);
  for (const e of document.querySelectorAll('h1, .gradio-container *')) {
    if (e.closest('.br-hidden, .br-skip, script, style, title') || !seen(e)) continue;
    const box = e.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1) continue;
    if (e.matches('a[href], button, summary, input, textarea, [role=button]')) {
      const around = e.matches('input') ? e.closest('label, .wrap, .block') : e;
      const target = (around ?? e).getBoundingClientRect();
      const beside = [...e.parentElement.childNodes].filter((one) => one.nodeType === 3);
      const sentence = beside.some((one) => /\w{2}/.test(one.textContent));
      if (Math.min(target.width, target.height) < 23.5 && !(e.matches('a') && sentence)) {
        found.add(`target ${Math.round(target.width)} × ${Math.round(target.height)}: ${name(e)}`);
      }
    }
    const words = [...e.childNodes].filter((one) => one.nodeType === 3 && one.textContent.trim());
    if (!words.length) continue;
    let size = parseFloat(getComputedStyle(e).fontSize);
    const drawing = e.closest('svg[viewBox]');
    if (drawing) size *= drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;
    if (size < 11.9) found.add(`text of ${size.toFixed(1)} px: ${name(e)}`);
    const out = box.right > wide + 1 || box.left < -1;
    if (out && !e.closest('.br-scroll[data-more]')) found.add(`out of sight: ${name(e)}`);
    if (e.closest('svg, pre, code, .br-text, .br-formatted, blockquote')) continue;
    for (const one of words) {
      for (const word of one.textContent.matchAll(/(?<![A-Za-z])[A-Za-z]{2,24}(?![A-Za-z])/g)) {
        const range = document.createRange();
        range.setStart(one, word.index);
        range.setEnd(one, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].filter((r) => r.width > 0).map((r) => Math.round(r.top)));
        if (lines.size > 1) found.add(`broken: “${word[0]}” in ${name(e)}`);
      }
    }
  }
  return [...found];
}"""


def measured(page: Any, width: int) -> list[str]:
    """What is too small, broken or out of sight at a width, each with the width."""
    page.set_viewport_size({"width": width, "height": 844 if width < 640 else 900})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return [f"at {width}: {one}" for one in page.evaluate(_MEASURED)]
