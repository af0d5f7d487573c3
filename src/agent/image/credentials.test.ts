/** Credentials for images: whose they are by the registry's name, what plugins are asked and how long their answer holds, and which pods may use what is here. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeObjects, testPod } from "../../../test/support/agent-node.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { createLogger, silentLogger } from "../log.ts";
import { CredentialProviders, credentialProviders } from "./credential-providers.ts";
import { PullRecords } from "./pull-records.ts";
import { matchesImage, podCredentials } from "./registry-credentials.ts";

let directory: string;
beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "petrel-credentials-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("a registry's name", () => {
	it.each([
		["*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.eu-1.amazonaws.com/a/b:1", true],
		["*.io", "registry.k8s.io/pause:3", false],
		["*.*.io", "registry.k8s.io/pause:3", true],
		["registry.example.com:8080/team", "registry.example.com:8080/team/app", true],
		["registry.example.com/team", "registry.example.com:8080/team/app", false],
		["registry.example.com/team", "registry.example.com/other/app@sha256:00", false],
		["https://index.docker.io/v1/", "nginx", true],
		["docker.io", "library/nginx:1", true],
		["localhost:5000", "localhost:5000/app", true],
	])("%s is for %s: %s", (pattern, image, fits) => expect(matchesImage(pattern, image)).toBe(fits));

	it("finds a pod's Secrets, the most specific entry first", () => {
		const objects = new FakeObjects();
		const auths = { "r.example.com": { username: "all", password: "a" }, "r.example.com/team": { auth: Buffer.from("team:p:q").toString("base64") } };
		objects.addSecret("pull", { ".dockerconfigjson": JSON.stringify({ auths }) });
		const pod = testPod({ imagePullSecrets: [{ name: "missing" }, { name: "pull" }] });
		expect(podCredentials("r.example.com/team/app:1", pod, objects)).toEqual([
			{ username: "team", password: "p:q" },
			{ username: "all", password: "a" },
		]);
	});
});

describe("a credential provider plugin", () => {
	/** A plugin that notes what it was asked. */
	function plugin(answer: object): CredentialProviders {
		writeFileSync(
			join(directory, "answer"),
			JSON.stringify({ kind: "CredentialProviderResponse", apiVersion: "credentialprovider.kubelet.k8s.io/v1", ...answer }),
		);
		writeFileSync(join(directory, "plugin"), `#!/bin/sh\ncat >>${directory}/asked\necho " $1 $TOKEN" >>${directory}/asked\ncat ${directory}/answer\n`);
		chmodSync(join(directory, "plugin"), 0o755);
		const provider = {
			name: "plugin",
			matchImages: ["*.example.com"],
			defaultCacheDuration: "10m",
			apiVersion: "credentialprovider.kubelet.k8s.io/v1",
			args: ["get"],
			env: [{ name: "TOKEN", value: "t" }],
		};
		const document = { apiVersion: "kubelet.config.k8s.io/v1", kind: "CredentialProviderConfig", providers: [provider] };
		return new CredentialProviders({ providers: credentialProviders(document), directory, clock, log: silentLogger });
	}
	const clock = new FakeClock();
	const asked = (): string[] => readFileSync(join(directory, "asked"), "utf8").trim().split("\n");
	const auth = { "*.example.com": { username: "u", password: "p" } };

	it("is asked for images of its registries, by kubelet's request", async () => {
		const providers = plugin({ cacheKeyType: "Image", auth });
		expect(await providers.credentials("r.example.com/app:1")).toEqual([{ username: "u", password: "p", ofNode: true }]);
		expect(await providers.credentials("r.example.org/app:1")).toEqual([]);
		expect(asked()).toEqual(['{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"r.example.com/app"} get t']);
	});

	it("is asked again when its answer has become old, or was for another registry", async () => {
		const providers = plugin({ cacheKeyType: "Registry", cacheDuration: "1m0s", auth });
		await providers.credentials("r.example.com/app:1");
		await providers.credentials("r.example.com/other:1");
		expect(asked()).toHaveLength(1);
		await providers.credentials("s.example.com/other:1");
		expect(asked()).toHaveLength(2);
		await clock.advance(60_000);
		await providers.credentials("r.example.com/app:1");
		expect(asked()).toHaveLength(3);
	});

	it("has none when it fails or answers nonsense, and the log says so", async () => {
		const lines: string[] = [];
		const provider = { name: "missing", matchImages: ["r.example.com"], defaultCacheDuration: "0s", apiVersion: "", args: [], env: [] };
		const providers = new CredentialProviders({ providers: [provider], directory, clock, log: createLogger("info", (line) => lines.push(line)) });
		expect(await providers.credentials("r.example.com/app")).toEqual([]);
		expect(lines.join("")).toContain("a credential provider plugin gave no credentials plugin=missing");
		expect(await plugin({ kind: "Nonsense" }).credentials("r.example.com/app")).toEqual([]);
	});

	it.each([
		[{ name: "../x" }, "providers[0].name"],
		[{ matchImages: [] }, "providers[0].matchImages"],
		[{ defaultCacheDuration: "-1s" }, "providers[0].defaultCacheDuration"],
		[{ apiVersion: "v1" }, "providers[0].apiVersion"],
		[{ tokenAttributes: {} }, "providers[0].tokenAttributes"],
	])("is refused with %j, by the field's name", (fields, message) => {
		const provider = { name: "x", matchImages: ["a"], defaultCacheDuration: "0s", apiVersion: "credentialprovider.kubelet.k8s.io/v1", ...fields };
		expect(() => credentialProviders({ apiVersion: "kubelet.config.k8s.io/v1", kind: "CredentialProviderConfig", providers: [provider] })).toThrow(message);
	});
});

describe("an image that is here", () => {
	const records = (policy: "NeverVerify" | "NeverVerifyPreloadedImages" | "AlwaysVerify" = "NeverVerifyPreloadedImages") =>
		new PullRecords({ dataDirectory: directory, policy, allowlist: [] });
	const [mine, other] = [
		{ username: "u", password: "p" },
		{ username: "u", password: "q" },
	];
	const ask = (from: PullRecords, ...credentials: { username: string; password: string }[]) =>
		from.mustPull("r.example.com/app:1", "id", async () => credentials);

	it("is for all pods if nobody pulled it, unless the policy is to verify always", async () => {
		expect(await ask(records())).toBe(false);
		expect(await ask(records("AlwaysVerify"))).toBe(true);
	});

	it("is for pods with the credentials that brought it alone, also after a restart", async () => {
		const before = records();
		await before.pulled("r.example.com/app:1", "id", mine);
		for (const now of [before, records()]) {
			expect(await ask(now, mine)).toBe(false);
			expect(await ask(now, other)).toBe(true);
			expect(await ask(now)).toBe(true);
		}
		expect(await records().mustPull("s.example.com/app:1", "id", async () => [mine])).toBe(true);
		expect(await ask(records("NeverVerify"))).toBe(false);
		expect(readFileSync(join(directory, "image-pulls.json"), "utf8")).not.toContain('"p"');
	});

	it("is for all pods once it came without a pod's credentials", async () => {
		const now = records();
		await now.pulled("r.example.com/app:1", "id", mine);
		await now.pulled("r.example.com/app:1", "id", undefined);
		expect(await ask(now)).toBe(false);
	});
});
