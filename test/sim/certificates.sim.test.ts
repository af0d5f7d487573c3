/** Requests for certificates under faults: only what may is approved, what is approved is signed once, and what is done with goes. */
import { expect } from "vitest";
import { createCa } from "../../src/cli/certificates.ts";
import type { CertificateSigningRequest } from "../../src/core/schema/kubernetes.d.ts";
import { certificateAuthority } from "../../src/objects/certificate-authority.ts";
import { Client, accidents, startIn, stormTest, weather } from "./storm.ts";
import { START_MS, World } from "./world.ts";

const REQUESTS = { group: "certificates.k8s.io", resource: "certificatesigningrequests" };
const DAY_MS = 86_400_000;
/** openssl req -new -subj "/O=system:nodes/CN=system:node:n1" */
const NODE =
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIck1JR1NBZ0VBTURBeEZUQVRCZ05WQkFvTURITjVjM1JsYlRwdWIyUmxjekVYTUJVR0ExVUVBd3dPYzNsegpkR1Z0T201dlpHVTZiakV3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVNuVWJOYWtENHdOVkFMCkUxa3d3Q0FYcDAvZ2gyb1dTd0dHVmkwUlViNmlRc3QxY1RhWlIwNG5TZEk1YzUyUEx3cE0wV1VxQkZCWUtNWU0KRnY5K0VhOG9vQUF3Q2dZSUtvWkl6ajBFQXdJRFNBQXdSUUlnSEdubnI1MzlLRjZxUWFLaENWemEyTnF3WDNvSApIZDkvUWZ6K1ZCdUkzTzBDSVFDM1hIdFV6eXdCODFuZkgvYU4reGEwQ3RJb0ltRU9udHRyQ0R2SGN0ZTd0QT09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";
/** openssl req -new -subj "/O=devs/CN=jane" */
const JANE =
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIYU1JR0FBZ0VBTUI0eERUQUxCZ05WQkFvTUJHUmxkbk14RFRBTEJnTlZCQU1NQkdwaGJtVXdXVEFUQmdjcQpoa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVNuVWJOYWtENHdOVkFMRTFrd3dDQVhwMC9naDJvV1N3R0dWaTBSClViNmlRc3QxY1RhWlIwNG5TZEk1YzUyUEx3cE0wV1VxQkZCWUtNWU1GdjkrRWE4b29BQXdDZ1lJS29aSXpqMEUKQXdJRFNRQXdSZ0loQUk5cDdtOWNUSDdlemJ2QnBRMGZ3T3dGYzJGdFVNaWlyNFZCbEg1S1BMNzRBaUVBOW5zUQpSRlBBMUFYV1AweENxOHJIU3oydC9NMWJ0UXMwNWxLMFcra04ybU09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";
const authority = createCa(START_MS).then(({ certificate, privateKey }) => certificateAuthority(certificate, privateKey));

stormTest("certificates", "what is approved is signed once, and goes in its time", async (seed) => {
	const world = new World(seed);
	world.authority = await authority;
	const agents = await startIn(world, ["n1"]);
	const client = new Client(world);
	const { random } = world;
	const all = () => world.cluster().core.server.store.list<CertificateSigningRequest>("certificates.k8s.io/certificatesigningrequests");
	/** The certificate of each request, by its uid. */
	const issued = new Map<string, string>();
	const never = () => {
		for (const { metadata, spec, status } of all()) {
			const { uid = "", name } = metadata;
			const certificate = status?.certificate;
			if (!certificate) continue;
			expect(issued.get(uid) ?? certificate, `the certificate of ${name}`).toBe(certificate);
			issued.set(uid, certificate);
			expect(
				status?.conditions?.map(({ type }) => type),
				`${name}, for ${spec.signerName}`,
			).toContain("Approved");
		}
	};
	let serial = 0;
	const ask = (request: string, signerName: string) =>
		client.create(REQUESTS, {
			kind: "CertificateSigningRequest",
			metadata: { name: `r${++serial}` },
			spec: { request, signerName, usages: ["digital signature", "client auth"] },
		});
	const decide = async (type: "Approved" | "Denied") => {
		const open = random.pick(all().filter(({ status }) => !status?.conditions?.length));
		if (open === undefined) return;
		const conditions = [{ type, status: "True", reason: "Storm", message: "as the seed would have it" }];
		await client.patch({ ...REQUESTS, name: open.metadata.name ?? "", subresource: "approval" }, { status: { conditions } });
	};
	const deeds = [
		...accidents(world, agents),
		() => ask(NODE, "kubernetes.io/kube-apiserver-client-kubelet"),
		() => ask(JANE, "kubernetes.io/kube-apiserver-client"),
		() => ask(JANE, "kubernetes.io/kube-apiserver-client-kubelet"),
		() => ask(JANE, "example.com/other"),
		() => decide("Approved"),
		() => decide("Approved"),
		() => decide("Denied"),
	];
	await weather(world, agents, { steps: 50, stepMs: 2_000, calmMs: 60_000, deeds, never });
	for (const { metadata, spec, status } of all()) {
		const types = status?.conditions?.map(({ type }) => type) ?? [];
		const ours = spec.signerName?.startsWith("kubernetes.io/");
		if (types.includes("Approved") && ours) expect(Boolean(status?.certificate) || types.includes("Failed"), metadata.name).toBe(true);
		if (spec.signerName === "kubernetes.io/kube-apiserver-client-kubelet" && spec.request === NODE && !types.includes("Denied"))
			expect(types, metadata.name).toContain("Approved");
	}
	await world.run(2 * DAY_MS);
	// What another signer has approved waits for that signer.
	expect(all().filter(({ spec }) => spec.signerName?.startsWith("kubernetes.io/"))).toEqual([]);
});
