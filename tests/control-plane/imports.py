"""ServiceImports (multicluster.x-k8s.io), which an API server learns of by their definition first."""

import api_client

from cluster_test import await_true

GROUP = "multicluster.x-k8s.io"
NAME_LABEL = "multicluster.kubernetes.io/service-name"
CLUSTER_LABEL = "multicluster.kubernetes.io/source-cluster"

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "serviceimports." + GROUP,
                 "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
    "spec": {"group": GROUP, "scope": "Namespaced",
             "names": {"plural": "serviceimports", "singular": "serviceimport",
                       "kind": "ServiceImport", "listKind": "ServiceImportList"},
             "versions": [{"name": "v1alpha1", "served": True, "storage": True,
                           "schema": {"openAPIV3Schema": {
                               "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def service_import(name, namespace, ips=None, ports=(("http", 80, "TCP"),)):
    spec = {"type": "ClusterSetIP" if ips else "Headless",
            "ports": [{"name": title, "port": port, "protocol": protocol}
                      for (title, port, protocol) in ports]}
    if ips:
        spec["ips"] = list(ips)
    return {"apiVersion": GROUP + "/v1alpha1", "kind": "ServiceImport",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def define(api):
    """Returns when the server takes the first."""
    api.create(DEFINITION)

    def is_established():
        status = api.get("CustomResourceDefinition", None, DEFINITION["metadata"]["name"])["status"]
        return any((one["type"], one["status"]) == ("Established", "True")
                   for one in status.get("conditions") or [])
    await_true("ServiceImports are defined", is_established)


def create(api, one):
    """Definitions take a moment to be served after they are established."""
    def is_taken():
        try:
            return api.create(one)
        except api_client.ApiError as error:
            if error.status != 404:
                raise
            return None
    await_true("a ServiceImport is taken", is_taken)
