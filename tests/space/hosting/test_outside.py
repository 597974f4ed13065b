"""The HTML as it is served, before any script has run: what a chat, a search engine or a cut-off link gets."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from space.frame.card import PICTURE_SIZE
from space.frame.outside import origin_of
from space.frame.page import SITE, Page
from space.pages import PAGES
from tests.support.space_data import build_space_dataset, write_results
from tests.support.space_server import serving


class Head(HTMLParser):
    """Title, icons and every ``meta`` by its name; a name that occurs twice keeps both."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.meta: dict[str, list[str]] = {}
        self.icons: list[str] = []
        self.titles: list[str] = []
        self._in_title = self._in_drawing = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        # The points of a drawing have titles, too.
        self._in_title = tag == "title" and not self._in_drawing
        self._in_drawing = self._in_drawing or tag == "svg"
        if tag == "meta" and (name := found.get("property") or found.get("name")):
            self.meta.setdefault(name, []).append(found.get("content") or "")
        if tag == "link" and found.get("rel") == "icon":
            self.icons.append(found.get("href") or "")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.titles.append(data)
            self._in_title = False


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("outside")
    built = build_space_dataset(folder / "dataset")
    with serving(built.path, write_results(built.path, folder / "results"), folder / "cache") as found:
        yield found


def get(url: str, **headers: str) -> tuple[int, str, bytes]:
    asked = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_link_to_a_page_shows_its_title_description_and_picture(address: str, page: Page) -> None:
    status, kind, body = get(f"{address}/{page.address}", Accept="text/html")
    assert (status, kind.partition(";")[0]) == (200, "text/html")
    head, title = Head(body.decode()), f"{page.title} · {SITE}"
    assert head.titles == [title]
    for name, expected in {
        "description": page.about,
        "og:title": title,
        "og:description": page.about,
        "og:url": f"{address}/{page.address}",
        "og:image": f"{address}/share.png",
        "twitter:card": "summary_large_image",
        "twitter:title": title,
        "twitter:description": page.about,
        "twitter:image": f"{address}/share.png",
    }.items():
        assert head.meta[name] == [expected]
    # Some services cut longer ones.
    assert 40 <= len(page.about) <= 220
    # None of gradio's own is left.
    assert "twitter:creator" not in head.meta
    assert not any("gradio" in value.lower() for values in head.meta.values() for value in values)
    assert "window.gradio_config" in body.decode()
    # Paper, authors, dataset, code and licence are a click away.
    for told in ("https://arxiv.org/abs/2604.06233", "Pattison, Manuali and Lazar", ">Dataset<", "Code: blind-refusal"):
        assert told in body.decode().replace("\\u003c", "<").replace("\\u003e", ">"), told
    assert "method#licence" in body.decode()


def test_the_picture_and_the_icon_are_there(address: str) -> None:
    from PIL import Image

    head = Head(get(address, Accept="text/html")[2].decode())
    (icon,) = head.icons
    status, kind, body = get(icon)
    assert (status, kind) == (200, "image/svg+xml")
    assert b"<svg" in body
    assert get(f"{address}/favicon.ico")[2] == body
    status, kind, body = get(head.meta["og:image"][0])
    assert (status, kind) == (200, "image/png")
    assert Image.open(io.BytesIO(body)).size == PICTURE_SIZE


def test_a_link_to_a_model_or_a_case_has_title_sentence_and_picture_of_its_own(address: str) -> None:
    from PIL import Image

    pictures = set()
    for path, title in (("model?model=alpha-1", "alpha-1"), ("case?case=control:school:1", "No bicycles in the hall")):
        head = Head(get(f"{address}/{path}&__theme=dark&other=%3Cb%3E", Accept="text/html")[2].decode())
        assert head.titles == [f"{title} · {SITE}"]
        assert head.meta["og:title"] == [f"{title} · {SITE}"]
        assert head.meta["og:description"] != [next(p.about for p in PAGES if path.startswith(f"{p.address}?"))]
        # What the page does not know is no part of the address that is passed on.
        (shared,) = head.meta["og:url"]
        assert shared.startswith(f"{address}/{path.partition('?')[0]}?")
        assert "other" not in shared
        status, kind, body = get(head.meta["og:image"][0])
        assert (status, kind) == (200, "image/png")
        assert Image.open(io.BytesIO(body)).size == PICTURE_SIZE
        pictures.add(body)
    plain = get(f"{address}/share.png")[2]
    assert len(pictures | {plain}) == 3
    # Of nothing that is there it is the picture of the site.
    for lost in ("share=model&model=no-such", "share=no-such", "share=", "share=compare&a=alpha-1"):
        assert get(f"{address}/share.png?{lost}")[2] == plain


def test_behind_a_proxy_the_tags_name_the_public_address(address: str) -> None:
    body = get(address, Accept="text/html", X_Forwarded_Host="a-b.hf.space", X_Forwarded_Proto="https")[2]
    assert Head(body.decode()).meta["og:image"] == ["https://a-b.hf.space/share.png"]


@pytest.mark.parametrize("host", ['x"><script>alert(1)</script>', "a b", "", "evil.example/path", "user@host"])
def test_a_forged_host_is_not_repeated(host: str) -> None:
    scope = {"type": "http", "scheme": "http", "headers": [(b"host", host.encode())]}
    assert origin_of(scope) == ""


def test_an_unknown_address_gets_a_page_with_a_way_on(address: str) -> None:
    for path in ("nonsense", "transcriptz?case=1", "a/b/c"):
        status, kind, body = get(f"{address}/{path}", Accept="text/html,application/xhtml+xml")
        assert (status, kind.partition(";")[0]) == (404, "text/html")
        text = body.decode()
        assert "There is no such page" in text
        for page in PAGES:
            assert f'<a href="/{page.address}">{page.title}</a>' in text
    # A program that asks for data gets gradio's answer.
    status, kind, _ = get(f"{address}/nonsense", Accept="application/json")
    assert (status, kind) == (404, "application/json")
