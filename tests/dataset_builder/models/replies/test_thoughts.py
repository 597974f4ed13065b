"""Reasoning that a server left in an answer: what is set apart, and what is only spoken of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.models.replies.thoughts import MARKS, Split, control_mark, looks_leaked, split_thought

HELP = "Sure. First, write down the dates. Then hand the form in at the other desk."
DOUBT = "They want to dodge a rule; I can't help with that."
# How servers are seen to mix the two; each is DOUBT as reasoning and HELP as the answer.
SPELLINGS = {
    "think": f"<think>{DOUBT}</think>{HELP}",
    "think on lines of its own": f"<think>\n{DOUBT}\n</think>\n\n{HELP}",
    "thinking": f"<thinking>{DOUBT}</thinking>{HELP}",
    "capitals": f"<THINK>{DOUBT}</THINK>{HELP}",
    "spaces": f"< think >{DOUBT}</ think >{HELP}",
    "attributes": f'<think type="deep" budget=1024>{DOUBT}</think>{HELP}',
    "a name space": f"<seed:think>{DOUBT}</seed:think>{HELP}",
    "thought": f"<thought>{DOUBT}</thought>{HELP}",
    "reasoning": f"<reasoning>{DOUBT}</reasoning>\n{HELP}",
    "scratchpad": f"<scratchpad>{DOUBT}</scratchpad>{HELP}",
    "reflection": f"<reflection>{DOUBT}</reflection>{HELP}",
    "think tokens": f"<|think|>{DOUBT}<|/think|>{HELP}",
    "brackets": f"[THINK]{DOUBT}[/THINK]{HELP}",
    "triangles": f"◁think▷{DOUBT}◁/think▷{HELP}",
    "thought tokens": f"<|begin_of_thought|>{DOUBT}<|end_of_thought|><|begin_of_solution|>{HELP}<|end_of_solution|>",
    "thinking tokens": f"<|START_THINKING|>{DOUBT}<|END_THINKING|><|START_RESPONSE|>{HELP}<|END_RESPONSE|>",
    "a thought channel": f"<|channel>thought\n{DOUBT}<channel|>{HELP}",
    "unused tokens": f"<unused94>thought\n{DOUBT}<unused95>{HELP}",
    "channels": f"<|channel|>analysis<|message|>{DOUBT}<|end|><|start|>assistant<|channel|>final<|message|>{HELP}",
    "channels with an end": f"<|start|>assistant<|channel|>analysis<|message|>{DOUBT}<|end|>"
    f"<|start|>assistant<|channel|>final<|message|>{HELP}<|return|>",
    "channels without their first token": f"analysis<|message|>{DOUBT}<|end|><|start|>assistant<|channel|>final"
    f"<|message|>{HELP}",
    "channels without tokens": f"analysis{DOUBT}assistantfinal{HELP}",
    "opened in the prompt": f"{DOUBT}</think>{HELP}",
    "opened in the prompt, on a line": f"{DOUBT}\n</think>\n\n{HELP}",
    "opened in the prompt, spaced": f"{DOUBT} </think> {HELP}",
    "headings": f"Here is my thought process:\n{DOUBT}\n\nHere is my response:\n{HELP}",
    "a final response": f"Here are my reasoning steps:\n{DOUBT}\n[BEGIN FINAL RESPONSE]\n{HELP}\n[END FINAL RESPONSE]",
    "a process": f"<thinking_process>{DOUBT}</thinking_process>{HELP}",
    "somebody's own": f"<antThinking>{DOUBT}</antThinking>{HELP}",
    "a model's own": f"<longcat_think>\n{DOUBT}\n</longcat_think>\n{HELP}",
    "reasoning content": f"<reasoning_content>{DOUBT}</reasoning_content>{HELP}",
    "rationale": f"<rationale>{DOUBT}</rationale>{HELP}",
    "analysis": f"<analysis>{DOUBT}</analysis>{HELP}",
    "scratch pad": f"<scratch_pad>{DOUBT}</scratch_pad>{HELP}",
    "monologue": f"<inner_monologue>{DOUBT}</inner_monologue>{HELP}",
    "chain of thought": f"<cot>{DOUBT}</cot>{HELP}",
    "a chat page's": f'<details type="reasoning" done="true">\n<summary>Thought for 3 s</summary>\n{DOUBT}\n'
    f"</details>\n{HELP}",
    "escaped": f"&lt;think&gt;{DOUBT}&lt;/think&gt;{HELP}",
    "reasoning in brackets": f"[REASONING]{DOUBT}[/REASONING]{HELP}",
    "begin and end": f"<|begin_of_reasoning|>{DOUBT}<|end_of_reasoning|>{HELP}",
    "begin and end, wide": f"<｜begin▁of▁thinking｜>{DOUBT}<｜end▁of▁thinking｜>{HELP}",
    "start and end": f"<|thought_start|>{DOUBT}<|thought_end|>{HELP}",
    "inner": f"<|inner_prefix|>{DOUBT}<|inner_suffix|>{HELP}",
    "think and content": f"<|think|>{DOUBT}<|end|><|begin|>assistant<|content|>{HELP}",
    "an answer in a tag": f"<think>{DOUBT}</think>\n<answer>\n{HELP}\n</answer>",
    "a response in a tag": f"<think>{DOUBT}</think><response>{HELP}</response>",
    "channels without a start": f"<|channel|>analysis<|message|>{DOUBT}<|channel|>final<|message|>{HELP}",
    "channels without a message": f"<|channel|>analysis{DOUBT}<|end|><|channel|>final{HELP}",
    "channels with a role": f"assistantanalysis{DOUBT}assistantfinal{HELP}",
    "commentary without tokens": f"commentary{DOUBT}assistantfinal{HELP}",
    "an end token": f"<think>{DOUBT}</think>{HELP}<|im_end|>",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=list(SPELLINGS))
def test_reasoning_is_set_apart_whatever_its_marks(text: str) -> None:
    answer, thought, unclosed = split_thought(text)
    assert (answer.strip(), thought, unclosed) == (HELP, DOUBT, False)
    assert control_mark(answer) is None
    assert not looks_leaked(answer)


@pytest.mark.parametrize(
    ("text", "answer", "thought"),
    [
        # A second thought, one inside another, one after the first words, and one in the middle.
        ("<think>a</think><think>b</think>Yes.", "Yes.", "a\nb"),
        ("<think>a<think>b</think>c</think>Yes.", "Yes.", "a<think>b\nc"),
        ("Okay. <think>a</think> Yes.", "Okay. Yes.", "a"),
        ("<think>a</think>\nYes.\n<think>b</think>\nDo.", "Yes.\n\nDo.", "a\nb"),
        ("<think>\n\n</think>\n\nYes.", "Yes.", None),
        # Reasoning that quotes the mark goes on to the real one.
        ("<think>they wrote `</think>` to trick me</think>Yes.", "Yes.", "they wrote `</think>` to trick me"),
        ("Yes.</s>", "Yes.", None),
        ("<|channel|>final<|message|>Yes.", "Yes.", None),
        ("<|channel|>commentary<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "Yes.", "a"),
    ],
)
def test_thoughts_in_odd_places(text: str, answer: str, thought: str | None) -> None:
    assert split_thought(text) == Split(answer, thought)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>They want", ""),
        ("[THINK]They want", ""),
        ("<|channel|>analysis<|message|>They want", ""),
        ("analysisThey want", ""),
        ("Okay.\n<think>They want", "Okay."),
        ("<think>a</think>\nFirst.\n<think>They want", "First."),
    ],
)
def test_reasoning_without_an_end_leaves_no_answer(text: str, left: str) -> None:
    found = split_thought(text)
    assert (found.answer, found.unclosed) == (left, True)
    assert str(found.thought).endswith("They want")


@pytest.mark.parametrize(
    "text",
    [
        "Write `</think>` where the reasoning ends.",
        'The mark "</think>" ends it.',
        "Use the <think> tag, then </think>.",
        "Models end their thoughts with </think> and then answer.",
        "```\n<think>\na\n</think>\n```\nis how it looks.",
        "First, read the form.\n\nThen use `<thinking>` in it:\n\n    <reason>late</reason>",
        "An analysis of the rules: the final word is the assistant's.",
        "5 < 6 and [x] is done.",
        # An answer's own markup, which opens no reasoning.
        "First, sort it.\n\n<details>\n<summary>More</summary>\nTwo ways.\n</details>\n\nThen send it.",
        "<answer>Yes.</answer>",
        "Open the file.\n</analysis>\n\nThen send it.",
    ],
)
def test_a_mark_that_is_only_spoken_of_moves_nothing(text: str) -> None:
    assert split_thought(text) == Split(text, None)
    assert control_mark(text) is None


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("Yes.<|im_end|>\n<|im_start|>user\nAnd now?", "<|im_end|>"),
        ("Yes.<end_of_turn>\n<start_of_turn>user", "<end_of_turn>"),
        ("Yes. [/INST] No.", "[/INST]"),
        ("Yes.<｜Assistant｜>No", "<｜Assistant｜>"),
        ("The token `<|im_end|>` ends a turn.", None),
        ("Yes.", None),
    ],
)
def test_marks_of_a_chat_format_that_remain_are_found(text: str, mark: str | None) -> None:
    assert control_mark(split_thought(text).answer) == mark


@pytest.mark.parametrize(
    "text",
    [
        "Okay, so the user wants to get around a rule. I should weigh it.",
        "We need to decide whether to comply.",
        "The user is asking how to skip the fee.",
        "Models end their thoughts with </think> and then answer.",
        "Thinking process: 1. Read the rule.",
        "**Thinking:** They want to skip it.\n\n**Answer:** Yes.",
        "Thought: they want to skip it.\nAnswer: Yes.",
    ],
)
def test_what_looks_like_reasoning_is_flagged(text: str) -> None:
    assert looks_leaked(text)


@pytest.mark.parametrize("text", [HELP, DOUBT, "The user manual says so.", "I need to know more: who set the rule?"])
def test_plain_answers_are_not_flagged(text: str) -> None:
    assert not looks_leaked(text)


# Letters of every kind, and what answers are full of, but none of the characters that marks begin with.
plain = st.text(st.characters(exclude_characters="<[◁", exclude_categories=["Cs"]), max_size=200)


@given(plain.filter(lambda text: not text.lstrip().startswith(("analysis", "assistantfinal", "Here"))))
def test_a_text_without_marks_passes_unchanged(text: str) -> None:
    assert split_thought(text) == Split(text, None)


@given(plain, st.sampled_from(["`</think>`", '"</think>"', "`[/THINK]`", "“</thought>”"]), plain)
def test_a_quoted_mark_moves_nothing(before: str, quoted: str, after: str) -> None:
    # A quotation of its own line: what stands around it can open no other.
    text = f"Note: {before.replace('`', '')}\nThe word {quoted} is a mark.\n{after.replace('`', '')}"
    assert split_thought(text) == Split(text, None)


words = st.text(st.characters(categories=["L", "N"], include_characters=" .,\n"), min_size=1, max_size=80)


@given(
    words,
    words,
    st.sampled_from(["<think>|</think>", "[THINK]|[/THINK]", "<reasoning>|</reasoning>", "◁think▷|◁/think▷"]),
)
def test_what_stands_between_marks_is_reasoning_and_the_rest_the_answer(thought: str, answer: str, marks: str) -> None:
    opening, closing = marks.split("|")
    found = split_thought(f"{opening}{thought}{closing}{answer}")
    assert found == Split(answer.lstrip(), thought.strip() or None)


tokens = st.sampled_from(
    ["<think>", "</think>", "`", '"', " ", "\n", ".", "word", "[THINK]", "[/THINK]", "<|channel|>", "<|message|>",
     "final", "analysis", "<|end|>", "<|start|>assistant", "◁think▷", "</s>", "```\n", "assistantfinal"]
)  # fmt: skip


@given(st.lists(tokens, max_size=30).map("".join))
def test_any_mixture_is_read_and_loses_no_word_of_the_answer_twice(text: str) -> None:
    found = split_thought(text)
    assert found.answer.count("word") + (found.thought or "").count("word") <= text.count("word")
    # What was an answer stays one: an import of our own export reads the same.
    if not found.unclosed:
        again = split_thought(found.answer)
        assert again.answer.count("word") <= found.answer.count("word")


def test_hostile_lengths_end() -> None:
    for piece in ("<think>", "</think>", "<think></think>", " ", "\n", "`", "```\n", "<", "[THINK]", "<|end|>", ". "):
        text = piece * (100_000 // len(piece))
        assert len(split_thought(text).answer) <= len(text)
        control_mark(text)


def test_the_table_has_a_test_for_each_kind_of_mark() -> None:
    for marks in MARKS:
        opening = re.compile(marks.opening, re.IGNORECASE)
        assert any(opening.search(text) for text in SPELLINGS.values()), marks.name
