/**
 * The devices of pods' ResourceClaims on this node, after kubelet's DRA manager: drivers prepare a claim before the first of its pods
 * starts and unprepare it when the last one has ended; containers get the CDI devices that drivers named. Kept on disk.
 */
import { namedClaim, isReservedFor, whyNotForPod } from "../../core/devices/pod-claims.ts";
import type { Container, Pod, ResourceV1ResourceClaim as ResourceClaim } from "../../core/schema/kubernetes.d.ts";
import type { Message } from "../../core/codec/message.ts";
import { readFileIfPresent, writeFileAtomic } from "../atomic-file.ts";
import { type ApiClient, ControlPlaneError, parseJson } from "../control-plane-client.ts";
import { errorText } from "../log.ts";
import type { DraDrivers } from "./dra-drivers.ts";

/** Below the kubelet's root; kubelet's own file has another form. */
export const DRA_STATE_FILE = "dra_manager_state";

export interface PreparedDevice {
	driver: string;
	/** Of the claim's spec; of none, it is every request's. */
	requests: string[];
	pool: string;
	device: string;
	shareId?: string;
	/** Fully qualified names (vendor.com/class=device). */
	cdiDevices: string[];
}

interface PreparedClaim {
	namespace: string;
	name: string;
	uid: string;
	drivers: string[];
	podUids: string[];
	devices: PreparedDevice[];
}

export class DynamicResources {
	readonly #drivers: DraDrivers;
	readonly #api: ApiClient;
	readonly #path: string;
	/** By namespace/name. */
	#claims = new Map<string, PreparedClaim>();
	/** Keys of those that drivers have prepared since this start: a reboot undoes what they did. */
	readonly #prepared = new Set<string>();
	/** One pod after the other: two may share a claim. */
	#queue: Promise<unknown> = Promise.resolve();

	constructor({ drivers, api, path }: { drivers: DraDrivers; api: ApiClient; path: string }) {
		this.#drivers = drivers;
		this.#api = api;
		this.#path = path;
	}

