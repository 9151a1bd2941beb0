"""Every object is what the API server of each version takes."""

import copy
import json
import pathlib
import unittest

import jsonschema
import kubernetes_validate
import yaml

import custom_schemas
from manifests import VARIANTS, Variant, title
from paths import KUBERNETES

# The oldest that has all that is used, one in between, the newest.
VERSIONS = ("1.31", "1.34", "1.37")


def problem(o: dict, version: str) -> str | None:
    """What is wrong with it. Raises for a kind that has no schema at all."""
    key = (o["apiVersion"], o["kind"])
    try:
        if key in custom_schemas.SCHEMAS:
            jsonschema.Draft202012Validator(custom_schemas.SCHEMAS[key]).validate(o)
        else:
            used = kubernetes_validate.validate(o, version, strict=True)
            # It takes an older one where it has not got this one.
            assert used == version, f"no schemas of {version}"
    except jsonschema.ValidationError as error:
        where = ".".join(str(step) for step in error.absolute_path)
        return f"{version}: {title(o)}: {where}: {error.message}"
    return None


def distinct() -> list[dict]:
    """Objects of all variants, each once."""
    return list({json.dumps(o, sort_keys=True): o
                 for name in VARIANTS for o in Variant(name).objects}.values())


class SchemaTest(unittest.TestCase):
    def test_every_folder_is_in_a_variant(self):
        reached = set()

        def reach(folder: pathlib.Path):
            reached.add(folder)
            kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
            for name in kustomization.get("resources", []) + kustomization.get("components", []):
                if (folder / name).is_dir():
                    reach((folder / name).resolve())

        for folder in {f for folders in VARIANTS.values() for f in folders}:
            for part in folder.replace("+", "+components/").split("+"):
                reach(KUBERNETES / part)
        self.assertEqual({p.parent for p in KUBERNETES.rglob("kustomization.yaml")}, reached)

    def test_kubernetes_takes_them(self):
        problems = [p for o in distinct() for version in VERSIONS if (p := problem(o, version))]
        self.assertEqual(problems, [])

    def test_custom_resources_are_checked_by_schemas_of_our_own(self):
        kinds = {(o["apiVersion"], o["kind"]) for o in distinct()
                 if (o["apiVersion"], o["kind"]) in custom_schemas.SCHEMAS}
        print("by schemas of our own:", ", ".join(sorted(kind for _, kind in kinds)))
        for kind in ("Certificate", "Issuer", "HTTPRoute", "BackendTLSPolicy", "ServiceMonitor",
                     "PrometheusRule"):
            self.assertIn(kind, {k for _, k in kinds})

    def test_an_unknown_field_is_refused_in_every_kind(self):
        for o in distinct():
            wrong = copy.deepcopy(o)
            place = wrong["spec"] if isinstance(wrong.get("spec"), dict) else wrong
            place["noSuchField"] = 1
            with self.subTest(title(o)):
                self.assertIsNotNone(problem(wrong, VERSIONS[0]))

    def test_a_kind_without_schema_is_an_error(self):
        with self.assertRaises(kubernetes_validate.SchemaNotFoundError):
            problem({"apiVersion": "example.com/v1", "kind": "Thing",
                     "metadata": {"name": "a"}}, VERSIONS[0])
