"""How the pages look: gradio's theme set to our palette, and the style sheet and script of our own.

Nothing is fetched from elsewhere: the typeface is the reader's own, so the pages work offline.
"""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from space.ui import palette
from space.ui.palette import Shade, css_variables, css_variables_on_paper
from space.ui.sheet import ASSETS, rules_as_they_are, style_sheet

_FONTS: Final = tuple(name.strip().strip("'") for name in palette.FONT.split(","))


def theme() -> gr.themes.Base:
    """Gradio's plainest theme in our colours, with small spacing."""
    base = gr.themes.Base(
        font=[gr.themes.Font(name) for name in _FONTS],
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_sm,
        text_size=gr.themes.sizes.text_sm,
    )
    settings: dict[str, str] = {
        "block_border_width": "0px",
        "block_padding": "0px",
        "block_shadow": "none",
        "block_label_text_size": "0.8rem",
        "block_title_text_size": "0.8rem",
        "block_title_text_weight": "500",
        "button_large_padding": "0.4rem 0.8rem",
        "button_small_padding": "0.25rem 0.6rem",
        "layout_gap": "0.7rem",
        "form_gap_width": "0.5rem",
    }
    for variable, shade in (
        ("body_background_fill", palette.PAPER),
        ("block_background_fill", palette.PAPER),
        ("background_fill_primary", palette.PAPER),
        ("background_fill_secondary", palette.PANEL),
        ("body_text_color", palette.INK),
        ("body_text_color_subdued", palette.MUTED),
        ("block_title_text_color", palette.MUTED),
        ("block_label_text_color", palette.MUTED),
        ("block_info_text_color", palette.MUTED),
        ("border_color_primary", palette.RULE),
        ("border_color_accent", palette.ACCENT),
        ("color_accent", palette.ACCENT),
        ("input_background_fill", palette.PAPER),
        ("input_border_color", Shade("#8b9096", "#6b7076")),
        ("input_border_color_focus", palette.ACCENT),
        ("input_placeholder_color", palette.MUTED),
        ("link_text_color", palette.ACCENT),
        ("link_text_color_hover", palette.ACCENT),
        ("link_text_color_active", palette.ACCENT),
        ("link_text_color_visited", palette.ACCENT),
        ("button_primary_background_fill", palette.ACCENT),
        ("button_primary_background_fill_hover", palette.ACCENT),
        ("button_primary_text_color", palette.PAPER),
        ("button_secondary_background_fill", palette.PANEL),
        ("button_secondary_text_color", palette.INK),
        ("checkbox_background_color_selected", palette.ACCENT),
        ("checkbox_border_color_selected", palette.ACCENT),
        ("checkbox_border_color", Shade("#8b9096", "#6b7076")),
    ):
        # Gradio has no dark twin of color_accent: the style sheet sets that one.
        settings[variable] = shade.light
        if variable != "color_accent":
            settings[f"{variable}_dark"] = shade.dark
    settings["input_border_width"] = "1px"
    return base.set(**settings)


def launch_settings() -> dict[str, Any]:
    """What ``Blocks.launch`` takes for the looks: theme, style sheet and script."""
    script = (ASSETS / "page.js").read_text(encoding="utf-8")
    head = f"<style>{css_variables_on_paper()}{rules_as_they_are()}</style><script>{script}</script>"
    return {"theme": theme(), "css": css_variables() + style_sheet(), "head": head}
