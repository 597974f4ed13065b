"""The marks between reasoning and answer: one table of them, and a reader that sets the reasoning apart.

Servers are to keep reasoning out of the answer, and many do not: judged as an answer, a model's doubts turn
help into a refusal. What is only quoted (in code, in quotes, in the middle of a sentence) is no mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

# What a tag may carry: <think type="deep">.
_ATTRIBUTES: Final = r"""(?:\s{1,4}[\w:-]{1,40}\s?=\s?(?:"[^"<>]{0,200}"|'[^'<>]{0,200}'|[^\s<>"']{1,200})){0,5}"""


class Marks(NamedTuple):
    """How one kind of model opens and closes its reasoning, as regular expressions."""

    name: str
    opening: str
    closing: str
    # Whether it may stand anywhere (tokens that no prose holds), or only where reasoning can begin.
    token: bool = False
    # Whether it counts after an answer has begun.
    late: bool = True
    # Whether its closing mark alone ends reasoning that was opened in the prompt.
    lone: bool = True


def _tag(name: str, *, late: bool = False, lone: bool = True) -> Marks:
    """An XML-like tag, with spaces, attributes and a name space."""
    word = rf"(?:[a-z]{{1,20}}:)?(?:{name})"
    return Marks(
        name,
        rf"<\s{{0,4}}{word}{_ATTRIBUTES}\s{{0,4}}>",
        rf"<\s{{0,4}}/\s{{0,4}}{word}\s{{0,4}}>",
        late=late,
        lone=lone,
    )


MARKS: Final = (
    _tag(r"(?:longcat_?|ant|inner_)?think(?:ing)?(?:_(?:process|fast|faster))?", late=True),
    _tag(r"(?:inner_|internal_)?thoughts?(?:_process)?"),
    _tag(r"reasoning(?:_(?:content|text|process))?|rationale"),
    _tag("analysis", lone=False),
    _tag("reflection"),
    _tag("scratch_?pad"),
    _tag("(?:inner_)?monologue", lone=False),
    _tag("cot|chain_of_thought", lone=False),
    # As a chat page keeps it.
    Marks(
        "<details>",
        r"<details\s{1,4}type=[\"']reasoning[\"'][^<>]{0,200}>(?:\s{0,4}<summary>[^<>]{0,200}</summary>)?",
        r"</details>",
        lone=False,
    ),
    # Escaped by a server that takes an answer for a page.
    Marks("&lt;think&gt;", r"&lt;think(?:ing)?&gt;", r"&lt;/think(?:ing)?&gt;"),
    Marks("[THINK]", r"\[\s{0,4}THINK(?:ING)?\s{0,4}\]", r"\[\s{0,4}/\s{0,4}THINK(?:ING)?\s{0,4}\]"),
    Marks("[REASONING]", r"\[\s{0,4}REASONING\s{0,4}\]", r"\[\s{0,4}/\s{0,4}REASONING\s{0,4}\]"),
    Marks("◁think▷", r"◁\s{0,4}think\s{0,4}▷", r"◁\s{0,4}/\s{0,4}think\s{0,4}▷", token=True),
    Marks(
        "<|think|>",
        r"<\|think(?:ing)?\|>",
        r"<\|/think(?:ing)?\|>|<\|end\|><\|begin\|>assistant<\|content\|>",
        token=True,
    ),
    Marks(
        "<|begin_of_thought|>",
        r"<[|｜](?:begin|start)[_▁]of[_▁](?:thought|think|thinking|reasoning)[|｜]>",
        r"<[|｜]end[_▁]of[_▁](?:thought|think|thinking|reasoning)[|｜]>",
        token=True,
    ),
    Marks(
        "<|thought_start|>",
        r"<\|(?:thought|thinking|reasoning)_start\|>",
        r"<\|(?:thought|thinking|reasoning)_end\|>",
        token=True,
    ),
    Marks("<|inner_prefix|>", r"<\|inner_prefix\|>", r"<\|inner_suffix\|>", token=True),
    Marks("<|START_THINKING|>", r"<\|START_THINKING\|>", r"<\|END_THINKING\|>", token=True),
    Marks("<|channel>thought", r"<\|channel>\s{0,4}thought", r"<channel\|>", token=True),
    Marks("<unused94>", r"<unused94>(?:thought)?", r"<unused95>", token=True),
)
# Reasoning and answer under headings of plain words, both of which must be there.
HEADINGS: Final = (
    (r"Here(?: is|'s) my thought process:", r"Here(?: is|'s) my response:"),
    (r"Here are my reasoning steps:", r"\[BEGIN FINAL RESPONSE\]"),
)
# What frames an answer after such reasoning, and ends one: nothing of the answer.
_FRAME: Final = re.compile(
    r"<\|(?:begin|end)_of_solution\|>|<\|(?:START|END)_RESPONSE\|>|\[(?:BEGIN|END) FINAL RESPONSE\]"
)
# The same as a tag around the whole answer.
_FRAMED: Final = re.compile(
    r"\s*<(answer|response|final_answer|final_response|solution)>(.*)</\1>\s*", re.DOTALL | re.IGNORECASE
)
_END: Final = re.compile(
    r"(?:<\|(?:end|return|im_end|eot_id|eom_id|endoftext|end_of_text|end_of_turn|eot|END_OF_TURN_TOKEN)\|>"
    r"|<[|｜]end[_▁]of[_▁]sentence[|｜]>|<end_of_turn>|<end_of_utterance>|<turn\|>|<eos>|</s>)$"
)
_LONGEST_END: Final = 40
# Tokens of chat formats, which no reader of an answer is to see.
_CONTROL: Final = re.compile(
    r"(?=[<\[])(?:<\|[\w▁/ :.-]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|<\|(?:channel|turn|tool_call|im_start|im_end)>"
    r"|<(?:channel|turn)\|>|<(?:start|end)_of_(?:turn|utterance)>|<unused\d{1,3}>|\[/?INST\]|<</?SYS>>)"
)
# What all marks begin with, looked for first: an answer has thousands of characters and few of these.
_ANY: Final = re.compile(
    r"(?=[<\[◁&])(?:" + "|".join(f"(?P<o{i}>{m.opening})|(?P<c{i}>{m.closing})" for i, m in enumerate(MARKS)) + ")",
    re.IGNORECASE,
)
# Channels (harmony): <|channel|>NAME<|message|>TEXT<|end|>, with <|start|>ROLE before all but the first.
_CHANNEL_MARK: Final = re.compile(r"<\|(?:channel|message)\|>")
# A channel begins anew without them too.
_CHANNEL_CUT: Final = re.compile(r"<\|(?:start|end|return|call)\|>|(?=<\|channel\|>)")
_CHANNEL: Final = re.compile(r"(?:<\|channel\|>\s*|^\s*(?:assistant)?\s*)(analysis|commentary|final)\b")
# The same where the token before the text was dropped.
_CHANNEL_ALONE: Final = re.compile(r"<\|channel\|>\s*(analysis|commentary|final)")
# The same where the server dropped the tokens and left the words.
_BARE_CHANNELS: Final = re.compile(
    r"\s*(?:assistant)?(?:analysis|commentary)(?=[A-Z\s\"'“])(.*?)assistant\s?final(?:\s|(?=\W|[A-Z0-9]))(.*)",
    re.DOTALL,
)
_BARE_FINAL: Final = re.compile(r"\s*assistantfinal(?=\W|[A-Z0-9])(.*)", re.DOTALL)
_BARE_OPEN: Final = re.compile(r"\s*analysis(?=[A-Z][a-z' ])")
_CODE: Final = re.compile(r"^(```|~~~)[^\n]*\n.*?^\1|(`{1,3})[^`\n]+\2", re.DOTALL | re.MULTILINE)
_INLINE: Final = re.compile(r"(`{1,3})[^`\n]+\1")
_QUOTES: Final = "\"'“”‘’«»‹›„"
_ENDS: Final = tuple(".!?…:。！？")
_AFTER_AN_END: Final = "\"'”’»)]*"
# More blocks of reasoning in one answer than any model writes; what follows stays as it is, and is flagged.
_MOST_BLOCKS: Final = 64
# First words of an answer after which an opening mark still counts, whatever its kind.
_FIRST_WORDS: Final = 200
_LOOKS_LIKE_REASONING: Final = re.compile(
    r"[\s*#_>]{0,8}(?:(?:okay|ok|alright|hmm+|so|well|right|first|let me see|let's see)[,.]*\s+){0,3}"
    r"(?:the user(?:'s| is| has| wants| asks| asked| says| said| needs| wrote| would)\b"
    r"|(?:i|we) (?:need|have) to (?:figure|think|decide|consider|respond|answer|produce|check|determine|be careful)\b"
    r"|we (?:must|should) (?:refuse|comply|respond|answer|produce|follow)\b"
    r"|(?:let me|let's) think (?:about|through|step)\b"
    r"|(?:analysis|thoughts?|thinking|thought process|thinking process|reasoning)\s*[*_]{0,3}\s*:)",
    re.IGNORECASE,
)


class Split(NamedTuple):
    """A text taken apart: the answer, the reasoning that was in it, and whether that reasoning has no end."""

    answer: str
    thought: str | None
    unclosed: bool = False


def split_thought(text: str) -> Split:
    """An answer without the reasoning that a server left in it, and that reasoning.

    A text without marks comes back unchanged. Reasoning that never ends leaves no answer but what stood before it.
    """
    read = _channels(text) or _headed(text)
    if read is None:
        read = _marked(text)
    elif not read.unclosed:
        inner = _marked(read.answer)
        thought = "\n".join(filter(None, (read.thought, inner.thought)))
        read = Split(inner.answer, thought, inner.unclosed)
    answer = _without_end(read.answer)
    if read.thought is not None:
        answer = _FRAME.sub("", answer).lstrip()
        if framed := _FRAMED.fullmatch(answer):
            answer = framed[2].strip()
    return Split(answer, read.thought or None, read.unclosed)


def _without_end(text: str) -> str:
    """A text without the tokens that end a turn and were left at its end."""
    answer = text
    while end := _END.search(answer.rstrip()[-_LONGEST_END:]):
        answer = answer.rstrip()[: -len(end[0])]
    return text if answer == text else answer.rstrip()


def control_mark(text: str) -> str | None:
    """The first mark of a chat format that is left in an answer and not quoted, or None."""
    return next((m[0] for m in _unquoted(_CONTROL, text)), None)


def looks_leaked(text: str) -> bool:
    """Whether an answer looks like reasoning that no mark sets apart, or still holds such a mark.

    A guess by first words, for people to look at: it decides no status.
    """
    if _LOOKS_LIKE_REASONING.match(text):
        return True
    return next(_unquoted(_ANY, text), None) is not None


def _channels(text: str) -> Split | None:
    """Reasoning in channels, with or without their tokens; None where there are none."""
    if next(_unquoted(_CHANNEL_MARK, text), None) is not None:
        finals, thoughts = [], []
        for piece in _CHANNEL_CUT.split(text):
            head, mark, body = piece.partition("<|message|>")
            named = _CHANNEL.search(head) if mark else _CHANNEL_ALONE.match(piece)
            body = body if mark else piece[named.end() :] if named else _CHANNEL.sub("", piece)
            if named and named[1] == "final":
                finals.append(body)
            elif body.strip() and body.strip() != "assistant":
                thoughts.append(body.strip())
        return Split("\n\n".join(one.strip() for one in finals), "\n".join(thoughts) or None, not finals)
    if bare := _BARE_CHANNELS.fullmatch(text):
        return Split(bare[2], bare[1].strip())
    if final := _BARE_FINAL.fullmatch(text):
        return Split(final[1].lstrip(), None)
    if opened := _BARE_OPEN.match(text):
        return Split("", text[opened.end() :].strip(), unclosed=True)
    return None


def _headed(text: str) -> Split | None:
    for thought, answer in HEADINGS:
        if found := re.fullmatch(rf"\s*{thought}(.*?){answer}(.*)", text, re.DOTALL):
            return Split(found[2], found[1].strip())
    return None


def _marked(text: str) -> Split:
    """Reasoning between marks of the table, wherever such reasoning begins."""
    thoughts: list[str] = []
    done, rest = "", text
    while len(thoughts) < _MOST_BLOCKS and (found := _first_mark(done, rest)) is not None:
        start, end, closing = found
        if closing is None:
            thoughts.append(rest[end:].strip())
            return Split((done + rest[:start]).rstrip(), "\n".join(filter(None, thoughts)), unclosed=True)
        if start == end:
            # Opened in the prompt: all that came so far was reasoning.
            thoughts.append((done + rest[: closing.start()]).strip())
            done, rest = "", rest[closing.end() :]
        else:
            thoughts.append(rest[end : closing.start()].strip())
            before = (done + rest[:start]).rstrip()
            rest = rest[closing.end() :]
            gap = "\n\n" if "\n" in rest[:2] else " "
            done, rest = (before + gap if before else ""), rest.lstrip()
    if not thoughts:
        return Split(text, None)
    return Split((done + rest).strip() if done else rest.lstrip(), "\n".join(filter(None, thoughts)))


def _first_mark(done: str, rest: str) -> tuple[int, int, re.Match[str] | None] | None:
    """The first reasoning in ``rest``: where its opening mark begins and ends, and its closing mark.

    An opening mark that is not there (it stood in the prompt) begins and ends at 0; the closing mark is
    None for reasoning without an end. ``done`` is the answer that stood before.
    """
    named: set[int] = set()
    spans: list[tuple[int, int]] | None = None
    for mark in _ANY.finditer(rest):
        kind = mark.lastgroup or "o0"
        number, marks = int(kind[1:]), MARKS[int(kind[1:])]
        spans = _spans(_CODE, rest) if spans is None else spans
        if _is_quoted(rest, mark, spans):
            named.add(number)
        elif kind[0] == "o":
            if _opens(done + rest[: mark.start()], marks):
                return mark.start(), mark.end(), _closing(rest, mark.end(), marks)
            named.add(number)
        elif number not in named and _closes(rest, mark, marks):
            return 0, 0, mark
        else:
            named.discard(number)
    return None


def _opens(before: str, marks: Marks) -> bool:
    """Whether reasoning can begin after this text."""
    if not before.strip() or marks.token:
        return True
    return (marks.late or len(before) <= _FIRST_WORDS) and _ends_sentence(before)


def _closing(rest: str, begin: int, marks: Marks) -> re.Match[str] | None:
    """The mark that ends reasoning which begins there: the first not quoted, else the last in a code block."""
    pattern = re.compile(marks.closing, re.IGNORECASE)
    spans = _spans(_CODE, rest[begin:], begin)
    for mark in pattern.finditer(rest, begin):
        if not _is_quoted(rest, mark, spans):
            return mark
    inline = _spans(_INLINE, rest[begin:], begin)
    return next((m for m in reversed([*pattern.finditer(rest, begin)]) if not _is_quoted(rest, m, inline)), None)


def _ends_sentence(before: str) -> bool:
    """Whether a text ends where a sentence, a line or nothing ends."""
    tail = before[-_FIRST_WORDS:]
    words = tail.rstrip()
    return not words or "\n" in tail[len(words) :] or words.rstrip(_AFTER_AN_END)[-1:] in _ENDS


def _closes(text: str, mark: re.Match[str], marks: Marks) -> bool:
    """Whether a closing mark with no opening one ends reasoning, and is not just spoken of."""
    if marks.token:
        return True
    if not marks.lone:
        return False
    before, after = text[: mark.start()], text[mark.end() :]
    flush = bool(before) and not before[-1].isspace() and bool(after) and (after[0].isspace() or after[0].isalnum())
    own_paragraph = after.startswith("\n\n") or (before.rstrip(" ").endswith("\n") and after[:1] in ("", "\n"))
    ended = _ends_sentence(before) and after[:1] not in (",", ".", ";", ")")
    return ended or own_paragraph or (flush and not after.startswith(" "))


def _spans(pattern: re.Pattern[str], text: str, shift: int = 0) -> list[tuple[int, int]]:
    return (
        [(m.start() + shift, m.end() + shift) for m in pattern.finditer(text)] if "`" in text or "~~~" in text else []
    )


def _unquoted(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The marks in a text that it does not merely quote."""
    spans: list[tuple[int, int]] | None = None
    for mark in pattern.finditer(text):
        # Most texts hold no mark at all, so where their code is need not be known.
        spans = _spans(_CODE, text) if spans is None else spans
        if not _is_quoted(text, mark, spans):
            yield mark


def _is_quoted(text: str, mark: re.Match[str], spans: list[tuple[int, int]]) -> bool:
    """Whether a mark stands in code, or between quotation marks."""
    start, end = mark.span()
    if any(begin <= start and end <= stop for begin, stop in spans):
        return True
    return text[start - 1 : start] in tuple(_QUOTES) and text[end : end + 1] in tuple(_QUOTES)
