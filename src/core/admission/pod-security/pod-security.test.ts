import { describe, expect, test } from "vitest";
import type { Container, Pod, PodSpec } from "../../schema/kubernetes.d.ts";
import { detailsText, violationsOf } from "./evaluate.ts";
import { existingPodWarnings } from "./existing-pods.ts";
import { DEFAULT_POLICY, type Level, levelVersionText, type PolicyVersion, policyOf } from "./policy.ts";

type SecurityContext = NonNullable<Container["securityContext"]>;

const SAFE: SecurityContext = {
	allowPrivilegeEscalation: false,
	runAsNonRoot: true,
	capabilities: { drop: ["ALL"] },
	seccompProfile: { type: "RuntimeDefault" },
};
const withContext = (securityContext: SecurityContext, more: Partial<PodSpec> = {}): PodSpec => ({
	containers: [{ name: "a", image: "i", securityContext: { ...SAFE, ...securityContext } }],
	...more,
});
const told = (level: Level, version: PolicyVersion, spec: PodSpec, annotations = {}): string =>
	detailsText(violationsOf({ level, version }, { annotations }, spec));

const HOSTED: PodSpec = { ...withContext({}), hostNetwork: true, hostPID: true };
const BAD_PROFILE: SecurityContext = { appArmorProfile: { type: "Unconfined" }, seccompProfile: { type: "Unconfined" } };

describe("baseline refuses", () => {
	test.each<[string, PodSpec, string]>([
		["shared namespaces of the host", HOSTED, "host namespaces (hostNetwork=true, hostPID=true)"],
		["privileged containers", withContext({ privileged: true }), 'privileged (container "a" must not set securityContext.privileged=true)'],
		[
			"capabilities",
			withContext({ capabilities: { add: ["NET_ADMIN", "CHOWN", "BPF"] } }),
			'non-default capabilities (container "a" must not include "BPF", "NET_ADMIN" in securityContext.capabilities.add)',
		],
		["hostPath", withContext({}, { volumes: [{ name: "v", hostPath: { path: "/" } }] }), 'hostPath volumes (volume "v")'],
		[
			"host ports",
			{ containers: ["a", "b"].map((name) => ({ name, image: "i", ports: [{ containerPort: 80, hostPort: 8080 }] })) },
			'hostPort (containers "a", "b" use hostPort 8080)',
		],
		[
			"profiles that confine nothing",
			withContext(BAD_PROFILE, { securityContext: { seccompProfile: { type: "Unconfined" } } }),
			'forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined"), seccompProfile (pod and container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
		],
		["procMount", withContext({ procMount: "Unmasked" }), 'procMount (container "a" must not set securityContext.procMount to "Unmasked")'],
		[
			"SELinux options",
			withContext({ seLinuxOptions: { type: "foo", user: "u", role: "r" } }),
			'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "foo"; user may not be set; role may not be set)',
		],
		["sysctls", withContext({}, { securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } }), "forbidden sysctls (kernel.msgmax)"],
		[
			"processes of a Windows host",
			withContext({}, { securityContext: { windowsOptions: { hostProcess: true } } }),
			"hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
		],
		[
			"probes of other hosts",
			{ containers: [{ name: "a", image: "i", livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } } }] },
			'probe or lifecycle host (container "a" uses probe or lifecycle host "10.0.0.1")',
		],
	])("%s", (_what, spec, expected) => {
		expect(told("baseline", "latest", spec)).toBe(expected);
		expect(told("privileged", "latest", spec)).toBe("");
	});

	test("annotations of the time before the fields", () => {
		const annotations = {
			"container.apparmor.security.beta.kubernetes.io/a": "unconfined",
			"seccomp.security.alpha.kubernetes.io/pod": "unconfined",
		};
		expect(told("baseline", 18, withContext({}), annotations)).toBe(
			'forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/a="unconfined""), seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
		);
		expect(told("baseline", 19, withContext({}), annotations)).not.toContain("seccomp");
	});
});

