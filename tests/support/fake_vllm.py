"""A module ``vllm`` of our own that speaks vLLM's offline API as its documentation gives it; the real one needs a GPU.

It stands for https://docs.vllm.ai: ``LLM(model, dtype, trust_remote_code)``, ``get_tokenizer``, ``generate`` of prompts
of tokens, ``get_default_sampling_params``, ``SamplingParams``, and outputs with text, finish_reason and token_ids.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

VERSION: Final = "0.11.0"
_MODULE: Final = """
import json, os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace


@dataclass(kw_only=True)
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    max_tokens: int | None = 16
    skip_special_tokens: bool = True


class Tokenizer:
    chat_template = "a template"
    words = []

    def apply_chat_template(self, messages, *, tokenize, add_generation_prompt, **more):
        assert tokenize is False and add_generation_prompt is True
        return " ".join(f"<{one['role']}> {one['content']}" for one in messages) + " <assistant>"

    def __call__(self, text, add_special_tokens=True):
        words = text.split()
        self.words.extend(words)
        return {"input_ids": list(range(len(self.words) - len(words), len(self.words)))}


class LLM:
    def __init__(self, model, *, dtype="auto", trust_remote_code=False):
        assert Path(model).is_dir() and trust_remote_code is False
        if dtype == "float32":
            raise ValueError("no room for float32\\nlong trace")
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=40))
        self._tokenizer = Tokenizer()
        self._log = Path(os.environ["FAKE_VLLM_LOG"])

    def get_tokenizer(self):
        return self._tokenizer

    def get_default_sampling_params(self):
        return SamplingParams(temperature=0.6, top_k=20)

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True):
        assert use_tqdm is False and len(prompts) == len(sampling_params)
        with self._log.open("a") as log:
            log.write(json.dumps([vars(one) for one in sampling_params]) + chr(10))
        found = []
        for prompt in prompts:
            said = " ".join(self._tokenizer.words[one] for one in prompt["prompt_token_ids"])
            assert len(prompt["prompt_token_ids"]) < 40
            text = f"<think>hm</think>You said: {said}"
            output = SimpleNamespace(text=text, finish_reason="stop", token_ids=[1, 2, 3])
            found.append(SimpleNamespace(outputs=[output]))
        return found
"""


def write_vllm(folder: Path) -> Path:
    """Write the module, to be put on the path."""
    (folder / "vllm").mkdir(parents=True)
    (folder / "vllm" / "__init__.py").write_text(_MODULE)
    told = folder / f"vllm-{VERSION}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}\n")
    return folder


def write_weights(folder: Path, *, template: bool = True) -> Path:
    """A model's folder as far as it is looked at before an engine has it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"dtype": "bfloat16"}))
    (folder / "model.safetensors").write_bytes(b"weights" * 9)
    if template:
        (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder
