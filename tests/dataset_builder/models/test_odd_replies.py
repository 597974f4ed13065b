"""Replies that servers really give and that are no plain completion: each through a server on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dataset_builder.errors import RemoteError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.chat import Retries
from dataset_builder.models.faults import names_context_limit
from tests.support.chat_client import ask, reply
from tests.support.chat_server import ChatServer, Reply, Request, answer, completion, error, events

HELP = "Sure. First, write down the dates. Then hand the form in at the other desk."


def said(body: Any, status: int = 200, **headers: str) -> Reply:
    """A reply with this JSON."""
    return Reply(json.dumps(body).encode(), status=status, headers={"content-type": "application/json", **headers})


def choice(**members: Any) -> dict[str, Any]:
    return {"id": "x", "object": "chat.completion", "model": "m", "choices": [{"index": 0, **members}]}


@pytest.mark.parametrize(
    ("body", "status", "text", "finish"),
    [
        (completion("I can't", finish="OTHER"), "unknown_finish", "I can't", "OTHER"),
        (completion("I'm sorry, but", finish="sensitive"), "content_filter", "I'm sorry, but", "sensitive"),
        (completion(None, finish="stop", tool_calls=[{"id": "1"}]), "tool_call", "", "stop"),
        (completion("Let me look.", finish="tool_calls"), "tool_call", "Let me look.", "tool_calls"),
        (completion(HELP, tool_calls=[{"id": "1"}]), "ok", HELP, "stop"),
        (completion("<think>Hm, they", finish="length"), "truncated_answer", "", "length"),
        (completion("Yes.<|im_end|>\n<|im_start|>user\nAnd?"), "control_marks", None, "stop"),
        (completion(None, reasoning_content="I think"), "empty_answer", "", "stop"),
        (completion("I can't", finish={"type": "length", "length": 8}), "truncated_answer", "I can't", "length"),
        (completion("\u200b"), "empty_answer", None, "stop"),
        (completion([{"type": "tool_use", "name": "x"}]), "tool_call", "", "stop"),
        (completion('<tool_call>{"name": "x"}</tool_call>'), "tool_call", None, "stop"),
        (completion("I can't", finish=3), "unknown_finish", "I can't", "3"),
    ],
)
def test_what_is_not_known_to_be_whole_is_no_answer(body: bytes, status: str, text: str | None, finish: str) -> None:
    got = reply(Reply(body))
    assert (got.status, got.finish_reason, got.attempts) == (status, finish, 1)
    assert text is None or got.text == text


def test_an_unknown_finish_says_its_word() -> None:
    assert "'OTHER'" in str(reply(answer("I can't", finish="OTHER")).error)


def test_an_answer_that_broke_off_is_tried_twice_and_keeps_what_came() -> None:
    broken = answer("First, you should", finish="network_error")
    got = reply(broken)
    assert (got.status, got.text, got.finish_reason) == ("provider_error", "First, you should", "network_error")
    # The first try is lost; the tokens of the second are the answer's own.
    assert (got.attempts, got.lost_tries, got.usage.completion_tokens) == (2, 1, 20)
    assert got.lost.completion_tokens == 20
    assert reply(lambda r: broken if r.attempt == 1 else answer(HELP)).text == HELP


def test_the_word_behind_a_router_is_read() -> None:
    body = json.loads(completion("I can explain how", finish="stop"))
    body["choices"][0]["native_finish_reason"] = "SAFETY"
    got = reply(said(body))
    assert (got.status, got.native_finish_reason) == ("content_filter", "SAFETY")


@pytest.mark.parametrize(
    "body",
    [
        choice(message=None, finish_reason="content_filter"),
        choice(finish_reason="SAFETY"),
        choice(message=None, finish_reason="stop", content_filter_results={"hate": {"filtered": True}}),
        {"choices": None, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
        {"choices": [], "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": True}}}]},
        choice(message={"content": None}, finish_reason="stop", content_filter_results={"hate": {"filtered": True}}),
        # Errors in which a filter speaks, each inside a 200.
        {"base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}, "choices": None},
        {"base_resp": {"status_code": 1000, "status_msg": "no luck"}, "output_sensitive": True},
        {"code": 10013, "message": "input content audit fail"},
        {"error": {"code": "1301", "message": "敏感"}, "contentFilter": [{"level": 0, "role": "user"}]},
        {"error": "Content violates usage guidelines. Failed check: X", "code": "no permission"},
        {"error": {"code": "invalid_prompt", "message": "no"}},
        {"type": "error", "error": {"message": "Output blocked by content filtering policy"}},
    ],
)
def test_a_filter_that_sends_no_message_is_a_filter_at_once(body: dict[str, Any]) -> None:
    got = reply(said(body))
    assert (got.status, got.attempts, got.text) == ("content_filter", 1, "")


def test_a_censor_is_a_filter_and_who_quotes_one_is_none() -> None:
    assert reply(error(451, "The content is blocked.")).status == "content_filter"
    quoting = error(400, "Bad words in: Output blocked by content filtering policy")
    assert reply(quoting).status == "provider_error"


def test_no_choice_and_no_reason_is_one_clear_error() -> None:
    got = reply(said({"id": "x", "choices": None, "object": "chat.completion"}))
    assert (got.status, got.attempts, got.error) == ("provider_error", 2, "the answer holds no choice")


@pytest.mark.parametrize(
    ("content", "text", "reasoning", "declined"),
    [
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "No."}]}, {"type": "text", "text": HELP}], HELP,
         "No.", False),
        ([{"type": "reasoning", "text": "No."}, {"type": "output_text", "text": HELP}], HELP, "No.", False),
        ([{"type": "refusal", "refusal": "I won't."}], "I won't.", None, True),
        ({"type": "text", "text": HELP}, HELP, None, False),
        ([{"type": "analysis", "text": "No."}, {"type": "text", "text": {"value": HELP}}], HELP, "No.", False),
    ],
)  # fmt: skip
def test_parts_are_what_they_say_they_are(content: Any, text: str, reasoning: str | None, declined: bool) -> None:
    got = reply(answer(content))
    assert (got.status, got.text, got.reasoning, got.declined) == ("ok", text, reasoning, declined)


@pytest.mark.parametrize(
    "members",
    [
        {"reasoning": {"content": "No."}},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}, {"text": "No."}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "No."}]},
    ],
)
def test_reasoning_is_kept_whatever_member_holds_it(members: dict[str, Any]) -> None:
    got = reply(answer(HELP, **members))
    assert (got.text, got.reasoning) == (HELP, "No.")
    # Said in two places it is said once.
    assert reply(answer(f"No.</think>{HELP}", **members)).reasoning == "No."


def test_reasoning_in_its_member_and_in_the_text_is_kept_together() -> None:
    got = reply(answer(f"<think>Second.</think>{HELP}", reasoning="First."))
    assert (got.text, got.reasoning) == (HELP, "First.\nSecond.")


@pytest.mark.parametrize(
    "good",
    [
        said(choice(text=HELP, finish_reason="stop")),
        said([json.loads(completion(HELP))]),
        said(json.loads(completion(HELP)), status=201),
        Reply(b"\xef\xbb\xbf" + completion(HELP)),
        Reply(b"\n\n  " + completion(HELP)),
        events(HELP),
        events(HELP, finish=None),
        Reply(events(HELP).pieces[1], pieces=events(HELP).pieces, headers={"content-type": "application/json"}),
        Reply(b"data: " + completion(HELP) + b"\r\n\r\ndata: [DONE]\r\n\r\n", headers={"content-type": "text/plain"}),
        said([json.loads(piece[6:]) for piece in events(HELP).pieces[1:-1]][:-1]),
        Reply(b"".join(piece[6:-1] for piece in events(HELP).pieces[1:-2])),
        said({"code": 0, "message": "success", "data": json.loads(completion(HELP))}),
        said({"success": True, "errors": [], "result": json.loads(completion(HELP))}),
        said(completion(HELP).decode()),
        Reply(b": PROCESSING\n\n: PROCESSING\n\n" + completion(HELP)),
        said({"error": {"code": 0, "message": ""}, **json.loads(completion(HELP))}),
        Reply(events(HELP).pieces[1], pieces=tuple(p.replace(b"null", b'"null"') for p in events(HELP).pieces)),
    ],
)
def test_an_answer_in_another_wrapping_is_read(good: Reply) -> None:
    got = reply(good)
    assert (got.status, got.text, got.attempts, got.error) == ("ok", HELP, 1, None)


def test_of_several_choices_the_first_by_its_number_is_taken_in_a_stream_too() -> None:
    two = [{"index": n, "message": {"content": text}, "finish_reason": "stop"} for n, text in ((1, "No."), (0, HELP))]
    assert reply(said({"choices": two})).text == HELP
    unnumbered = [{"message": {"content": text}, "finish_reason": "stop"} for text in (HELP, "No.")]
    assert reply(said({"choices": unnumbered})).text == HELP
    pieces = [
        {"choices": [{"index": n, "delta": {"content": text}, "finish_reason": end}]}
        for n, text, end in ((1, "No.", None), (0, HELP, None), (1, "", "length"), (0, "", "stop"))
    ]
    got = reply(said(pieces))
    assert (got.text, got.finish_reason) == (HELP, "stop")


def test_a_stream_tells_all_that_a_completion_does() -> None:
    got = reply(events(HELP, reasoning_content="Hm."))
    assert (got.reasoning, got.served_model, got.finish_reason) == ("Hm.", "test-model-0", "stop")
    assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (100, 20)


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    got = reply(events("First, you", finish=None, done=False))
    assert (got.status, got.attempts, got.text) == ("provider_error", 2, "First, you")
    assert got.error == "the provider broke the answer off before its end"


def test_a_stream_that_tells_of_an_error() -> None:
    half = events("First, you", finish=None, done=False)
    failed = b'data: {"error": {"message": "upstream is down", "code": 502}}\n\n'
    got = reply(
        Reply(pieces=(*half.pieces, failed), headers=half.headers), retries=Retries(attempts=3, first_wait_s=0.001)
    )
    assert (got.status, got.attempts, got.error) == ("provider_error", 3, "HTTP 502: upstream is down")


LASTING = {
    "an object that is an error": (said({"object": "error", "message": "The model `m` does not exist."}), "`m`"),
    "a code beside a message": (said({"code": "rate_limit_daily", "message": "Daily limit reached"}), "Daily limit"),
    "an error in a list": (said([{"error": {"message": "no", "status": "UNAUTHENTICATED"}}]), "rejected the key"),
    "a plain string": (said("Model not found: m"), "Model not found"),
    "a text under error": (said({"error": "No account for this key"}), "payment"),
    "an envelope": (said({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}), "payment"),
    "a key, with 400": (
        error(400, "API key not valid. Please pass a valid API key.", details=[{"reason": "API_KEY_INVALID"}]),
        "rejected the key",
    ),
    "a key, with 403": (said({"detail": "Invalid API key"}, 403), "rejected the key"),
    "a quota that is no rate": (error(429, "You exceeded your current quota", type="insufficient_quota"), "payment"),
    "a used-up day": (error(429, "Requests per day (RPD) limit reached"), "what was answered is kept"),
    "a gateway's fault": (
        said({"fault": {"faultstring": "no", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}}), "rejected the key",
    ),
    "a response around an error": (
        said({"Response": {"Error": {"Code": "AuthFailure.SecretIdNotFound", "Message": "no"}}}), "rejected the key",
    ),
    "a code of its own": (said({"error_code": 110, "error_msg": "Access token invalid"}), "rejected the key"),
    "an envelope's key": (
        said({"base_resp": {"status_code": 1004, "status_msg": "login fail: carry the secret"}}), "rejected the key",
    ),
    "authentication": (said({"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}), "key"),
    "a token, with 403": (said({"message": "Missing Authentication Token"}, 403), "rejected the key"),
    "a balance, with 403": (said({"message": "Sorry, your account balance is insufficient"}, 403), "payment"),
    "a country": (error(403, "Country, region, or territory not supported"), "takes no calls from here"),
    "a gated model": (error(403, "Access to model x is restricted"), "Check the name of the model"),
    "a used-up day inside 200": (said({"error_code": 17, "error_msg": "daily request limit reached"}), "is kept"),
    "a used-up day in its details": (
        error(429, "You exceeded your current quota", details=[
            {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}, {"retryDelay": "39s"}]),
        "what was answered is kept",
    ),
    "no such model": (error(404, "No endpoints found for m"), "Check the name of the model"),
}  # fmt: skip


@pytest.mark.parametrize(("failure", "told"), LASTING.values(), ids=list(LASTING))
def test_what_no_request_can_mend_ends_the_run_at_once_in_the_servers_words(failure: Reply, told: str) -> None:
    with ChatServer(lambda _: failure) as server:
        with pytest.raises(RemoteError) as caught:
            ask(server)
        assert len(server.requests) == 1
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (said({"error": {"message": "upstream died", "code": 502}}), "upstream died"),
        (said({"success": False, "error": True, "message": "try later"}), "try later"),
        (said({"errors": [{"message": "try later"}]}), "try later"),
        (said({"detail": [{"msg": "try later", "loc": ["body"]}]}), "try later"),
        (said({"error": {"error": {"message": "try later"}}}), "try later"),
        (said({"code": "rate_limit", "message": "slow down"}), "slow down"),
        (said({"error_code": 18, "error_msg": "qps request limit reached"}), "HTTP 429: qps request limit"),
        (said({"base_resp": {"status_code": 1002, "status_msg": "rate limit exceeded(RPM)"}}), "HTTP 429: rate limit"),
        (said({"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "slow down"}}}), "HTTP 429: slow"),
        (said({"ok": False, "description": "slow down"}), "slow down"),
        (Reply(b'event: ping\ndata: {"type": "ping"}\n\nevent: error\ndata: {"message": "slow down"}\n\n'), "slow"),
        # The words of a bill, for a limit that passes.
        (error(429, "You exceeded your current quota. Please retry in 2ms."), "current quota"),
        (error(429, "You exceeded your current quota", details=[{"retryDelay": "0.002s"}]), "current quota"),
    ],
)
def test_what_may_mend_is_tried_again_in_the_servers_words(failure: Reply, told: str) -> None:
    got = reply(failure, retries=Retries(attempts=3, refusals=3, first_wait_s=0.001))
    assert (got.status, got.attempts) == ("provider_error", 3)
    assert told in str(got.error)
    assert reply(lambda r: failure if r.attempt == 1 else answer(HELP)).text == HELP


def test_a_text_that_is_no_json_is_shown() -> None:
    got = reply(Reply(b"The queue is full", headers={"content-type": "text/plain"}))
    assert (got.status, got.attempts) == ("provider_error", 2)
    assert "The queue is full" in str(got.error)


@pytest.mark.parametrize("deep", [b"[" * 900 + b"]" * 900, b'{"error":' * 900 + b"1" + b"}" * 900])
def test_a_deep_body_is_an_error(deep: bytes) -> None:
    assert reply(Reply(deep), retries=Retries(attempts=1)).status == "provider_error"


CONTEXT = {
    "both names": "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is "
    "4096 tokens and your request has 203 input tokens (8000 > 4096 - 203).",
    "messages": "This model's maximum context length is 4096 tokens. However, you requested 8203 tokens (203 in the "
    "messages, 8000 in the completion).",
    "a window": "the request exceeds the available context size, try increasing it",
}


@pytest.mark.parametrize("message", CONTEXT.values(), ids=list(CONTEXT))
def test_a_context_that_is_too_short_is_a_status_with_a_remedy(message: str) -> None:
    failure = said({"object": "error", "type": "BadRequestError", "param": None, "code": 400, "message": message}, 400)
    with ChatServer(lambda _: failure) as server:
        got = ask(server, max_tokens=8000, schema={"type": "object"})[0]
        sent = [request.body for request in server.requests]
    # Nothing is spelled anew for it, so that what was asked for is what was sent.
    assert (got.status, got.attempts, len(sent)) == ("context_limit", 1, 1)
    assert sent[0]["max_tokens"] == 8000
    assert "--max-tokens" in str(got.error)


OUTPUT = {
    "max_tokens is too large: 8000. This model supports at most 4096 completion tokens.": 4096,
    "The maximum tokens you requested exceeds the model limit of 4,096.": 4096,
    "max_tokens: 8000 > 4096, which is the maximum allowed number of output tokens": 4096,
    "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]": 8192,
    "`max_tokens` must be less than or equal to `4096`": 4096,
    "`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 3 `inputs` tokens": 4097,
}


@pytest.mark.parametrize(("message", "most"), OUTPUT.items(), ids=list(OUTPUT))
def test_a_limit_that_is_higher_than_the_model_allows_is_told_with_the_most(message: str, most: int) -> None:
    got = reply(error(400, message), max_tokens=8000)
    assert (got.status, got.attempts) == ("context_limit", 1)
    assert str(got.error).endswith(f"Give --max-tokens {most}.")
    assert ".. " not in str(got.error)
    # As an error that Inspect logged it means the same.
    assert names_context_limit(f"BadRequestError: Error code: 400 - {message}")


def test_the_remedy_has_a_number_where_the_server_tells_enough() -> None:
    # 4,096 less 203 is 3,893; in five hundreds, so that somewhat longer requests fit too.
    assert "--max-tokens 3500" in str(reply(said({"message": CONTEXT["both names"]}, 400)).error)


def test_a_server_that_streams_only_is_asked_for_a_stream() -> None:
    def script(request: Request) -> Reply:
        if request.body["stream"]:
            return events(HELP)
        return error(400, "parameter.enable_thinking must be set to false for non-streaming calls")

    with ChatServer(script) as server:
        got = ask(server, "one")[0]
        assert [r.body["stream"] for r in server.requests] == [False, True]
        assert server.requests[1].body["stream_options"] == {"include_usage": True}
    assert (got.status, got.text, got.adapted) == ("ok", HELP, ("stream",))


@pytest.mark.parametrize(
    "complaint",
    [
        error(400, "response_format is not supported"),
        error(422, "Extra inputs are not permitted"),
        error(400, "guided decoding backend missing"),
        error(501, "not implemented"),
        error(400, ""),
    ],
)
def test_a_schema_is_left_out_whatever_the_words(complaint: Reply) -> None:
    def script(request: Request) -> Reply:
        return complaint if "response_format" in request.body else answer("{}")

    with ChatServer(script) as server:
        got = ask(server, "one", schema={"type": "object"})[0]
    assert (got.status, got.text, got.schema_enforced, got.attempts) == ("ok", "{}", False, 2)


def test_a_schema_stays_where_leaving_it_out_did_not_help() -> None:
    def script(request: Request) -> Reply:
        return error(400, "bad words in it") if request.query == "odd" else answer("{}")

    with ChatServer(script) as server:
        assert ask(server, "odd", "good", schema={"type": "object"}, concurrency=1)[1].schema_enforced


class TestMoneyAndTokens:
    def test_a_gateway_tells_the_cost_in_a_header(self) -> None:
        told = said(json.loads(completion(HELP)), **{"x-litellm-response-cost": "0.0125"})
        assert reply(told).cost == 0.0125
        # Its 0 is what it says of a model whose price it does not know.
        assert reply(said(json.loads(completion(HELP)), **{"x-litellm-response-cost": "0.0"})).cost is None

    def test_who_answered_is_kept(self) -> None:
        body = {**json.loads(completion(HELP)), "provider": "Azure", "system_fingerprint": "fp_1"}
        got = reply(said(body))
        assert (got.provider, got.system_fingerprint) == ("Azure", "fp_1")

    def test_tokens_that_are_not_counted_are_estimated(self) -> None:
        body = json.loads(completion(HELP))
        del body["usage"]
        got: ChatAnswer = reply(said(body))
        # "How?" is 1 token and 8 of the template; HELP has 75 characters.
        assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (9, 19)
        assert got.usage.estimated