describe("restricted refuses", () => {
	test("a pod that says nothing, in upstream's order", () => {
		expect(told("restricted", "latest", { containers: [{ name: "nginx", image: "i" }] })).toBe(
			'allowPrivilegeEscalation != false (container "nginx" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "nginx" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "nginx" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "nginx" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
		);
		expect(told("restricted", "latest", withContext({}))).toBe("");
	});

	test.each<[string, PodSpec, string]>([
		["root", withContext({ runAsUser: 0 }), 'runAsUser=0 (container "a" must not set runAsUser=0)'],
		[
			"what may be root",
			withContext({ runAsNonRoot: false }, { securityContext: { runAsNonRoot: false } }),
			'runAsNonRoot != true (pod and container "a" must not set securityContext.runAsNonRoot=false)',
		],
		[
			"other volumes, told once",
			withContext(
				{},
				{
					volumes: [
						{ name: "v", hostPath: { path: "/" } },
						{ name: "w", nfs: { server: "s", path: "/" } },
					],
				},
			),
			'restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")',
		],
		[
			"added capabilities, told once",
			withContext({ capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE", "SYS_ADMIN"] } }),
			'unrestricted capabilities (container "a" must not include "SYS_ADMIN" in securityContext.capabilities.add)',
		],
	])("%s", (_what, spec, expected) => {
		expect(told("restricted", "latest", spec)).toBe(expected);
	});
});

describe("versions", () => {
	const sysctl = (name: string): PodSpec => withContext({}, { securityContext: { sysctls: [{ name, value: "1" }] } });

	test.each<[string, Level, number, PodSpec]>([
		["net.ipv4.ip_local_reserved_ports", "baseline", 27, sysctl("net.ipv4.ip_local_reserved_ports")],
		["net.ipv4.tcp_keepalive_time", "baseline", 29, sysctl("net.ipv4.tcp_keepalive_time")],
		["net.ipv4.tcp_rmem", "baseline", 32, sysctl("net.ipv4.tcp_rmem")],
		["container_engine_t", "baseline", 31, withContext({ seLinuxOptions: { type: "container_engine_t" } })],
		["unmasked /proc in a user namespace", "baseline", 35, withContext({ procMount: "Unmasked" }, { hostUsers: false })],
		["root in a user namespace", "restricted", 35, withContext({ runAsUser: 0, runAsNonRoot: false }, { hostUsers: false })],
		["a Windows pod", "restricted", 25, { containers: [{ name: "a", image: "i", securityContext: { runAsNonRoot: true } }], os: { name: "windows" } }],
	])("allow %s (%s) from 1.%i", (_what, level, since, spec) => {
		expect(told(level, since - 1, spec)).not.toBe("");
		expect(told(level, since, spec)).toBe("");
		expect(told(level, "latest", spec)).toBe("");
		expect(told(level, 99, spec)).toBe("");
	});

	test.each<[string, number, PodSpec]>([
		["runAsUser", 23, withContext({ runAsUser: 0 })],
		["drop ALL", 22, withContext({ capabilities: {} })],
		["allowPrivilegeEscalation", 8, withContext({ allowPrivilegeEscalation: true, capabilities: {} })],
	])("ask for %s from 1.%i", (_what, since, spec) => {
		expect(told("restricted", since - 1, spec)).toBe("");
		expect(told("restricted", since, spec)).not.toBe("");
	});
});

describe("a namespace's labels", () => {
	const labels = (values: Record<string, string>) =>
		Object.fromEntries(Object.entries(values).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]));

	test("name a level and a version for each mode", () => {
		const { policy, errors } = policyOf(labels({ enforce: "baseline", "enforce-version": "v1.30", warn: "restricted" }), DEFAULT_POLICY);
		expect(errors).toEqual([]);
		expect(Object.values(policy).map(levelVersionText)).toEqual(["baseline:v1.30", "privileged:latest", "restricted:latest"]);
	});

	test("that cannot be read are enforced strictly and audited not at all", () => {
		const { policy, errors } = policyOf(labels({ enforce: "x", audit: "y", "warn-version": "1.2" }), DEFAULT_POLICY);
		expect(Object.values(policy).map(levelVersionText)).toEqual(["restricted:latest", "privileged:latest", "privileged:latest"]);
		expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual([
			'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "x": must be one of privileged, baseline, restricted',
			'metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "y": must be one of privileged, baseline, restricted',
			'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"',
		]);
	});
});

test("the pods of a namespace that a new level would refuse are told by what is wrong with them", () => {
	const pod = (name: string, spec: PodSpec): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
	const pods = [pod("c", HOSTED), pod("b", HOSTED), pod("a", HOSTED), pod("d", withContext({ privileged: true })), pod("e", withContext({}))];
	const exempt = pod("f", { ...HOSTED, runtimeClassName: "kata" });
	expect(existingPodWarnings("ns", { level: "baseline", version: "latest" }, [...pods, exempt], ["kata"])).toEqual([
		'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
		"a (and 2 other pods): host namespaces",
		"d: privileged",
	]);
});
