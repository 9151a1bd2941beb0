"""Schemas of the custom resources that are used, of the fields that are used.

Kubernetes' own schemas have none of them. A field that does not stand here is
refused, so whoever uses another one looks it up and adds it.
"""


def obj(required: dict, optional: dict | None = None) -> dict:
    return {"type": "object", "properties": {**required, **(optional or {})},
            "required": list(required), "additionalProperties": False}


def some(item: dict) -> dict:
    return {"type": "array", "items": item, "minItems": 1}


def one_of(*values) -> dict:
    return {"enum": list(values)}


TEXT = {"type": "string", "minLength": 1}
NAME = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", "maxLength": 253}
# Of Go, as cert-manager has it, and of Prometheus.
GO_DURATION = {"type": "string", "pattern": r"^([0-9]+(h|m|s))+$"}
DURATION = {"type": "string", "pattern": r"^([0-9]+(d|h|m|s))+$"}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = obj({"name": NAME, "namespace": NAME}, {"labels": MAP, "annotations": MAP})
SELECTOR = obj({"matchLabels": MAP})

SPECS = {
    ("cert-manager.io/v1", "Issuer"): {
        "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
        "properties": {"selfSigned": obj({}), "ca": obj({"secretName": NAME})}},
    ("cert-manager.io/v1", "Certificate"): obj(
        {"secretName": NAME,
         "duration": GO_DURATION,
         "renewBefore": GO_DURATION,
         "privateKey": obj({"algorithm": one_of("ECDSA"), "size": one_of(256, 384),
                            "rotationPolicy": one_of("Always", "Never")}),
         "issuerRef": obj({"group": one_of("cert-manager.io"),
                           "kind": one_of("Issuer", "ClusterIssuer"), "name": NAME})},
        {"isCA": {"type": "boolean"}, "commonName": TEXT, "dnsNames": some(NAME),
         "uris": some({"type": "string", "pattern": r"^spiffe://[a-z0-9./-]+$"}),
         "usages": some(one_of("digital signature", "server auth", "client auth"))}),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): obj(
        {"parentRefs": some(obj({"group": one_of("gateway.networking.k8s.io"),
                                 "kind": one_of("Gateway"), "name": NAME, "namespace": NAME},
                                {"sectionName": NAME})),
         "hostnames": some(NAME),
         "rules": some(obj({
             "matches": some(obj({"path": obj({"type": one_of("PathPrefix", "Exact"),
                                               "value": TEXT})})),
             "backendRefs": some(obj({"group": one_of(""), "kind": one_of("Service"),
                                      "name": NAME, "port": {"type": "integer"}}))}))}),
    ("gateway.networking.k8s.io/v1", "BackendTLSPolicy"): obj(
        {"targetRefs": some(obj({"group": one_of(""), "kind": one_of("Service"), "name": NAME},
                                {"sectionName": NAME})),
         "validation": obj({"hostname": NAME,
                            "caCertificateRefs": some(obj({"group": one_of(""),
                                                           "kind": one_of("ConfigMap"),
                                                           "name": NAME}))})}),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): obj(
        {"jobLabel": TEXT,
         "selector": SELECTOR,
         "endpoints": some(obj({"port": NAME, "path": TEXT, "interval": DURATION}))}),
    ("monitoring.coreos.com/v1", "PrometheusRule"): obj({
        "groups": some(obj(
            {"name": TEXT,
             "rules": some({"oneOf": [
                 obj({"alert": TEXT, "expr": TEXT},
                     {"for": DURATION, "keep_firing_for": DURATION, "labels": MAP,
                      "annotations": MAP}),
                 obj({"record": TEXT, "expr": TEXT}, {"labels": MAP})]})},
            {"interval": DURATION}))}),
}

SCHEMAS = {
    key: obj({"apiVersion": one_of(key[0]), "kind": one_of(key[1]), "metadata": METADATA,
              "spec": spec})
    for key, spec in SPECS.items()
}
