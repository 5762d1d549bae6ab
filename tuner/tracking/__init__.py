"""A study in MLflow: what its runs show, who sends it, and the pages that a person opens."""
