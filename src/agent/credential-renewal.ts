/** Keeps the node's credential good: a new one is asked for when four fifths of the present one's life are over. */
import { AGENT_PROTOCOL_VERSION, type CredentialResponse } from "../core/protocol/agent-protocol.ts";
import type { Clock } from "./clock.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";
import { type Membership, saveMembership } from "./identity.ts";
import type { Logger } from "./log.ts";

const RENEWAL_FRACTION = 0.8;
/** How long after a renewal that failed the next is tried, in milliseconds. */
export const RENEWAL_RETRY_MS = 60_000;
/** Timers hold no more than 2^31 milliseconds; a longer wait is cut into such pieces. */
const WAIT_MAX_MS = 24 * 3_600_000;
const NOT_FOUND = 404;

export interface CredentialRenewalOptions {
	client: Pick<ControlPlaneClient, "request" | "useCredential">;
	clock: Clock;
	log: Logger;
	dataDirectory: string;
	instanceId: string;
	membership: Membership;
}

export class CredentialRenewal {
	readonly #options: CredentialRenewalOptions;
	#membership: Membership;
	#cancel: () => void = () => undefined;
	#stopped = false;

	constructor(options: CredentialRenewalOptions) {
		this.#options = options;
		this.#membership = options.membership;
	}

	start(): void {
		this.#wait(this.#dueMs());
	}

	stop(): void {
		this.#stopped = true;
		this.#cancel();
	}

	/** The node has joined again. */
	joined(membership: Membership): void {
		this.#membership = membership;
		this.#options.client.useCredential(membership.cluster.credential);
		this.#wait(this.#dueMs());
	}

	/** A credential from before they ended is renewed at once: a control plane that can gives one that ends. */
	#dueMs(): number {
		const { credentialAtMs = 0, cluster } = this.#membership;
		return credentialAtMs + (cluster.credentialSeconds ?? 0) * 1000 * RENEWAL_FRACTION;
	}

	#wait(untilMs: number): void {
		this.#cancel();
		if (this.#stopped) return;
		const leftMs = untilMs - this.#options.clock.nowMs();
		this.#cancel = this.#options.clock.after(Math.min(Math.max(leftMs, 0), WAIT_MAX_MS), () => {
			if (this.#options.clock.nowMs() < untilMs) this.#wait(untilMs);
			else void this.#renew();
		});
	}

	async #renew(): Promise<void> {
		const { log, clock } = this.#options;
		try {
			if (await this.#renewOnce()) this.#wait(this.#dueMs());
		} catch (error) {
			log.warn("the node's credential could not be renewed", { error, retryInMs: RENEWAL_RETRY_MS });
			this.#wait(clock.nowMs() + RENEWAL_RETRY_MS);
		}
	}

	/** False where the control plane knows no renewal: its credentials have no end. */
	async #renewOnce(): Promise<boolean> {
		const { client, clock, dataDirectory, instanceId, log } = this.#options;
		const path = `/agent/v1/nodes/${encodeURIComponent(this.#membership.nodeName)}/credential`;
		const { code, body } = await client.request("POST", path, { version: AGENT_PROTOCOL_VERSION, instanceId });
		if (code === NOT_FOUND && this.#membership.cluster.credentialSeconds === undefined) return false;
		const { credential, credentialSeconds } = (body ?? {}) as Partial<CredentialResponse>;
		if (code !== 200 || !credential || !credentialSeconds)
			throw new Error(`the control plane answered ${code}: ${(body as { message?: string } | undefined)?.message ?? ""}`);
		this.#membership = { ...this.#membership, cluster: { ...this.#membership.cluster, credential, credentialSeconds }, credentialAtMs: clock.nowMs() };
		await saveMembership(dataDirectory, this.#membership);
		client.useCredential(credential);
		log.info("the node's credential was renewed", { days: Math.round(credentialSeconds / 86_400) });
		return true;
	}
}
