"""TensorFlow's lines do not stand among ours, and ours are not lost."""

import os
import subprocess
import sys

import pytest


def errors_of(code, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_keras_is_imported_and_computes_without_a_line(tmp_path):
    code = "import sys, spaces, keras; keras.ops.sum(keras.ops.ones(3)); assert 'tensorflow' in sys.modules"
    assert errors_of(code, tmp_path) == ""


@pytest.mark.parametrize("line", ["a warning of ours", "Traceback: [1]"])
def test_what_others_write_meanwhile_comes_out(line, tmp_path):
    code = f"""
import os
from spaces.machine.quiet import without_noise
with without_noise():
    os.write(2, b"I0000 00:00:1795724620.573751   31812 cudart_stub.cc:31] Could not find cuda drivers\\n")
    os.write(2, {line!r}.encode() + b"\\n")
os.write(2, b"after\\n")
"""
    assert errors_of(code, tmp_path) == f"{line}\nafter\n"


def test_a_module_that_fails_raises_as_it_would(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('broken')")
    code = """
from spaces.machine.quiet import import_quietly
import_quietly("broken")
try:
    import broken
except RuntimeError as error:
    print(error)
"""
    assert errors_of(code, tmp_path) == ""
