"""No bytes from outside bring a decoder to anything but an answer or an error of ours: a fuzzer looks, for seconds."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.home import PROJECT
from shared.domain.commands import CheckBatch
from shared.domain.facts import BatchChecked
from shared.wire.documents import encode_command, encode_fact

BLOB = ".blob.core.windows.net"

SEEDS = {
    "event": json.dumps({"api": "PutBlob", "eTag": "0x8DC", "contentLength": 1, "url": f"https://a{BLOB}/landing/a"}),
    "command": encode_command(CheckBatch.example()).decode(),
    "fact": encode_fact(BatchChecked.example()).decode(),
    "mlflow-webhook": json.dumps(
        {"entity": "model_version", "action": "created", "timestamp": "", "data": {"name": "a", "version": "1"}}
    ),
    "live-metrics": json.dumps(
        {"metrics": [{"model": "a", "version": 1, "metric": "m", "value": 1.5, "at": "2026-01-31T03:00:00Z"}]}
    ),
    "manifest": '{"files": ["a.csv"]}',
    "delta-commit": '{"add": {"path": "a=1/b.parquet", "size": 1, "partitionValues": {"a": "1"}, "dataChange": true}}',
    "use-case": (PROJECT / "usecases/flight_delays/usecase.yml").read_text(),
}
DECODERS = re.findall(r'^    "([a-z-]+)": ', (PROJECT / "tests/fuzzing.py").read_text(), re.MULTILINE)


def fuzz(decoder: str, corpus: Path) -> subprocess.CompletedProcess[str]:
    (corpus / "seed").write_text(SEEDS.get(decoder, "{}"))
    options = ["-runs=20000", "-max_total_time=6", "-seed=1", f"-artifact_prefix={corpus}/"]
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzzing", decoder, *options, str(corpus)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("decoder", DECODERS)
def test_decoder_answers_or_says_what_is_wrong(decoder: str, tmp_path: Path) -> None:
    done = fuzz(decoder, tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "Done" in done.stderr


def test_fuzzer_finds_what_a_decoder_forgets(tmp_path: Path) -> None:
    assert fuzz("int", tmp_path).returncode != 0
