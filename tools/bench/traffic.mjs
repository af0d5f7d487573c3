/**
 * Asks each URL in turn again and again, each in its own loop and over a connection of its own, until told to end; says each answer in a line:
 * milliseconds since 1970, the number of the URL, "ok" or what went wrong. Run in a pod's network, where it is the pod's traffic.
 *
 *   node traffic.mjs <Host header or ""> <url>...
 */
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const TIMEOUT_MS = 2_000;
const PAUSE_MS = 200;
const [host, ...urls] = process.argv.slice(2);

const once = (url) =>
	new Promise((resolve) => {
		const headers = host === "" ? {} : { host };
		const sent = request(url, { agent: false, headers, timeout: TIMEOUT_MS }, (response) => {
			response.resume();
			response.on("end", () => resolve(response.statusCode === 200 ? "ok" : String(response.statusCode)));
			response.on("error", (error) => resolve(error.code ?? error.message));
		});
		sent.on("timeout", () => sent.destroy(Object.assign(new Error(), { code: "timeout" })));
		sent.on("error", (error) => resolve(error.code ?? error.message));
		sent.end();
	});

await Promise.all(
	urls.map(async (url, number) => {
		for (;;) {
			const outcome = await once(url);
			process.stdout.write(`${Date.now()} ${number} ${outcome}\n`);
			await delay(PAUSE_MS);
		}
	}),
);
