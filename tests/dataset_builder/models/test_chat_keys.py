from __future__ import annotations

import json
import pickle

import pytest

from dataset_builder.errors import InputError, RemoteError
from dataset_builder.net.secret import ApiKey
from tests.support.chat_client import ask
from tests.support.chat_server import ChatServer, Reply, answer, completion, error

KEY = "sk-test-0123456789abcdefghij"


class TestKeys:
    @pytest.fixture(autouse=True)
    def key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KEY", KEY)

    def test_the_key_is_sent_in_one_header(self) -> None:
        with ChatServer() as server:
            ask(server, key_env="TEST_KEY")
            request = server.requests[0]
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert KEY not in json.dumps(request.body)

    @pytest.mark.parametrize("status", [401, 402])
    def test_a_rejected_key_stops_everything(self, status: int) -> None:
        with (
            ChatServer(lambda _: error(status, f"Incorrect API key provided: {KEY}, or sk-te****ghij")) as server,
            pytest.raises(RemoteError) as caught,
        ):
            ask(server, key_env="TEST_KEY")
        assert "[key]" in str(caught.value)
        assert KEY not in repr(caught.getrepr(showlocals=True))
        assert "ghij" not in str(caught.value)

    @pytest.mark.parametrize("padding", [0, 250, 290, 299, 2390])
    def test_no_error_shows_the_key_or_a_cut_piece_of_it(self, padding: int) -> None:
        for body in (f"{'x' * padding}{KEY}", json.dumps({"error": {"message": "x" * padding + KEY}})):
            with ChatServer(lambda _, body=body: Reply(body.encode(), status=400)) as server:
                got = ask(server, key_env="TEST_KEY")[0]
            assert "sk-test" not in repr(got)

    def test_an_answer_that_echoes_the_key_is_kept_without_it(self) -> None:
        escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
        body = completion("KEYHERE", reasoning="KEYHERE").replace(b"KEYHERE", escaped.encode())
        with ChatServer(lambda _: Reply(body)) as server:
            got = ask(server, key_env="TEST_KEY")[0]
        assert (got.text, got.reasoning) == ("[key]", "[key]")

    def test_the_key_is_in_no_text_of_its_holder(self) -> None:
        key = ApiKey("TEST_KEY")
        assert KEY not in f"{key!r} {key!s}"
        with pytest.raises(TypeError, match="not to be stored"):
            pickle.dumps(key)

    def test_a_placeholder_is_not_taken_for_a_secret_in_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KEY", "EMPTY")
        with ChatServer(lambda _: answer("The form is EMPTY.")) as server:
            assert ask(server, key_env="TEST_KEY")[0].text == "The form is EMPTY."

    @pytest.mark.parametrize("value", ["", "  ", "two words here", "schlüssel-0123456789"])
    def test_a_key_that_cannot_be_sent(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KEY", value)
        with pytest.raises(InputError, match="TEST_KEY") as caught:
            ApiKey("TEST_KEY")
        assert not value.strip() or value not in str(caught.value)
