/** What kubelet refuses of a pod for the node's safety: sysctls that are not safe, profiles that the kernel cannot enforce, root. Pure. */
import type { Container, Pod } from "../core/schema/kubernetes.d.ts";
import { formatPod } from "./pod-names.ts";

/** pkg/kubelet/sysctl: each has a namespace of its own and harms nobody else. */
const SAFE_SYSCTLS = [
	"kernel.shm_rmid_forced",
	"net.ipv4.ip_local_port_range",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.ping_group_range",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ip_local_reserved_ports",
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_wmem",
];
const IPC_SYSCTLS = ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."];

export interface HostSecurity {
	/** By settings, beyond the safe ones; a trailing * is a prefix. */
	allowedUnsafeSysctls: readonly string[];
	/** The kernel has AppArmor. */
	appArmor: boolean;
}

/** Why the node does not take the pod, in the words of kubelet's admission. */
export function admitBySecurity(pod: Pod, host: HostSecurity): { reason: string; message: string } | undefined {
	const sysctl = forbiddenSysctl(pod, host.allowedUnsafeSysctls);
	if (sysctl !== undefined) return { reason: "SysctlForbidden", message: sysctl };
	const confined = [pod.spec?.securityContext, ...everyContainer(pod).map(({ securityContext }) => securityContext)].some(
		(context) => context?.appArmorProfile !== undefined && context.appArmorProfile.type !== "Unconfined",
	);
	if (confined && !host.appArmor) return { reason: "AppArmor", message: "Cannot enforce AppArmor: AppArmor is not enabled on the host" };
	return undefined;
}

const everyContainer = (pod: Pod): Pick<Container, "securityContext">[] => [
	...(pod.spec?.initContainers ?? []),
	...(pod.spec?.containers ?? []),
	...(pod.spec?.ephemeralContainers ?? []),
];

function forbiddenSysctl(pod: Pod, unsafe: readonly string[]): string | undefined {
	const { hostNetwork, hostIPC, securityContext } = pod.spec ?? {};
	for (const { name: written } of securityContext?.sysctls ?? []) {
		const name = written.replaceAll("/", ".");
		const allowed = [...SAFE_SYSCTLS, ...unsafe].some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
		if (!allowed) return `forbidden sysctl: ${JSON.stringify(name)} not allowlisted`;
		if (hostNetwork && name.startsWith("net.")) return `forbidden sysctl: ${JSON.stringify(name)} not allowed with host net enabled`;
		if (hostIPC && IPC_SYSCTLS.some((prefix) => name.startsWith(prefix))) {
			return `forbidden sysctl: ${JSON.stringify(name)} not allowed with host ipc enabled`;
		}
	}
	return undefined;
}

/** kubelet's verifyRunAsNonRoot. `imageUser` is what the image says: empty, a number or a name. Throws why it may not run. */
export function verifyRunAsNonRoot(pod: Pod, container: Container, imageUser: string): void {
	const own = container.securityContext;
	const shared = pod.spec?.securityContext;
	if (!(own?.runAsNonRoot ?? shared?.runAsNonRoot ?? false)) return;
	const where = `(pod: ${JSON.stringify(formatPod(pod))}, container: ${container.name})`;
	const user = own?.runAsUser ?? shared?.runAsUser;
	if (user !== undefined) {
		if (user === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`);
		return;
	}
	const [name = ""] = imageUser.split(":");
	if (name === "" || name === "0" || name === "root") throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
	if (!/^\d+$/.test(name)) throw new Error(`container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root ${where}`);
}
