"""MLflow's server as one process: `python -m tuner.tracking.mlflow_app URI PORT`.

`mlflow server` imports all of MLflow, and then starts a second process that imports it again. This one imports it once,
and is told by its environment what `mlflow server` tells its second process (MLflow 3.17). It listens on this computer
only.
"""

from __future__ import annotations

import os
import sys
import uuid

from tuner.sqlite_url import sqlite_path
from tuner.tracking.client import quiet_environment

_HOSTS = "localhost:*,127.0.0.1:*"  # the default check of MLflow 3.17 accepts names that merely begin alike


def main(uri: str, port: int) -> None:
    """Serve a local database until the process is ended.

    Args:
        uri: The database's tracking URI.
        port: Where the server listens.
    """
    quiet_environment()
    path = sqlite_path(uri)
    os.environ |= {
        "_MLFLOW_SERVER_FILE_STORE": uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "mlartifacts" if path is None else str(path.parent / "mlartifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_BOOT_ID": uuid.uuid4().hex,
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ALLOWED_HOSTS": _HOSTS,
        "MLFLOW_ENABLE_WORKSPACES": "false",
    }
    import uvicorn

    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
