"""A small client of the Kubernetes API for the tests: standard library only, a kept connection a
thread, objects as dictionaries."""

import http.client
import json
import ssl
import threading
import time

GROUPS = {
    "v1": "/api/v1",
    "apps/v1": "/apis/apps/v1",
    "discovery.k8s.io/v1": "/apis/discovery.k8s.io/v1",
    "rbac.authorization.k8s.io/v1": "/apis/rbac.authorization.k8s.io/v1",
    "apiextensions.k8s.io/v1": "/apis/apiextensions.k8s.io/v1",
    "multicluster.x-k8s.io/v1alpha1": "/apis/multicluster.x-k8s.io/v1alpha1",
    "networking.k8s.io/v1": "/apis/networking.k8s.io/v1",
}
PLURALS = {
    "Service": "services", "EndpointSlice": "endpointslices", "Namespace": "namespaces",
    "Node": "nodes", "Pod": "pods", "Deployment": "deployments", "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings",
    "DaemonSet": "daemonsets", "ConfigMap": "configmaps", "Secret": "secrets",
    "CustomResourceDefinition": "customresourcedefinitions", "ServiceImport": "serviceimports",
    "ServiceCIDR": "servicecidrs",
}
VERSIONS = {
    "Deployment": "apps/v1", "DaemonSet": "apps/v1", "EndpointSlice": "discovery.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "ServiceImport": "multicluster.x-k8s.io/v1alpha1",
    "ServiceCIDR": "networking.k8s.io/v1",
}
CLUSTER_WIDE = {"Namespace", "Node", "ClusterRole", "ClusterRoleBinding",
                "CustomResourceDefinition", "ServiceCIDR"}
MERGE = "application/merge-patch+json"
# What a request meets while the server is away or has just come back.
AWAY = (OSError, http.client.HTTPException)


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status, message):
        super().__init__("%d %s" % (status, message))
        self.status = status


def path_of(kind, namespace=None, name=None, sub=None):
    """The path of a collection, an object or a part of it."""
    path = GROUPS[VERSIONS.get(kind, "v1")]
    if namespace is not None and kind not in CLUSTER_WIDE:
        path += "/namespaces/" + namespace
    path += "/" + PLURALS[kind]
    for part in (name, sub):
        if part is not None:
            path += "/" + part
    return path


class Api:
    """Requests may come from any thread. Nothing is tried again but by until_done()."""

    def __init__(self, port, context, token=None, host="127.0.0.1", timeout=60):
        (self.host, self.port, self.context, self.timeout) = (host, port, context, timeout)
        self.headers = {"Accept": "application/json"}
        if token is not None:
            self.headers["Authorization"] = "Bearer " + token
        self._local = threading.local()

    def _connect(self, timeout):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout,
                                           context=self.context)

    def request(self, method, path, body=None, content_type="application/json"):
        """Status and octets of the answer."""
        connection = getattr(self._local, "connection", None)
        kept = connection is not None
        if connection is None:
            connection = self._local.connection = self._connect(self.timeout)
        headers = dict(self.headers)
        octets = None
        if body is not None:
            octets = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        try:
            connection.request(method, path, octets, headers)
            response = connection.getresponse()
            return (response.status, response.read())
        except AWAY:
            connection.close()
            self._local.connection = None
            if kept:  # by a server that was killed since, most likely
                return self.request(method, path, body, content_type)
            raise

    def call(self, method, path, body=None, content_type="application/json"):
        """The object that the server answers with."""
        (status, octets) = self.request(method, path, body, content_type)
        try:
            value = json.loads(octets)
        except ValueError:
            value = {"message": octets.decode("utf-8", "replace")}
        if status // 100 != 2:
            raise ApiError(status, value.get("message", ""))
        return value

    def get(self, kind, namespace=None, name=None):
        return self.call("GET", path_of(kind, namespace, name))

    def list(self, kind, namespace=None):
        """All objects of a kind, each with its apiVersion and kind, and the list's version."""
        value = self.get(kind, namespace)
        for item in value["items"]:
            item.update(apiVersion=VERSIONS.get(kind, "v1"), kind=kind)
        return (value["items"], value["metadata"]["resourceVersion"])

    def create(self, value):
        meta = value["metadata"]
        return self.call("POST", path_of(value["kind"], meta.get("namespace")), value)

    def patch(self, kind, namespace, name, change, sub=None):
        return self.call("PATCH", path_of(kind, namespace, name, sub), change, MERGE)

    def replace(self, value):
        meta = value["metadata"]
        return self.call("PUT", path_of(value["kind"], meta.get("namespace"), meta["name"]), value)

    def delete(self, kind, namespace, name, grace=None):
        body = None if grace is None else {"gracePeriodSeconds": grace}
        return self.call("DELETE", path_of(kind, namespace, name), body)

    def watch(self, kind, version, stop):
        """(type, object) of each event after `version`, until the server ends it or stop() says
        so; stop() is asked at least once a second."""
        connection = self._connect(1)
        connection.request("GET", path_of(kind) + "?watch=1&resourceVersion=" + version,
                           headers=self.headers)
        response = connection.getresponse()
        rest = b""
        try:
            while not stop():
                try:
                    octets = response.read1(65536)
                except (TimeoutError, ssl.SSLWantReadError):
                    continue
                if not octets:
                    return
                *lines, rest = (rest + octets).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    yield (event["type"], event["object"])
        finally:
            connection.close()

    def scale(self, namespace, name, replicas):
        return self.patch("Deployment", namespace, name, {"spec": {"replicas": replicas}})

    def token(self, namespace, account, seconds=3600):
        """A token of a ServiceAccount, as the kubelet asks for it."""
        path = path_of("ServiceAccount", namespace, account, "token")
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds}}
        return self.call("POST", path, body)["status"]["token"]


def until_done(action, seconds=60, fine=()):
    """Does `action` again until the server takes it; answers with a status in `fine` count as
    done, since an earlier try may have reached the store although its answer was lost."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except ApiError as error:
            if error.status in fine:
                return None
            if error.status < 500 and error.status not in (401, 403, 429):
                raise
            problem = error
        except AWAY as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(0.05)
