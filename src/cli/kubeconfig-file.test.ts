import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { kubeconfigText, mergeKubeconfig } from "./kubeconfig-file.ts";

const server = { url: "https://127.0.0.1:6443", ca: "PEM", token: "secret" };
let directory: string;
beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "petrel-kubeconfig-"));
	vi.stubEnv("KUBECONFIG", join(directory, "config"));
});
afterEach(() => {
	vi.unstubAllEnvs();
	rmSync(directory, { recursive: true, force: true });
});

it("names the server, the CA and the token", () => {
	expect(parse(kubeconfigText(server))).toMatchObject({
		clusters: [{ name: "petrel", cluster: { server: server.url, "certificate-authority-data": Buffer.from("PEM").toString("base64") } }],
		users: [{ name: "petrel-admin", user: { token: "secret" } }],
		"current-context": "petrel",
	});
});

it("keeps the user's other clusters, and merges twice like once", () => {
	writeFileSync(
		join(directory, "config"),
		"apiVersion: v1\nkind: Config\nclusters:\n- name: other\n  cluster: {server: https://other}\ncurrent-context: other\n",
	);
	const path = mergeKubeconfig(server);
	const once = readFileSync(path, "utf8");
	expect(mergeKubeconfig(server)).toBe(path);
	expect(readFileSync(path, "utf8")).toBe(once);
	expect(parse(once)).toMatchObject({ clusters: [{ name: "other" }, { name: "petrel" }], "current-context": "petrel" });
	expect(statSync(path).mode & 0o777).toBe(0o600);
});

it("leaves a file alone that it cannot read", () => {
	writeFileSync(join(directory, "config"), "{ broken");
	expect(() => mergeKubeconfig(server)).toThrow(/no valid kubeconfig/);
	expect(readFileSync(join(directory, "config"), "utf8")).toBe("{ broken");
});
