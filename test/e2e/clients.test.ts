/** Other clients than kubectl: the official JavaScript client with its informer, watches, patches and a Lease that leaders are elected by; Debian's Python client. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import {
	ApiException,
	AppsV1Api,
	CoordinationV1Api,
	CoreV1Api,
	KubeConfig,
	KubernetesObjectApi,
	makeInformer,
	PatchStrategy,
	setHeaderOptions,
	type V1ConfigMap,
	type V1Deployment,
	type V1Lease,
	V1MicroTime,
	Watch,
} from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { useControlPlane } from "./support/cluster.ts";
import { eventually } from "./support/petrel.ts";
import { hasPythonClient } from "./support/runtimes.ts";

const NAMESPACE = "default";
const CONFIG_MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
/** Debian's interpreter: python3-kubernetes is installed for that one. */
const PYTHON = "/usr/bin/python3";

const configMap = (name: string, data: Record<string, string>, labels: Record<string, string> = {}): V1ConfigMap => ({
	metadata: { name, labels },
	data,
});

const patched = (type: (typeof PatchStrategy)[keyof typeof PatchStrategy]) => setHeaderOptions("Content-Type", type);

describe("the JavaScript client", () => {
	const plane = useControlPlane();
	const config = (): KubeConfig => {
		const found = new KubeConfig();
		found.loadFromFile(plane.data.file("kubeconfig"));
		return found;
	};
	const core = (): CoreV1Api => config().makeApiClient(CoreV1Api);
	const namespace = NAMESPACE;

	it("makes typed calls, and gets typed refusals", async () => {
		const api = core();
		const made = await api.createNamespacedConfigMap({ namespace, body: configMap("typed", { a: "1" }) });
		expect(made.metadata?.creationTimestamp).toBeInstanceOf(Date);
		const again = api.createNamespacedConfigMap({ namespace, body: configMap("typed", {}) });
		await expect(again).rejects.toBeInstanceOf(ApiException);
		await expect(again).rejects.toMatchObject({ code: 409, body: expect.stringContaining('configmaps \\"typed\\" already exists') });
		made.data = { a: "2" };
		const replaced = await api.replaceNamespacedConfigMap({ name: "typed", namespace, body: made });
		expect(Number(replaced.metadata?.resourceVersion)).toBeGreaterThan(Number(made.metadata?.resourceVersion));
		await expect(api.replaceNamespacedConfigMap({ name: "typed", namespace, body: made })).rejects.toMatchObject({ code: 409 });
		await api.deleteNamespacedConfigMap({ name: "typed", namespace });
		await expect(api.readNamespacedConfigMap({ name: "typed", namespace })).rejects.toMatchObject({ code: 404 });
	});

	it("lists by pages and selectors", async () => {
		const api = core();
		for (let i = 0; i < 7; i++) await api.createNamespacedConfigMap({ namespace, body: configMap(`page-${i}`, {}, { app: "pages", odd: `${i % 2}` }) });
		const names: string[] = [];
		let token: string | undefined;
		do {
			const page = await api.listNamespacedConfigMap({ namespace, labelSelector: "app=pages", limit: 3, _continue: token });
			names.push(...page.items.map(({ metadata }) => metadata?.name ?? ""));
			token = page.metadata?._continue;
		} while (token);
		expect(names).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `page-${i}`));
		const odd = await api.listConfigMapForAllNamespaces({ labelSelector: "app=pages,odd in (1)" });
		expect(odd.items).toHaveLength(3);
		await api.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: "app=pages" });
		expect((await api.listNamespacedConfigMap({ namespace, labelSelector: "app=pages" })).items).toEqual([]);
	});

	it("patches in all four ways", async () => {
		const api = config().makeApiClient(AppsV1Api);
		const containers = [{ name: "a", image: "a:1" }];
		const spec = { replicas: 0, selector: { matchLabels: { app: "p" } }, template: { metadata: { labels: { app: "p" } }, spec: { containers } } };
		await api.createNamespacedDeployment({ namespace, body: { metadata: { name: "patched" }, spec } as V1Deployment });
		const patch = (body: unknown, type: (typeof PatchStrategy)[keyof typeof PatchStrategy], more: object = {}): Promise<V1Deployment> =>
			api.patchNamespacedDeployment({ name: "patched", namespace, body, ...more }, patched(type));
		const images = ({ spec }: V1Deployment): (string | undefined)[] => (spec?.template.spec?.containers ?? []).map(({ image }) => image);

		expect((await patch([{ op: "replace", path: "/spec/replicas", value: 1 }], PatchStrategy.JsonPatch)).spec?.replicas).toBe(1);
		expect((await patch({ metadata: { annotations: { x: "1" } } }, PatchStrategy.MergePatch)).metadata?.annotations?.["x"]).toBe("1");
		const sidecar = { spec: { template: { spec: { containers: [{ name: "b", image: "b:1" }] } } } };
		expect(images(await patch(sidecar, PatchStrategy.StrategicMergePatch)).sort()).toEqual(["a:1", "b:1"]);
		expect(images(await patch(sidecar, PatchStrategy.MergePatch))).toEqual(["b:1"]);
		const applied = { apiVersion: "apps/v1", kind: "Deployment", spec: { replicas: 0 } };
		const conflict = patch(applied, PatchStrategy.ServerSideApply, { fieldManager: "tests" });
		await expect(conflict).rejects.toMatchObject({ code: 409, body: expect.stringContaining(".spec.replicas") });
		const forced = await patch(applied, PatchStrategy.ServerSideApply, { fieldManager: "tests", force: true });
		expect(forced.spec?.replicas).toBe(0);
		expect(forced.metadata?.managedFields?.find(({ manager }) => manager === "tests")).toMatchObject({ operation: "Apply" });
	});

	it("reads and writes objects of any kind by their own words", async () => {
		const api = KubernetesObjectApi.makeApiClient(config());
		const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "any", namespace }, data: { a: "1" } };
		await api.create(object);
		await api.patch({ ...object, data: { b: "2" } }, undefined, undefined, "tests", undefined, PatchStrategy.MergePatch);
		expect(await api.read(object)).toMatchObject({ data: { a: "1", b: "2" } });
		await api.delete(object);
	});

	it("keeps an informer's cache equal to the store, over a watch that ends", async () => {
		const api = core();
		const list = () => api.listNamespacedConfigMap({ namespace, labelSelector: "app=informed" });
		const informer = makeInformer<V1ConfigMap>(config(), CONFIG_MAPS, list, "app=informed");
		const seen: string[] = [];
		for (const verb of ["add", "update", "delete"] as const) informer.on(verb, ({ metadata }) => seen.push(`${verb} ${metadata?.name}`));
		await api.createNamespacedConfigMap({ namespace, body: configMap("one", {}, { app: "informed" }) });
		await informer.start();
		await api.createNamespacedConfigMap({ namespace, body: configMap("two", {}, { app: "informed" }) });
		await api.createNamespacedConfigMap({ namespace, body: configMap("other", {}, { app: "else" }) });
		// What leaves a selector's range is deleted for whoever watches by it.
		await api.patchNamespacedConfigMap({ name: "one", namespace, body: { metadata: { labels: { app: "else" } } } }, patched(PatchStrategy.MergePatch));
		await api.patchNamespacedConfigMap({ name: "two", namespace, body: { data: { a: "1" } } }, patched(PatchStrategy.MergePatch));
		await eventually("the last update", async () => (seen.includes("update two") ? true : undefined));
		expect(seen).toEqual(["add one", "add two", "delete one", "update two"]);
		expect(informer.list().map(({ metadata, data }) => [metadata?.name, data])).toEqual([["two", { a: "1" }]]);
		await informer.stop();
	});

	it("resumes a watch from the last version that it saw, without loss or repetition", async () => {
		const api = core();
		const { metadata } = await api.listNamespacedConfigMap({ namespace });
		const names: string[] = [];
		const until = async (resourceVersion: string | undefined, last: string): Promise<string | undefined> => {
			let version: string | undefined;
			const { promise, resolve } = Promise.withResolvers<void>();
			const query = { resourceVersion: resourceVersion ?? "", labelSelector: "app=resumed" };
			const controller = await new Watch(config()).watch(
				CONFIG_MAPS,
				query,
				(_type, object: V1ConfigMap) => {
					names.push(object.metadata?.name ?? "");
					version = object.metadata?.resourceVersion;
					if (object.metadata?.name === last) resolve();
				},
				() => {},
			);
			await promise;
			controller.abort();
			return version;
		};
		const first = until(metadata?.resourceVersion, "r-1");
		for (let i = 0; i < 2; i++) await api.createNamespacedConfigMap({ namespace, body: configMap(`r-${i}`, {}, { app: "resumed" }) });
		const version = await first;
		for (let i = 2; i < 5; i++) await api.createNamespacedConfigMap({ namespace, body: configMap(`r-${i}`, {}, { app: "resumed" }) });
		await until(version, "r-4");
		expect(names).toEqual(["r-0", "r-1", "r-2", "r-3", "r-4"]);
	});

	it("elects one leader at a time by a Lease", async () => {
		const api = config().makeApiClient(CoordinationV1Api);
		const lease: V1Lease = { metadata: { name: "leader" }, spec: { leaseDurationSeconds: 15 } };
		await api.createNamespacedLease({ namespace, body: lease });
		const free = await api.readNamespacedLease({ name: "leader", namespace });
		const claim = (holderIdentity: string): Promise<V1Lease> =>
			api.replaceNamespacedLease({ name: "leader", namespace, body: { ...free, spec: { ...free.spec, holderIdentity, acquireTime: new V1MicroTime() } } });
		const claims = await Promise.allSettled(["a", "b", "c", "d"].map(claim));
		const [won] = claims.filter((one) => one.status === "fulfilled");
		expect(claims.filter(({ status }) => status === "rejected").map((one) => (one as PromiseRejectedResult).reason.code)).toEqual([409, 409, 409]);
		const held = await api.readNamespacedLease({ name: "leader", namespace });
		expect(held.spec?.holderIdentity).toBe(won?.value.spec?.holderIdentity);
		const renewed = await api.replaceNamespacedLease({ name: "leader", namespace, body: { ...held, spec: { ...held.spec, renewTime: new V1MicroTime() } } });
		expect(renewed.spec?.renewTime).toBeDefined();
	});

	if (hasPythonClient) it("is matched by Debian's Python client", servesPython);

	function servesPython(): void {
		const script = join(import.meta.dirname, "support", "client.py");
		const output = execFileSync(PYTHON, [script], { encoding: "utf8", env: { ...process.env, KUBECONFIG: plane.data.file("kubeconfig") } });
		expect(output.trim().split("\n")).toEqual([
			"created python",
			"conflict 409 AlreadyExists",
			"patched {'a': '1', 'b': '2'}",
			"watched ADDED python-watched",
			"watched MODIFIED python-watched",
			"watched DELETED python-watched",
			"scaled 0",
			"dynamic ConfigMap python",
			"deleted 404",
		]);
	}
});
