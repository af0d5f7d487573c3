import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readAdmissionConfiguration } from "../core/admission/configuration.ts";
import { readAdmissionFile } from "./admission-file.ts";

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "petrel-admission-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string): string {
	const path = join(folder, "admission.yaml");
	writeFileSync(path, text);
	return readAdmissionFile(path);
}

const HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n";

test("a file as kube-apiserver takes it becomes the control plane's", () => {
	const json = read(`${HEAD}plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline, enforce-version: v1.30, warn: restricted}
    exemptions: {usernames: [ci], namespaces: [kube-system]}
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources: [{resource: pods, matchContains: [requests.example.com/gpu]}]
`);
	const { podSecurity, limitedResources } = readAdmissionConfiguration(JSON.parse(json));
	expect(podSecurity.defaults).toEqual({
		enforce: { level: "baseline", version: 30 },
		audit: { level: "privileged", version: "latest" },
		warn: { level: "restricted", version: "latest" },
	});
	expect(podSecurity.exemptions).toEqual({ usernames: ["ci"], namespaces: ["kube-system"], runtimeClasses: [] });
	expect(limitedResources).toEqual([{ apiGroup: "", resource: "pods", matchContains: ["requests.example.com/gpu"], matchScopes: [] }]);
});

test.each([
	["kind: Other", "must be an AdmissionConfiguration of apiserver.config.k8s.io/v1"],
	[`${HEAD}plugins: [{name: PodSecurity, configuration: {defaults: {enforce: strict}}}]`, "defaults.enforce must be one of privileged, baseline, restricted"],
	[`${HEAD}plugins: [{name: PodSecurity, configuration: {exemptions: {namespaces: all}}}]`, "exemptions.namespaces must be a list of strings"],
	[`${HEAD}plugins: [{name: ImagePolicyWebhook}]`, 'the admission plugin "ImagePolicyWebhook" takes no configuration here'],
])("one that cannot be used is refused: %s", (text, problem) => {
	expect(() => read(text)).toThrow(problem);
});
