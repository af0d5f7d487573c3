/** The certificate under which this node's pods see the API: kept on disk, so that it is there without the control plane, and renewed in time. */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { AGENT_PROTOCOL_VERSION, type CertificateRequest, type CertificateResponse } from "../../core/protocol/agent-protocol.ts";
import { readFileIfPresent, writeFileAtomic } from "../atomic-file.ts";
import type { Clock } from "../clock.ts";
import { type ApiClient, ControlPlaneError, parseJson } from "../control-plane-client.ts";
import type { Logger } from "../log.ts";

const FILE_NAME = "api-serving.json";
/** Renewed when a fifth of its life is left. */
const RENEW_FRACTION = 0.8;
/** Looked at this often, in milliseconds. */
const CHECK_MS = 3_600_000;

export interface KeyPair {
	/** PEM. */
	key: string;
	cert: string;
}

export interface ServingCertificateOptions {
	client: ApiClient;
	clock: Clock;
	log: Logger;
	nodeName: string;
	dataDirectory: string;
}

function needsRenewal({ cert }: KeyPair, nowMs: number): boolean {
	const { validFrom, validTo } = new X509Certificate(cert);
	const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
	return nowMs > from + (to - from) * RENEW_FRACTION;
}

export class ServingCertificate {
	readonly #options: ServingCertificateOptions;
	#pair: KeyPair | undefined;
	#renewed: (pair: KeyPair) => void = () => undefined;
	#cancel: () => void = () => undefined;

	constructor(options: ServingCertificateOptions) {
		this.#options = options;
	}

	onRenewed(listener: (pair: KeyPair) => void): void {
		this.#renewed = listener;
	}

	stop(): void {
		this.#cancel();
	}

	/** Rejects when there is none yet and the control plane gives none. */
	async current(): Promise<KeyPair> {
		const { clock, log } = this.#options;
		this.#pair ??= await this.#load();
		if (!this.#pair || needsRenewal(this.#pair, clock.nowMs())) {
			try {
				this.#pair = await this.#request();
				this.#renewed(this.#pair);
			} catch (error) {
				if (!this.#pair) throw error;
				log.warn("the certificate of the API for pods could not be renewed", { error });
			}
		}
		this.#cancel();
		this.#cancel = clock.after(CHECK_MS, () => void this.current());
		return this.#pair;
	}

	get #path(): string {
		return join(this.#options.dataDirectory, FILE_NAME);
	}

	async #load(): Promise<KeyPair | undefined> {
		const saved = parseJson((await readFileIfPresent(this.#path)) ?? "") as Partial<KeyPair> | undefined;
		return saved?.key && saved.cert ? (saved as KeyPair) : undefined;
	}

	async #request(): Promise<KeyPair> {
		const { client, nodeName } = this.#options;
		const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const request: CertificateRequest = {
			version: AGENT_PROTOCOL_VERSION,
			publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
		};
		const { code, body } = await client.request("POST", `/agent/v1/nodes/${encodeURIComponent(nodeName)}/certificate`, request);
		const cert = (body as Partial<CertificateResponse> | undefined)?.certificate;
		if (code !== 200 || typeof cert !== "string") throw new ControlPlaneError("answer", `the control plane gave no certificate (${code})`);
		const pair = { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), cert };
		await writeFileAtomic(this.#path, JSON.stringify(pair));
		return pair;
	}
}
