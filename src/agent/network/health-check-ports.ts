/** The health-check node ports of Services with a Local policy: a load balancer asks there whether this node has an endpoint. */
import { createServer, type Server, type ServerResponse } from "node:http";

export interface HealthCheck {
	namespace: string;
	name: string;
	port: number;
	localEndpoints: number;
}

interface Listening {
	check: HealthCheck;
	server: Server;
}

export class HealthCheckPorts {
	readonly #listening = new Map<string, Listening>();
	readonly #log: (message: string) => void;

	constructor(log: (message: string) => void) {
		this.#log = log;
	}

	/** `check` undefined: the Service has none any more. */
	set(service: string, check: HealthCheck | undefined): void {
		const current = this.#listening.get(service);
		if (current && check?.port === current.check.port) {
			current.check = check;
			return;
		}
		this.#listening.delete(service);
		current?.server.close();
		current?.server.closeAllConnections();
		if (!check) return;
		const listening: Listening = { check, server: createServer((_request, response) => answer(listening.check, response)) };
		listening.server.on("error", (error) => this.#log(`health-check node port ${check.port} of ${check.namespace}/${check.name}: ${error.message}`));
		listening.server.listen(check.port, "0.0.0.0");
		this.#listening.set(service, listening);
	}

	stop(): void {
		for (const service of [...this.#listening.keys()]) this.set(service, undefined);
	}
}

/** kube-proxy's words. */
function answer({ namespace, name, localEndpoints }: HealthCheck, response: ServerResponse): void {
	const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: true };
	response.writeHead(localEndpoints > 0 ? 200 : 503, { "content-type": "application/json", "x-content-type-options": "nosniff" }).end(JSON.stringify(body));
}
