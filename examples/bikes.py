"""How many bicycles will be hired at this hour tomorrow? Two years of hours in Washington (UCI 275).

    python examples/bikes.py bike_hour.csv [folder] [time]

The last fifth is the test. Budget and seed were chosen before any result was seen. Run it again to resume.
"""

import sys

import pandas as pd

import tuner
from tuner.ensembling.build import compare

folder, time = [*sys.argv[2:], *["runs/bikes", "16m"][len(sys.argv) - 2 :]]
frame = pd.read_csv(sys.argv[1])
frame["time"] = pd.to_datetime(frame["dteday"]) + pd.to_timedelta(frame["hr"], unit="h")
frame = frame[["time", "holiday", "workingday", "weathersit", "temp", "hum", "windspeed", "cnt"]]
known = ["holiday", "workingday"]  # a calendar says tomorrow's; nobody knows tomorrow's weather
channels = ["weathersit", "temp", "hum", "windspeed", "cnt"]
task = tuner.series_task(
    frame, "cnt", window=168, horizon=24, stride=2, time="time", channels=channels, known=known, test=0.2
)
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
