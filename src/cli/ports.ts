/** Chooses the ports of the front door. */
import { createServer } from "node:net";
import { CliError } from "./cli-error.ts";
import { LOCAL_ADDRESS } from "./listen-address.ts";

/** Where a port is looked for, and the option that names one. */
export interface PortRange {
	first: number;
	option: string;
}

export const API_PORTS: PortRange = { first: 6443, option: "--port" };
/** The edge's plain HTTP. */
export const HTTP_PORTS: PortRange = { first: 8080, option: "--http-port" };
/** How many ports after the default are tried. */
const PORT_ATTEMPTS = 100;
const HIGHEST_PORT = 65_535;

/** The edge's HTTPS, which the agent serves. */
export const HTTPS_PORTS: PortRange = { first: 8443, option: "--https-port" };

export function isFree(port: number, host = LOCAL_ADDRESS): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
	});
}

export function parsePort(text: string): number {
	const port = Number(text);
	if (!Number.isInteger(port) || port < 1 || port > HIGHEST_PORT)
		throw new CliError(`${JSON.stringify(text)} is no port number.`, `Give a number from 1 to ${HIGHEST_PORT}.`);
	return port;
}

/** The asked port or an error; without one, the port used last, or the next free one of the range. */
export async function choosePort(asked: number | undefined, last: number | undefined, host = LOCAL_ADDRESS, range = API_PORTS): Promise<number> {
	const { first, option } = range;
	if (asked !== undefined) {
		if (await isFree(asked, host)) return asked;
		throw new CliError(`Port ${asked} is in use.`, `Choose another one with ${option}, or leave ${option} out to take the next free one.`);
	}
	if (last !== undefined && (await isFree(last, host))) return last;
	for (let port = first; port < first + PORT_ATTEMPTS; port++) if (await isFree(port, host)) return port;
	throw new CliError(`No port from ${first} to ${first + PORT_ATTEMPTS - 1} is free.`, `Choose one with ${option}.`);
}
