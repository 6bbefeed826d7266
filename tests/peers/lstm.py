"""The small LSTM language model (2 x 200) on Penn Treebank (TERSE_DATA) beside PyTorch: see compare.py."""

from compare import compare, sample, torch
from models import LanguageModel

WORDS, STEPS, BATCH = 10000, 35, 20


class TextStep:
    """Time-major, which suits PyTorch best; h and c are carried from step to step."""

    def __init__(self):
        self.model, self.state = LanguageModel(WORDS, 200, 2), None
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.words = torch.randint(0, WORDS, (1000, BATCH))

    def __call__(self):
        at = int(torch.randint(0, 1000 - STEPS - 1, (1,)))
        self.optimizer.zero_grad(set_to_none=True)
        y, state = self.model(self.words[at : at + STEPS], self.state)
        self.state = tuple(s.detach() for s in state)
        torch.nn.functional.cross_entropy(y.flatten(0, 1), self.words[at + 1 : at + STEPS + 1].flatten()).backward()
        self.optimizer.step()


peer = TextStep()
sample(peer, 3)
compare("LSTM 2 x 200", "lstm", "ptb", BATCH, peer, faster=2.5, n_samples=10, n_steps=3)
