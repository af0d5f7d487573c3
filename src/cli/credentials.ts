/** Everything secret that a cluster needs on its first start, and what is renewed on every start. */
import { createCa, createServerCertificate, isKeyPair, serverNames } from "./certificates.ts";
import { CliError } from "./cli-error.ts";
import type { DataDirectory } from "./data-directory.ts";
import { createEncryptionKeys } from "./encryption-keys.ts";
import { createAdminToken, createSigningKey, isSignedWith } from "./tokens.ts";

export interface Credentials {
	/** PEM. */
	ca: string;
	adminToken: string;
	/** JWK as JSON. */
	signingKey: string;
}

/** Makes what is missing in a directory that is not complete yet, and the front door's certificate in any. */
export async function prepareCredentials(data: DataDirectory, nowMs: number, listen?: string): Promise<Credentials> {
	if (!data.exists()) {
		const created = await createCa(nowMs);
		data.write("ca.crt", created.certificate);
		data.write("ca.key", created.privateKey);
		data.write("signing-key.json", await createSigningKey());
		data.remove("admin.token");
	}
	// A directory from before there was encryption gets its keys now; what it holds is sealed by the objects themselves.
	if (data.read("encryption-keys.json") === undefined) data.write("encryption-keys.json", createEncryptionKeys());
	const ca = { certificate: data.read("ca.crt") ?? "", privateKey: data.read("ca.key") ?? "" };
	if (!isKeyPair(ca))
		throw new CliError(`The CA in ${data.path} (ca.crt, ca.key) is damaged.`, "Restore both from a copy, or remove the directory to begin anew.");
	const server = await createServerCertificate(ca, serverNames(listen), nowMs);
	data.write("server.crt", server.certificate);
	data.write("server.key", server.privateKey);
	const signingKey = data.read("signing-key.json") ?? "";
	const kept = data.read("admin.token") ?? "";
	const adminToken = (await isSignedWith(signingKey, kept)) ? kept : await createAdminToken(signingKey, nowMs);
	data.write("admin.token", adminToken);
	return { ca: ca.certificate, adminToken, signingKey };
}
