from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

from dataset_builder.templates import html_environment, pieces
from space.hosting.stage import PACKAGES, stage
from space.ui.templates import counted, environment, interval, percent
from tests.support.hostile import strings

ROOT = Path(str(files("space"))).parent
TEMPLATES = sorted(
    path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.html.j2")
)


@pytest.fixture
def made() -> jinja2.Environment:
    """Our environment over templates of the test's own."""
    ours = environment().overlay()
    ours.loader = jinja2.DictLoader(
        {
            "page": """
{% macro plain(x) %}<b title="{{ x }}">{{ x }}</b>{% endmacro %}
{% macro lacks() %}{{ missing_name }}{% endmacro %}
{% macro numbers(x, low, high, n) %}{{ x | percent }}{{ interval(low, high) }} {{ n | counted("case") }}{% endmacro %}
{% macro texts(x) %}{{ x | text }}{% endmacro %}
""",
            "unsafe": "{% macro raw(x) %}{{ x | safe }}{% endmacro %}",
        }
    )
    return ours


@pytest.mark.parametrize("text", strings())
def test_whatever_is_put_into_a_template_is_escaped(made: jinja2.Environment, text: str) -> None:
    fill = pieces(made, "page")
    whole = re.fullmatch(r'<b title="([^"<>]*)">([^<>]*)</b>', fill("plain", x=text), re.DOTALL)
    assert whole is not None
    inert = re.sub(r'<span class="br-odd">U\+[0-9A-F]+</span>', "", fill("texts", x=text))
    assert "<" not in inert


def test_what_python_has_made_html_stays_html_and_is_escaped_once(made: jinja2.Environment) -> None:
    fill = pieces(made, "page")
    inner = fill("texts", x="a < b")
    assert inner == "a &lt; b"
    assert fill("plain", x=inner).endswith(">a &lt; b</b>")
    assert isinstance(inner, Markup)


def test_a_template_cannot_turn_escaping_off(made: jinja2.Environment) -> None:
    with pytest.raises(jinja2.TemplateAssertionError, match="safe"):
        pieces(made, "unsafe")("raw", x="<b>")
    sources = {name: (ROOT / name).read_text(encoding="utf-8") for name in TEMPLATES}
    assert not [name for name, text in sources.items() if "autoescape" in text]


def test_what_a_template_lacks_is_an_error(made: jinja2.Environment) -> None:
    fill = pieces(made, "page")
    with pytest.raises(jinja2.UndefinedError, match="missing_name"):
        fill("lacks")
    with pytest.raises(jinja2.UndefinedError):
        fill("plain")
    with pytest.raises(TypeError, match="no keyword argument"):
        fill("plain", x="", other="")


def test_numbers_are_written_alike_everywhere(made: jinja2.Environment) -> None:
    shown = pieces(made, "page")("numbers", x=0.5, low=-0.1, high=0.2, n=1290)
    assert shown == '50.0 <span class="br-ci">−10.0 to 20.0</span> 1,290 cases'
    assert (percent(None), interval(None, 1.0), counted(1, "case")) == ("–", "", "1 case")


def test_every_page_has_its_template() -> None:
    pages = [path.parent for path in (ROOT / "space" / "pages").glob("*/page.py")]
    assert len(pages) >= 7
    assert all((folder / "page.html.j2").is_file() for folder in pages)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles_and_goes_into_the_space(name: str) -> None:
    package, _, path = name.partition("/")
    made = environment() if package == "space" else html_environment(package)
    made.get_template(path)
    assert stage()[name] == (ROOT / name).read_bytes()


def test_html_is_not_put_together_by_hand() -> None:
    """A tag in an f-string is where an escape gets forgotten: templates are for that."""
    by_hand = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""f["'].*</?(a|b|div|li|p|span|table|td|th|tr|h[1-3])\b[^{]*>""", line)
    ]
    # Where it pays, a line says why nothing in it can be hostile; and unseen characters are written by their numbers.
    assert [one for one in by_hand if "noqa: S704 - " not in one and "br-odd" not in one] == []
