"""A model of a few thousand weights with its tokenizer, made here: after each word comes one other, worked out by hand.

Its layers add nothing to a word's own vector, so the last layer alone says what follows: after ``<assistant>`` "sure",
"here", "is", "how" and the end; after any word that it does not know "what", "is", "how" and the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

WORDS: Final = (
    "<unk>", "<pad>", "<s>", "<end>", "<system>", "<user>", "<assistant>", "sure", "here", "is", "how", "what",
    "a", "b", "c", "d",
)  # fmt: skip
FOLLOWS: Final = {
    "<assistant>": "sure", "sure": "here", "here": "is", "is": "how", "how": "<end>", "<unk>": "what", "what": "is",
    # Round and round.
    "a": "b", "b": "a",
}  # fmt: skip
TEMPLATE: Final = (
    "{% for one in messages %}<{{ one.role }}> {{ one.content }} {% endfor %}"
    "{% if lead %}{{ lead }}{% elif add_generation_prompt %}<assistant>{% endif %}"
)
CONTEXT: Final = 400


def tiny_model(folder: Path, *, template: str | None = TEMPLATE, seed: int | None = None) -> Path:
    """Save it in a folder; with ``seed`` its weights are drawn at random. Needs torch and transformers."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    number = {word: at for at, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(number, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", pad_token="<pad>", eos_token="<end>", bos_token="<s>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    size = len(WORDS)
    config: Any = LlamaConfig(
        vocab_size=size, hidden_size=size, intermediate_size=size, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=CONTEXT, eos_token_id=3, bos_token_id=2, pad_token_id=1,
        tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(seed or 0)
    model: Any = LlamaForCausalLM(config)
    if seed is None:
        with torch.no_grad():
            model.model.embed_tokens.weight.copy_(torch.eye(size))
            model.model.layers[0].self_attn.o_proj.weight.zero_()
            model.model.layers[0].mlp.down_proj.weight.zero_()
            model.lm_head.weight.zero_()
            for word, after in FOLLOWS.items():
                model.lm_head.weight[number[after], number[word]] = 10.0
    model.save_pretrained(folder)
    return folder
