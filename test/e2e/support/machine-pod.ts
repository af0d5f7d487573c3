/** A pod that runs the machine's own programs (curl, kubectl, getent) in a network of its own. */
import type { Pod } from "../../../src/core/schema/kubernetes.d.ts";
import { shellPod } from "./example.ts";

const SHARED = ["/usr", "/lib", "/lib64"];

/** `directories` are further ones of the machine that the pod sees. */
export function machinePod(name: string, script: string, directories: readonly string[] = []): Pod {
	const pod = shellPod(name, script);
	const [container] = pod.spec?.containers ?? [];
	const shared = [...SHARED, ...directories].map((path, index) => ({ name: `machine-${index}`, path }));
	if (container) container.volumeMounts = shared.map(({ name: volume, path }) => ({ name: volume, mountPath: path, readOnly: true }));
	if (pod.spec) pod.spec.volumes = shared.map(({ name: volume, path }) => ({ name: volume, hostPath: { path } }));
	return pod;
}
