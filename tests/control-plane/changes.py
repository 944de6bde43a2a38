"""Random changes of Services, EndpointSlices and Namespaces, as fast as the API server takes them."""

import random
import threading
import time

import api_client
import expected

REFUSED = {404, 409, 422, 403}  # gone, there already, makes no sense, namespace is going
NAMESPACES = 6
NAMES = 40  # of Services in a namespace


class Worker:
    """One thread's changes, in namespaces of its own, all from one seed."""

    def __init__(self, api, number, seed):
        (self.api, self.random, self.number) = (api, random.Random(seed), number)
        self.namespaces = ["random-%d-%d" % (number, i) for i in range(NAMESPACES)]
        (self.services, self.slices) = (set(), set())  # that should be there
        self.deleted = set()  # namespaces that are going or gone
        self.used = set()  # names that have been there
        self.done = 0
        self.refused = 0

    def prepare(self):
        for namespace in self.namespaces:
            self._try(lambda: self._create_namespace(namespace))

    def change(self):
        """One change; what the server refuses does not count."""
        actions = [(self._create_service, 20), (self._patch_service, 15), (self._delete_service, 16),
                   (self._create_slice, 18), (self._patch_slice, 18), (self._delete_slice, 12.7),
                   (self._delete_namespace, 0.1), (self._restore_namespace, 0.3)]
        action = self.random.choices([action for (action, _) in actions],
                                     [weight for (_, weight) in actions])[0]
        self._try(action)

    def _try(self, action):
        state = self.random.getstate()

        def again():
            self.random.setstate(state)  # the same change each time
            return action()
        try:
            api_client.until_done(again, 120)
        except api_client.ApiError as error:
            if error.status not in REFUSED:
                raise
            self.refused += 1
        else:
            self.done += 1

    # -- what there is to choose from --

    def _place(self):
        living = [name for name in self.namespaces if name not in self.deleted]
        return (self.random.choice(living or self.namespaces), "s%d" % self.random.randrange(NAMES))

    def _free_place(self):
        """Where most likely no Service is; now and then there is."""
        for _ in range(20):
            place = self._place()
            if place not in self.services:
                break
        return place

    def _known(self, objects):
        """One that is there, as far as we know; now and then any."""
        if objects and self.random.random() < 0.97:
            return self.random.choice(sorted(objects))
        (namespace, name) = self._place()
        return (namespace, name) if objects is self.services else (namespace, name + "-0")

    def _ports(self):
        count = self.random.choice((1, 1, 2, 3))
        names = self.random.sample(("http", "https", "dns", "metrics"), count)
        return [{"name": name, "port": self.random.randrange(1, 60000),
                 "protocol": self.random.choice(("TCP", "TCP", "UDP")), "targetPort": name}
                for name in names]

    def _endpoints(self, is_ipv6):
        endpoints = []
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 8))):
            number = self.random.randrange(1, 4000)
            address = "fd00:10:244::%x" % number if is_ipv6 else \
                "10.244.%d.%d" % (number // 256, number % 256)
            conditions = {"ready": self.random.random() < 0.9}
            if not conditions["ready"]:
                conditions["serving"] = conditions["terminating"] = self.random.random() < 0.5
            endpoints.append({"addresses": [address], "conditions": conditions,
                              "nodeName": self.random.choice(("node-1", "node-2"))})
        return endpoints

    # -- the changes --

    def _create_namespace(self, name):
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def _restore_namespace(self):
        name = self.random.choice(sorted(self.deleted) or self.namespaces)
        self._create_namespace(name)  # refused as long as it is going
        self.deleted.discard(name)

    def _delete_namespace(self):
        (name, _) = self._place()
        self.api.delete("Namespace", None, name)
        self.deleted.add(name)
        for known in (self.services, self.slices):
            known -= {key for key in known if key[0] == name}

    def _create_service(self):
        (namespace, name) = self._free_place()
        spec = {"ports": self._ports()}
        kind = self.random.choice(("ClusterIP", "ClusterIP", "dual", "headless", "NodePort",
                                   "LoadBalancer", "ExternalName"))
        if kind == "ExternalName":
            spec = {"type": kind, "externalName": "h%d.example.com" % self.random.randrange(100)}
        elif kind == "headless":
            spec.update(clusterIP="None", ipFamilyPolicy="PreferDualStack",
                        publishNotReadyAddresses=self.random.random() < 0.3)
        elif kind == "dual":
            spec.update(ipFamilyPolicy="PreferDualStack")
        elif kind != "ClusterIP":
            spec.update(type=kind, externalTrafficPolicy=self.random.choice(("Cluster", "Local")))
        self.services.add((namespace, name))
        self.used.add(expected.name_of({"metadata": {"name": name, "namespace": namespace}}))
        self.api.create({"apiVersion": "v1", "kind": "Service",
                         "metadata": {"name": name, "namespace": namespace}, "spec": spec})

    def _patch_service(self):
        (namespace, name) = self._known(self.services)
        change = self.random.choice((
            {"ports": self._ports()}, {"sessionAffinity": "ClientIP"}, {"sessionAffinity": "None"},
            {"internalTrafficPolicy": "Local"}, {"internalTrafficPolicy": "Cluster"},
            {"publishNotReadyAddresses": self.random.random() < 0.5}))
        self.api.patch("Service", namespace, name, {"spec": change})

    def _delete_service(self):
        key = self._known(self.services)
        self.services.discard(key)
        self.api.delete("Service", *key)

    def _slice_ports(self):
        return [{"name": name, "port": self.random.randrange(1, 60000),
                 "protocol": self.random.choice(("TCP", "TCP", "UDP"))}
                for name in ("http", "dns", "metrics") if self.random.random() < 0.7]

    def _slice_name(self, service):
        """A name that says the family: ends in 6 for IPv6."""
        ending = self.random.choice("0126")
        return ("%s-%s" % (service, ending), ending == "6")

    def _create_slice(self):
        for _ in range(20):
            (namespace, service) = self._place()
            (name, is_ipv6) = self._slice_name(service)
            if (namespace, name) not in self.slices:
                break
        self.slices.add((namespace, name))
        self.api.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                         "metadata": {"name": name, "namespace": namespace,
                                      "labels": {expected.LABEL: service}},
                         "addressType": "IPv6" if is_ipv6 else "IPv4",
                         "ports": self._slice_ports(), "endpoints": self._endpoints(is_ipv6)})

    def _patch_slice(self):
        (namespace, name) = self._known(self.slices)
        self.api.patch("EndpointSlice", namespace, name,
                       {"endpoints": self._endpoints(name.endswith("-6"))})

    def _delete_slice(self):
        key = self._known(self.slices)
        self.slices.discard(key)
        self.api.delete("EndpointSlice", *key)


class Changes:
    """Several workers, a thread each."""

    def __init__(self, api, seed, workers=3):
        self.workers = [Worker(api, number, seed + number) for number in range(workers)]
        self._threads = []
        self._stop = threading.Event()
        self._errors = []

    @property
    def used(self):
        return set().union(*(worker.used for worker in self.workers))

    @property
    def done(self):
        return sum(worker.done for worker in self.workers)

    @property
    def refused(self):
        return sum(worker.refused for worker in self.workers)

    def start(self, count=None, pause_s=0.0):
        """`count` changes by each worker, or until stop(); `pause_s` between two."""
        for worker in self.workers:
            thread = threading.Thread(target=self._run, args=(worker, count, pause_s), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def _run(self, worker, count, pause_s):
        try:
            worker.prepare()
            while not self._stop.is_set() and (count is None or worker.done < count):
                worker.change()
                if pause_s:
                    time.sleep(pause_s)
        except Exception as error:  # told by stop() or join(), in the test's own thread
            self._errors.append(error)

    def join(self):
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def stop(self):
        self._stop.set()
        self.join()


def namespaces_settled(api):
    """Whether no Namespace is on its way out."""
    return all(one["status"].get("phase") == "Active" for one in api.list("Namespace")[0])
