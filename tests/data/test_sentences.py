"""Sentences of whole words as numbers: what is kept, which words are rare, what stands in, what is refused."""

import pytest
import torch

from nbdgm import data
from nbdgm.data.load import DataError
from nbdgm.data.text import WORDS, Sentences

PTB = {
    "train": "a b c\na b\na a d <unk>\n\na b c d e f\nb a N\n",
    "valid": "c b x\na b c d e\n",
    "test": "a d b\n",
}


def test_sentences_of_three_words_or_more_with_the_words_of_train(ptb):
    train, test = data.sentences("train", 4, 5, "cpu"), data.sentences("test", 4, 5, "cpu")
    assert train.words == test.words == ("<end>", "<unk>", "a", "b", "c")
    assert train.x.dtype == torch.int64 and not train.stand_in
    assert train.x.tolist() == [[2, 3, 4, 0, 0], [2, 2, 1, 1, 0], [3, 2, 1, 0, 0]]
    assert test.x.tolist() == [[2, 1, 3, 0, 0]]
    both = data.sentences("train+valid", 4, 5, "cpu")
    assert both.words == train.words and both.x[3:].tolist() == [[4, 3, 1, 0, 0]]
    assert repr(train) == "Sentences('ptb': 3 of at most 4 words, 5 kinds)"


def test_write_and_read_are_inverse_but_for_rare_words(ptb):
    train = data.sentences("train", 4, 5, "cpu")
    assert [train.write(row) for row in train.x] == ["a b c", "a a <unk> <unk>", "b a <unk>"]
    assert train.write([2, 3, 4, 2]) == "a b c a"
    assert train.read("a b c", "zebra b").tolist() == [[2, 3, 4, 0, 0], [1, 3, 0, 0, 0]]
    for line in ("", "a a a a a"):
        with pytest.raises(ValueError, match=r"^a sentence has 1 to 4 words, this one has [05]: "):
            train.read(line)


@pytest.mark.parametrize("content, what", [(b"\xff\xfe", "it is no ASCII text"), (b"a b\n", "there is no sentence of 3 to")])
def test_which_file_is_damaged(ptb, content, what):
    (ptb / "ptb.test.txt").write_bytes(content)
    with pytest.raises(DataError, match=what) as error:
        data.sentences("test", device="cpu")
    assert str(ptb / "ptb.test.txt") in str(error.value)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"^split: expected one of train, valid, train\+valid, test, got 'dev'"):
        data.sentences("dev")
    with pytest.raises(ValueError, match=r"^longest: expected an integer of at least 3"):
        data.sentences("train", 2)
    with pytest.raises(ValueError, match=r"^kinds: expected an integer of at least 3"):
        data.sentences("train", 12, 2)


def test_without_the_file_random_sentences_stand_in(ptb, capsys):
    (ptb / "ptb.train.txt").unlink()
    test = data.sentences("test", device="cpu")
    out = capsys.readouterr().out
    assert test.stand_in and repr(test).startswith("Sentences('ptb', a stand-in: 200 of at most 12 words")
    assert "ptb (no file): 200 sentences stand in, common English words in random order." in out
    assert set(" ".join(test.write(row) for row in test.x).split()) <= set(WORDS)
    lengths = (test.x > 0).sum(1)
    assert lengths.min() == 3 and lengths.max() == 12
    assert torch.equal(test.x, data.sentences("test", device="cpu").x)


def test_at_the_smoke_budget_the_file_is_not_read(ptb, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    counts = [len(data.sentences(split, device="cpu")) for split in ("train", "valid", "test", "train+valid")]
    assert counts == [1200, 200, 200, 1400]
    assert "ptb (at the smoke budget)" in capsys.readouterr().out


def test_the_real_sentences_are_as_many_as_documented():
    train = data.sentences("train", device="cpu")
    if train.stand_in:
        pytest.skip("no file, or the smoke budget")
    sizes = [len(train), *(len(data.sentences(split, device="cpu")) for split in ("valid", "test"))]
    assert sizes == [8372, 690, 788]
    assert isinstance(train, Sentences) and len(train.words) == 500
