"""English letters as numbers: what is kept, what is cut, what stands in, what is refused."""

import pytest
import torch

from nbdgm import data
from nbdgm.data.load import DataError
from nbdgm.data.text import LETTERS, WORDS, Text, encode

PTB = {"train": " the <unk> of N N n 's years \n", "valid": " no it was n't \n", "test": " a b \n"}


def test_encode_keeps_letters_and_single_spaces():
    x = encode("  Ab\n c-D 9 é z ")
    assert x.dtype == torch.int64 and x.tolist() == [1, 2, 0, 3, 0, 4, 0, 26]
    assert Text(x).write(x) == "ab c d z"
    assert encode("ba a", " ab").tolist() == [2, 1, 0, 1]
    assert len(encode("12 34")) == 0


@pytest.mark.parametrize("symbols", ["abc", " aa", "  a"])
def test_encode_refuses_symbols_without_a_space_or_twice(symbols):
    with pytest.raises(ValueError, match=r"^symbols: expected different characters and a space among them"):
        encode("a", symbols)


def test_pieces_leave_the_rest_out():
    text = Text(torch.arange(7))
    assert text.pieces(3).tolist() == [[0, 1, 2], [3, 4, 5]] and text.pieces(7).shape == (1, 7)
    assert len(text) == 7
    with pytest.raises(ValueError, match=r"^length: the text 'text' has only 7 symbols, got 8"):
        text.pieces(8)
    with pytest.raises(ValueError, match=r"^length: expected an integer of at least 1"):
        text.pieces(0)


def test_repr_names_a_stand_in():
    assert repr(Text(torch.arange(1200) % 27, name="ptb", stand_in=True)) == "Text('ptb', a stand-in: 1,200 symbols of 27)"
    assert repr(Text(torch.arange(3))) == "Text('text': 3 symbols of 27)"


def test_letters_reads_the_file_without_its_marks(ptb):
    read = {split: data.letters(split, "cpu") for split in ("train", "valid", "test", "train+valid")}
    assert not any(text.stand_in for text in read.values())
    assert {split: text.write(text.x) for split, text in read.items()} == {
        "train": "the of n s years",
        "valid": "no it was n t",
        "test": "a b",
        "train+valid": "the of n s years no it was n t",
    }
    assert read["train"].name == "ptb" and read["train"].symbols == LETTERS


@pytest.mark.parametrize("content, what", [(b"\xff\xfe", "it is no ASCII text"), (b" 12 \n", "there is no letter in it")])
def test_letters_says_which_file_is_damaged(ptb, content, what):
    (ptb / "ptb.test.txt").write_bytes(content)
    with pytest.raises(DataError, match=what) as error:
        data.letters("test", "cpu")
    assert str(ptb / "ptb.test.txt") in str(error.value)


def test_letters_refuses_an_unknown_split():
    with pytest.raises(ValueError, match=r"^split: expected one of train, valid, train\+valid, test, got 'dev'"):
        data.letters("dev")


def test_without_the_file_words_stand_in(ptb, capsys):
    (ptb / "ptb.valid.txt").unlink()
    text = data.letters("valid", "cpu")
    out = capsys.readouterr().out
    assert text.stand_in and f"There is no {ptb / 'ptb.valid.txt'}" in out
    assert f"ptb (no file): {len(text):,} symbols stand in, common English words in random order." in out
    assert set(text.write(text.x).split()) <= set(WORDS)
    assert text.write(text.x).split().count("the") > 100  # a word of rank 1 among 1,000
    assert torch.equal(text.x, data.letters("valid", "cpu").x)


def test_at_the_smoke_budget_the_file_is_not_read(ptb, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    texts = {split: data.letters(split, "cpu") for split in ("train", "valid", "test", "train+valid")}
    assert all(text.stand_in for text in texts.values())
    counts = {split: len(text.write(text.x).split()) for split, text in texts.items()}
    assert counts == {"train": 4000, "valid": 1000, "test": 1000, "train+valid": 5000}
    assert "ptb (at the smoke budget)" in capsys.readouterr().out


def test_the_words_are_different_words_of_small_letters():
    assert len(set(WORDS)) == len(WORDS) and set("".join(WORDS)) <= set(LETTERS)
