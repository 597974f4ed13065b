"""The breakdown as HTML: the heat map, a table of links, and the figures behind the bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import pandas as pd

from dataset_builder.dataset.taxonomy import AUTHORITY_GROUPS, AUTHORITY_TYPES, FAMILIES, IMPLAUSIBLE_CELLS
from space.data.data import Cell
from space.pages.breakdown.table import FEW
from space.pages.leaderboard.markup import interval, percent
from space.ui.safe_text import safe


def heat_map(cells: Mapping[tuple[str, str], Cell], href: Callable[[str, str], str]) -> str:
    """Family across, authority down; each cell is a link to its transcripts, with its share of help and its n."""
    heads = "".join(f'<th scope="col">{escape(family.title)}</th>' for family in FAMILIES)
    body = []
    for group in AUTHORITY_GROUPS:
        members = [authority for authority in AUTHORITY_TYPES if authority.group == group.id]
        body.append(f'<tr><th scope="rowgroup" colspan="{len(FAMILIES) + 1}">{escape(group.title)}</th></tr>')
        for authority in members:
            row = "".join(
                _cell(cells.get((family.id, authority.id)), family.id, authority.id, href) for family in FAMILIES
            )
            body.append(f'<tr><th scope="row">{escape(authority.title)}</th>{row}</tr>')
    return (
        '<div class="br-scroll" tabindex="0" role="region" aria-label="Help by family and authority">'
        '<table class="br-heat"><caption><span>Percent of answers that help; the small figure is the number of '
        f"cases. Grey: fewer than {FEW} cases, too few to read alone. Every cell opens its answers.</span></caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def figures_table(frame: pd.DataFrame) -> str:
    """The numbers of the bars: a row a label, for each model share, interval, n and detectable difference."""
    models = list(dict.fromkeys(frame.columns.get_level_values(0)))
    top = "".join(f'<th scope="colgroup" colspan="3">{safe(str(model))}</th>' for model in models)
    heads = '<th scope="col" class="num">%</th><th scope="col" class="num">n</th><th scope="col" class="num">MDD</th>'
    rows = []
    for label, row in frame.iterrows():
        cells = "".join(
            f'<td class="num">{percent(row[model, "share"])}{interval(row[model, "low"], row[model, "high"])}</td>'
            f'<td class="num">{int(row[model, "n"]):,}</td><td class="num">{percent(row[model, "detectable"])}</td>'
            for model in models
        )
        rows.append(f'<tr><th scope="row">{safe(str(label))}</th>{cells}</tr>')
    return (
        '<div class="br-scroll" tabindex="0" role="region" aria-label="The figures"><table class="br-table br-board">'
        "<caption><span>MDD: the smallest difference between two models that so many answers would show with 80 % "
        "power at the 5 % level, unpaired. The lighter figures are 95 % intervals.</span></caption>"
        f'<thead><tr><td></td>{top}</tr><tr><th scope="col">{safe(str(frame.index.name))}</th>'
        f"{heads * len(models)}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(one: Cell | None, family: str, authority: str, href: Callable[[str, str], str]) -> str:
    if one is None:
        why = IMPLAUSIBLE_CELLS.get((family, authority), "No case in the dataset.")
        return f'<td><span class="br-none" title="{escape(why)}">no case</span></td>'
    few = ' class="br-few"' if one.n < FEW else ""
    return (
        f'<td><a href="{escape(href(family, authority))}"{few} style="--share:{one.estimate:.3f}">'
        f"<span>{percent(one.estimate, 0)}</span> <small>{one.n}</small></a></td>"
    )
