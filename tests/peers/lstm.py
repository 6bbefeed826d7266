"""The small and the medium LSTM language model (2 x 200; 2 x 650 with dropout 0.5) on Penn Treebank (TERSE_DATA) beside
PyTorch: see compare.py. A second argument `medium` takes the latter."""

import sys

from compare import compare, memory_of, sample, torch
from models import LanguageModel

WORDS, STEPS, BATCH = 10000, 35, 20


class TextStep:
    """Time-major, which suits PyTorch best; h and c are carried from step to step."""

    def __init__(self, units, dropout):
        self.model, self.state = LanguageModel(WORDS, units, 2, dropout=dropout), None
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.words = torch.randint(0, WORDS, (1000, BATCH))

    def __call__(self):
        at = int(torch.randint(0, 1000 - STEPS - 1, (1,)))
        self.optimizer.zero_grad(set_to_none=True)
        y, state = self.model(self.words[at : at + STEPS], self.state)
        self.state = tuple(s.detach() for s in state)
        torch.nn.functional.cross_entropy(y.flatten(0, 1), self.words[at + 1 : at + STEPS + 1].flatten()).backward()
        self.optimizer.step()


is_medium = sys.argv[2:] == ["medium"]
del sys.argv[2:]
make = (lambda: TextStep(650, 0.5)) if is_medium else (lambda: TextStep(200, 0.0))
peer = [None, memory_of(make)]
peer[0] = make()
sample(peer[0], 2)
if is_medium:
    compare("LSTM 2 x 650", "lstm", "ptb", BATCH, peer, faster=1.5, over=1.25, n_samples=7, n_steps=1,
            parameters="units=650,dropout=0.5")
else:
    compare("LSTM 2 x 200", "lstm", "ptb", BATCH, peer, faster=2.5, n_samples=10, n_steps=3)
