"""Tiny encoders of the families that transformers has: random weights, and a tokenizer trained on the demo text."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import transformers
from conftest import DEMO
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

# Names that configs have for the same sizes.
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
POSITIONS = {"max_position_embeddings": 160}
BERT = ("[CLS]", "[SEP]")
ROBERTA = ("<s>", "</s>")

# Family → kind of tokenizer, special wordpieces around a text, class of the tokenizer, sizes and other settings.
FAMILIES: dict[str, tuple[str, tuple[str, str], str, dict[str, Any]]] = {
    "albert": ("unigram", BERT, "AlbertTokenizerFast", {**SIZES, **POSITIONS, "embedding_size": 16}),
    "bert": ("wordpiece", BERT, "BertTokenizerFast", {**SIZES, **POSITIONS}),
    "big_bird": ("unigram", BERT, "BigBirdTokenizerFast", {**SIZES, **POSITIONS}),
    "camembert": ("unigram", ROBERTA, "CamembertTokenizerFast", {**SIZES, **POSITIONS}),
    "convbert": ("wordpiece", BERT, "ConvBertTokenizerFast", {**SIZES, **POSITIONS, "embedding_size": 16}),
    "deberta": (
        "bytes",
        BERT,
        "DebertaTokenizerFast",
        {**SIZES, **POSITIONS, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    ),
    "deberta-v2": (
        "unigram",
        BERT,
        "DebertaV2TokenizerFast",
        {**SIZES, **POSITIONS, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 16},
    ),
    "distilbert": (
        "wordpiece",
        BERT,
        "DistilBertTokenizerFast",
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, **POSITIONS},
    ),
    "electra": ("wordpiece", BERT, "ElectraTokenizerFast", {**SIZES, **POSITIONS, "embedding_size": 16}),
    "ernie": ("wordpiece", BERT, "BertTokenizerFast", {**SIZES, **POSITIONS}),
    "layoutlm": ("wordpiece", BERT, "LayoutLMTokenizerFast", {**SIZES, **POSITIONS}),
    "longformer": ("bytes", ROBERTA, "LongformerTokenizerFast", {**SIZES, **POSITIONS, "attention_window": [16, 16]}),
    "mobilebert": (
        "wordpiece",
        BERT,
        "MobileBertTokenizerFast",
        {**SIZES, **POSITIONS, "embedding_size": 16, "intra_bottleneck_size": 16},
    ),
    "modernbert": ("bytes", BERT, "PreTrainedTokenizerFast", {**SIZES, **POSITIONS, "local_attention": 16}),
    "mpnet": ("wordpiece", ROBERTA, "MPNetTokenizerFast", {**SIZES, **POSITIONS}),
    "rembert": ("unigram", BERT, "RemBertTokenizerFast", {**SIZES, **POSITIONS, "input_embedding_size": 16}),
    "roberta": ("bytes", ROBERTA, "RobertaTokenizerFast", {**SIZES, **POSITIONS}),
    # Its own tokenizer needs the package rjieba.
    "roformer": ("wordpiece", BERT, "BertTokenizerFast", {**SIZES, **POSITIONS, "embedding_size": 16}),
    "squeezebert": ("wordpiece", BERT, "SqueezeBertTokenizerFast", {**SIZES, **POSITIONS, "embedding_size": 32}),
    "xlm-roberta": ("unigram", ROBERTA, "XLMRobertaTokenizerFast", {**SIZES, **POSITIONS}),
    "xlnet": (
        "unigram",
        ("<cls>", "<sep>"),
        # Its own class puts [CLS] after the text, with transformers 5 whatever its file says.
        "PreTrainedTokenizerFast",
        {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64},
    ),
}
# Families that are tried less. Those that can't serve have the words of the error that says why.
XLM = {"emb_dim": 32, "n_layers": 2, "n_heads": 4, **POSITIONS}
BART = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
BART |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, **POSITIONS}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 160}
FAST = "PreTrainedTokenizerFast"
OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "bert-generation": ({**SIZES, **POSITIONS}, ""),
    "data2vec-text": ({**SIZES, **POSITIONS}, ""),
    # Not in transformers 5.
    "ernie_m": ({**SIZES, **POSITIONS}, "fails on a text .*set `word_shapes = false`"),
    "esm": ({**SIZES, **POSITIONS, "mask_token_id": 4}, ""),
    "flaubert": (XLM, ""),
    "luke": ({**SIZES, **POSITIONS, "entity_vocab_size": 10, "entity_emb_size": 8}, ""),
    "megatron-bert": ({**SIZES, **POSITIONS}, ""),
    "nystromformer": ({**SIZES, **POSITIONS, "num_landmarks": 8, "segment_means_seq_len": 8}, ""),
    "roberta-prelayernorm": ({**SIZES, **POSITIONS}, ""),
    "splinter": ({**SIZES, **POSITIONS}, ""),
    "xlm": (XLM, ""),
    "xlm-roberta-xl": ({**SIZES, **POSITIONS}, ""),
    "bart": (BART, "an encoder with a decoder"),
    "mbart": (BART, "an encoder with a decoder"),
    "t5": (T5, "an encoder with a decoder"),
    "switch_transformers": (T5, "an encoder with a decoder"),
    "fnet": ({**SIZES, **POSITIONS}, "no attention mask"),
    "gpt2": (GPT, "only look back"),
    "llama": ({**SIZES, **POSITIONS, "num_key_value_heads": 2}, "only look back"),
    "mamba": ({"hidden_size": 32, "num_hidden_layers": 2}, "only look back|fails on a text"),
    "bloom": ({"hidden_size": 32, "n_layer": 2, "n_head": 4}, "only look back"),
    "mra": ({**SIZES, **POSITIONS}, "only look back"),
    "yoso": ({**SIZES, **POSITIONS}, "ignores the attention mask"),
    "bros": ({**SIZES, **POSITIONS}, r"fails on a text of a few wordpieces \(You have to specify bbox"),
    "xmod": ({**SIZES, **POSITIONS}, r"fails on a text of a few wordpieces \(Input language unknown"),
    "ibert": ({**SIZES, **POSITIONS}, "fails on a text .*set `word_shapes = false`"),
    "canine": ({**SIZES, **POSITIONS}, "no table of wordpieces"),
}


@lru_cache
def _trained(kind: str, special: tuple[str, str]) -> str:
    """RETURNS (str): A tokenizer trained on the demo text, as JSON."""
    texts = [path.read_text(encoding="utf8") for path in sorted((DEMO / "documents").glob("*.txt"))[:20]]
    added = [*special, "<pad>", "<unk>", "<mask>"]
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))  # type: ignore[call-arg]
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=500, special_tokens=added, show_progress=False)
    elif kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=500, special_tokens=added, show_progress=False, initial_alphabet=alphabet
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=500, special_tokens=added, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


def make_encoder(family: str, folder: Path, *, special_at_end: bool = False, **sizes: Any) -> str:
    """Save a tiny encoder.

    family (str): One of `FAMILIES` or `OTHERS`.
    folder (Path): Where it is saved to.
    special_at_end (bool): Whether all special wordpieces stand after the text, as XLNet's own tokenizer has them.
    **sizes: Settings of its config that are other than usual.
    RETURNS (str): The folder, for a config.
    """
    kind, special, tokenizer_class, settings = FAMILIES.get(family) or ("wordpiece", BERT, FAST, OTHERS[family][0])
    tokenizer = Tokenizer.from_str(_trained(kind, special))
    cls, sep = special
    template = f"$A {sep} {cls}" if special_at_end else f"{cls} $A {sep}"
    ids = [(token, tokenizer.token_to_id(token)) for token in special]
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=ids)
    names = {"cls_token": cls, "sep_token": sep, "bos_token": cls, "eos_token": sep}
    names |= {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    fast = getattr(transformers, tokenizer_class)(tokenizer_object=tokenizer, **names)
    fast.save_pretrained(folder)
    ids_of_names = {
        name: tokenizer.token_to_id(names[f"{name[:3]}_token"]) for name in ("pad_token_id", "sep_token_id")
    }
    ids_of_names |= {"bos_token_id": ids[0][1], "eos_token_id": ids[1][1], "cls_token_id": ids[0][1]}
    config = transformers.AutoConfig.for_model(family, vocab_size=len(fast), **{**settings, **sizes}, **ids_of_names)
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return str(folder)
