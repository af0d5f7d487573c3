/** Objects that the end-to-end tests run, from the image that every agent of `petrel up` has. */
import { EXAMPLE_IMAGE_REF, EXAMPLE_PORT } from "../../../src/agent/image/example-image.ts";
import type { Deployment, Pod } from "../../../src/core/schema/kubernetes.d.ts";

export { EXAMPLE_IMAGE_REF, EXAMPLE_PORT };

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

/** A pod whose container runs a shell script. */
export function shellPod(name: string, script: string): Pod {
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, labels: { app: name } },
		spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: EXAMPLE_IMAGE_REF, command: ["/bin/sh", "-c", script] }] },
	};
}
