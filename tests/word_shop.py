"""A shop whose events say which words go together: each club of items has words of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from tiny_encoder import make_tiny_encoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.training import TrainingOptions
from semrec.finetuning.tuning import ShopTexts
from semrec.learning import TrainingData

N_CLUBS, CLUB_SIZE, WORDS_OF_CLUB, N_USERS, HISTORY = 10, 24, 8, 300, 5
WORDS = [f"w{number}" for number in range(N_CLUBS * WORDS_OF_CLUB)]
SETTINGS = Settings(encoder={"device": "cpu"})
OPTIONS = TrainingOptions(
    minutes=2, n_texts=80 * 64, batch_items=64, learning_rate=1e-2, kept_share=1.0, n_validations=2
)
"""Eighty steps: seconds on one core."""


def word_texts() -> list[str]:
    """Return the text of every item: a word of its club, which three items have."""
    places = range(CLUB_SIZE)
    return [
        WORDS[WORDS_OF_CLUB * club + place % WORDS_OF_CLUB] for club in range(N_CLUBS) for place in places
    ]


def word_events(*, shuffled: bool = False) -> csr_array:
    """Return the items of every user: five of one club, or of all clubs."""
    random = np.random.default_rng(2)
    found = np.zeros((N_USERS, N_CLUBS * CLUB_SIZE), np.float32)
    for user in range(N_USERS):
        own = CLUB_SIZE * (user % N_CLUBS) + random.choice(CLUB_SIZE, HISTORY, replace=False)
        found[user, random.choice(found.shape[1], HISTORY, replace=False) if shuffled else own] = 1
    return csr_array(found)


def word_shop(folder: Path, *, shuffled: bool = False) -> ShopTexts:
    """Return what a fine-tune of the shop starts from; its encoder is written into the folder."""
    texts = word_texts()
    name = str(make_tiny_encoder(folder / "tiny", WORDS))
    encoder = load_encoder(name, SETTINGS)
    data = TrainingData(word_events(shuffled=shuffled), None, encoder.encode_documents(texts))
    return ShopTexts(name, encoder.fingerprint, "float32", [(text,) for text in texts], data)


def open_word_shop(folder: Path, *, n_items: int | None = None) -> Recommender:
    """Return a recommender on the indexed shop with its events in the log, on its tiny encoder."""
    name = str(make_tiny_encoder(folder.with_name("tiny"), WORDS))
    shop = Recommender(folder, SETTINGS.using(model=name))
    shop.index(word_items(n_items))
    users, items = word_events().nonzero()
    shop.add_events({"user": f"u{user}", "item": f"i{item}"} for user, item in zip(users, items, strict=True))
    return shop


def word_items(n_items: int | None = None) -> list[Item]:
    """Return the items of the shop, or the first ones."""
    return [Item(f"i{number}", text) for number, text in enumerate(word_texts())][:n_items]
