/**
 * With which credentials images came here, so that a pod without them does not run an image that another pod's Secret has brought:
 * kubelet's KubeletEnsureSecretPulledImages. Kept on disk, hashes instead of the credentials.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { readFileIfPresent, writeFileAtomic } from "../atomic-file.ts";
import { parseJson } from "../control-plane-client.ts";
import type { RegistryCredential } from "./registry-credentials.ts";

const FILE = "image-pulls.json";
/** More than a node has images: the oldest go. */
const RECORDS_MAX = 1_000;

export const VERIFICATION_POLICIES = ["NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages", "AlwaysVerify"] as const;
export type VerificationPolicy = (typeof VERIFICATION_POLICIES)[number];

interface PullRecord {
	/** By repository: whether all pods of the node may use it, or those with one of these credentials. */
	repositories: Record<string, { ofNode: boolean; hashes: string[] }>;
}

export interface PullRecordsOptions {
	dataDirectory: string;
	policy: VerificationPolicy;
	/** Images that NeverVerifyAllowlistedImages spares; a trailing * is a prefix. */
	allowlist: readonly string[];
}

const repositoryOf = (ref: string): string => ref.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
const hashOf = ({ username, password }: RegistryCredential): string =>
	createHash("sha256")
		.update(JSON.stringify([username, password]))
		.digest("hex");

export class PullRecords {
	readonly #options: PullRecordsOptions;
	/** By the image's id. */
	#records: Map<string, PullRecord> | undefined;

	constructor(options: PullRecordsOptions) {
		this.#options = options;
	}

	/** Whether an image that is here must be asked for again, with the credentials of the pod that is to have it. */
	async mustPull(ref: string, imageId: string, credentials: () => Promise<readonly RegistryCredential[]>): Promise<boolean> {
		const { policy, allowlist } = this.#options;
		if (policy === "NeverVerify") return false;
		const record = (await this.#load()).get(imageId);
		const repository = repositoryOf(ref);
		if (record === undefined) {
			if (policy === "NeverVerifyPreloadedImages") return false;
			return !(policy === "NeverVerifyAllowlistedImages" && allowlist.some((one) => fits(one, repository)));
		}
		const pulled = record.repositories[repository];
		if (pulled === undefined) return true;
		if (pulled.ofNode) return false;
		return !(await credentials()).some((credential) => pulled.hashes.includes(hashOf(credential)));
	}

	/** The image came without credentials, or with these. */
	async pulled(ref: string, imageId: string, credential: RegistryCredential | undefined): Promise<void> {
		const records = await this.#load();
		const { repositories } = records.get(imageId) ?? { repositories: {} };
		const repository = repositoryOf(ref);
		const before = repositories[repository] ?? { ofNode: false, hashes: [] };
		const ofNode = before.ofNode || credential === undefined || credential.ofNode === true;
		const hashes = ofNode || credential === undefined ? before.hashes : [...new Set([...before.hashes, hashOf(credential)])];
		if (before.ofNode === ofNode && before.hashes.length === hashes.length && records.has(imageId)) return;
		// As the youngest.
		records.delete(imageId);
		records.set(imageId, { repositories: { ...repositories, [repository]: { ofNode, hashes } } });
		for (const oldest of [...records.keys()].slice(0, Math.max(0, records.size - RECORDS_MAX))) records.delete(oldest);
		await writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(records)));
	}

	async #load(): Promise<Map<string, PullRecord>> {
		const text = this.#records === undefined ? await readFileIfPresent(this.#path) : undefined;
		this.#records ??= new Map(Object.entries(((text && parseJson(text)) || {}) as Record<string, PullRecord>));
		return this.#records;
	}

	get #path(): string {
		return join(this.#options.dataDirectory, FILE);
	}
}

const fits = (pattern: string, repository: string): boolean => (pattern.endsWith("*") ? repository.startsWith(pattern.slice(0, -1)) : pattern === repository);
