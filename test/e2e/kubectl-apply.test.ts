/** Changing objects with kubectl: apply on both sides, diff, replace, edit, patch, label; and what is refused, in upstream's words. */
import { chmodSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ConfigMap, Deployment, ObjectMeta } from "../../src/core/schema/kubernetes.d.ts";
import { deployment } from "./support/example.ts";
import { useControlPlane } from "./support/cluster.ts";

const settings = (colour: string): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { colour } });

/** A Deployment with two misspelt fields and three wrong values. */
function wrongDeployment(): unknown {
	const container = { name: "Main_X", image: "", ports: [{ containerPort: 99_999 }], foo: "bar" };
	const template = { metadata: { labels: { app: "other" } }, spec: { containers: [container] } };
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "wrong" },
		spec: { replica: 2, selector: { matchLabels: { app: "web" } }, template },
	};
}

describe("kubectl changes objects", () => {
	const plane = useControlPlane();
	const { kubectl } = plane;

	it("apply creates, leaves alone, configures and prunes what the file no longer has", async () => {
		expect(await kubectl.apply(settings("blue"))).toBe("configmap/settings created\n");
		expect(await kubectl.apply(settings("blue"))).toBe("configmap/settings unchanged\n");
		expect(await kubectl.apply({ ...settings("green"), metadata: { name: "settings", labels: { a: "b" } } })).toBe("configmap/settings configured\n");
		await kubectl.run("patch", "configmap", "settings", "-p", '{"data":{"other":"kept"}}');
		expect(await kubectl.apply(settings("green"))).toBe("configmap/settings configured\n");
		const { data, metadata } = await kubectl.json<ConfigMap>("get", "configmap", "settings");
		expect(data).toEqual({ colour: "green", other: "kept" });
		expect(metadata?.labels).toBeUndefined();
		expect(await kubectl.run("apply", "view-last-applied", "configmap/settings")).toContain("colour: green");
	});

	it("diff", async () => {
		await kubectl.apply(settings("green"));
		expect(await kubectl.pipe(JSON.stringify(settings("green")), "diff", "-f", "-")).toBe("");
		const changed = await kubectl.try(["diff", "-f", "-"], JSON.stringify(settings("red")));
		expect(changed).toMatchObject({ code: 1, stdout: expect.stringMatching(/^- {2}colour: green\n\+ {2}colour: red$/m) });
		const served = await kubectl.try(["diff", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(settings("red")));
		expect(served).toMatchObject({ code: 1, stdout: expect.stringMatching(/^- {2}colour: green\n\+ {2}colour: red$/m) });
		expect((await kubectl.json<ConfigMap>("get", "configmap", "settings")).data?.["colour"]).toBe("green");
	});

	it("server-side apply owns fields, refuses a conflict, and takes over when forced", async () => {
		const mine = { ...settings("blue"), metadata: { name: "owned" } };
		const theirs = { ...mine, data: { colour: "red" } };
		expect(await kubectl.apply(mine, "--server-side")).toBe("configmap/owned serverside-applied\n");
		expect(await kubectl.apply(mine, "--server-side")).toBe("configmap/owned serverside-applied\n");
		const conflict = await kubectl.try(["apply", "--server-side", "--field-manager=another", "-f", "-"], JSON.stringify(theirs));
		expect(conflict.code).toBe(1);
		expect(conflict.stderr).toMatch(/^error: Apply failed with 1 conflict: conflict with "kubectl": \.data\.colour\nPlease review the fields above/);
		expect(await kubectl.apply(theirs, "--server-side", "--field-manager=another", "--force-conflicts")).toBe("configmap/owned serverside-applied\n");
		const { managedFields }: ObjectMeta = (await kubectl.json<ConfigMap>("get", "configmap", "owned", "--show-managed-fields")).metadata ?? {};
		expect(managedFields?.map(({ manager, operation, fieldsV1 }) => ({ manager, operation, fieldsV1 }))).toEqual([
			{ manager: "another", operation: "Apply", fieldsV1: { "f:data": { "f:colour": {} } } },
		]);
		const less = { ...mine, data: {} };
		await kubectl.apply(less, "--server-side", "--field-manager=another");
		expect((await kubectl.json<ConfigMap>("get", "configmap", "owned")).data).toBeUndefined();
	});

	it("moves from client-side to server-side apply", async () => {
		const object = { ...settings("blue"), metadata: { name: "moving" } };
		await kubectl.apply(object);
		expect(await kubectl.apply({ ...object, data: { colour: "red" } }, "--server-side")).toBe("configmap/moving serverside-applied\n");
		expect((await kubectl.json<ConfigMap>("get", "configmap", "moving")).data).toEqual({ colour: "red" });
	});

	it("refuses unknown fields and wrong values with every path", async () => {
		const text = JSON.stringify(wrongDeployment());
		expect(await kubectl.fails(["apply", "-f", "-"], text)).toBe(
			'Error from server (BadRequest): error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replica", unknown field "spec.template.spec.containers[0].foo"\n',
		);
		expect(await kubectl.fails(["apply", "--validate=ignore", "-f", "-"], text)).toBe(
			[
				'The Deployment "wrong" is invalid: ',
				'* spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
				"* spec.template.spec.containers[0].name: Invalid value: \"Main_X\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
				"* spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
				"* spec.template.spec.containers[0].image: Required value",
				"",
			].join("\n"),
		);
		expect(await kubectl.fails(["apply", "--server-side", "-f", "-"], text)).toContain(".spec.replica: field not declared in schema");
		const warned = await kubectl.try(["apply", "--validate=warn", "--dry-run=server", "-f", "-"], JSON.stringify({ ...settings("x"), nope: 1 }));
		expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining('unknown field "nope"') });
	});

	it("keeps what must not change, and names what is wrong", async () => {
		await kubectl.apply(deployment("web", 1));
		expect(await kubectl.fails(["patch", "deployment", "web", "-p", '{"spec":{"selector":{"matchLabels":{"app":"x"}}}}'])).toMatch(
			/^The Deployment "web" is invalid: \n\* spec\.template\.metadata\.labels: .*\n\* spec\.selector: Invalid value: .*: field is immutable\n$/,
		);
		expect(await kubectl.fails(["create", "configmap", "Bad_Name"])).toContain(
			'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of',
		);
		expect(await kubectl.fails(["create", "-f", "-"], JSON.stringify(deployment("web", 1)))).toBe(
			'Error from server (AlreadyExists): error when creating "STDIN": deployments.apps "web" already exists\n',
		);
		expect(await kubectl.fails(["create", "configmap", "x", "-n", "nowhere"])).toBe('error: failed to create configmap: namespaces "nowhere" not found\n');
		const large = { ...settings("x".repeat(2 ** 20 + 1)), metadata: { name: "large" } };
		expect(await kubectl.fails(["create", "-f", "-"], JSON.stringify(large))).toBe(
			'The ConfigMap "large" is invalid: []: Too long: may not be more than 1048576 bytes\n',
		);
		const old = JSON.stringify({ ...settings("old"), metadata: { name: "settings", resourceVersion: "1" } });
		expect(await kubectl.fails(["replace", "-f", "-"], old)).toContain(
			'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your changes to the latest version and try again',
		);
	});

	it("dry runs change nothing", async () => {
		const object = JSON.stringify({ ...settings("x"), metadata: { name: "dry" } });
		expect(await kubectl.pipe(object, "create", "--dry-run=server", "-f", "-")).toBe("configmap/dry created (server dry run)\n");
		expect(await kubectl.pipe(object, "create", "--dry-run=server", "--validate=strict", "-f", "-", "-o", "jsonpath={.metadata.uid}")).toMatch(/^\S{36}$/);
		expect(await kubectl.pipe(object, "apply", "--dry-run=client", "-f", "-")).toBe("configmap/dry created (dry run)\n");
		expect(await kubectl.run("scale", "deployment/web", "--replicas=7", "--dry-run=server")).toContain("deployment.apps/web scaled (server dry run)");
		expect(await kubectl.run("delete", "deployment", "web", "--dry-run=server")).toContain('deployment.apps "web" deleted');
		expect(await kubectl.fails(["get", "configmap", "dry"])).toContain("not found");
		expect(await kubectl.run("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}")).toBe("1");
	});

	it("replace, also by force", async () => {
		const uid = (): Promise<string> => kubectl.run("get", "configmap", "settings", "-o", "jsonpath={.metadata.uid}");
		const before = await uid();
		expect(await kubectl.pipe(JSON.stringify(settings("replaced")), "replace", "-f", "-")).toBe("configmap/settings replaced\n");
		expect(await uid()).toBe(before);
		expect(await kubectl.pipe(JSON.stringify(settings("new")), "replace", "--force", "-f", "-")).toContain("configmap/settings replaced\n");
		expect(await uid()).not.toBe(before);
		expect(await kubectl.fails(["replace", "-f", "-"], JSON.stringify({ ...settings("x"), metadata: { name: "none" } }))).toContain(
			'configmaps "none" not found',
		);
	});

	it("edit", async () => {
		const editor = plane.data.file("editor.sh");
		writeFileSync(editor, '#!/bin/sh\nsed -i "s/colour: .*/colour: purple/" "$1"\n');
		chmodSync(editor, 0o700);
		const editing = kubectl.with({ environment: { KUBE_EDITOR: editor } });
		expect(await editing.run("edit", "configmap", "settings")).toBe("configmap/settings edited\n");
		expect(await kubectl.run("get", "configmap", "settings", "-o", "jsonpath={.data.colour}")).toBe("purple");
		expect((await kubectl.with({ environment: { KUBE_EDITOR: "true" } }).try(["edit", "configmap", "settings"])).stderr).toContain(
			"Edit cancelled, no changes made.",
		);
	});

	it("patches of the three kinds", async () => {
		const patch = (...args: string[]): Promise<string> => kubectl.run("patch", "deployment", "web", ...args);
		const image = "petrel.dev/patched:1";
		expect(await patch("-p", `{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"${image}"},{"name":"side","image":"${image}"}]}}}}`)).toBe(
			"deployment.apps/web patched\n",
		);
		const { containers = [] } = (await kubectl.json<Deployment>("get", "deployment", "web")).spec?.template.spec ?? {};
		expect(containers.map(({ name, image: found, ports }) => [name, found, ports?.[0]?.name])).toEqual([
			["main", image, "http"],
			["side", image, undefined],
		]);
		await patch("--type=merge", "-p", '{"metadata":{"labels":{"kind":"merge","app":null}}}');
		await patch(
			"--type=json",
			"-p",
			'[{"op":"test","path":"/metadata/labels/kind","value":"merge"},{"op":"add","path":"/metadata/labels/a~1b","value":"json"}]',
		);
		expect((await kubectl.json<Deployment>("get", "deployment", "web")).metadata?.labels).toEqual({ kind: "merge", "a/b": "json" });
		expect(await patch("-p", '{"metadata":{"labels":{"kind":"merge"}}}')).toBe("deployment.apps/web patched (no change)\n");
		expect(await patch("--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":3}}')).toBe("scale.autoscaling/web patched\n");
		expect(await kubectl.fails(["patch", "deployment", "web", "--type=json", "-p", '[{"op":"test","path":"/spec/replicas","value":9}]'])).toContain(
			"The request is invalid",
		);
		expect(await kubectl.fails(["patch", "configmap", "settings", "--type=merge", "-p", '{"data":{"x":1}}'])).toBe(
			'Error from server (BadRequest): ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string\n',
		);
	});

	it("label and annotate", async () => {
		expect(await kubectl.run("label", "configmap", "settings", "a=b")).toBe("configmap/settings labeled\n");
		expect(await kubectl.fails(["label", "configmap", "settings", "a=c"])).toContain("'a' already has a value (b), and --overwrite is false");
		expect(await kubectl.run("label", "configmap", "settings", "a=c", "--overwrite")).toBe("configmap/settings labeled\n");
		expect(await kubectl.run("label", "configmap", "settings", "a-")).toBe("configmap/settings unlabeled\n");
		expect(await kubectl.run("annotate", "configmap", "settings", "note=two words")).toBe("configmap/settings annotated\n");
		expect(await kubectl.run("get", "configmap", "settings", "-o", "jsonpath={.metadata.annotations.note}")).toBe("two words");
		expect(await kubectl.run("annotate", "configmap", "settings", "note-")).toBe("configmap/settings annotated\n");
		expect(await kubectl.fails(["label", "configmap", "settings", "bad key=x"])).toContain(
			'metadata.labels: Invalid value: "bad key": name part must consist of',
		);
	});
});
