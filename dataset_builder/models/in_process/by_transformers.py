"""Answers of a model that transformers loads: batches with the shorter requests padded on their left."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dataset_builder.errors import InputError
from dataset_builder.models.in_process.answers import Generated
from dataset_builder.models.in_process.named import InProcess, NamedModel
from dataset_builder.models.in_process.prompting import Prompting
from dataset_builder.models.request import ChatRequest


class TransformersModel:
    """A loaded model with its tokenizer. Raises InputError where it cannot be loaded."""

    def __init__(self, model: NamedModel, how: InProcess) -> None:
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._torch = torch
        folder = model.folder()
        file = {"gguf_file": model.gguf} if model.gguf else {}
        weights: dict[str, Any] = file or {"use_safetensors": True}
        if how.device == "auto":
            weights["device_map"] = "auto"
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **file)
            self._model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype=how.dtype, **weights)
            if how.device != "auto":
                self._model.to(torch.device(how.device or _device(torch)))
        except Exception as error:
            raise InputError(f"{model.called} cannot be loaded: {_said(error, folder)}") from None
        self._model.eval()
        context = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        self._prompting = Prompting(tokenizer, context, completion=how.completion, called=model.called)
        self._stopped = threading.Event()

    def generate(self, requests: Sequence[ChatRequest]) -> list[Generated]:
        """A text for each request; all requests have the same settings."""
        asked = [self._prompting.tokens(request) for request in requests]
        rooms = [self._prompting.room(tokens, request) for tokens, request in zip(asked, requests, strict=True)]
        fitting = [number for number, room in enumerate(rooms) if room > 0]
        found = [Generated("", too_long=self._prompting.too_long(tokens)) for tokens in asked]
        if not fitting:
            return found
        # Where one of them leaves less room than was asked for, it is answered alone: the others need not suffer.
        most = max(rooms[number] for number in fitting)
        together = [number for number in fitting if rooms[number] == most]
        apart = [[number] for number in fitting if rooms[number] != most]
        for numbers in [together, *apart]:
            made = self._together([asked[n] for n in numbers], requests[numbers[0]], rooms[numbers[0]])
            for number, one in zip(numbers, made, strict=True):
                found[number] = one
        return found

    def _together(self, asked: Sequence[list[int]], request: ChatRequest, most: int) -> list[Generated]:
        import transformers

        torch, tokenizer = self._torch, self._prompting.tokenizer
        config = copy.deepcopy(self._model.generation_config)
        ends = _ends(config.eos_token_id, tokenizer.eos_token_id)
        pad = next((one for one in (tokenizer.pad_token_id, config.pad_token_id, *sorted(ends)) if one is not None), 0)
        said = {"max_length": None, "max_new_tokens": most, "eos_token_id": sorted(ends) or None, "pad_token_id": pad}
        if request.temperature == 0:
            said |= {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        elif request.temperature is not None:
            said |= {"do_sample": True, "temperature": request.temperature}
        if request.top_p is not None and request.temperature != 0:
            said["top_p"] = request.top_p
        for name, value in said.items():
            setattr(config, name, value)
        if request.seed is not None:
            transformers.set_seed(request.seed)
        width = max(map(len, asked))
        device = self._model.device
        ids = torch.tensor([[pad] * (width - len(one)) + one for one in asked], device=device)
        mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in asked], device=device)
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=config,
                stopping_criteria=transformers.StoppingCriteriaList([self._ending(request.stop, width)]),
            )
        return [
            self._read(row, ends, pad, request.stop, len(one))
            for row, one in zip(made[:, width:].tolist(), asked, strict=True)
        ]

    def _ending(self, stop: Sequence[str], width: int) -> Callable[..., Any]:
        """Which rows of a batch are at their end: those with a text that ends one, all where nobody waits any more."""
        # A token is a letter at least, but for parts of one.
        tail = 4 * max(map(len, stop), default=0)

        def ended(ids: Any, scores: Any, **more: Any) -> Any:
            if not stop or self._stopped.is_set():
                return self._torch.full((ids.shape[0],), self._stopped.is_set(), device=ids.device)
            texts = self._prompting.tokenizer.batch_decode(ids[:, max(width, ids.shape[1] - tail) :])
            return self._torch.tensor([any(one in text for one in stop) for text in texts], device=ids.device)

        return ended

    def _read(self, row: list[int], ends: set[int], pad: int, stop: Sequence[str], asked: int) -> Generated:
        """The text in a row of tokens, up to what ends it; the marks of reasoning stay, for the reader of answers."""
        end = next((at for at, token in enumerate(row) if token in ends), None)
        whole = row if end is None else row[:end]
        text = self._prompting.tokenizer.decode(whole, skip_special_tokens=False)
        if found := [at for at in (text.find(one) for one in stop) if at >= 0]:
            while whole and whole[-1] == pad:
                whole = whole[:-1]
            return Generated(text[: min(found)], "stop", asked, len(whole))
        return Generated(text, "length" if end is None else "stop", asked, len(whole) + (end is not None))

    def close(self) -> None:
        """End what is under way, and give the memory back."""
        self._stopped.set()
        self._model = None
        if self._torch.cuda.is_available():
            self._torch.cuda.empty_cache()


def _ends(*given: int | list[int] | None) -> set[int]:
    """The tokens that end an answer."""
    return {token for one in given for token in (one if isinstance(one, list) else [one]) if token is not None}


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _said(error: Exception, folder: Path) -> str:
    """The first line of what an engine says, without this machine's path."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].replace(str(folder), folder.name)