	async load(): Promise<void> {
		const text = await readFileIfPresent(this.#path);
		const claims = (text && (parseJson(text) as { claims?: PreparedClaim[] } | undefined)?.claims) || [];
		this.#claims = new Map(claims.map((claim) => [`${claim.namespace}/${claim.name}`, claim]));
	}

	/** Before the pod's sandbox is made. Rejects with kubelet's words. */
	prepare(pod: Pod): Promise<void> {
		const usesNone = (pod.spec?.resourceClaims ?? []).length === 0 && pod.status?.extendedResourceClaimStatus === undefined;
		return usesNone ? Promise.resolve() : this.#inTurn(() => this.#prepare(pod));
	}

	/** Once nothing of the pod runs any more. */
	unprepare(pod: Pod): Promise<void> {
		const uid = pod.metadata.uid ?? "";
		return this.#of(uid).length === 0 ? Promise.resolve() : this.#inTurn(() => this.#unprepare(uid));
	}

	/** CDI devices of a container, by what it names of its pod's claims. */
	cdiDevices(pod: Pod, container: Container): string[] {
		return [...new Set(this.#devicesOf(pod, container).flatMap(({ device }) => device.cdiDevices))];
	}

	/** For podresources: what a container has of claims. */
	allocatedTo(pod: Pod, container: Container): Message[] {
		const byClaim = Map.groupBy(this.#devicesOf(pod, container), ({ claim }) => claim);
		return [...byClaim].map(([claim, found]) => ({
			claimName: claim.name,
			claimNamespace: claim.namespace,
			claimResources: found.map(({ device: { driver, pool, device, shareId, cdiDevices } }) => ({
				cdiDevices: cdiDevices.map((name) => ({ name })),
				driverName: driver,
				poolName: pool,
				deviceName: device,
				...(shareId ? { shareId } : {}),
			})),
		}));
	}

	#devicesOf(pod: Pod, container: Container): { claim: PreparedClaim; device: PreparedDevice }[] {
		const named = (container.resources?.claims ?? []).flatMap(({ name, request }) => devicesOfRequest(this.#claimOf(pod, name), request));
		return [...named, ...this.#extendedDevicesOf(pod, container)];
	}

	/** Those that stand for its extended resources, by the claim that was made for them. */
	#extendedDevicesOf(pod: Pod, container: Container): { claim: PreparedClaim; device: PreparedDevice }[] {
		const { resourceClaimName, requestMappings = [] } = pod.status?.extendedResourceClaimStatus ?? {};
		const claim = this.#claims.get(`${pod.metadata.namespace}/${resourceClaimName}`);
		const own = requestMappings.filter(({ containerName }) => containerName === container.name);
		return own.flatMap(({ requestName }) => devicesOfRequest(claim, requestName));
	}

	#claimOf(pod: Pod, podClaim: string): PreparedClaim | undefined {
		const named = (pod.spec?.resourceClaims ?? []).find(({ name }) => name === podClaim);
		const name = named && namedClaim(pod, named).name;
		return name ? this.#claims.get(`${pod.metadata.namespace}/${name}`) : undefined;
	}

	#of(podUid: string): [string, PreparedClaim][] {
		return [...this.#claims].filter(([, { podUids }]) => podUids.includes(podUid));
	}

	#inTurn(work: () => Promise<void>): Promise<void> {
		const done = this.#queue.then(work);
		this.#queue = done.catch(() => undefined);
		return done;
	}

	async #prepare(pod: Pod): Promise<void> {
		const wanted: [string, PreparedClaim][] = [];
		for (const podClaim of pod.spec?.resourceClaims ?? []) {
			const { name, generated } = namedClaim(pod, podClaim);
			if (name === undefined) throw new Error(`pod ${pod.metadata.namespace}/${pod.metadata.name}: ResourceClaim not created yet for claim ${podClaim.name}`);
			if (name === null) continue;
			wanted.push(await this.#wanted(pod, name, generated));
		}
		const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
		if (extended) wanted.push(await this.#wanted(pod, extended, true));
		for (const [key, claim] of wanted) this.#claims.set(key, claim);
		// Before a driver is asked: whatever becomes of it is taken back with the pod.
		await this.#save();
		const due = wanted.filter(([key]) => !this.#prepared.has(key));
		for (const [key, claim] of due) {
			this.#claims.set(key, { ...claim, devices: [] });
		}
		const byDriver = Map.groupBy(
			due.flatMap(([key, { drivers }]) => drivers.map((driver) => ({ driver, key }))),
			({ driver }) => driver,
		);
		for (const [driver, keys] of byDriver)
			await this.#prepareBy(
				driver,
				keys.map(({ key }) => key),
			);
		for (const [key] of due) this.#prepared.add(key);
		await this.#save();
	}

	async #prepareBy(driver: string, keys: readonly string[]): Promise<void> {
		const claims = keys.flatMap((key) => this.#claims.get(key) ?? []);
		const answers = await this.#drivers.call(driver, "prepare", claims);
		for (const claim of claims) {
			const devices = (answers[claim.uid]?.["devices"] ?? []) as Message[];
			claim.devices.push(...devices.map((device) => preparedDevice(driver, device)));
		}
	}

	/** The claim with this pod among those that use it. */
	async #wanted(pod: Pod, name: string, generated: boolean): Promise<[string, PreparedClaim]> {
		const { namespace = "", uid = "" } = pod.metadata;
		const key = `${namespace}/${name}`;
		const known = this.#claims.get(key);
		const claim = await this.#fetch(pod, name).catch((error: unknown) => {
			// With the control plane away what was allocated to the pod is still its own.
			if (known?.podUids.includes(uid) && error instanceof Error && error.cause instanceof ControlPlaneError) return undefined;
			throw error;
		});
		if (claim === undefined) return [key, known as PreparedClaim];
		const foreign = generated ? whyNotForPod(claim, pod) : undefined;
		if (foreign !== undefined) throw new Error(foreign);
		const claimUid = claim.metadata.uid ?? "";
		if (!isReservedFor(claim, uid)) throw new Error(`pod ${pod.metadata.name}(${uid}) is not allowed to use resource claim ${name}(${claimUid})`);
		if (known !== undefined && known.uid !== claimUid) throw new Error(`old claim with same name ${name} and different UID ${known.uid} still exists`);
		const { allocation } = claim.status ?? {};
		if (allocation === undefined) throw new Error(`claim ${key} not allocated`);
		const drivers = [...new Set((allocation.devices?.results ?? []).map(({ driver }) => driver))];
		const podUids = [...new Set([...(known?.podUids ?? []), uid])];
		return [key, { namespace, name, uid: claimUid, drivers, podUids, devices: known?.devices ?? [] }];
	}

	async #fetch(pod: Pod, name: string): Promise<ResourceClaim> {
		const { namespace = "" } = pod.metadata;
		const said = `failed to fetch ResourceClaim ${name} referenced by pod ${pod.metadata.name}`;
		const path = `/apis/resource.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/resourceclaims/${encodeURIComponent(name)}`;
		const { code, body } = await this.#api.request("GET", path).catch((error: unknown) => {
			throw new Error(`${said}: ${errorText(error)}`, { cause: error });
		});
		if (code !== 200) throw new Error(`${said}: ${(body as { message?: string } | undefined)?.message ?? `the API answered ${code}`}`);
		return body as ResourceClaim;
	}

	async #unprepare(podUid: string): Promise<void> {
		const last = this.#of(podUid).filter(([, { podUids }]) => podUids.length === 1);
		const byDriver = Map.groupBy(
			last.flatMap(([, claim]) => claim.drivers.map((driver) => ({ driver, claim }))),
			({ driver }) => driver,
		);
		for (const [driver, claims] of byDriver)
			await this.#drivers.call(
				driver,
				"unprepare",
				claims.map(({ claim }) => claim),
			);
		for (const [key, claim] of this.#of(podUid)) {
			const podUids = claim.podUids.filter((uid) => uid !== podUid);
			if (podUids.length > 0) this.#claims.set(key, { ...claim, podUids });
			else {
				this.#claims.delete(key);
				this.#prepared.delete(key);
			}
		}
		await this.#save();
	}

	#save(): Promise<void> {
		return writeFileAtomic(this.#path, JSON.stringify({ claims: [...this.#claims.values()] }));
	}
}

/** The devices of a request, or of the whole claim. */
function devicesOfRequest(claim: PreparedClaim | undefined, request: string | undefined): { claim: PreparedClaim; device: PreparedDevice }[] {
	const fits = ({ requests }: PreparedDevice): boolean =>
		!request || requests.length === 0 || requests.some((one) => one === request || one.startsWith(`${request}/`));
	return claim === undefined ? [] : claim.devices.filter(fits).map((device) => ({ claim, device }));
}

function preparedDevice(driver: string, device: Message): PreparedDevice {
	const text = (name: string): string => String(device[name] ?? "");
	const shareId = text("shareId");
	return {
		driver,
		requests: (device["requestNames"] ?? []) as string[],
		pool: text("poolName"),
		device: text("deviceName"),
		...(shareId ? { shareId } : {}),
		cdiDevices: (device["cdiDeviceIds"] ?? []) as string[],
	};
}
