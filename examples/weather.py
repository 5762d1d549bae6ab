"""How warm will it be in Beijing in 24 hours? Five years of hours (UCI 381), read every third hour.

    python examples/weather.py beijing_pm25.csv.gz [folder] [time]

The last fifth is the test. Budget and seed were chosen before any result was seen. Run it again to resume.
"""

import sys

import pandas as pd

import tuner
from tuner.ensembling.build import compare

folder, time = [*sys.argv[2:], *["runs/weather", "16m"][len(sys.argv) - 2 :]]
frame = pd.read_csv(sys.argv[1])
frame["time"] = pd.to_datetime(frame[["year", "month", "day", "hour"]])
frame = frame.drop(columns=["No", "year", "month", "day", "hour"])
task = tuner.series_task(frame, "TEMP", window=48, horizon=24, stride=3, time="time", metrics=["rmse"], test=0.2)
families = [
    "series_baseline",
    "linear",
    "xgboost",
    "series_dense",
    "series_conv",
    "series_recurrent",
    "series_conv_recurrent",
]
study = tuner.tune(task, families, time=time, trials=60, trial_time="4m", workers=1, seed=0, folder=folder)
print(compare(study, ["uniform", "auto"], test=True).to_string(index=False))
study.ensemble().save(study.folder / "ensemble")
print(tuner.forecast(study.ensemble(), frame))
