"""One served model, in a process of its own: `python -m local.databricks.serving_process MODEL_URI`.

MLflow's own scoring server over the model; prints `ready PORT` once it answers on 127.0.0.1.
"""

import logging
import os
import socket
import sys

import uvicorn


def main() -> None:
    """Load, answer, until killed."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    import mlflow.pyfunc
    from mlflow.pyfunc.scoring_server import init

    app = init(mlflow.pyfunc.load_model(sys.argv[1]))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready {listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, lifespan="off", access_log=False, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
