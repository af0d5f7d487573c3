"""What a user of Debian's python3-kubernetes does: typed calls, patches, a watch, a scale, the dynamic client."""
import json
import threading

from kubernetes import client, config, dynamic, watch

config.load_kube_config()
core, apps = client.CoreV1Api(), client.AppsV1Api()
NAMESPACE = "default"


def config_map(name, data=None, labels=None):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data=data)


print("created", core.create_namespaced_config_map(NAMESPACE, config_map("python", {"a": "1"})).metadata.name)
try:
    core.create_namespaced_config_map(NAMESPACE, config_map("python"))
except client.ApiException as error:
    print("conflict", error.status, json.loads(error.body)["reason"])
print("patched", core.patch_namespaced_config_map("python", NAMESPACE, {"data": {"b": "2"}}).data)

version = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version


def change():
    labels = {"app": "python"}
    core.create_namespaced_config_map(NAMESPACE, config_map("python-watched", {"a": "1"}, labels))
    core.patch_namespaced_config_map("python-watched", NAMESPACE, {"data": {"a": "2"}})
    core.delete_namespaced_config_map("python-watched", NAMESPACE)


writer = threading.Thread(target=change)
writer.start()
stream = watch.Watch()
for event in stream.stream(core.list_namespaced_config_map, NAMESPACE, label_selector="app=python", resource_version=version):
    print("watched", event["type"], event["object"].metadata.name)
    if event["type"] == "DELETED":
        stream.stop()
writer.join()

template = {"metadata": {"labels": {"app": "py"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
deployment = {"metadata": {"name": "python"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "py"}}, "template": template}}
apps.create_namespaced_deployment(NAMESPACE, deployment)
print("scaled", apps.patch_namespaced_deployment_scale("python", NAMESPACE, {"spec": {"replicas": 0}}).spec.replicas or 0)

maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
found = maps.get(name="python", namespace=NAMESPACE)
print("dynamic", found.kind, found.metadata.name)

core.delete_namespaced_config_map("python", NAMESPACE)
try:
    core.read_namespaced_config_map("python", NAMESPACE)
except client.ApiException as error:
    print("deleted", error.status)
