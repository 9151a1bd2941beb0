"""Folders of the repository."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
MONITORING = ROOT / "deploy/monitoring"
WEBHOOKS = ROOT / "tests/fixtures/signplus"
