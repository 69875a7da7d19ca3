"""The bare Hugging Face encoder: what everything is measured against."""

from time import perf_counter

from .docs import Text


class BareEncoder:
    """An encoder in float32 and texts that are ready for it, so that nothing but its forward pass is timed.

    The texts are tokenized and cut into windows without overlap; windows of like length are padded together.
    """

    def __init__(self, name: str, texts: list[Text], *, window: int = 128, batch_size: int = 32) -> None:
        """
        name (str): A folder, or the name of a model on the Hugging Face hub.
        texts (list[Text]): The texts.
        window (int): The most wordpieces of a window, special ones included.
        batch_size (int): Windows of a forward pass.
        """
        import torch
        from transformers import AutoModel, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(name)
        self.module = AutoModel.from_pretrained(name, torch_dtype=torch.float32).eval()
        capacity = window - tokenizer.num_special_tokens_to_add()
        windows = []
        for ids in tokenizer([str(text) for text in texts], add_special_tokens=False, verbose=False)["input_ids"]:
            for i in range(0, len(ids), capacity):
                windows.append(tokenizer.build_inputs_with_special_tokens(ids[i : i + capacity]))
        windows.sort(key=len)
        self.batches = [
            tokenizer.pad({"input_ids": windows[i : i + batch_size]}, return_tensors="pt")
            for i in range(0, len(windows), batch_size)
        ]

    def seconds(self) -> float:
        """RETURNS (float): The seconds that the encoder takes for all texts."""
        import torch

        start = perf_counter()
        with torch.inference_mode():
            for batch in self.batches:
                self.module(**batch)
        return perf_counter() - start
