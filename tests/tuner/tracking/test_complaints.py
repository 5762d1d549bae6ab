"""What goes wrong with MLflow is said in one sentence, as what it is, and without passwords."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tuner.tracking.client import delete_runs
from tuner.tracking.complaints import Unusable, without_password
from tuner.tracking.models import check_model


@contextmanager
def answering(code):
    """Yield the port of a server that answers all that it is asked with a code."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(code)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"none")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://ann:s3cret@127.0.0.1:9", "MLflow at http://ann:***@127.0.0.1:9 does not answer (Connection refused)"),
        ("http://no-such-host.invalid", "MLflow at http://no-such-host.invalid does not answer ("),
        ("oil://ann:s3cret@host", "MLflow at oil://ann:***@host refuses: Model registry functionality is una"),
    ],
)
def test_what_cannot_be_reached_is_said_to_be_so(uri, said):
    with pytest.raises(Unusable) as error:
        check_model(uri, "oil", None)
    assert str(error.value).startswith(said)
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow  # SQLAlchemy's drivers, and a second knock
def test_a_database_that_is_not_there_is_known_in_seconds():
    with pytest.raises(Unusable, match=r"postgresql://ann:\*\*\*@127\.0\.0\.1:9/m does not answer \(.*refused"):
        check_model("postgresql://ann:s3cret@127.0.0.1:9/m", "oil", None)


@pytest.mark.parametrize(
    ("code", "said"),
    [(401, "answers, and refuses who asks"), (403, "answers, and refuses who asks"), (404, "cannot be used: .*404")],
)
def test_a_server_that_refuses_does_answer(code, said):
    with (
        answering(code) as port,
        pytest.raises(Unusable, match=rf"http://ann:\*\*\*@127\.0\.0\.1:{port} {said}") as error,
    ):
        check_model(f"http://ann:s3cret@127.0.0.1:{port}", "oil", None)
    assert "s3cret" not in str(error.value)


def test_what_is_not_removed_is_said_not_to_be():
    with pytest.raises(Unusable, match=r"ann:\*\*\*@127\.0\.0\.1:9 does not answer \(.*\); nothing was removed$"):
        delete_runs("http://ann:s3cret@127.0.0.1:9", "oil", "id-of-oil")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://ann:pa/s:s?#w@db/m", "postgresql://ann:***@db/m"),
        ("postgresql://ann:p@ss@db:5432/m", "postgresql://ann:***@db:5432/m"),
        (
            "postgresql://db/m?user=ann&password=s3cret&sslmode=off",
            "postgresql://db/m?user=ann&password=***&sslmode=off",
        ),
        ("http://[::1", "http://[::1"),
        ("http://127.0.0.1:5000/team@oil", "http://127.0.0.1:5000/team@oil"),
        ("sqlite:////runs/a@b/mlflow.db", "sqlite:////runs/a@b/mlflow.db"),
    ],
)
def test_passwords_are_cut_out_of_any_address(uri, shown):
    assert without_password(uri) == shown
