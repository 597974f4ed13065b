from __future__ import annotations

import pytest

from dataset_builder.errors import InputError
from dataset_builder.models.providers import resolve_endpoint


@pytest.mark.parametrize(
    ("model", "base_url", "sent", "url", "key_env", "host"),
    [
        (
            "openrouter/anthropic/claude-sonnet-4.6",
            None,
            "anthropic/claude-sonnet-4.6",
            "https://openrouter.ai/api/v1/chat/completions",
            "OPENROUTER_API_KEY",
            "openrouter.ai",
        ),
        ("openai/gpt-5.4", None, "gpt-5.4", "https://api.openai.com/v1/chat/completions", "OPENAI_API_KEY", None),
        ("ollama/llama3.2", None, "llama3.2", "http://127.0.0.1:11434/v1/chat/completions", None, "localhost"),
        # With an address the name is sent whole, even one that looks like a preset's.
        ("openai/gpt-oss-20b", "http://gpu:8000/v1/", "openai/gpt-oss-20b", None, None, "gpu:8000"),
        # A preset's own address brings its dialect and its key.
        ("z-ai/glm-5", "https://openrouter.ai/api/v1", "z-ai/glm-5", None, "OPENROUTER_API_KEY", "openrouter.ai"),
        ("m", "http://[::1]:9/v1/chat/completions", "m", "http://[::1]:9/v1/chat/completions", None, "localhost"),
    ],
)
def test_where_a_model_is(
    model: str, base_url: str | None, sent: str, url: str | None, key_env: str | None, host: str | None
) -> None:
    endpoint = resolve_endpoint(model, base_url)
    assert (endpoint.model, endpoint.key_env) == (sent, key_env)
    assert url is None or endpoint.url == url
    assert host is None or endpoint.host == host


@pytest.mark.parametrize("model", ["gpt-5.4", "openrouter/", "openrouter/a\nb", "", "nowhere/m"])
def test_a_model_that_is_nowhere(model: str) -> None:
    with pytest.raises(InputError, match="Model"):
        resolve_endpoint(model)


@pytest.mark.parametrize("url", ["ftp://x/v1", "host:80", "http://", "http://h:99999/v1", "", "http://[::1/v1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InputError, match="expected an address"):
        resolve_endpoint("m", url)


@pytest.mark.parametrize("url", [" http://h:1/v1", "http://h:1/v1 \n", "\u00a0http://h:1/v1/\t"])
def test_blanks_around_an_address_are_harmless(url: str) -> None:
    assert resolve_endpoint("m", url).provider.base_url == "http://h:1/v1"


@pytest.mark.parametrize("url", ["http://h :1/v1", "http://h:1/ v1", "http://h:1\t/v1", "http://h\u200b:1/v1"])
def test_blanks_inside_an_address_are_named(url: str) -> None:
    with pytest.raises(InputError, match="holds a blank"):
        resolve_endpoint("m", url)


@pytest.mark.parametrize("url", ["https://me:hunter2hunter2@h/v1", "https://h/v1?key=hunter2hunter2", "https://h/v1#k"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_endpoint("m", url)
    assert "hunter2" not in str(caught.value)


def test_a_key_in_clear_is_noticed() -> None:
    assert resolve_endpoint("m", "http://gpu.example/v1", "KEY").sends_key_in_clear
    assert not resolve_endpoint("m", "http://127.0.0.1:8000/v1", "KEY").sends_key_in_clear
    assert not resolve_endpoint("m", "https://gpu.example/v1", "KEY").sends_key_in_clear
