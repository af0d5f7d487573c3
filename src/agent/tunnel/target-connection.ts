/** Connections to what a tunnel's requests are for: kept for the next request to the same place, with TLS where it is asked for. */
import { Agent, type AgentOptions, type ClientRequestArgs } from "node:http";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { TunnelFault, TunnelTarget, TunnelTls } from "../../core/tunnel/frame.ts";

/** Idle connections are kept this long, in milliseconds: less than most servers keep theirs. */
const KEEP_ALIVE_MS = 4_000;
const TLS_TIMEOUT_MS = 10_000;
const MAX_SOCKETS = 1024;

export type Place = Exclude<TunnelTarget, { kind: "node" }>;
/** Opens a TCP connection. */
export type Dial = (place: Place) => Promise<Duplex>;

export interface PlaceArgs extends ClientRequestArgs {
	place: Place;
	tls: TunnelTls | undefined;
}

export class TargetError extends Error {
	readonly fault: TunnelFault;
	constructor(code: TunnelFault["code"], message: string) {
		super(message);
		this.name = "TargetError";
		this.fault = { code, message };
	}
}

const hostOf = (place: Place): string => (place.kind === "pod" ? place.ip : place.host);
const hostAndPort = (place: Place): string => (hostOf(place).includes(":") ? `[${hostOf(place)}]:${place.port}` : `${hostOf(place)}:${place.port}`);

const DIAL_FAULTS: Readonly<Record<string, string>> = {
	ECONNREFUSED: "connect: connection refused",
	ECONNRESET: "connect: connection reset by peer",
	EHOSTUNREACH: "connect: no route to host",
	ENETUNREACH: "connect: network is unreachable",
	ETIMEDOUT: "i/o timeout",
};

/** The words of Go's net package, which clients of a Kubernetes API know. */
export function dialFault(place: Place, error: unknown): TargetError {
	const code = (error as NodeJS.ErrnoException).code ?? /\bE[A-Z]{4,}\b/.exec((error as Error).message)?.[0] ?? "";
	if (code === "ENOTFOUND" || code === "EAI_AGAIN") return new TargetError("dial", `dial tcp: lookup ${hostOf(place)}: no such host`);
	return new TargetError("dial", `dial tcp ${hostAndPort(place)}: ${DIAL_FAULTS[code] ?? (error as Error).message}`);
}

const TLS_FAULTS: Readonly<Record<string, string>> = {
	CERT_HAS_EXPIRED: "x509: certificate has expired or is not yet valid",
	CERT_NOT_YET_VALID: "x509: certificate has expired or is not yet valid",
};

function tlsFault(error: NodeJS.ErrnoException, name: string): TargetError {
	const code = error.code ?? "";
	const alternatives = code === "ERR_TLS_CERT_ALTNAME_INVALID" ? `x509: certificate is not valid for ${name}: ${error.message}` : undefined;
	const authority = /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(code) ? "x509: certificate signed by unknown authority" : undefined;
	const known = alternatives ?? authority ?? TLS_FAULTS[code];
	return new TargetError("tls", known === undefined ? `tls: ${error.message}` : `tls: failed to verify certificate: ${known}`);
}

/** Over a connection that stands. */
export function secure(stream: Duplex, place: Place, tls: TunnelTls): Promise<Duplex> {
	const name = tls.serverName ?? hostOf(place);
	return new Promise((resolve, reject) => {
		const socket = connectTls({
			socket: stream,
			...(isIP(name) ? { host: name } : { servername: name, host: name }),
			...(tls.caBundle ? { ca: tls.caBundle } : {}),
			rejectUnauthorized: tls.insecure !== true,
			timeout: TLS_TIMEOUT_MS,
		});
		const fail = (error: NodeJS.ErrnoException) => {
			socket.destroy();
			reject(tlsFault(error, name));
		};
		socket.once("error", fail);
		socket.once("timeout", () => fail(new Error("the TLS handshake timed out")));
		socket.once("secureConnect", () => {
			socket.setTimeout(0);
			socket.off("error", fail);
			resolve(socket);
		});
	});
}

export async function connectPlace(dial: Dial, place: Place, tls: TunnelTls | undefined): Promise<Duplex> {
	const stream = await dial(place).catch((error: unknown) => {
		throw dialFault(place, error);
	});
	return tls ? secure(stream, place, tls) : stream;
}

/** An agent in the sense of node:http. */
export class PlaceAgent extends Agent {
	readonly #dial: Dial;

	constructor(dial: Dial) {
		const options: AgentOptions = { keepAlive: true, timeout: KEEP_ALIVE_MS, maxSockets: MAX_SOCKETS, scheduling: "lifo" };
		super(options);
		this.#dial = dial;
	}

	override getName(options?: Partial<PlaceArgs>): string {
		return JSON.stringify([options?.place, options?.tls]);
	}

	override createConnection(options: ClientRequestArgs, callback?: (error: Error | null, stream: Duplex) => void): undefined {
		const { place, tls } = options as PlaceArgs;
		connectPlace(this.#dial, place, tls).then(
			(stream) => callback?.(null, stream),
			(error: Error) => callback?.(error, undefined as unknown as Duplex),
		);
		return undefined;
	}
}
