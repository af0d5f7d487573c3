/** Objects that the end-to-end tests run, from the image that every agent of `petrel up` has. */
import { EXAMPLE_IMAGE_REF, EXAMPLE_PORT } from "../../../src/agent/image/example-image.ts";
import type { Deployment, Pod } from "../../../src/core/schema/kubernetes.d.ts";

export { EXAMPLE_IMAGE_REF, EXAMPLE_PORT };

const TOLERATION_SECONDS = 3;

export function deployment(name: string, replicas: number): Deployment {
	const labels = { app: name };
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name, labels },
		spec: {
			replicas,
			selector: { matchLabels: labels },
			template: {
				metadata: { labels },
				spec: {
					terminationGracePeriodSeconds: 1,
					containers: [
						{
							name: "main",
							image: EXAMPLE_IMAGE_REF,
							ports: [{ name: "http", containerPort: EXAMPLE_PORT }],
							env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
						},
					],
				},
			},
		},
	};
}

/** Its pods leave a node that is lost at once. */
export function impatient(name: string, replicas: number): Deployment {
	const web = deployment(name, replicas);
	const tolerations = ["not-ready", "unreachable"].map((key) => ({
		key: `node.kubernetes.io/${key}`,
		operator: "Exists",
		effect: "NoExecute",
		tolerationSeconds: TOLERATION_SECONDS,
	}));
	Object.assign(web.spec?.template.spec ?? {}, { tolerations });
	return web;
}

/** A pod whose container runs a shell script. */
export function shellPod(name: string, script: string): Pod {
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, labels: { app: name } },
		spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: EXAMPLE_IMAGE_REF, command: ["/bin/sh", "-c", script] }] },
	};
}
