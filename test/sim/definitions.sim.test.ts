/** CustomResourceDefinitions under faults, and what goes with them: their objects in every namespace, their APIServices; and admission policies' statuses. */
import { expect } from "vitest";
import type { CustomResourceDefinition, ValidatingAdmissionPolicy } from "../../src/core/schema/kubernetes.d.ts";
import { accidents, Client, namesOf, startWorld, stormTest, weather } from "./storm.ts";

const DEFINITIONS = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
const POLICIES = { group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies" };
const KINDS = ["Widget", "Gadget"];
const NAMESPACES = ["default", "kube-public"];
const plural = (kind: string): string => `${kind.toLowerCase()}s`;
const groupOf = (kind: string): string => `${kind.toLowerCase()}.storm.test`;

const definition = (kind: string) => ({
	kind: "CustomResourceDefinition",
	metadata: { name: `${plural(kind)}.${groupOf(kind)}` },
	spec: {
		group: groupOf(kind),
		scope: "Namespaced",
		names: { kind, plural: plural(kind), singular: kind.toLowerCase() },
		versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } } }],
	},
});

const policy = (name: string, expression: string) => ({
	kind: "ValidatingAdmissionPolicy",
	metadata: { name },
	spec: {
		matchConstraints: { resourceRules: [{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["deployments"] }] },
		validations: [{ expression }],
	},
});

stormTest("definitions", "with a definition goes all of its kind, and what is left is served", async (seed) => {
	const { world, agents } = await startWorld(seed, ["n1"]);
	const client = new Client(world);
	const { random } = world;
	const kind = () => random.pick(KINDS) as string;
	const object = () => {
		const one = kind();
		return client.create(
			{ group: groupOf(one), resource: plural(one), namespace: random.pick(NAMESPACES) as string },
			{ kind: one, metadata: { name: `o${random.between(1, 5)}` } },
		);
	};
	const judge = async () => {
		const expression = random.pick(["object.spec.replicas > 0", "object.spec.nothing == 1"]) as string;
		const made = policy(`p${random.between(1, 2)}`, expression);
		if ((await client.create(POLICIES, made)) === undefined) await client.patch({ ...POLICIES, name: made.metadata.name }, { spec: made.spec });
	};
	const deeds = [
		...accidents(world, agents),
		() => client.create(DEFINITIONS, definition(kind())),
		() => client.create(DEFINITIONS, definition(kind())),
		() => client.delete({ ...DEFINITIONS, name: definition(kind()).metadata.name }),
		object,
		object,
		object,
		() => client.delete({ group: "apiregistration.k8s.io", resource: "apiservices", name: `v1.${groupOf(kind())}` }),
		judge,
	];
	await weather(world, agents, { steps: 60, stepMs: 2_000, calmMs: 300_000, deeds });
	const { store } = world.cluster().core.server;
	const definitions = store.list<CustomResourceDefinition>("apiextensions.k8s.io/customresourcedefinitions");
	for (const { metadata, status } of definitions) {
		expect(metadata.deletionTimestamp, metadata.name).toBeUndefined();
		expect(status?.conditions?.find(({ type }) => type === "Established")?.status, metadata.name).toBe("True");
	}
	const left = namesOf(definitions);
	const registered = namesOf(store.list("apiregistration.k8s.io/apiservices")).filter((name) => name.endsWith(".storm.test"));
	expect(registered).toEqual(
		KINDS.filter((one) => left.includes(definition(one).metadata.name))
			.map((one) => `v1.${groupOf(one)}`)
			.sort(),
	);
	for (const namespace of NAMESPACES)
		for (const one of KINDS.filter((gone) => !left.includes(definition(gone).metadata.name)))
			expect(namesOf(world.namespace(namespace).core.server.store.list(`${groupOf(one)}/${plural(one)}`)), `${one} in ${namespace}`).toEqual([]);
	for (const { metadata, spec, status } of store.list<ValidatingAdmissionPolicy>("admissionregistration.k8s.io/validatingadmissionpolicies")) {
		const wrong = spec?.validations?.[0]?.expression.includes("nothing") ?? false;
		expect([status?.observedGeneration, (status?.typeChecking?.expressionWarnings ?? []).length > 0], metadata.name).toEqual([metadata.generation, wrong]);
	}
});
