/** From a pod's container to what the runtime is told: environment, command, mounts. */
import { chmod, mkdir, realpath, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import type { Container, Pod, Volume, VolumeMount } from "../core/schema/kubernetes.d.ts";
import type { PodFacts } from "./downward-field.ts";
import { containerEnvironment, expand } from "./environment.ts";
import { kernelHostname, writeHostsFile } from "./hosts-file.ts";
import type { PodContext } from "./pod-context.ts";
import { containerLogPath, containerSpecHash, type PodPaths, terminationMessageFile } from "./pod-names.ts";
import { podDns } from "./resolv-conf.ts";
import type { ContainerConfig, Device, Mount, SandboxConfig, SandboxState } from "./runtime/runtime.ts";

const DEFAULT_TERMINATION_PATH = "/dev/termination-log";

export async function sandboxConfig(context: PodContext, pod: Pod, paths: PodPaths, attempt: number): Promise<SandboxConfig> {
	return {
		pod,
		attempt,
		// With the host's network the host's name is the pod's too.
		hostname: pod.spec?.hostNetwork ? "" : kernelHostname(pod, context.node.clusterDomain),
		logDirectory: paths.logDirectory,
		dns: await podDns(pod, context.node.clusterDomain, context.node.dnsAddress),
		// The driver's own tree: /kubepods may be a kubelet's on the same machine.
		cgroupParent: "",
		runtimeHandler: await context.runtimeClasses.handler(pod, paths),
	};
}

export interface ContainerConfigInput {
	pod: Pod;
	container: Container;
	attempt: number;
	imageRef: string;
	paths: PodPaths;
	sandbox: SandboxState;
	/** Host paths by volume name. */
	volumes: ReadonlyMap<string, string>;
	facts: PodFacts;
}

/** Throws MissingObjectError and other errors whose message explains CreateContainerConfigError. */
export async function containerConfig(context: PodContext, input: ContainerConfigInput): Promise<ContainerConfig> {
	const { pod, container, attempt } = input;
	const grants = await context.devices.prepare(pod, container);
	const given = grants.flatMap(({ envs }) => Object.entries(envs).map(([name, value]) => ({ name, value })));
	const env = [...given, ...containerEnvironment(pod, container, context.objects, input.facts)];
	const values = new Map(env.map((e) => [e.name, e.value]));
	const expanded = (words: string[] | undefined) => words?.map((word) => expand(word, (name) => values.get(name)));
	return {
		pod,
		container,
		attempt,
		imageRef: input.imageRef,
		env,
		...(container.command?.length ? { command: expanded(container.command) } : {}),
		...(container.args?.length ? { args: expanded(container.args) } : {}),
		mounts: [...grants.flatMap(({ mounts }) => mounts), ...(await containerMounts(context, input, values))],
		devices: [...grants.flatMap(({ devices }) => devices), ...volumeDevices(input)],
		cdiDevices: [...grants.flatMap(({ cdiDevices }) => cdiDevices), ...context.claimDevices.cdiDevices(pod, container)],
		annotations: Object.assign({}, ...grants.map(({ annotations }) => annotations)),
		logPath: containerLogPath(container.name, attempt),
		specHash: containerSpecHash(container),
	};
}

async function containerMounts(context: PodContext, input: ContainerConfigInput, values: ReadonlyMap<string, string>): Promise<Mount[]> {
	const { pod, container, paths } = input;
	const mounts: Mount[] = [];
	for (const mount of container.volumeMounts ?? []) {
		const root = input.volumes.get(mount.name);
		if (!root) throw new Error(`volume mount ${JSON.stringify(mount.name)} names a volume that the pod has not`);
		const propagation = propagationOf(mount);
		if (mount.recursiveReadOnly === "Enabled")
			throw new Error(`volume mount ${JSON.stringify(mount.name)}: recursive read-only mount is not supported by the runtime`);
		mounts.push({
			hostPath: await mountSource(root, mount, container, values),
			containerPath: mount.mountPath,
			readOnly: mount.readOnly === true || isReadOnlyVolume(pod, mount.name),
			...(propagation ? { propagation } : {}),
		});
	}
	const taken = new Set(mounts.map((m) => m.containerPath));
	// Without isolation these paths are the host's own: its hosts file must stay.
	if (context.runtime.info().isolated && !taken.has("/etc/hosts")) {
		const ips = pod.spec?.hostNetwork ? context.node.hostIPs() : input.sandbox.ips;
		await writeHostsFile(paths.hostsFile, pod, ips, context.node.clusterDomain);
		mounts.push({ hostPath: paths.hostsFile, containerPath: "/etc/hosts", readOnly: false });
	}
	const messagePath = container.terminationMessagePath || DEFAULT_TERMINATION_PATH;
	if (!taken.has(messagePath)) mounts.push({ hostPath: await messageFile(paths, container.name, input.attempt), containerPath: messagePath, readOnly: false });
	return mounts;
}

/** Raw block volumes; one that is only to be read is not written to. */
function volumeDevices({ pod, container, volumes }: ContainerConfigInput): Device[] {
	return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
		const hostPath = volumes.get(name);
		if (!hostPath) throw new Error(`volume device ${JSON.stringify(name)} names a volume that the pod has not`);
		return { hostPath, containerPath: devicePath, permissions: isReadOnlyVolume(pod, name) ? "r" : "mrw" };
	});
}

const propagationOf = ({ mountPropagation: wanted }: VolumeMount): Mount["propagation"] =>
	(["HostToContainer", "Bidirectional"] as const).find((one) => one === wanted);

/** What the agent itself writes, and an image, is only read; a claim or an inline volume may be used so as a whole. */
function isReadOnlyVolume({ spec }: Pod, name: string): boolean {
	const found: Partial<Volume> = spec?.volumes?.find((volume) => volume.name === name) ?? {};
	const isWritten = found.configMap ?? found.secret ?? found.downwardAPI ?? found.projected ?? found.image;
	return isWritten !== undefined || found.persistentVolumeClaim?.readOnly === true || found.csi?.readOnly === true;
}

/** Made world-writable beforehand: the container may run as any user. */
async function messageFile(paths: PodPaths, name: string, attempt: number): Promise<string> {
	const path = terminationMessageFile(paths, name, attempt);
	await mkdir(dirname(path), { recursive: true, mode: 0o755 });
	await writeFile(path, "", { mode: 0o666 });
	await chmod(path, 0o666);
	return path;
}

/** subPath and subPathExpr; a link inside the volume must not lead out of it. */
async function mountSource(root: string, mount: VolumeMount, container: Container, values: ReadonlyMap<string, string>): Promise<string> {
	const subPath = mount.subPathExpr ? expand(mount.subPathExpr, (name) => values.get(name)) : mount.subPath;
	if (!subPath) return root;
	const refuse = () => new Error(`failed to prepare subPath for volumeMount ${JSON.stringify(mount.name)} of container ${JSON.stringify(container.name)}`);
	if (subPath.startsWith("/") || subPath.split("/").includes("..")) throw refuse();
	const target = join(root, subPath);
	const realRoot = await realpath(root);
	const present = await realpath(target).catch(() => undefined);
	if (present === undefined) await mkdir(target, { recursive: true, mode: 0o777 });
	const real = present ?? (await realpath(target));
	if (real !== realRoot && !real.startsWith(realRoot + sep)) throw refuse();
	return real;
}
