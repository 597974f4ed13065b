"""Take the pages' pictures for the README: each at two widths, light and dark.

A program and not a test: ``python tests/take_screenshots.py --study DATASET RESULTS --starter DATASET RESULTS``.
Pages that show texts of cases and answers are taken from the starter set, whose cases are ours; the
study's dataset gives the figures. Name all folders relative to where you are: Submit shows the dataset's name as given.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 200_000
WIDTHS = {1440: 900, 390: 844}
# Name, whose data, address, and what is to be there before the picture; the last one cuts the picture above it.
PAGES = (
    ("leaderboard", "study", "", "a.br-state", None),
    ("breakdown", "study", "breakdown?model=grok-4&model=claude-opus-4-6", "#breakdown-bars .point", None),
    ("compare", "study", "compare?a=gemini-3-1-pro&b=grok-4", "#differences .point", "h2"),
    ("model", "study", "model?model=claude-opus-4-6", ".br-rates", None),
    ("pairs", "study", "pairs", "a.br-state", None),
    ("judges", "study", "judges", ".br-confusion", "h2"),
    ("transcripts", "starter", "transcripts?type=helps&type=deflects&type=hard_refusal", "a.br-item", None),
    ("cases", "starter", "cases", ".br-unfolded", None),
    ("method", "study", "method", ".br-method h2", None),
    ("submit", "study", "submit", "h1", None),
)
# Cases of the study and their answers, whose words are not ours to publish: each word becomes a bar about as long.
BARS = """() => {
  const told = '.br-example blockquote, .br-example .br-ruling .br-note, .br-model-page .br-card blockquote';
  for (const one of document.querySelectorAll(told)) {
    const walker = document.createTreeWalker(one, NodeFilter.SHOW_TEXT), texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const text of texts) {
      const bars = text.textContent.trim().split(/\\s+/).flatMap((word) => {
        const bar = document.createElement('span');
        bar.textContent = 'n'.repeat(word.length);
        bar.style.cssText = 'color: transparent; background: var(--br-rule); border-radius: 3px; font-size: .7em';
        return [bar, ' '];
      });
      text.replaceWith(...bars);
    }
  }
}"""


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from playwright.sync_api import sync_playwright
    from space_server import serving

    parser = argparse.ArgumentParser()
    for name in ("study", "starter"):
        parser.add_argument(f"--{name}", nargs=2, type=Path, required=True, metavar=("DATASET", "RESULTS"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--only", choices=[page[0] for page in PAGES])
    asked = parser.parse_args()
    if any(path.is_absolute() for path in (*asked.study, *asked.starter)):
        parser.error("name the folders relative to where you are, as the pictures show the dataset's name")
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for whose in ("study", "starter"):
            wanted = [page for page in PAGES if page[1] == whose and asked.only in (None, page[0])]
            if wanted:
                with serving(*getattr(asked, whose), Path(folder) / whose) as address:
                    for page in wanted:
                        take(chromium, address, page, asked.out)
        chromium.close()


def take(chromium: Any, address: str, page: tuple[str, str, str, str, str | None], out: Path) -> None:
    name, _, path, there, end = page
    for width, height in WIDTHS.items():
        for scheme in ("light", "dark"):
            context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            tab = context.new_page()
            tab.goto(f"{address}/{path}")
            tab.locator(there).first.wait_for()
            tab.wait_for_load_state("networkidle")
            tab.wait_for_timeout(1200)
            if page[1] == "study":
                tab.evaluate(BARS)
            cut = None if end is None else tab.locator(end).first.bounding_box()
            clip = cut and {"x": 0, "y": 0, "width": width, "height": min(height, cut["y"] - 8)}
            picture = small(tab.screenshot(clip=clip, full_page=bool(clip)))
            if len(picture) > LARGEST:
                sys.exit(f"{name} at {width}: {len(picture):,} bytes")
            file = out / f"{name}-{width}-{scheme}.png"
            file.write_bytes(picture)
            print(f"{file}: {len(picture):,} bytes")
            context.close()


def small(picture: bytes) -> bytes:
    """The picture with few colours, among them those of small marks, which most methods would merge into others."""
    from PIL import Image

    image = (
        Image.open(io.BytesIO(picture))
        .convert("RGB")
        .quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    )
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()
