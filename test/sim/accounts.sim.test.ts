/** What every namespace is given, and who may do what, under faults: accounts, their tokens, the CA, aggregated roles, tokens and namespaces whose time is over. */
import { expect } from "vitest";
import { metaTime } from "../../src/core/controllers/meta-time.ts";
import type { ClusterRole, ConfigMap, Namespace, Secret, ServiceAccount } from "../../src/core/schema/kubernetes.d.ts";
import { accidents, Client, namesOf, startWorld, stormTest, weather } from "./storm.ts";

const RBAC = { group: "rbac.authorization.k8s.io" };
const TEAMS = ["team-1", "team-2"];
const PARTS = ["pods", "secrets", "nodes"];
const ACCOUNT_TOKEN = "kubernetes.io/service-account-token";

stormTest("accounts", "every namespace has its account and CA, each token its account, each role its parts", async (seed) => {
	const { world, agents } = await startWorld(seed, ["n1"]);
	const client = new Client(world);
	const { random } = world;
	const team = () => random.pick(TEAMS) as string;
	const store = (namespace: string) => world.namespace(namespace).core.server.store;
	await client.create(
		{ ...RBAC, resource: "clusterroles" },
		{
			kind: "ClusterRole",
			metadata: { name: "whole" },
			aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: "true" } }] },
			rules: [],
		},
	);
	const account = (namespace: string) => client.create({ resource: "serviceaccounts", namespace }, { kind: "ServiceAccount", metadata: { name: "robot" } });
	const token = (namespace: string) =>
		client.create(
			{ resource: "secrets", namespace },
			{
				kind: "Secret",
				type: ACCOUNT_TOKEN,
				metadata: { name: `token-${random.between(1, 2)}`, annotations: { "kubernetes.io/service-account.name": "robot" } },
			},
		);
	const part = () => {
		const resource = random.pick(PARTS) as string;
		const metadata = { name: `part-${resource}`, labels: { part: String(random.chance(0.7)) } };
		const rules = [{ apiGroups: [""], resources: [resource], verbs: ["get"] }];
		return client
			.create({ ...RBAC, resource: "clusterroles" }, { kind: "ClusterRole", metadata, rules })
			.then((made) => made ?? client.patch({ ...RBAC, resource: "clusterroles", name: metadata.name }, { metadata }));
	};
	const bootstrapToken = () => {
		const id = String(random.between(100_000, 999_999));
		const expiration = metaTime(world.nowMs + random.between(1, 30) * 1000);
		return client.create(
			{ resource: "secrets", namespace: "kube-system" },
			{
				kind: "Secret",
				type: "bootstrap.kubernetes.io/token",
				metadata: { name: `bootstrap-token-${id}` },
				stringData: { "token-id": id, "token-secret": "0123456789abcdef", expiration },
			},
		);
	};
	const preview = () =>
		client.create(
			{ resource: "namespaces" },
			{
				kind: "Namespace",
				metadata: {
					name: `preview-${random.between(1, 3)}`,
					annotations: { "events.petrel.dev/expires-at": metaTime(world.nowMs + random.between(5, 40) * 1000) },
				},
			},
		);
	const deeds = [
		...accidents(world, agents),
		() => client.create({ resource: "namespaces" }, { kind: "Namespace", metadata: { name: team() } }),
		() => client.create({ resource: "namespaces" }, { kind: "Namespace", metadata: { name: team() } }),
		() => client.delete({ resource: "namespaces", name: team() }),
		() => client.delete({ resource: "serviceaccounts", namespace: team(), name: "default" }),
		() => client.delete({ resource: "configmaps", namespace: team(), name: "kube-root-ca.crt" }),
		() => account("default"),
		() => token("default"),
		() => token("default"),
		() => client.delete({ resource: "serviceaccounts", namespace: "default", name: "robot" }),
		part,
		part,
		() => client.delete({ ...RBAC, resource: "clusterroles", name: `part-${random.pick(PARTS)}` }),
		bootstrapToken,
		preview,
	];
	await weather(world, agents, { steps: 60, stepMs: 2_000, calmMs: 300_000, deeds });
	const cluster = world.cluster().core.server.store;
	const namespaces = cluster.list<Namespace>("namespaces");
	expect(namesOf(namespaces).filter((name) => name.startsWith("preview"))).toEqual([]);
	for (const { metadata, status } of namespaces) {
		expect(status?.phase, metadata.name).toBe("Active");
		expect(namesOf(store(metadata.name ?? "").list<ServiceAccount>("serviceaccounts")), metadata.name).toContain("default");
		expect(store(metadata.name ?? "").get<ConfigMap>("configmaps", "kube-root-ca.crt")?.data?.["ca.crt"], metadata.name).toMatch(/^-----BEGIN/);
	}
	const robot = store("default").get<ServiceAccount>("serviceaccounts", "robot");
	for (const secret of store("default")
		.list<Secret>("secrets")
		.filter(({ type }) => type === ACCOUNT_TOKEN)) {
		expect(secret.metadata.annotations?.["kubernetes.io/service-account.uid"], secret.metadata.name).toBe(robot?.metadata.uid);
		expect(secret.data?.["token"]).toBeTruthy();
	}
	expect(namesOf(store("kube-system").list<Secret>("secrets")).filter((name) => name.startsWith("bootstrap-token"))).toEqual([]);
	const roles = cluster.list<ClusterRole>("rbac.authorization.k8s.io/clusterroles");
	const parts = roles.filter(({ metadata }) => metadata.labels?.part === "true").flatMap(({ rules }) => rules ?? []);
	expect(roles.find(({ metadata }) => metadata.name === "whole")?.rules ?? [], "the aggregated rules").toEqual(parts);
	expect(namesOf(store("kube-system").list("rbac.authorization.k8s.io/roles"))).toContain("extension-apiserver-authentication-reader");
});
