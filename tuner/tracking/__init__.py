"""A study in MLflow: what its runs show, who sends it, and the addresses of the pages that a person opens.

What a study's page says is put together in `tuner/launch/mlflow_page.py`, its text in `tuner/archive/report.py`.
"""
