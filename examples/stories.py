"""Where is Mary? A story and a question in, one word out (the bAbI tasks).

    python examples/stories.py qa1_train.txt qa1_test.txt [folder] [time]

Split, seed and budget were chosen before any result was seen. Run it again to resume.
"""

import sys
from pathlib import Path

import pandas as pd

import tuner
from tuner.ensembling.build import compare


def read(path):
    """Return one row a question: all sentences of its story so far, the question, the answer."""
    rows, story = [], []
    for line in Path(path).read_text().splitlines():
        number, text = line.split(" ", 1)
        story = [] if number == "1" else story
        question, _, answer = text.partition("\t")
        if answer:
            rows.append((" ".join(story), question, answer.split("\t")[0]))
        else:
            story.append(question)
    return pd.DataFrame(rows, columns=["story", "question", "answer"])


train, test = read(sys.argv[1]), read(sys.argv[2])
folder, time = [*sys.argv[3:], *["runs/stories", "28m"][len(sys.argv) - 3 :]]
split = {"kind": "holdout", "share": 0.1}
task = tuner.Task(train, "answer", text=["story", "question"], metrics=["accuracy"], split=split, test=test)
families = {"functional": {"text": ["conv", "recurrent"], "epochs": 120, "patience": 15}, "linear": {}, "xgboost": {}}
study = tuner.tune(task, families, time=time, trials=60, trial_time="12m", workers=1, seed=0, folder=folder)
print(compare(study, ["uniform", "auto"], test=True).to_string(index=False))
study.ensemble().save(study.folder / "ensemble")
