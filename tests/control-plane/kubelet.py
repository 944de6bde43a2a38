"""Stands in for scheduler and kubelet: registers a Node, binds Pods to it, gives them addresses and
readiness, and lets them go. What runs in a Pod is nobody's business here, unless a test asks to be
told (`on_pod`)."""

import ipaddress
import threading
import time

import api_client

POD_CIDRS = ["10.244.0.0/20", "fd00:10:244::/64"]  # room for more Pods than a node really has


class Kubelet:
    """One thread that watches Pods. Survives an API server that is away."""

    def __init__(self, api, node, address, pod_cidrs=None):
        (self.api, self.node, self.address) = (api, node, address)
        self.pod_cidrs = list(pod_cidrs or POD_CIDRS)
        self.on_pod = None  # called with ("up" or "down", name, address)
        self._addresses = {}  # of Pods, by namespace and name
        self._free = self._pool()
        self._stop = threading.Event()
        self._thread = None

    def _pool(self):
        hosts = ipaddress.ip_network(self.pod_cidrs[0]).hosts()
        next(hosts)  # the gateway's
        return [str(host) for host in hosts][::-1]

    def node_object(self):
        return {"apiVersion": "v1", "kind": "Node",
                "metadata": {"name": self.node,
                             "labels": {"kubernetes.io/hostname": self.node,
                                        "topology.kubernetes.io/zone": "zone-a"}},
                "spec": {"podCIDR": self.pod_cidrs[0], "podCIDRs": self.pod_cidrs}}

    def start(self):
        api_client.until_done(lambda: self.api.create(self.node_object()), fine=(409,))
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        api_client.until_done(lambda: self.api.patch(
            "Node", None, self.node,
            {"status": {"addresses": [{"type": "InternalIP", "address": self.address},
                                      {"type": "Hostname", "address": self.node}],
                        "conditions": [{"type": "Ready", "status": "True", "reason": "Test",
                                        "message": "", "lastHeartbeatTime": now,
                                        "lastTransitionTime": now}]}}, "status"))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self):
        while not self._stop.is_set():
            try:
                (pods, version) = self.api.list("Pod")
                for pod in pods:
                    self._see(pod)
                for (kind, pod) in self.api.watch("Pod", version, self._stop.is_set):
                    if kind == "ERROR":
                        break
                    self._see(pod, kind == "DELETED")
            except (*api_client.AWAY, api_client.ApiError, ValueError):
                self._stop.wait(0.2)

    def _see(self, pod, gone=False):
        meta = pod["metadata"]
        key = (meta["namespace"], meta["name"])
        try:
            if gone:
                self._release(key)
            elif "deletionTimestamp" in meta:
                self.api.delete("Pod", *key, grace=0)
            elif not pod["spec"].get("nodeName"):
                self.api.call("POST", api_client.path_of("Pod", *key, "binding"),
                              {"apiVersion": "v1", "kind": "Binding",
                               "metadata": {"name": key[1], "namespace": key[0]},
                               "target": {"apiVersion": "v1", "kind": "Node", "name": self.node}})
            elif pod["spec"]["nodeName"] == self.node and not pod.get("status", {}).get("podIP"):
                self._run_pod(key)
        except api_client.ApiError as error:
            if error.status not in (404, 409):  # gone, or changed meanwhile: its next event says
                raise

    def _run_pod(self, key):
        address = self._addresses.get(key)
        if address is None:
            address = self._addresses[key] = self._free.pop()
            if self.on_pod:
                self.on_pod("up", key[1], address)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [{"type": kind, "status": "True", "lastTransitionTime": now}
                      for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
        self.api.patch("Pod", *key, {"status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
            "hostIP": self.address, "startTime": now, "conditions": conditions}}, "status")

    def _release(self, key):
        address = self._addresses.pop(key, None)
        if address is not None:
            self._free.insert(0, address)
            if self.on_pod:
                self.on_pod("down", key[1], address)
