import { once } from "node:events";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { createCa, createServerCertificate, serverNames } from "./certificates.ts";

it("lets a client that knows the CA alone connect by address and by name", async () => {
	const ca = await createCa(Date.now());
	const { certificate, privateKey } = await createServerCertificate(ca, serverNames(), Date.now());
	const server = createServer({ cert: certificate, key: privateKey }, (_, response) => response.end("hello")).listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const ask = (servername?: string): Promise<number | undefined> =>
		new Promise((resolve, reject) => {
			const call = request({ host: "127.0.0.1", port, ca: ca.certificate, agent: false, ...(servername === undefined ? {} : { servername }) }, (response) => {
				response.resume();
				resolve(response.statusCode);
			});
			call.on("error", reject).end();
		});
	try {
		expect(await ask()).toBe(200);
		expect(await ask("kubernetes.default.svc")).toBe(200);
		await expect(ask("elsewhere.example")).rejects.toThrow(/altnames/);
	} finally {
		server.close();
	}
});
